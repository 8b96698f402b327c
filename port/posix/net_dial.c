/* SPDX-License-Identifier: MIT */
/*
 * Connecting to others: the addresses of a name, one after another, until one
 * accepts. A connection is NET_CONNECTING meanwhile.
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

struct net_dial {
    struct addrinfo *addresses;
    const struct addrinfo *next;
};

void net_dial_free(struct net_dial *dial)
{
    if (dial == NULL)
        return;
    freeaddrinfo(dial->addresses);
    free(dial);
}

/* Begins to connect. Returns 0, or errno with no socket left. */
static int begin(struct net_conn *conn, const struct addrinfo *address)
{
    int fd = net_system_socket(address->ai_family, SOCK_STREAM);
    if (fd < 0)
        return errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    int error = 0;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS && errno != EINTR)
        error = errno;
    conn->watch = (struct net_watch){.fd = fd, .kind = NET_WATCH_CONN};
    if (error == 0 && net_poller_add(conn->owner->net->poller, &conn->watch) != 0)
        error = errno;
    if (error == 0)
        return 0;
    close(fd);
    conn->watch.fd = -1;
    return error;
}

/* Returns false when no address is left. The first failure is the one to tell:
 * the addresses come best first. */
static bool begin_next(struct net_conn *conn)
{
    while (conn->dial->next != NULL) {
        int error = begin(conn, conn->dial->next);
        conn->dial->next = conn->dial->next->ai_next;
        if (error == 0)
            return true;
        if (conn->error == 0)
            conn->error = error;
    }
    return false;
}

static struct net_dial *look_up(const char *host, const char *port, char *error, size_t error_len)
{
    struct net_dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL) {
        snprintf(error, error_len, "%s", strerror(ENOMEM));
        return NULL;
    }
    dial->addresses = net_address_resolve(host, port, SOCK_STREAM, 0, error, error_len);
    dial->next = dial->addresses;
    if (dial->addresses != NULL)
        return dial;
    free(dial);
    return NULL;
}

struct net_conn *net_connect(struct net *net, const char *host, const char *port, void *user, char *error,
                             size_t error_len)
{
    struct net_dial *dial = look_up(host, port, error, error_len);
    if (dial == NULL)
        return NULL;
    struct net_conn *conn = net_conn_new(&net->main, -1, NET_CONNECTING);
    if (conn == NULL) {
        snprintf(error, error_len, "%s", strerror(errno));
        net_dial_free(dial);
        return NULL;
    }
    conn->user = user;
    conn->dial = dial;
    if (!begin_next(conn))
        net_conn_list_ready(conn); /* closed() comes from the loop */
    return conn;
}

static void on_connected(struct net_conn *conn)
{
    net_dial_free(conn->dial);
    conn->dial = NULL;
    conn->error = 0;
    conn->state = NET_OPEN;
    conn->owner->events->opened(conn->owner->app, conn, true);
}

static void on_refused(struct net_conn *conn, int error)
{
    if (conn->error == 0)
        conn->error = error;
    net_poller_remove(conn->owner->net->poller, &conn->watch);
    close(conn->watch.fd);
    conn->watch.fd = -1;
}

void net_dial_turn(struct net_conn *conn)
{
    if (conn->watch.fd >= 0) {
        if (!conn->watch.writable && !conn->watch.hangup)
            return;
        int error = net_socket_error(conn->watch.fd);
        if (error == 0) {
            on_connected(conn);
            return;
        }
        on_refused(conn, error);
    }
    if (!begin_next(conn))
        net_conn_fail(conn);
}
