/* SPDX-License-Identifier: MIT */
/*
 * net_system.h by Linux's own calls.
 */
#define _GNU_SOURCE /* accept4() */
#define _FILE_OFFSET_BITS 64

#include "net_system.h"

#include "net_poller.h"

#if !NET_POLL

#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

int net_system_socket(int family, int type)
{
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int net_system_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int net_system_wake_open(int fds[2])
{
    fds[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    fds[1] = fds[0];
    return fds[0] < 0 ? -1 : 0;
}

int64_t net_system_send_file(int socket, int file, uint64_t off, size_t len)
{
    off_t at = (off_t)off;
    return sendfile(socket, file, &at, len);
}

#endif
