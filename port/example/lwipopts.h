/* SPDX-License-Identifier: MIT */
/*
 * A small lwipopts.h for product.c: what dory asks for, then what the example has beyond. All else is lwIP's default; the
 * meaning of each option is in lwIP's opt.h.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

/* README: begin */
#define NO_SYS 1             /* one main loop; interrupts never call lwIP */
#define LWIP_CALLBACK_API 1  /* lwIP's default */
#define LWIP_TCP 1           /* lwIP's default */
#define MEM_LIBC_MALLOC 0    /* lwIP's default: its heap is an array of MEM_SIZE bytes */
#define MEMP_MEM_MALLOC 0    /* lwIP's default: pools of fixed size */
#define TCP_LISTEN_BACKLOG 1 /* or handshakes that nobody finishes take every pcb; net_lwip.c wants it */
#define TCP_MSL 1000         /* ms; a connection that has ended keeps its pcb twice as long, not two minutes */

#define TCP_MSS 1460
#define TCP_WND (2 * TCP_MSS)     /* for each connection: what the driver can hold while the main loop is elsewhere */
#define TCP_SND_BUF (2 * TCP_MSS) /* for each connection: what is on its way to the peer */
#define TCP_SND_QUEUELEN 6        /* segments of that; lwIP wants 2 * TCP_SND_BUF / TCP_MSS at least */

#define MEMP_NUM_TCP_PCB 6        /* connections (CONNS) and handshakes (BACKLOG), and your own */
#define MEMP_NUM_TCP_PCB_LISTEN 1 /* and your own */
#define MEMP_NUM_TCP_SEG 20       /* SESSIONS * TCP_SND_QUEUELEN + 2 * CONNS, and your own */
#define PBUF_POOL_SIZE 12         /* NET_LWIP_POOL(SESSIONS), and your own */
#define MEM_SIZE 8192             /* SESSIONS * (TCP_SND_BUF + 80 * TCP_SND_QUEUELEN), DHCP, and your own */
/* README: end */

#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define SYS_LIGHTWEIGHT_PROT 0
#define MEM_ALIGNMENT 4
#define LWIP_DHCP 1
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_RAW 0
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_NOASSERT 1
#define LWIP_STATS 0

#endif
