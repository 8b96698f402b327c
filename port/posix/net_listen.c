/* SPDX-License-Identifier: MIT */
/*
 * Listeners, and taking connections from them as long as there is room.
 *
 * Implementation notes
 *  - When there is no room (max_conns, or no descriptor or memory left) further
 *    connections stay in the kernel's backlog. The listener then remains
 *    "readable", which is why the poller doesn't report it over and over, and is
 *    tried again when a connection has gone. Descriptors also come back in ways
 *    that the net doesn't see, so after a failure it is tried after a while, too.
 */
#define _DEFAULT_SOURCE

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_address.h"
#include "net_loop.h"
#include "net_system.h"

#define BACKLOG 4096
#define ACCEPTS_A_TURN 256
#define ACCEPT_RETRY_MS 100u

static int open_listener(const struct addrinfo *address)
{
    int fd = net_system_socket(address->ai_family, SOCK_STREAM);
    if (fd < 0)
        return -1;
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (address->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The first address that can be listened on; -1 with the first errno if none. */
static int open_first(const struct addrinfo *addresses)
{
    int error = 0;
    for (const struct addrinfo *address = addresses; address != NULL; address = address->ai_next) {
        int fd = open_listener(address);
        if (fd >= 0)
            return fd;
        if (error == 0)
            error = errno;
    }
    errno = error;
    return -1;
}

/* From now on its tick() is called. */
static void adopt(struct net *net, struct net_owner *owner)
{
    if (owner->net == NULL) {
        owner->net = net;
        owner->next = net->main.next;
        net->main.next = owner;
    }
}

static int add_listener(struct net *net, struct net_owner *owner, int fd)
{
    struct net_listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return -1;
    listener->watch = (struct net_watch){.fd = fd, .kind = NET_WATCH_LISTENER, .writable = true};
    if (net_poller_add(net->poller, &listener->watch) != 0) {
        free(listener);
        return -1;
    }
    listener->owner = owner != NULL ? owner : &net->main;
    adopt(net, listener->owner);
    net_list_append(&net->listeners, &listener->home);
    return 0;
}

int net_listen(struct net *net, struct net_owner *owner, const char *address, char *name, size_t name_len)
{
    char host[NET_HOST_LEN];
    const char *port;
    if (!net_address_split(address, host, &port)) {
        snprintf(name, name_len, "An address is HOST:PORT or [IPV6]:PORT");
        return -1;
    }
    struct addrinfo *addresses = net_address_resolve(host, port, SOCK_STREAM, AI_PASSIVE, name, name_len);
    if (addresses == NULL)
        return -1;
    int fd = open_first(addresses);
    freeaddrinfo(addresses);
    if (fd >= 0 && net_address_of(fd, name, name_len) == 0 && add_listener(net, owner, fd) == 0)
        return 0;
    snprintf(name, name_len, "%s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The memory stays until net_free(): this may be a listener's own turn. */
void net_stop_listening(struct net *net)
{
    net_udp_close_all(net);
    for (struct net_link *link = net->listeners.next; link != &net->listeners; link = link->next) {
        struct net_listener *listener = net_object(link, struct net_listener, home);
        if (listener->watch.fd < 0)
            continue;
        net_poller_remove(net->poller, &listener->watch);
        close(listener->watch.fd);
        listener->watch.fd = -1;
        listener->watch.readable = false;
        net_link_remove(&listener->watch.ready);
    }
}

void net_accept_again(struct net *net)
{
    if (!net->accept_waits)
        return;
    net->accept_waits = false;
    net->accept_retries = false;
    for (struct net_link *link = net->listeners.next; link != &net->listeners; link = link->next) {
        struct net_listener *listener = net_object(link, struct net_listener, home);
        if (listener->watch.readable && !net_link_listed(&listener->watch.ready))
            net_list_append(&net->ready, &listener->watch.ready);
    }
}

static void pause_accepting(struct net *net)
{
    net->accept_waits = true;
    net->accept_retries = true;
    net->accept_retry_ms = net_now_ms() + ACCEPT_RETRY_MS;
}

static void admit(struct net *net, struct net_owner *owner, int fd)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct net_conn *conn = net_conn_new(owner, fd, NET_OPEN);
    if (conn == NULL) {
        close(fd);
        pause_accepting(net);
        return;
    }
    owner->events->opened(owner->app, conn, false);
}

static void accept_one(struct net *net, struct net_listener *listener)
{
    int fd = net_system_accept(listener->watch.fd);
    if (fd >= 0)
        admit(net, listener->owner, fd);
    else if (net_would_block(errno))
        listener->watch.readable = false;
    else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) /* those: a peer that has given up */
        pause_accepting(net);
}

void net_listener_turn(struct net *net, struct net_listener *listener)
{
    for (int i = 0; i < ACCEPTS_A_TURN && listener->watch.readable; i++) {
        if (net->conn_count >= net->options.max_conns)
            net->accept_waits = true;
        if (net->accept_waits)
            return;
        accept_one(net, listener);
    }
    if (listener->watch.readable)
        net_list_append(&net->ready, &listener->watch.ready);
}
