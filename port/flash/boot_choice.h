/* SPDX-License-Identifier: MIT */
/*
 * What a boot stage does with two slots for firmware: it picks the image that is
 * to be started, checks it, and marks that it has been started. What comes
 * before (clock, flash driver) and after (the jump) is the board's. The
 * application's side is firmware.h; a boot stage links nothing of that.
 *
 * In this order, each only if its hash, signature, board and rules are right:
 *
 *   1. the one that is pending; it gets marked as started
 *   2. the one that is confirmed, the newer update first
 *   3. one that nobody ever asked for, slot A first: that is how a device leaves
 *      the factory. It is marked as confirmed, unless the other one is, so
 *      that later uploads, which nobody asked for either, never win.
 *   4. one that was tried and not confirmed, the older update first: better than
 *      none
 *
 * Shared rules
 *  - Calls block until they are done; nothing else uses the flash meanwhile.
 *  - Everything is the caller's, and read or written during the call only.
 *  - The power may be cut at any moment: the next call finds an image that is as
 *    good, and no image that is confirmed is ever written to.
 */
#ifndef BOOT_CHOICE_H
#define BOOT_CHOICE_H

#include "../../core/image.h"
#include "flash_device.h"

/* Bytes that are read and checked at a time; they are on the stack. */
#ifndef BOOT_PIECE
#define BOOT_PIECE 256
#endif
#if BOOT_PIECE < 32 || BOOT_PIECE > 4096
#error "BOOT_PIECE: 32 to 4096 bytes"
#endif

/* Set by the caller; zero the rest. */
struct boot_slots {
    /* Slots A and B, as firmware.h wants them. */
    const struct flash_device *slot[2];

    /* What an image must be like; max_size is set by boot_choose(). Leave min_counter at 0: an older image may not be
     * uploaded, but a trial may go back to one. */
    struct dory_image_rules rules;

    /* Gets an image as it is read, in order, to copy it to RAM: `len` bytes at `off`. `image` has been judged as far as its
     * header goes; whether it will verify is not known yet. Returns false to pass the image over, say because load_addr is
     * not the board's. NULL: images run where they are. */
    bool (*load)(void *ctx, const struct dory_image *image, uint32_t off, const uint8_t *data, size_t len);

    /* Called while the flash is waited for, and with each piece that is read: to calm a watchdog. The check of the
     * signature that follows takes its time without (port/README.md). May be NULL. */
    void (*working)(void *ctx);

    void *ctx; /* of both */
};

struct boot_result {
    uint8_t slot;            /* 0: A, 1: B */
    bool on_trial;           /* without a confirmation, the next restart goes back: start the trial's timer */
    bool confirmed;          /* neither: the last resort, case 4, or marks that could not be written */
    struct dory_image image; /* whole and verified */
};

/* Picks the image to start. DORY_OK: start that of `result`. DORY_NOT_FOUND: there is none that is right; `image.fault` of
 * the result tells what was wrong with the one that was looked at last. */
int boot_choose(struct boot_slots *slots, struct boot_result *result) __attribute__((warn_unused_result));

#endif
