/* SPDX-License-Identifier: MIT */
/* A TCP connection of this process with itself, see loopback.h. */
#define _POSIX_C_SOURCE 200809L

#include "loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_SIZE 1024

/* Passes on what a system call returned, unless that is its failure. */
static ssize_t must(ssize_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "sticky: %s(): %s\n", call, strerror(errno));
        exit(EXIT_FAILURE);
    }
    return result;
}

static int new_socket(void)
{
    return (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");
}

static struct sockaddr_in address_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;

    must(getsockname(fd, (struct sockaddr *)&address, &len), "getsockname");
    return address;
}

/* Any program on this machine may connect to our port: only the connection of `sender` counts. */
static int accept_from(int listener, int sender)
{
    struct sockaddr_in own = address_of(sender);

    for (;;) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        int reader = (int)must(accept(listener, (struct sockaddr *)&peer, &len), "accept");

        if (peer.sin_port == own.sin_port && peer.sin_addr.s_addr == own.sin_addr.s_addr) {
            return reader;
        }
        must(close(reader), "close");
    }
}

void loopback_open(struct loopback *link)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = new_socket();
    int yes = 1;

    must(bind(listener, (struct sockaddr *)&address, sizeof address), "bind"); /* port 0: any that is free */
    must(listen(listener, SOMAXCONN), "listen");
    address = address_of(listener);
    link->sender = new_socket();
    must(setsockopt(link->sender, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), "setsockopt");
    must(connect(link->sender, (struct sockaddr *)&address, sizeof address), "connect");
    link->reader = accept_from(listener, link->sender);
    must(close(listener), "close");
}

void loopback_send(const struct loopback *link, const void *data, size_t len)
{
    if ((size_t)must(send(link->sender, data, len, 0), "send") != len) {
        errno = ENOBUFS;
        must(-1, "send");
    }
}

void loopback_finish(const struct loopback *link)
{
    must(shutdown(link->sender, SHUT_WR), "shutdown");
}

/* With both flags recv() looks, takes nothing, and returns early only for the end of the stream. */
void loopback_wait_for_all(const struct loopback *link)
{
    char seen[WAIT_SIZE];

    must(recv(link->reader, seen, sizeof seen, MSG_PEEK | MSG_WAITALL), "recv");
}

size_t loopback_receive(const struct loopback *link, void *buf, size_t size)
{
    return (size_t)must(recv(link->reader, buf, size, 0), "recv");
}

void loopback_close(const struct loopback *link)
{
    must(close(link->sender), "close");
    must(close(link->reader), "close");
}
