/* SPDX-License-Identifier: MIT */
/* The sizes of the hosted board: a device's, but roomy enough to be tested hard. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

#include <limits.h>
#include <sys/types.h>
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX /* ssize_t is there: lwIP must not define it once more */
#endif

/* Which of its kind it is: `make NAME=...`. */
#ifndef BOARD_NAME
#define BOARD_NAME "dory-hosted"
#endif

/* Connections with a session, those that are told `busy` or say good-bye, and handshakes under way. */
#define BOARD_SESSIONS 8
#define BOARD_CONNS 16
#define BOARD_BACKLOG 8

/* TCP, in segments of BOARD_MSS bytes; pools and lwIP's heap. */
#define BOARD_MSS 1460
#define BOARD_WINDOW_SEGMENTS 8
#define BOARD_SEND_SEGMENTS 4
#define BOARD_QUEUE_OOSEQ 1
#define BOARD_PBUFS 64
#define BOARD_HEAP_SIZE (128 * 1024)
#define MEM_ALIGNMENT 8
#define BOARD_ASSERT 1
#include <stdio.h> /* for what lwIP prints when a pool has been overrun */
#define MEMP_OVERFLOW_CHECK 1

/* The store: pages as NOR flash has them, and a page's buffer. */
#define BOARD_SLOTS 16
#define BOARD_PAGE 256

/* The log that survives a restart. */
#define BOARD_LOG_SIZE 16384

/* For plain clients: so little that a test sees what is cut. */
#define BOARD_PLAIN_SPOOL 256

/* What is sent passes through this. */
#define BOARD_SCRATCH 2048

/* Without a DHCP server. */
#define BOARD_ADDRESS PP_HTONL(LWIP_MAKEU32(10, 0, 2, 15))
#define BOARD_NETMASK PP_HTONL(LWIP_MAKEU32(255, 255, 255, 0))
#define BOARD_GATEWAY PP_HTONL(LWIP_MAKEU32(10, 0, 2, 2))

#endif
