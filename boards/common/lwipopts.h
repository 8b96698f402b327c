/* SPDX-License-Identifier: MIT */
/*
 * lwIP's configuration on every board. What differs (sizes) comes from the
 * board's own board_config.h; the meaning of each option is in lwIP's opt.h.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include <stdint.h>

#include <board_config.h> /* the board's own */

#include "plain_config.h"

/* One main loop; interrupts never call lwIP. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_CALLBACK_API 1

/* What a device needs: TCP, ICMP echo, and UDP for DHCP and discovery. */
#define LWIP_TCP 1
#define LWIP_UDP 1
#define LWIP_DHCP 1
#define LWIP_ICMP 1
#define LWIP_RAW 0
#define LWIP_IPV6 0
#define LWIP_ALTCP 0
#define IP_FRAG 0
#define IP_REASSEMBLY 0
#define IP_FORWARD 0
#define IP_OPTIONS_ALLOWED 0
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_DHCP_MAX_NTP_SERVERS 0
#define LWIP_DNS 0
#define LWIP_ARP 1
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 2
#define ARP_TABLE_SIZE 6
#define LWIP_NETIF_HOSTNAME 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0

/* The frame's payload stands at a multiple of four. */
#define ETH_PAD_SIZE 2

/* Static memory. */
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#ifndef MEM_ALIGNMENT
#define MEM_ALIGNMENT 4
#endif
#define MEM_SIZE BOARD_HEAP_SIZE
#define PBUF_POOL_SIZE (BOARD_PBUFS + 5 * BOARD_PLAIN)
#define MEMP_NUM_TCP_PCB (BOARD_CONNS + BOARD_PLAIN + BOARD_BACKLOG)
#define MEMP_NUM_TCP_PCB_LISTEN (1 + BOARD_PLAIN_FORMS)
#define MEMP_NUM_UDP_PCB (1 + BOARD_DISCOVERY)
#define MEMP_NUM_TCP_SEG ((BOARD_CONNS + BOARD_PLAIN) * 2 + (BOARD_SESSIONS + BOARD_PLAIN) * TCP_SND_QUEUELEN)
#define MEMP_NUM_PBUF 4
#define MEMP_NUM_ARP_QUEUE 4
#define MEMP_NUM_SYS_TIMEOUT LWIP_NUM_SYS_TIMEOUT_INTERNAL

/* TCP. */
#define TCP_MSS BOARD_MSS
#define TCP_WND (BOARD_WINDOW_SEGMENTS * TCP_MSS)
#define TCP_SND_BUF (BOARD_SEND_SEGMENTS * TCP_MSS)
#define TCP_SND_QUEUELEN (2 * BOARD_SEND_SEGMENTS + 2)
#define TCP_LISTEN_BACKLOG 1
#define TCP_QUEUE_OOSEQ BOARD_QUEUE_OOSEQ
#define LWIP_TCP_SACK_OUT 0
#define TCP_MSL 1000
#ifndef TCP_OVERSIZE
#define TCP_OVERSIZE TCP_MSS
#endif

/* No assertion text on a device, except where the board wants it. */
#ifndef BOARD_ASSERT
#define LWIP_NOASSERT 1
#endif

/* Pools are counted, so that a leak shows. */
#define LWIP_STATS 1
#define LWIP_STATS_DISPLAY 0
#define LWIP_STATS_LARGE 0
#define LINK_STATS BOARD_COMMANDS
#define MEM_STATS 1
#define MEMP_STATS 1
#define ETHARP_STATS 0
#define IP_STATS 0
#define IPFRAG_STATS 0
#define ICMP_STATS 0
#define UDP_STATS 0
#define TCP_STATS BOARD_COMMANDS
#define SYS_STATS 0

#define LWIP_RAND() board_random()
uint32_t board_random(void);

#endif
