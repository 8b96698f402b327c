/* SPDX-License-Identifier: MIT */
/*
 * Frames between lwIP's pbufs and a FIFO of words.
 *
 * Implementation notes
 *  - Two bytes, the frame and four bytes of CRC are exactly one word more than
 *    two bytes and the frame, whatever its length: there is always a word for
 *    the read ahead, and none is left over.
 *  - A pbuf of the pool begins at a word and has room for whole words, so that
 *    only a frame's last word may be in part beyond its end.
 */
#include "ethernet_fifo.h"

#include <string.h>

#include <lwip/etharp.h>
#include <lwip/pbuf.h>
#include <lwip/stats.h>

#include "board.h"

#if ETH_PAD_SIZE != 2 || MEM_ALIGNMENT % 4 != 0
#error "lwipopts.h: ETH_PAD_SIZE must be 2, MEM_ALIGNMENT a multiple of 4"
#endif

void ethernet_fifo_begin(struct netif *netif, uint32_t mac_low, uint32_t mac_high, netif_linkoutput_fn send)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = FRAME_MAX - FRAME_MIN;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, &mac_low, 4);
    memcpy(netif->hwaddr + 4, &mac_high, 2);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send;
}

#ifdef __OPTIMIZE_SIZE__
enum { UNROLL = 1 };
#else
enum { UNROLL = 8 };
#endif

/* Copies the words for `p`, the first of which is `word`. Returns the one that follows them. */
static uint32_t read_pbuf(const struct pbuf *p, const volatile uint32_t *fifo, uint32_t word)
{
    uint32_t *dst = p->payload;
    const uint32_t *end = dst + (p->len + 3U) / 4;
#pragma GCC unroll UNROLL
    while (dst < end) {
        *dst++ = word;
        word = *fifo;
    }
    return word;
}

void ethernet_fifo_receive(struct netif *netif, const volatile uint32_t *fifo, uint32_t first, uint32_t len, bool good)
{
    len += ETH_PAD_SIZE;
    struct pbuf *p = good ? pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_POOL) : NULL;
    if (p == NULL) {
        for (uint32_t words = (len + 3) / 4; words > 0; words--) {
            (void)*fifo;
        }
        LINK_STATS_INC(link.drop);
        return;
    }
    for (const struct pbuf *part = p; part != NULL; part = part->next) {
        first = read_pbuf(part, fifo, first);
    }
    LINK_STATS_INC(link.recv);
    (void)board_random(); /* a frame's time of arrival is the best there is to stir in */
    if (netif->input(p, netif) != ERR_OK) {
        pbuf_free(p);
    }
}

/* Writes the whole words from `src` on. Returns where they end. */
static const uint8_t *send_words(volatile uint32_t *fifo, const uint8_t *src, const uint8_t *end)
{
    uint32_t word;
#pragma GCC unroll UNROLL
    for (; end - src >= 4; src += 4) {
        memcpy(&word, src, 4); /* one instruction, wherever `src` is */
        *fifo = word;
    }
    return src;
}

void ethernet_fifo_send(volatile uint32_t *fifo, const struct pbuf *p)
{
    uint32_t word = 0;
    unsigned bits = 0; /* of `word` that are filled: the parts of a chain have any length */
    for (; p != NULL; p = p->next) {
        const uint8_t *src = p->payload;
        const uint8_t *end = src + p->len;
        while (src < end) {
            word |= (uint32_t)*src++ << bits;
            bits = (bits + 8) % 32;
            if (bits == 0) {
                *fifo = word;
                word = 0;
                src = send_words(fifo, src, end);
            }
        }
    }
    if (bits > 0) {
        *fifo = word;
    }
    LINK_STATS_INC(link.xmit);
}
