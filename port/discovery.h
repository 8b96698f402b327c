/* SPDX-License-Identifier: MIT */
/*
 * Discovery: a server answers a datagram that asks who is there (core/PROTOCOL.md, "Datagrams"), so that clients find it
 * without knowing its address. The same on every port, over the datagrams of net.h.
 *
 * What comes from anybody, by an address that anybody can forge, must not make the server a weapon: an answer is never longer
 * than its question, there are only so many a second, and whatever else arrives is ignored and counted.
 */
#ifndef DORY_DISCOVERY_H
#define DORY_DISCOVERY_H

#include "net.h"
#include "service.h"

/* Bytes of the shortest question and of the longest answer. */
#define DISCOVERY_LEN 512U

/* Answers a second; as many may go out at once after a pause. */
#ifndef DISCOVERY_RATE
#define DISCOVERY_RATE 10
#endif
#if DISCOVERY_RATE < 1 || DISCOVERY_RATE > 1000
#error "DISCOVERY_RATE: 1 to 1000 answers a second"
#endif

/* `service` is set by the application, the rest is zero at first. */
struct discovery {
    struct service
        *service; /* what the answers tell of. Its scratch, DISCOVERY_LEN bytes at least, is used within a call */

    /* For everybody to read, modulo 2^32: datagrams that were answered, that were no question, and questions beyond the rate. */
    uint32_t answered;
    uint32_t ignored;
    uint32_t held_back;

    /* Discovery's own. */
    uint32_t full_ms; /* when as many answers may go out at once as ever */
};

/* Judges a datagram of `len` bytes. Returns the length of the answer, which stands in the service's scratch: at most
 * DISCOVERY_LEN and at most `len`; or 0, and nothing is to be sent. */
size_t discovery_answer(struct discovery *discovery, const uint8_t *data, size_t len, uint32_t now_ms);

/* The event of a net's UDP socket, a net_datagram; `app` is the struct discovery. */
void discovery_received(void *app, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data, size_t len);

#endif
