/* SPDX-License-Identifier: MIT */
/*
 * The contract of a provider of firmware: what `boot` asks, and what `info`
 * tells of the firmware that runs. core calls it, a port implements it: slots
 * on a device's flash. core does not know what a slot is; images go there by a
 * `put` to a name of the store (store.h, `hidden`).
 *
 * Shared rules
 *  - A provider is a const table of functions and a context `ctx`, which each
 *    gets as its first argument. Calls come from one thread and never nest.
 *  - No call may block. Where the flash needs time, the call says "later"
 *    (DORY_MORE) and is asked again.
 *  - Several sessions may ask at once: the calls of their requests mix.
 *  - Failures are negative `enum dory_status`; the server passes them on.
 */
#ifndef DORY_FIRMWARE_H
#define DORY_FIRMWARE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

/* What a request to boot asks for; the words for it on the wire are dory_boot_modes (header.h), in this order. */
enum dory_boot_mode {
    DORY_BOOT_TEST,      /* run the other slot's image once; it stays when it is confirmed */
    DORY_BOOT_PERMANENT, /* run the other slot's image from now on */
    DORY_BOOT_CONFIRM    /* keep the image that runs */
};

/* Hex digits of the SHA-256 that names an image; and the most that boot_id has. */
#define DORY_IMAGE_DIGITS 64U
#define DORY_BOOT_ID_DIGITS 16U

/* What `info` tells of the firmware that runs, beside its version. The provider owns it, its texts included, and keeps it
 * up to date; it is read at each `info`. */
struct dory_running {
    const char *image;   /* DORY_IMAGE_DIGITS lower-case hex digits */
    const char *boot_id; /* new at each start: 8 or DORY_BOOT_ID_DIGITS lower-case hex digits */
    const char *slot;    /* the other slot: "empty", "ready", "pending" or "fallback"; 8 bytes at most */
    bool confirmed;      /* false: on trial */
};

struct dory_firmware {
    /* Does what a `boot` with `mode` asks. `image`, ended by a NUL and lent for
     * the call, is the request's: whatever text that was, and an image only
     * when it has DORY_IMAGE_DIGITS lower-case hex digits. Of DORY_BOOT_TEST and
     * DORY_BOOT_PERMANENT it names the other slot's image, of DORY_BOOT_CONFIRM
     * the one that runs.
     *
     * DORY_OK: it is durable; but for DORY_BOOT_CONFIRM the device restarts
     * soon: when the answer has been acknowledged, or after 1 s. DORY_MORE: on
     * its way, ask again with the same arguments; nobody may (the connection is
     * gone): then it ends unobserved, or not at all. Else DORY_CHANGED (another
     * image is there), DORY_NOT_FOUND (none is), DORY_BUSY (it is being
     * written, or another mode is pending, or a trial runs), DORY_BAD_IMAGE,
     * DORY_BAD_SIGNATURE, DORY_FORBIDDEN, DORY_IO_ERROR. What has been done
     * already is DORY_OK. */
    int (*boot)(void *ctx, enum dory_boot_mode mode, const char *image);
};

#endif
