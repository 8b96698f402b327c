/* SPDX-License-Identifier: MIT */
/* A restart that was asked for from afar: it comes when the answer has reached its peer, or after a second. */
#ifndef DEVICE_RESTART_H
#define DEVICE_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "crash_log.h"

struct device;

/* Part of struct device. */
struct device_restart {
    const char *why; /* NULL: nobody asked for one */
    uint32_t since_ms;
    enum crash_log_reason reason;
};

#if BOARD_COMMANDS || BOARD_FIRMWARE

/* Restarts the board soon. `why`, static text, is logged; `reason` is what the next start tells. A second call changes nothing. */
void device_restart_soon(struct device *device, enum crash_log_reason reason, const char *why);

/* Restarts the board when it is time to. */
void device_restart_poll(struct device *device);

#else

static inline void device_restart_poll(struct device *device)
{
    (void)device;
}

#endif

#endif
