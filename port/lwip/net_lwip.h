/* SPDX-License-Identifier: MIT */
/*
 * net.h over lwIP's raw callback API, for NO_SYS=1: a main loop, one thread, no
 * memory but lwIP's own pools and what the caller lends.
 *
 * Shared rules
 *  - All functions are called from the main loop, never from an interrupt, and
 *    not from within lwIP's callbacks.
 *  - lwIP itself (lwip_init(), the netif, sys_check_timeouts()) is the
 *    application's. So is sys_now(), which is net_now_ms() here.
 *  - PBUF_POOL_SIZE in lwipopts.h must be NET_LWIP_POOL(sessions) at least, or
 *    peers that send single bytes can stop everyone: the application checks it.
 */
#ifndef DORY_NET_LWIP_H
#define DORY_NET_LWIP_H

#include <lwip/ip_addr.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>

#include "../net.h"

/* Received pbufs that a connection queues; one that comes on top is left with lwIP. A peer that sends single bytes pins a
 * whole pbuf with each. lwipopts.h may say less, but a window's worth. */
#ifndef NET_LWIP_PBUFS
#define NET_LWIP_PBUFS 4
#endif
#if NET_LWIP_PBUFS < 1 || NET_LWIP_PBUFS > 4
#error "NET_LWIP_PBUFS: 1 to 4"
#endif

/* Pool pbufs that are enough whatever the peers of `sessions` sessions do: each queues its share, and lwIP keeps one more;
 * two are for the frame in hand, and for ARP. What lwIP holds out of order is given up when the pool runs dry. */
#define NET_LWIP_POOL(sessions) ((sessions) * (NET_LWIP_PBUFS + 1) + 2)

/* 1: lwIP has a thread of its own and its memory is the system's, as with ESP-IDF, and everything here, the store too, is called
 * from that thread alone. */
#ifndef NET_LWIP_OWN_THREAD
#define NET_LWIP_OWN_THREAD 0
#endif
#if !NET_LWIP_OWN_THREAD && (!NO_SYS || MEM_LIBC_MALLOC || MEMP_MEM_MALLOC)
#error "lwipopts.h: NO_SYS 1, MEM_LIBC_MALLOC 0, MEMP_MEM_MALLOC 0; or see NET_LWIP_OWN_THREAD"
#endif
#if !LWIP_TCP || !LWIP_CALLBACK_API || !TCP_LISTEN_BACKLOG
#error "lwipopts.h: LWIP_TCP 1, LWIP_CALLBACK_API 1, TCP_LISTEN_BACKLOG 1"
#endif

/* A connection's place. Opaque by rule. */
struct net_conn {
    struct net_owner *owner;
    struct tcp_pcb *pcb;   /* NULL: gone, or the place is free */
    struct pbuf *received; /* what has not been taken yet */
    void *user;
    uint8_t state;
    uint8_t notes;        /* what lwIP's callbacks saw, for net_poll() */
    uint8_t quick_acks;   /* segments that are still to be acknowledged at once */
    uint32_t since_ms;    /* lingering: when the last sign of life came */
    uint32_t last_unsent; /* lingering: what the peer had not acknowledged then */
};

/* The first part is set by the application, the rest is zero at first. */
struct net {
    struct net_owner main;  /* of net_connect(), and of listeners that have no other */
    struct net_conn *conns; /* zeroed; as many as sessions, and at least one more to say `busy` and good-bye with */
    uint32_t conn_count;
    uint32_t linger_ms; /* how long a closed connection still discards input; 2,000 by design */

    /* The net's own. */
    struct net_conn *stirred; /* a connection that net_poll() is to look at, or NULL */
    bool several;             /* there are more of them */
    struct net_conn *now;     /* the one that it is looking at */
    uint32_t looked_ms;       /* when it last looked at all of them */
};

/* Listens on `port` of every address, for `owner` (NULL: net->main). The first `backlog` connections that are half open are
 * kept for a second at least; then a newer one may take their place. Returns ERR_OK, ERR_USE or ERR_MEM. Each listener
 * takes one of MEMP_NUM_TCP_PCB_LISTEN; all of them share `conns`. */
err_t net_listen(struct net *net, struct net_owner *owner, uint16_t port, uint8_t backlog);

/* Closes the net's listeners: no further connection is taken. */
void net_stop_listening(struct net *net);

/* Begins to connect; opened() or closed() follows from net_poll(). `user` is its first net_user(). Returns the connection
 * or NULL: no free place, or no memory in lwIP. */
struct net_conn *net_connect(struct net *net, const ip_addr_t *address, uint16_t port, void *user);

/* Hands on what has happened since the last call, then calls the tick() of each owner. To be called after each frame that was given to lwIP
 * and after sys_check_timeouts(). Returns in how many ms it wants to be called again at the latest; 0: at once. */
uint32_t net_poll(struct net *net);

#endif
