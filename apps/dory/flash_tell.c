/* SPDX-License-Identifier: MIT */
/* What the process of one device tells over its pipe, see flash_event.h. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../../port/net.h"
#include "flash_device.h"

/* Nobody reads any more: there is nobody to work for either. */
static void tell(struct flash_device *device, enum flash_event_kind kind)
{
    const void *bytes = &device->event;

    device->event.kind = kind;
    while (write(device->pipe, bytes, sizeof device->event) < 0) {
        if (errno != EINTR) {
            _exit(EXIT_LOCAL);
        }
    }
    device->told = true;
    device->told_ms = net_now_ms();
}

void flash_tell_step(struct flash_device *device, enum flash_step step)
{
    device->event.step = step;
    tell(device, FLASH_PROGRESS);
}

void flash_tell_note(void *ctx, const char *note)
{
    struct flash_device *device = (struct flash_device *)ctx;

    outcome_set(&device->event.outcome, EXIT_DONE, "note", "%s", note);
    tell(device, FLASH_NOTE);
}

void flash_tell_progress(void *ctx, const struct progress *progress)
{
    struct flash_device *device = (struct flash_device *)ctx;
    bool over = progress->done == progress->total;
    enum flash_step step = over ? FLASH_VERIFYING : FLASH_UPLOADING;

    device->event.done = progress->done;
    if (step != device->event.step || net_now_ms() - device->told_ms >= PROGRESS_EVERY_MS) {
        flash_tell_step(device, step);
    }
}

void flash_tell_end(struct flash_device *device)
{
    tell(device, FLASH_END);
}
