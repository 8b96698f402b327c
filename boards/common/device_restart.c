/* SPDX-License-Identifier: MIT */
/* Waits until all answers have arrived, then restarts the board. */
#include "device_restart.h"

#include "board.h"
#include "device.h"
#include "log.h"

/* How long an answer may take to reach its peer before the board restarts. */
#define PATIENCE_MS 1000

void device_restart_soon(struct device *device, enum crash_log_reason reason, const char *why)
{
    if (device->restart.why == NULL) {
        device->restart = (struct device_restart){.why = why, .since_ms = board_now_ms(), .reason = reason};
    }
}

static bool is_all_said(const struct device *device)
{
    return device_commands_are_done(device) && service_is_sent(&device->service) && device_plain_is_sent(device);
}

void device_restart_poll(struct device *device)
{
    const struct device_restart *restart = &device->restart;

    if (restart->why != NULL && (is_all_said(device) || board_now_ms() - restart->since_ms >= PATIENCE_MS)) {
        service_stop(&device->service);
        log_text("restarting: ");
        log_text(restart->why);
        log_text("\n");
        crash_log_restarting(restart->reason);
        board_restart();
    }
}
