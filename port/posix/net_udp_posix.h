/* SPDX-License-Identifier: MIT */
/*
 * The datagrams of net.h over POSIX sockets, in the loop of net_posix.h.
 */
#ifndef DORY_NET_UDP_POSIX_H
#define DORY_NET_UDP_POSIX_H

#include <sys/socket.h>

#include "net_posix.h"

/* Longest "[address%scope]:port", with NUL. */
#define NET_PEER_NAME_LEN 80

/* An address and a port. Plain data: may be copied and kept. */
struct net_peer {
    struct sockaddr_storage address;
    socklen_t len;
};

/* Opens a UDP socket on `address`, as net_listen() takes it and with the same
 * results in `name`. What arrives is given to `received`, from net_run(), until
 * net_stop_listening(). Returns the socket, which is the net's, or NULL. */
struct net_udp *net_udp_open(struct net *net, const char *address, net_datagram *received, void *app, char *name,
                             size_t name_len);

/* Allows the socket to send to broadcast addresses. Returns false with errno. */
bool net_udp_allow_broadcast(struct net_udp *udp);

/* Looks `host` (a name or an address without brackets) and `port` up; the first
 * address counts. Returns false and a sentence in `error`. May block. */
bool net_peer_resolve(struct net_peer *peer, const char *host, const char *port, char *error, size_t error_len);

/* The broadcast address of each IPv4 interface that is up and has one, with
 * `port`: at most `room` of them. Returns how many, or -1 with errno. */
int net_peer_broadcasts(struct net_peer *peers, size_t room, uint16_t port);

/* When `address` ("192.0.2.7:9002") is that of an interface that can broadcast:
 * writes the interface's broadcast address, with the same port, to `name`. A
 * socket bound to the former doesn't receive what is sent to the latter; one
 * bound to the latter does. Returns false when there is none. */
bool net_peer_broadcast_of(const char *address, char name[NET_PEER_NAME_LEN]);

/* Writes "192.0.2.7:9002" or "[2001:db8::7]:9002". */
void net_peer_name(const struct net_peer *peer, char name[NET_PEER_NAME_LEN]);

#endif
