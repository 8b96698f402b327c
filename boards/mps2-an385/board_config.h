/* SPDX-License-Identifier: MIT */
/* The sizes of the mps2-an385: 4 MiB of RAM, but room for six full frames only in the LAN9118, which stops nobody. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

/* Which of its kind it is: `make NAME=...`. */
#ifndef BOARD_NAME
#define BOARD_NAME "dory-mps2"
#endif

/* Connections with a session, those that are told `busy` or say good-bye, and handshakes under way. */
#define BOARD_SESSIONS 3
#define BOARD_CONNS 6
#define BOARD_BACKLOG 2

/* TCP, in segments of BOARD_MSS bytes; pools and lwIP's heap. The windows of all sessions fit into the receive FIFO: what
 * doesn't is lost, and waits for its retransmission. */
#define BOARD_MSS 1460
#define BOARD_WINDOW_SEGMENTS 2
#define BOARD_SEND_SEGMENTS 4
#define BOARD_QUEUE_OOSEQ 1
#define BOARD_PBUFS 32
#define BOARD_HEAP_SIZE (64 * 1024)

/* The store: its slots, and a page of its device. */
#define BOARD_SLOTS 16
#define BOARD_PAGE 4

/* The log that survives a restart. */
#define BOARD_LOG_SIZE 4096

/* What is sent passes through this. */
#define BOARD_SCRATCH (2 * BOARD_MSS)

/* Without a DHCP server. */
#define BOARD_ADDRESS PP_HTONL(LWIP_MAKEU32(10, 0, 2, 15))
#define BOARD_NETMASK PP_HTONL(LWIP_MAKEU32(255, 255, 255, 0))
#define BOARD_GATEWAY PP_HTONL(LWIP_MAKEU32(10, 0, 2, 2))

#endif
