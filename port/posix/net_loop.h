/* SPDX-License-Identifier: MIT */
/*
 * What the files of the POSIX net share: the loop (net_loop.c), its listeners
 * (net_listen.c), its connections (net_conn.c, net_dial.c, net_file.c), and its
 * UDP sockets (net_udp.c).
 * Not for anybody else.
 *
 * Implementation notes
 *  - A round: the poller lists watches with news on `ready`; each of them gets
 *    one turn, in which it does a bounded amount; what then still has something
 *    to do is listed again. So a busy connection can't starve the others.
 *  - Events of the application come from turns only, so nothing is on the way
 *    when a connection goes. Its memory is freed at the end of the round,
 *    because callers up the stack may still look at it.
 *  - A connection is on one list by its state: `open` (also while connecting),
 *    `lingering`, `dead`.
 */
#ifndef DORY_NET_LOOP_H
#define DORY_NET_LOOP_H

#include <errno.h>
#include <stdatomic.h>

#include "net_list.h"
#include "net_poller.h"
#include "net_posix.h"

/* One receive buffer serves all connections. Measured over loopback, 64 KiB to
 * 1 MiB differ by less than the noise; this is the most that one connection can
 * have withheld. */
#define NET_BUFFER_LEN (256u * 1024u)

/* Bytes that one connection receives, or sends of a file, in a turn. */
#define NET_TURN_LEN (1024u * 1024u)

/* A connection's first read, and the most that it can make the net withhold
 * once NET_WITHHELD_LEN bytes are withheld from all together. */
#define NET_SMALL_READ_LEN (16u * 1024u)
#define NET_WITHHELD_LEN (16u * 1024u * 1024u)

struct net {
    struct net_options options;
    struct net_owner main; /* the first of all */
    struct net_poller *poller;
    struct net_link ready; /* watches that get a turn in the next round */
    struct net_link turn;  /* those that still get one in this round */
    struct net_link open;
    struct net_link lingering; /* by deadline, which is the order of arrival */
    struct net_link dead;
    struct net_link listeners;
    struct net_link udps;
    struct net_watch waker;
    int wake_fd;
    atomic_bool stopping;
    bool accept_waits;   /* for a connection to go */
    bool accept_retries; /* at accept_retry_ms, too */
    uint32_t accept_retry_ms;
    size_t conn_count;
    size_t withheld_len; /* of all connections */
    uint8_t *buffer;     /* NET_BUFFER_LEN; lent to received() for the call */
};

struct net_listener {
    struct net_watch watch; /* fd -1 when it was closed */
    struct net_link home;
    struct net_owner *owner;
};

struct net_udp {
    struct net_watch watch; /* fd -1 when it was closed */
    struct net_link home;
    net_datagram *received;
    void *app;
};

enum net_conn_state { NET_CONNECTING, NET_OPEN, NET_LINGERING, NET_DEAD };

/* Bytes that received() did not take. */
struct net_withheld {
    uint32_t len;
    uint32_t taken;
    uint8_t bytes[];
};

struct net_dial; /* net_dial.c: addresses still to be tried */

/* There may be 10,000: whatever is not needed while idle is allocated. */
struct net_conn {
    struct net_watch watch; /* fd -1 when there is none */
    struct net_link home;
    struct net_owner *owner;
    void *user;
    struct net_withheld *withheld;
    struct net_dial *dial;
    uint32_t read_len;    /* of the next recv() */
    uint32_t deadline_ms; /* while lingering */
    uint32_t unsent;      /* while lingering: when last looked */
    int error;            /* errno of the first failure */
    uint8_t state;        /* enum net_conn_state */
    bool wants_write;     /* writable() is due when it is */
    bool resumed;         /* what is withheld shall be offered again */
    bool in_over;         /* recv() will give nothing more */
};

/* net_conn.c */

/* Makes `fd` (-1: none yet) a connection of `owner`, watched. Returns NULL with errno, `fd` left open. */
struct net_conn *net_conn_new(struct net_owner *owner, int fd, enum net_conn_state state);

/* Does what there is to do, up to a bound. */
void net_conn_turn(struct net_conn *conn);

/* Closes the socket, with RST if `reset`, without an event. The memory stays
 * until the end of the round. */
void net_conn_drop(struct net_conn *conn, bool reset);

/* Resets the connection and tells the application why. */
void net_conn_fail(struct net_conn *conn);

/* The linger time is up: resets, or goes on while the peer still takes what was sent. */
void net_conn_expire(struct net_conn *conn);

/* False: only the poller's news can change it. */
bool net_conn_can_send(const struct net_conn *conn);

/* What to do after a failed send, "would block" included. */
void net_conn_send_failed(struct net_conn *conn, int error);

/* Gives the connection a turn in the next round. */
void net_conn_list_ready(struct net_conn *conn);

/* The error that the system has for the socket, 0 if none. Asking clears it. */
int net_socket_error(int fd);

/* net_dial.c */
void net_dial_turn(struct net_conn *conn);
void net_dial_free(struct net_dial *dial);

/* net_udp.c */
void net_udp_turn(struct net *net, struct net_udp *udp);
void net_udp_close_all(struct net *net);
void net_udp_free_all(struct net *net);

/* net_listen.c */
void net_listener_turn(struct net *net, struct net_listener *listener);

/* A connection has gone, or it is time to try again. */
void net_accept_again(struct net *net);

static inline bool net_would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

static inline bool net_due(uint32_t now_ms, uint32_t deadline_ms)
{
    return (int32_t)(now_ms - deadline_ms) >= 0;
}

#endif
