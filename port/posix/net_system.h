/* SPDX-License-Identifier: MIT */
/*
 * The system calls that Linux has in a better form than POSIX: net_linux.c, or
 * net_portable.c with NET_POLL=1 and on other systems. One of the two is
 * linked.
 */
#ifndef DORY_NET_SYSTEM_H
#define DORY_NET_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both return a socket that doesn't block and that programs started by this one
 * don't inherit, or -1 with errno. */
int net_system_socket(int family, int type);
int net_system_accept(int listener);

/* Makes what wakes the loop: fds[0] is watched, a write of 8 bytes to fds[1]
 * makes it readable. The two may be one. Returns 0, or -1 with errno. */
int net_system_wake_open(int fds[2]);

/* Sends up to `len` bytes of `file` at `off` from within the kernel. Returns
 * how many, 0 at the end of the file, or -1 with errno: EAGAIN when the socket
 * is full; anything else says that this is not the way for these two. */
int64_t net_system_send_file(int socket, int file, uint64_t off, size_t len);

/* Bytes that the peer has not acknowledged; 0 where the system doesn't tell. */
uint32_t net_system_unsent(int socket);

#endif
