/* SPDX-License-Identifier: MIT */
/* lwIP's configuration for test_net_lwip.c: TCP and UDP over IPv4, small pools that are counted and checked, and short times. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include <stdio.h> /* for what lwIP prints when a pool has been overrun */

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_CALLBACK_API 1

#define LWIP_TCP 1
#define LWIP_UDP 1
#define LWIP_ICMP 0
#define LWIP_RAW 0
#define LWIP_ARP 0
#define LWIP_IPV6 0
#define IP_FRAG 0
#define IP_REASSEMBLY 0
#define LWIP_SINGLE_NETIF 1

/* The test makes segments by hand. */
#define CHECKSUM_GEN_IP 0
#define CHECKSUM_GEN_TCP 0
#define CHECKSUM_CHECK_IP 0
#define CHECKSUM_CHECK_TCP 0

/* Small, as on a device; a frame that is longer than a segment may be comes in several pbufs. */
#define TCP_MSS 200
#define TCP_WND (4 * TCP_MSS)
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 2)
#define TCP_SND_BUF (4 * TCP_MSS)
#define TCP_SND_QUEUELEN 16
#define TCP_OVERSIZE 0
#define TCP_LISTEN_BACKLOG 1
#define TCP_QUEUE_OOSEQ 1
#define TCP_MSL 1000
#define PBUF_POOL_BUFSIZE 256
#define PBUF_POOL_SIZE 40
#define MEM_ALIGNMENT 8
#define MEM_SIZE 16384
#define MEMP_NUM_PBUF 4
#define MEMP_NUM_TCP_PCB 8
#define MEMP_NUM_TCP_PCB_LISTEN 2
#define MEMP_NUM_UDP_PCB 2
#define MEMP_NUM_TCP_SEG 32

#define MEM_OVERFLOW_CHECK 1
#define MEM_SANITY_CHECK 1
#define MEMP_OVERFLOW_CHECK 1
#define MEMP_SANITY_CHECK 1

/* Pools are counted, so that a leak shows. */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 0
#define LINK_STATS 0
#define MEM_STATS 1
#define MEMP_STATS 1
#define IP_STATS 0
#define TCP_STATS 0
#define UDP_STATS 0
#define SYS_STATS 0

/* Every run is the same. */
#define LWIP_RAND() 9002U

#endif
