/* SPDX-License-Identifier: MIT */
/*
 * Addresses as people write them. For the POSIX net, and for programs that make do with a plain socket.
 */
#ifndef DORY_NET_ADDRESS_H
#define DORY_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

struct addrinfo;
struct sockaddr;

/* Longest host name and "[address%scope]:port", with NUL. */
#define NET_HOST_LEN 256
#define NET_PORT_LEN 6

/* Splits "HOST:PORT" or "[IPV6]:PORT" into `host` (NET_HOST_LEN) and a port
 * that points into `address`. Returns false if it is neither. */
bool net_address_split(const char *address, char *host, const char **port);

/* Looks `host` and `port` up for sockets of `type` (SOCK_...); `flags` are getaddrinfo()'s AI_... .
 * Returns the addresses, best first, for freeaddrinfo(), or NULL and a sentence
 * in `error`. May block. */
struct addrinfo *net_address_resolve(const char *host, const char *port, int type, int flags, char *error,
                                     size_t error_len);

/* Writes an address, as "127.0.0.1:9002" or "[::1]:9002", to `name`. Returns 0,
 * or -1 with errno. */
int net_address_print(const struct sockaddr *address, size_t len, char *name, size_t name_len);

/* Likewise the one that socket `fd` is bound to. */
int net_address_of(int fd, char *name, size_t name_len);

/* Whether such a name is of this machine's own network: 127.0.0.0/8, ::1, or
 * the former mapped to IPv6. False as well for what is no address in digits. */
bool net_address_is_loopback(const char *name);

#endif
