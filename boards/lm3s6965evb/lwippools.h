/* SPDX-License-Identifier: MIT */
/*
 * What lwIP has instead of a heap: pools of fixed sizes, smallest first. lwIP includes this file several times.
 *
 * A segment costs 76 bytes beside its data. The small ones hold acknowledgements, FIN, ARP and DHCP's state; the others
 * answers, and a whole segment or DHCP message.
 */
LWIP_MALLOC_MEMPOOL_START
LWIP_MALLOC_MEMPOOL(BOARD_SMALL_BUFFERS, 96)
LWIP_MALLOC_MEMPOOL(BOARD_BUFFERS, 256)
LWIP_MALLOC_MEMPOOL(BOARD_SEGMENTS, 608)
LWIP_MALLOC_MEMPOOL_END
