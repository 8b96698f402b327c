/* SPDX-License-Identifier: MIT */
/*
 * net_system.h by what POSIX.1-2008 has. Between a call that makes a descriptor
 * and the fcntl() that marks it, a fork() in another thread would inherit it.
 */
#define _DEFAULT_SOURCE

#include "net_system.h"

#include "net_poller.h"

#if NET_POLL

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Passes `fd` on, marked, or -1 with errno. */
static int marked(int fd)
{
    if (fd < 0)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Where there is no MSG_NOSIGNAL the socket itself must not raise SIGPIPE. */
static int without_signal(int fd)
{
#ifdef SO_NOSIGPIPE
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
    return fd;
}

int net_system_socket(int family, int type)
{
    return without_signal(marked(socket(family, type, 0)));
}

int net_system_accept(int listener)
{
    return without_signal(marked(accept(listener, NULL, NULL)));
}

int net_system_wake_open(int fds[2])
{
    if (pipe(fds) != 0)
        return -1;
    fds[0] = marked(fds[0]);
    fds[1] = marked(fds[1]);
    if (fds[0] >= 0 && fds[1] >= 0)
        return 0;
    int error = errno;
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    errno = error;
    return -1;
}

int64_t net_system_send_file(int socket, int file, uint64_t off, size_t len)
{
    (void)socket;
    (void)file;
    (void)off;
    (void)len;
    errno = ENOSYS;
    return -1;
}

#endif
