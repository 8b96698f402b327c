/* SPDX-License-Identifier: MIT */
/*
 * A connection: receiving with back-pressure, sending, and the ways to end.
 *
 * Implementation notes
 *  - Reading stops while anything is withheld, at EOF, and when the socket
 *    would block. A short read says the last too, and saves a call, unless the
 *    peer's FIN is behind it: epoll has announced that already, and won't again.
 *  - After a hang-up (a reset, or a send that failed) what the kernel still has
 *    is received first, so that an answer that a reset followed is not lost;
 *    then closed() comes. If bytes are withheld it comes at once.
 *  - The size of reads adapts. A bulk transfer gets large ones. Whoever makes
 *    the application withhold gets small ones again, because that is what an
 *    attacker could make the net keep.
 */
#define _DEFAULT_SOURCE

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_loop.h"
#include "net_system.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* net_portable.c sets SO_NOSIGPIPE there */
#endif

/* A peer that takes less of what was sent than that is not waited for: the
 * protocol's slowest body. */
#define SLOWEST_BYTES_PER_S 256u

/* ---- Life ---- */

struct net_conn *net_conn_new(struct net_owner *owner, int fd, enum net_conn_state state)
{
    struct net *net = owner->net;
    struct net_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    /* Writable until send() says otherwise; while connecting it is the news that counts. */
    conn->watch = (struct net_watch){.fd = fd, .kind = NET_WATCH_CONN, .writable = state == NET_OPEN};
    conn->owner = owner;
    conn->read_len = NET_SMALL_READ_LEN;
    conn->state = (uint8_t)state;
    if (fd >= 0 && net_poller_add(net->poller, &conn->watch) != 0) {
        int error = errno;
        free(conn);
        errno = error;
        return NULL;
    }
    net_list_append(&net->open, &conn->home);
    net->conn_count++;
    return conn;
}

static void free_withheld(struct net_conn *conn)
{
    if (conn->withheld == NULL)
        return;
    conn->owner->net->withheld_len -= conn->withheld->len;
    free(conn->withheld);
    conn->withheld = NULL;
}

