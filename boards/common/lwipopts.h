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
#define LWIP_ICMP_ECHO_CHECK_INPUT_PBUF_LEN 0 /* a frame has come with its header: the answer has room for one */
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
#define PBUF_NEEDS_COPY(p) 0 /* what is sent has been copied already: ARP may queue it as it is */

/* The frame's payload stands at a multiple of four. */
#define ETH_PAD_SIZE 2

/* Static memory. */
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#ifndef MEM_ALIGNMENT
#define MEM_ALIGNMENT 4
#endif
#define PBUF_POOL_SIZE (BOARD_PBUFS + 5 * BOARD_PLAIN)
#define MEMP_NUM_TCP_PCB (BOARD_CONNS + BOARD_PLAIN + BOARD_BACKLOG)
#define MEMP_NUM_TCP_PCB_LISTEN (1 + BOARD_PLAIN_FORMS)
#define MEMP_NUM_UDP_PCB (1 + BOARD_DISCOVERY)
#ifndef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG ((BOARD_CONNS + BOARD_PLAIN) * 2 + (BOARD_SESSIONS + BOARD_PLAIN) * TCP_SND_QUEUELEN)
#endif
#define MEMP_NUM_PBUF 1
#define MEMP_NUM_ARP_QUEUE 4

/* What is sent lies in a heap, or in the pools of the board's lwippools.h. */
#ifdef BOARD_HEAP_SIZE
#define MEM_SIZE BOARD_HEAP_SIZE
#else
#define MEM_USE_POOLS 1
#define MEMP_USE_CUSTOM_POOLS 1
#define MEM_USE_POOLS_TRY_BIGGER_POOL 1
#endif

/* Those of boards/common/timers.c. */
#define LWIP_TIMERS_CUSTOM 1

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

/* Neither assertions nor checks of what lwIP and the port hand to lwIP's functions, except where the board wants them.
 * Checks of lengths stay: those may come from the network. */
#ifndef BOARD_ASSERT
#define LWIP_NOASSERT 1
#define LWIP_ERROR(message, expression, handler) \
    do { \
        if (CHECKS_A_LENGTH(message) && !(expression)) { \
            handler; \
        } \
    } while (0)
#define CHECKS_A_LENGTH(message) \
    (__builtin_strstr(message, "len") != NULL || __builtin_strstr(message, "enough") != NULL)
#endif

/* What commands tell is counted, and a heap, so that a leak shows; what pools have in use, device.c finds out by itself. */
#ifdef BOARD_HEAP_SIZE
#define MEM_STATS 1
#define BOARD_HEAP_USED lwip_stats.mem.used
#else
#define MEM_STATS 0
#define BOARD_HEAP_USED 0
#endif
#define LWIP_STATS (MEM_STATS || BOARD_COMMANDS)
#define LWIP_STATS_DISPLAY 0
#define LWIP_STATS_LARGE 0
#define LINK_STATS BOARD_COMMANDS
#define MEMP_STATS BOARD_COMMANDS
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
