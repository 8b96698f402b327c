/* SPDX-License-Identifier: MIT */
/*
 * What the Ethernet controllers of these boards have in common: a frame goes
 * through a FIFO of 32-bit words, as two bytes that are not its own, the frame,
 * and (only when it is received) its CRC. The two bytes are lwIP's
 * ETH_PAD_SIZE; they align the IP header, and every copy.
 */
#ifndef ETHERNET_FIFO_H
#define ETHERNET_FIFO_H

#include <stdbool.h>
#include <stdint.h>

#include <lwip/netif.h>

/* The longest frame without its CRC, and the shortest (IEEE 802.3, section 3; a tag is not supported). */
#define FRAME_MAX 1514U
#define FRAME_MIN 14U
#define FRAME_CRC 4U

/* Sets up `netif` for Ethernet, for board_netif_begin(). `mac_low` holds the first four bytes of the address, the first
 * one in its low bits, `mac_high` the other two; it is how controllers have them. `send` becomes netif->linkoutput. */
void ethernet_fifo_begin(struct netif *netif, uint32_t mac_low, uint32_t mac_high, netif_linkoutput_fn send);

/* Reads the rest of a frame of `len` bytes, without CRC, whose `first` word has been read already, and hands it to
 * netif->input. It is dropped, and counted, when it is not `good` or no pbuf is free. */
void ethernet_fifo_receive(struct netif *netif, const volatile uint32_t *fifo, uint32_t first, uint32_t len, bool good);

/* Writes the frame in `p`, ETH_PAD_SIZE bytes in front included: (p->tot_len + 3) / 4 words. */
void ethernet_fifo_send(volatile uint32_t *fifo, const struct pbuf *p);

#endif