static void close_socket(struct net_conn *conn, bool reset)
{
    if (conn->watch.fd < 0)
        return;
    net_poller_remove(conn->owner->net->poller, &conn->watch);
    if (reset)
        (void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(conn->watch.fd);
    conn->watch.fd = -1;
}

void net_conn_drop(struct net_conn *conn, bool reset)
{
    close_socket(conn, reset);
    free_withheld(conn);
    net_dial_free(conn->dial);
    conn->dial = NULL;
    conn->state = NET_DEAD;
    net_link_remove(&conn->watch.ready);
    net_list_append(&conn->owner->net->dead, &conn->home);
    conn->owner->net->conn_count--;
    net_accept_again(conn->owner->net);
}

int net_socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

static const char *reason(const struct net_conn *conn)
{
    int error = conn->error;
    if (error == 0 && conn->watch.fd >= 0)
        error = net_socket_error(conn->watch.fd);
    /* What a reset is called after the peer's FIN, or by the second send. */
    if (error == 0 || error == EPIPE)
        error = ECONNRESET;
    return strerror(error);
}

void net_conn_fail(struct net_conn *conn)
{
    const char *why = reason(conn);
    net_conn_drop(conn, true);
    conn->owner->events->closed(conn->owner->app, conn, why);
}

void net_conn_list_ready(struct net_conn *conn)
{
    if (!net_link_listed(&conn->watch.ready))
        net_list_append(&conn->owner->net->ready, &conn->watch.ready);
}

static void hang_up(struct net_conn *conn, int error)
{
    if (conn->error == 0)
        conn->error = error;
    conn->watch.hangup = true;
    conn->watch.readable = true;
    net_conn_list_ready(conn);
}

/* ---- Receiving ---- */

/* What arrives comes by itself: without withheld bytes there is nothing to do. */
static bool can_offer(const struct net_conn *conn)
{
    return conn->state == NET_OPEN && conn->resumed && conn->withheld != NULL;
}

static bool can_read(const struct net_conn *conn)
{
    return conn->state == NET_OPEN && conn->watch.readable && conn->withheld == NULL && !conn->in_over;
}

static void withhold(struct net_conn *conn, const uint8_t *data, size_t len)
{
    conn->read_len = NET_SMALL_READ_LEN;
    conn->withheld = malloc(sizeof *conn->withheld + len);
    if (conn->withheld == NULL) {
        conn->error = ENOMEM;
        net_conn_fail(conn);
        return;
    }
    conn->withheld->len = (uint32_t)len;
    conn->withheld->taken = 0;
    memcpy(conn->withheld->bytes, data, len);
    conn->owner->net->withheld_len += len;
}

/* Returns how many were taken. The connection may be gone afterwards. */
static size_t offer(struct net_conn *conn, const uint8_t *data, size_t len)
{
    conn->resumed = false;
    return conn->owner->events->received(conn->owner->app, conn, data, len);
}

static void offer_withheld(struct net_conn *conn)
{
    struct net_withheld *withheld = conn->withheld;
    conn->withheld = NULL; /* net_close() and net_reset() within received() must not free it */
    size_t taken = offer(conn, withheld->bytes + withheld->taken, withheld->len - withheld->taken);
    withheld->taken += (uint32_t)taken;
    conn->withheld = withheld;
    if (conn->state != NET_OPEN || withheld->taken == withheld->len)
        free_withheld(conn);
}

static size_t next_read_len(const struct net_conn *conn)
{
    return conn->owner->net->withheld_len < NET_WITHHELD_LEN ? conn->read_len : NET_SMALL_READ_LEN;
}

static void on_nothing_read(struct net_conn *conn, ssize_t got)
{
    if (got < 0 && errno == EINTR)
        return;
    if (got < 0 && net_would_block(errno)) {
        conn->watch.readable = false;
        return;
    }
    conn->in_over = true; /* and it stays readable, so that the poller has nothing to ask */
    if (got < 0)
        hang_up(conn, errno);
}

static void on_read(struct net_conn *conn, size_t len, bool full)
{
    size_t taken = offer(conn, conn->owner->net->buffer, len);
    if (conn->state != NET_OPEN)
        return;
    if (taken < len)
        withhold(conn, conn->owner->net->buffer + taken, len - taken);
    else if (full && conn->read_len < NET_BUFFER_LEN)
        conn->read_len *= 2;
}

static void receive(struct net_conn *conn)
{
    for (size_t received = 0; received < NET_TURN_LEN && can_read(conn);) {
        size_t len = next_read_len(conn);
        ssize_t got = recv(conn->watch.fd, conn->owner->net->buffer, len, 0);
        if (got <= 0) {
            on_nothing_read(conn, got);
            continue;
        }
        received += (size_t)got;
        if ((size_t)got < len && !conn->watch.ended && !conn->watch.hangup)
            conn->watch.readable = false;
        on_read(conn, (size_t)got, (size_t)got == len);
    }
}

void net_resume(struct net_conn *conn)
{
    conn->resumed = true;
    if (can_offer(conn))
        net_conn_list_ready(conn);
}

/* ---- Sending ---- */

void net_conn_send_failed(struct net_conn *conn, int error)
{
    conn->watch.writable = false;
    if (!net_would_block(error))
        hang_up(conn, error);
}

static size_t send_now(struct net_conn *conn, const void *data, size_t len)
{
    ssize_t sent;
    do
        sent = send(conn->watch.fd, data, len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        net_conn_send_failed(conn, errno);
        return 0;
    }
    if ((size_t)sent < len)
        conn->watch.writable = false;
    return (size_t)sent;
}

bool net_conn_can_send(const struct net_conn *conn)
{
    return conn->state == NET_OPEN && conn->watch.writable && !conn->watch.hangup;
}

size_t net_send(struct net_conn *conn, const void *data, size_t len)
{
    size_t sent = len > 0 && net_conn_can_send(conn) ? send_now(conn, data, len) : 0;
    if (sent < len)
        conn->wants_write = true;
    return sent;
}

uint32_t net_unsent(const struct net_conn *conn)
{
    return conn->watch.fd >= 0 ? net_system_unsent(conn->watch.fd) : 0;
}

/* ---- Ending ---- */

/* Unread input would make the kernel answer a close with RST, which destroys
 * what the peer has not read yet. Hence first only the way out is shut. */
static void say_goodbye(struct net_conn *conn)
{
    struct net *net = conn->owner->net;
    free_withheld(conn);
    if (conn->in_over || conn->watch.hangup || shutdown(conn->watch.fd, SHUT_WR) != 0) {
        net_conn_drop(conn, false);
        return;
    }
    conn->state = NET_LINGERING;
    conn->deadline_ms = net_now_ms() + net->options.linger_ms;
    conn->unsent = net_system_unsent(conn->watch.fd);
    net_list_append(&net->lingering, &conn->home);
    if (conn->watch.readable)
        net_conn_list_ready(conn);
}

void net_close(struct net_conn *conn)
{
    switch ((enum net_conn_state)conn->state) {
    case NET_CONNECTING:
        net_conn_drop(conn, false);
        break;
    case NET_OPEN:
        say_goodbye(conn);
        break;
    case NET_LINGERING:
    case NET_DEAD:
        break;
    }
}

void net_reset(struct net_conn *conn)
{
    if (conn->state != NET_DEAD)
        net_conn_drop(conn, true);
}

/* What was sent shall arrive, over a slow line as well. */
void net_conn_expire(struct net_conn *conn)
{
    struct net *net = conn->owner->net;
    uint32_t unsent = net_system_unsent(conn->watch.fd);
    uint32_t least = net->options.linger_ms * SLOWEST_BYTES_PER_S / 1000u + 1u;
    if (unsent == 0 || conn->unsent < unsent || conn->unsent - unsent < least) {
        net_conn_drop(conn, true);
        return;
    }
    conn->unsent = unsent;
    conn->deadline_ms = net_now_ms() + net->options.linger_ms;
    net_list_append(&net->lingering, &conn->home);
}

/* After a hang-up, too, all input is read before the close. */
static void discard(struct net_conn *conn)
{
    for (size_t received = 0; received < NET_TURN_LEN && conn->watch.readable;) {
        ssize_t got = recv(conn->watch.fd, conn->owner->net->buffer, NET_BUFFER_LEN, 0);
        if (got > 0) {
            received += (size_t)got;
        } else if (got < 0 && net_would_block(errno)) {
            conn->watch.readable = false;
        } else if (got == 0 || errno != EINTR) {
            net_conn_drop(conn, false);
            return;
        }
    }
}

/* ---- Turns ---- */

static bool can_write(const struct net_conn *conn)
{
    return conn->wants_write && net_conn_can_send(conn);
}

static void on_open(struct net_conn *conn)
{
    const struct net_events *events = conn->owner->events;
    void *app = conn->owner->app;
    if (can_write(conn)) {
        conn->wants_write = false;
        events->writable(app, conn);
    }
    if (can_offer(conn))
        offer_withheld(conn);
    bool was_over = conn->in_over;
    receive(conn);
    if (conn->state == NET_OPEN && conn->in_over && !was_over && !conn->watch.hangup)
        events->ended(app, conn);
    if (conn->state == NET_OPEN && conn->watch.hangup && !can_read(conn))
        net_conn_fail(conn);
}

static bool has_work(const struct net_conn *conn)
{
    switch ((enum net_conn_state)conn->state) {
    case NET_OPEN:
        return conn->watch.hangup || can_read(conn) || can_write(conn) || can_offer(conn);
    case NET_LINGERING:
        return conn->watch.readable;
    case NET_CONNECTING:
    case NET_DEAD:
        break;
    }
    return false;
}

void net_conn_turn(struct net_conn *conn)
{
    switch ((enum net_conn_state)conn->state) {
    case NET_CONNECTING:
        net_dial_turn(conn);
        break;
    case NET_OPEN:
        on_open(conn);
        break;
    case NET_LINGERING:
        discard(conn);
        break;
    case NET_DEAD:
        break;
    }
    if (has_work(conn))
        net_conn_list_ready(conn);
}

void net_set_user(struct net_conn *conn, void *user)
{
    conn->user = user;
}

void *net_user(const struct net_conn *conn)
{
    return conn->user;
}
