/* SPDX-License-Identifier: MIT */
/*
 * dory on a device: lwIP, its netif, DHCP, and the server, put together from
 * what board_config.h says. The same on every board.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <lwip/netif.h>

#include "../../port/discovery.h"
#include "../../port/flash/slot_store.h"
#include "../../port/lwip/net_lwip.h"
#include "../../port/lwip/net_udp_lwip.h"
#include "../../port/service.h"
#include "device_commands.h"
#include "device_firmware.h"
#include "device_plain.h"
#include "device_restart.h"
#include <board_config.h> /* the board's own */

/* Of TCP and UDP. */
#define DEVICE_PORT 9002

/* A session's buffer holds a header, a name and the tokens' text; see dory_session_buffer_size(). */
#define DEVICE_BUFFER_SIZE 512

/* Everything but lwIP's pools. Zero at first. */
struct device {
    struct netif netif;
    struct net net;
    struct service service;
#if BOARD_COMMANDS
    struct device_commands commands;
#endif
#if BOARD_FIRMWARE
    struct firmware firmware;
#endif
#if BOARD_PLAIN
    struct device_plain plain[BOARD_PLAIN_FORMS];
#endif
#if BOARD_COMMANDS || BOARD_FIRMWARE
    struct device_restart restart;
#endif
    uint32_t begun_ms;
    uint32_t housekept_ms;
    ip4_addr_t address; /* as last logged */
#if BOARD_DISCOVERY
    struct net_udp udp;
    struct discovery discovery;
#endif
    struct slot_store store;
    struct dory_server server;
    struct net_conn conns[BOARD_CONNS + BOARD_PLAIN];
    struct service_slot slots[BOARD_SESSIONS];
    _Alignas(8) uint8_t buffers[BOARD_SESSIONS][DEVICE_BUFFER_SIZE];
    _Alignas(8) uint8_t scratch[BOARD_SCRATCH];
    _Alignas(8) uint8_t page[SLOT_STORE_BUFFER(BOARD_PAGE)];
};

/* Brings everything up, after board_begin(). `device` must stay. */
void device_begin(struct device *device);

/* Logs what is in use: bytes of lwIP's heap, elements of each of its pools in their order, sessions, and the deepest stack
 * so far in bytes; and datagrams, when the device has any. */
void device_log_statistics(const struct device *device);

/* Parts of the two functions above: answers datagrams from now on; logs how many there were. */
void device_begin_discovery(struct device *device);
void device_log_discovery(const struct device *device);

/* Does what there is to do: one frame, lwIP's timers, the connections. Returns in how many ms it wants to be called again
 * at the latest, unless an interrupt comes; 0: at once. */
uint32_t device_poll(struct device *device);

#endif
