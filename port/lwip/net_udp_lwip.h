/* SPDX-License-Identifier: MIT */
/*
 * The datagrams of net.h over lwIP's raw API. Other than those of connections
 * the events come from within netif->input, not from net_poll(): a datagram that
 * nobody waits for costs no memory.
 */
#ifndef DORY_NET_UDP_LWIP_H
#define DORY_NET_UDP_LWIP_H

#include <lwip/udp.h>

#include "../net.h"

struct net_peer {
    const ip_addr_t *address;
    uint16_t port;
};

/* The first part is set by the application. */
struct net_udp {
    net_datagram *received;
    void *app;

    /* The net's own. */
    struct udp_pcb *pcb;
};

/* Receives what is sent to `port` of any address of ours, broadcasts included. `udp` stays until net_udp_close(). Returns
 * ERR_OK, ERR_USE or ERR_MEM. Each takes one of MEMP_NUM_UDP_PCB. */
err_t net_udp_open(struct net_udp *udp, uint16_t port);
void net_udp_close(struct net_udp *udp);

#endif
