/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets: datagrams in and out, and whom to send them to.
 */
#define _DEFAULT_SOURCE

#include "net_udp_posix.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net_address.h"
#include "net_loop.h"
#include "net_system.h"

/* A flood must not starve the connections. */
#define DATAGRAMS_A_TURN 64

/* No SO_REUSEADDR: where two processes had one port, it would be chance which of them gets a datagram. */
static int open_socket(const struct addrinfo *address)
{
    int fd = net_system_socket(address->ai_family, SOCK_DGRAM);
    if (fd < 0)
        return -1;
    if ((address->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int)) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static struct net_udp *add_socket(struct net *net, int fd, net_datagram *received, void *app)
{
    struct net_udp *udp = calloc(1, sizeof *udp);
    if (udp == NULL)
        return NULL;
    udp->watch = (struct net_watch){.fd = fd, .kind = NET_WATCH_UDP, .writable = true};
    udp->received = received;
    udp->app = app;
    if (net_poller_add(net->poller, &udp->watch) != 0) {
        free(udp);
        return NULL;
    }
    net_list_append(&net->udps, &udp->home);
    return udp;
}

struct net_udp *net_udp_open(struct net *net, const char *address, net_datagram *received, void *app, char *name,
                             size_t name_len)
{
    char host[NET_HOST_LEN];
    const char *port;
    if (!net_address_split(address, host, &port)) {
        snprintf(name, name_len, "An address is HOST:PORT or [IPV6]:PORT");
        return NULL;
    }
    struct addrinfo *addresses = net_address_resolve(host, port, SOCK_DGRAM, AI_PASSIVE, name, name_len);
    if (addresses == NULL)
        return NULL;
    int fd = open_socket(addresses);
    freeaddrinfo(addresses);
    struct net_udp *udp = NULL;
    if (fd >= 0 && net_address_of(fd, name, name_len) == 0)
        udp = add_socket(net, fd, received, app);
    if (udp != NULL)
        return udp;
    snprintf(name, name_len, "%s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

bool net_udp_allow_broadcast(struct net_udp *udp)
{
    return setsockopt(udp->watch.fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int)) == 0;
}

bool net_udp_send(struct net_udp *udp, const struct net_peer *peer, const void *data, size_t len)
{
    ssize_t sent;
    do
        sent = sendto(udp->watch.fd, data, len, 0, (const struct sockaddr *)&peer->address, peer->len);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* Returns false when there was none. An error is one that an earlier datagram of ours met: nothing to do about it. */
static bool receive_one(struct net *net, struct net_udp *udp)
{
    struct net_peer peer = {.len = sizeof peer.address};
    ssize_t got = recvfrom(udp->watch.fd, net->buffer, NET_BUFFER_LEN, 0, (struct sockaddr *)&peer.address, &peer.len);
    if (got >= 0)
        udp->received(udp->app, udp, &peer, net->buffer, (size_t)got);
    return got >= 0 || !net_would_block(errno);
}

void net_udp_turn(struct net *net, struct net_udp *udp)
{
    udp->watch.hangup = false;
    for (int i = 0; i < DATAGRAMS_A_TURN && udp->watch.readable; i++)
        if (!receive_one(net, udp))
            udp->watch.readable = false;
    if (udp->watch.readable)
        net_list_append(&net->ready, &udp->watch.ready);
}

/* The memory stays until net_free(): this may be a socket's own turn. */
void net_udp_close_all(struct net *net)
{
    for (struct net_link *link = net->udps.next; link != &net->udps; link = link->next) {
        struct net_udp *udp = net_object(link, struct net_udp, home);
        if (udp->watch.fd < 0)
            continue;
        net_poller_remove(net->poller, &udp->watch);
        close(udp->watch.fd);
        udp->watch.fd = -1;
        udp->watch.readable = false;
        net_link_remove(&udp->watch.ready);
    }
}

void net_udp_free_all(struct net *net)
{
    net_udp_close_all(net);
    struct net_link *link = net->udps.next;
    while (link != &net->udps) {
        struct net_link *next = link->next;
        free(net_object(link, struct net_udp, home));
        link = next;
    }
}

bool net_peer_resolve(struct net_peer *peer, const char *host, const char *port, char *error, size_t error_len)
{
    struct addrinfo *addresses = net_address_resolve(host, port, SOCK_DGRAM, 0, error, error_len);
    if (addresses == NULL)
        return false;
    *peer = (struct net_peer){.len = addresses->ai_addrlen};
    memcpy(&peer->address, addresses->ai_addr, addresses->ai_addrlen);
    freeaddrinfo(addresses);
    return true;
}

static bool can_broadcast(const struct ifaddrs *interface)
{
    return interface->ifa_addr != NULL && interface->ifa_addr->sa_family == AF_INET &&
           (interface->ifa_flags & (IFF_UP | IFF_BROADCAST)) == (IFF_UP | IFF_BROADCAST) &&
           interface->ifa_broadaddr != NULL;
}

static struct net_peer broadcast_of(const struct ifaddrs *interface, uint16_t port)
{
    struct net_peer peer = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in address;
    memcpy(&address, interface->ifa_broadaddr, sizeof address);
    address.sin_port = htons(port);
    memcpy(&peer.address, &address, sizeof address);
    return peer;
}

int net_peer_broadcasts(struct net_peer *peers, size_t room, uint16_t port)
{
    struct ifaddrs *interfaces;
    size_t count = 0;
    if (getifaddrs(&interfaces) != 0)
        return -1;
    for (const struct ifaddrs *interface = interfaces; interface != NULL && count < room;
         interface = interface->ifa_next)
        if (can_broadcast(interface))
            peers[count++] = broadcast_of(interface, port);
    freeifaddrs(interfaces);
    return (int)count;
}

static const struct ifaddrs *interface_with(const struct ifaddrs *interfaces, const struct sockaddr_in *address)
{
    for (const struct ifaddrs *interface = interfaces; interface != NULL; interface = interface->ifa_next) {
        struct sockaddr_in own;
        if (!can_broadcast(interface))
            continue;
        memcpy(&own, interface->ifa_addr, sizeof own);
        if (own.sin_addr.s_addr == address->sin_addr.s_addr)
            return interface;
    }
    return NULL;
}

bool net_peer_broadcast_of(const char *address, char name[NET_PEER_NAME_LEN])
{
    char host[NET_HOST_LEN];
    const char *port;
    struct net_peer peer;
    struct sockaddr_in wanted;
    struct ifaddrs *interfaces;
    if (!net_address_split(address, host, &port) || !net_peer_resolve(&peer, host, port, name, NET_PEER_NAME_LEN) ||
        peer.address.ss_family != AF_INET || getifaddrs(&interfaces) != 0)
        return false;
    memcpy(&wanted, &peer.address, sizeof wanted);
    const struct ifaddrs *interface = interface_with(interfaces, &wanted);
    if (interface != NULL) {
        peer = broadcast_of(interface, ntohs(wanted.sin_port));
        net_peer_name(&peer, name);
    }
    freeifaddrs(interfaces);
    return interface != NULL;
}

void net_peer_name(const struct net_peer *peer, char name[NET_PEER_NAME_LEN])
{
    if (net_address_print((const struct sockaddr *)&peer->address, peer->len, name, NET_PEER_NAME_LEN) != 0)
        snprintf(name, NET_PEER_NAME_LEN, "?");
}
