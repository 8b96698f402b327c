/* SPDX-License-Identifier: MIT */
/*
 * The update of one device, step by step, as a process of its own does it: the
 * link (link.h) takes one server at a time, and blocks.
 *
 * Implementation notes
 *
 * A `boot` is sent once. When its answer is lost nobody knows whether it arrived, so the device is watched: what boots
 * has another boot_id soon. One that has the old one after a while has not been asked, and is asked again; as the
 * request names its image, nothing else could come of that.
 *
 * From then on there is a loop which asks `info` until it can tell: the new image runs, and is confirmed; or another
 * one does; or time is over. A `confirm` whose answer is lost needs no care: the next `info` says what became of it.
 */
#ifndef DORY_APP_FLASH_DEVICE_H
#define DORY_APP_FLASH_DEVICE_H

#include "app.h"
#include "flash_event.h"
#include "flash_image.h"
#include "progress.h"

/* What `info` tells of the firmware. Texts are cut to their room and cleaned. */
struct flash_running {
    bool can_update; /* it has slots */
    bool confirmed;
    char image[DORY_IMAGE_DIGITS + 1]; /* "" unless it has that many digits */
    char boot_id[24];
    char board[DORY_IMAGE_BOARD + 8];
    char version[FLASH_VERSION_SIZE];
};

struct flash_device {
    struct app app; /* a copy, whose link and notes are this device's */
    const struct target *target;
    const struct flash_image *image;
    int pipe; /* where events go */

    /* Its own. */
    struct flash_event event; /* the next one */
    uint32_t told_ms;
    bool told;
    struct flash_running before; /* when we came */
    struct flash_running now;    /* last heard */
    uint32_t deadline_ms;        /* for the new firmware to answer */
    uint32_t look_ms;            /* for the answer to the next look */
    uint32_t boot_ms;            /* when `boot` was sent last */
    unsigned boots;              /* how often it was sent */
    bool boot_unanswered;
    bool silent;               /* no answer to the last question */
    struct outcome last_words; /* why not, or why it could not be confirmed */
};

/* Does it all, and tells. `device` is set up to `pipe`, the rest is zero. */
void flash_device_update(struct flash_device *device);

/* --- flash_tell.c --- */

/* Tells the other process: which step it is now; how far that is; something worth knowing; the end. */
void flash_tell_step(struct flash_device *device, enum flash_step step);
void flash_tell_note(void *device, const char *note);
void flash_tell_progress(void *device, const struct progress *progress);
void flash_tell_end(struct flash_device *device);

/* --- flash_ask.c: each asks the device for one thing, and tells in device->event.outcome how that went --- */

/* What runs there. `app`: device->app, or a copy with other options. */
bool flash_ask_info(struct flash_device *device, struct app *app, struct flash_running *running);

/* Whether the other slot has the image already; `*there` is false when the device does not say. */
bool flash_ask_stat(struct flash_device *device, bool *there);

/* Sends the image, or what is missing of it. */
bool flash_ask_put(struct flash_device *device);

/* Asks to boot or to confirm. When the answer is lost, or does not come, `*sent` tells whether the question may have
 * arrived. `app` as above. */
bool flash_ask_boot(struct flash_device *device, struct app *app, enum dory_boot_mode mode, bool *sent);

#endif
