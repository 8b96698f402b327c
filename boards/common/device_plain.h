/* SPDX-License-Identifier: MIT */
/* Sized and headed on a device (port/plain_commands.h): the device's commands, for plain clients. */
#ifndef DEVICE_PLAIN_H
#define DEVICE_PLAIN_H

#include "../../port/plain_commands.h"
#include "../../port/spool_ram.h"
#include "plain_config.h"

struct device;

/* One of both forms. */
struct device_plain {
    struct plain_commands service;
    struct net_owner owner;
    struct spool_ram ram;
    struct plain_conn conns[BOARD_PLAIN_CONNS];
    struct spool_ram_place places[BOARD_PLAIN_CONNS];
    uint8_t spool[BOARD_PLAIN_CONNS * BOARD_PLAIN_SPOOL];
};

#if BOARD_PLAIN_FORMS

/* Listens for them, after device_commands_begin() and lwip_init(). */
void device_plain_begin(struct device *device);

/* Returns whether every answer has reached its peer. */
bool device_plain_is_sent(const struct device *device);

#else

static inline void device_plain_begin(struct device *device)
{
    (void)device;
}

static inline bool device_plain_is_sent(const struct device *device)
{
    (void)device;
    return true;
}

#endif

#endif
