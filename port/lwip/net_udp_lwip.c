/* SPDX-License-Identifier: MIT */
/*
 * Datagrams over lwIP's raw API.
 */
#include "net_udp_lwip.h"

#include <string.h>

/* Puts a datagram that lies in several pbufs together, in lwIP's heap; if that has no room, it is lost as datagrams may be.
 * pbuf_coalesce() would bring pbuf_copy() into the image, which nothing else may need. */
static struct pbuf *join(struct pbuf *packet)
{
    struct pbuf *whole = pbuf_alloc(PBUF_RAW, packet->tot_len, PBUF_RAM);

    if (whole != NULL) {
        (void)pbuf_copy_partial(packet, whole->payload, whole->len, 0);
    }
    pbuf_free(packet);
    return whole;
}

static void on_received(void *arg, struct udp_pcb *pcb, struct pbuf *packet, const ip_addr_t *address, u16_t port)
{
    struct net_udp *udp = arg;
    const struct net_peer peer = {address, port};

    (void)pcb;
    if (packet->next != NULL) {
        packet = join(packet);
    }
    if (packet != NULL) {
        udp->received(udp->app, udp, &peer, packet->payload, packet->len);
        pbuf_free(packet);
    }
}

err_t net_udp_open(struct net_udp *udp, uint16_t port)
{
    err_t err;

    udp->pcb = udp_new();
    if (udp->pcb == NULL) {
        return ERR_MEM;
    }
    err = udp_bind(udp->pcb, IP_ANY_TYPE, port);
    if (err != ERR_OK) {
        net_udp_close(udp);
        return err;
    }
    udp_recv(udp->pcb, on_received, udp);
    return ERR_OK;
}

void net_udp_close(struct net_udp *udp)
{
    if (udp->pcb != NULL) {
        udp_remove(udp->pcb);
        udp->pcb = NULL;
    }
}

bool net_udp_send(struct net_udp *udp, const struct net_peer *peer, const void *data, size_t len)
{
    struct pbuf *packet = len <= UINT16_MAX ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM) : NULL;
    err_t err;

    if (packet == NULL) {
        return false;
    }
    memcpy(packet->payload, data, len);
    err = udp_sendto(udp->pcb, packet, peer->address, peer->port);
    pbuf_free(packet);
    return err == ERR_OK;
}
