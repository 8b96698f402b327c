/* SPDX-License-Identifier: MIT */
/* The sizes of the lm3s6965evb: all of RAM that is used, stack included, is 20 KiB at most. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

/* Which of its kind it is: `make NAME=...`. */
#ifndef BOARD_NAME
#define BOARD_NAME "dory-lm3s"
#endif

/* Connections with a session, those that are told `busy` or say good-bye, and handshakes under way. */
#define BOARD_SESSIONS 3
#define BOARD_CONNS 5
#define BOARD_BACKLOG 2

/* TCP, in segments of BOARD_MSS bytes; pools and lwIP's heap. The windows of all sessions fit into the receive FIFO: what
 * doesn't is lost, and waits for its retransmission. */
#define BOARD_MSS 536
#define BOARD_WINDOW_SEGMENTS 2
#define BOARD_SEND_SEGMENTS 2
#define BOARD_QUEUE_OOSEQ 0
#define TCP_OVERSIZE 0
#define TCP_CALCULATE_EFF_SEND_MSS 0
#define BOARD_PBUFS 11
#define NET_LWIP_PBUFS 2
#define BOARD_SMALL_BUFFERS 8
#define BOARD_BUFFERS 2
#define BOARD_SEGMENTS 3
#define MEMP_NUM_TCP_SEG (BOARD_SMALL_BUFFERS + BOARD_BUFFERS + BOARD_SEGMENTS)

/* The store: its slots, and a page of its device. */
#define BOARD_SLOTS 8
#define BOARD_PAGE 512

/* The log that survives a restart. */
#define BOARD_LOG_SIZE 512

/* What is sent passes through this. */
#define BOARD_SCRATCH 512

/* Without a DHCP server. */
#define BOARD_ADDRESS PP_HTONL(LWIP_MAKEU32(10, 0, 2, 15))
#define BOARD_NETMASK PP_HTONL(LWIP_MAKEU32(255, 255, 255, 0))
#define BOARD_GATEWAY PP_HTONL(LWIP_MAKEU32(10, 0, 2, 2))

#endif
