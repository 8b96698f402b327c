/* SPDX-License-Identifier: MIT */
/*
 * The socket abstraction: TCP connections, and UDP datagrams beside them, as
 * events. port/posix implements it over non-blocking sockets, port/lwip over
 * lwIP's raw callbacks; nothing above this file knows which one it runs on.
 *
 * Shared rules
 *  - One thread. The functions may be called from within the events, also for
 *    the very connection that the event is about.
 *  - A struct net_conn belongs to the net. It may be used from opened() until
 *    closed() returns, or until net_close() or net_reset() of it returned: after
 *    those two no event comes for it any more.
 *  - Received bytes are lent for the call. What received() does not take is
 *    withheld: kept by the net, which then stops reading from the peer (that
 *    is the back-pressure), and offered again after net_resume().
 */
#ifndef DORY_NET_H
#define DORY_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net;
struct net_conn;
struct net_peer;
struct net_udp;

struct net_events {
    /* A peer has connected to a listener (`outgoing` false), or net_connect()
     * came through (`outgoing` true). */
    void (*opened)(void *app, struct net_conn *conn, bool outgoing);

    /* `len` (> 0) bytes have arrived. Returns how many were taken. */
    size_t (*received)(void *app, struct net_conn *conn, const uint8_t *data, size_t len);

    /* The peer has sent its last byte (FIN), and every byte was taken. */
    void (*ended)(void *app, struct net_conn *conn);

    /* After net_send() took less than it was given: it would take more now. */
    void (*writable)(void *app, struct net_conn *conn);

    /* The connection is gone (reset, or net_connect() failed); `reason` is a
     * sentence, static or lent for the call. The last event of `conn`. */
    void (*closed)(void *app, struct net_conn *conn, const char *reason);

    /* Called after each round of events, and at the time it asked for. Returns
     * in how many ms it wants to be called again at the latest; 0: at once,
     * after a look at the sockets. */
    uint32_t (*tick)(void *app, uint32_t now_ms);
};

/* Whose connections these are: a service, as a rule. A net has one owner, for
 * all connections that are not said to be another's; a listener may have one of
 * its own. The first part is set by the application, the rest is zero at first;
 * stays as long as the net. Its tick() is called however many listeners it has. */
struct net_owner {
    const struct net_events *events;
    void *app;

    /* The net's own. */
    struct net *net;
    struct net_owner *next;
};

/* Milliseconds of a monotonic clock, modulo 2^32: compare by difference. */
uint32_t net_now_ms(void);

/* Hands `len` bytes to the connection. Returns how many it took, 0 included;
 * less than `len`: writable() will come. Nothing of `data` is needed later. */
size_t net_send(struct net_conn *conn, const void *data, size_t len);

/* Bytes that net_send() took and that the peer has not acknowledged; 0 where
 * that can't be told. While they become fewer the connection is alive, even if
 * it takes nothing new. */
uint32_t net_unsent(const struct net_conn *conn);

/* Offers withheld bytes again, from the loop, soon. */
void net_resume(struct net_conn *conn);

/* Says good-bye: what net_send() took is delivered, then FIN; what still
 * arrives is discarded until the peer's FIN or the net's linger time, then the
 * connection is reset. Costs the caller nothing from here on. */
void net_close(struct net_conn *conn);

/* Resets the connection at once (RST). */
void net_reset(struct net_conn *conn);

/* One pointer of the caller's for each connection, NULL at first. */
void net_set_user(struct net_conn *conn, void *user);
void *net_user(const struct net_conn *conn);

/* ---- Datagrams: needed only by what uses them (discovery.c) ---- */

/* A datagram has arrived, whole: `len` bytes (0 included), lent for the call as `peer`
 * is, which sent it. */
typedef void net_datagram(void *app, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data, size_t len);

/* Sends one datagram. Returns false when the system would not take it (no
 * memory, no route, too long); one that it took may get lost all the same. */
bool net_udp_send(struct net_udp *udp, const struct net_peer *peer, const void *data, size_t len);

#endif
