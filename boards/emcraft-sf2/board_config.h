/* SPDX-License-Identifier: MIT */
/* The sizes of the emcraft-sf2: 64 KiB of eSRAM, which the Ethernet MAC's buffers are part of, and 16 MiB of NOR flash. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

/* Which of its kind it is: `make NAME=...`. */
#ifndef BOARD_NAME
#define BOARD_NAME "dory-sf2"
#endif

/* The part has no address of its own: this one is locally administered (IEEE 802, 8.4). A product gives each device another. */
#define BOARD_MAC 0x02, 0x64, 0x6F, 0x72, 0x79, 0x02

/* Connections with a session, those that are told `busy` or say good-bye, and handshakes under way. */
#define BOARD_SESSIONS 3
#define BOARD_CONNS 5
#define BOARD_BACKLOG 2

/* Frames that the MAC can put down before anybody looks. The windows of all sessions fit, and something besides: what
 * doesn't is lost, and waits for its retransmission. */
#define BOARD_RX_FRAMES 10

/* TCP, in segments of BOARD_MSS bytes; pools and lwIP's heap. */
#define BOARD_MSS 1460
#define BOARD_WINDOW_SEGMENTS 2
#define BOARD_SEND_SEGMENTS 2
#define BOARD_QUEUE_OOSEQ 0
#define BOARD_PBUFS 12
#define NET_LWIP_PBUFS 2
#define BOARD_HEAP_SIZE (10 * 1024)

/* The store: its slots, and a page of its device. */
#define BOARD_SLOTS 8
#define BOARD_PAGE 256

/* The log that survives a restart. */
#define BOARD_LOG_SIZE 1024

/* The flash, in bytes: two slots for firmware, then the store for files; all of them whole sectors. */
#define BOARD_SECTOR 0x10000U
#define BOARD_SLOT_A_OFF 0x000000U
#define BOARD_SLOT_B_OFF 0x200000U
#define BOARD_SLOT_SIZE 0x200000U
#define BOARD_STORE_OFF (BOARD_SLOT_B_OFF + BOARD_SLOT_SIZE)

/* What is sent passes through this. */
#define BOARD_SCRATCH BOARD_MSS

/* Without a DHCP server. */
#define BOARD_ADDRESS PP_HTONL(LWIP_MAKEU32(10, 0, 2, 15))
#define BOARD_NETMASK PP_HTONL(LWIP_MAKEU32(255, 255, 255, 0))
#define BOARD_GATEWAY PP_HTONL(LWIP_MAKEU32(10, 0, 2, 2))

#endif
