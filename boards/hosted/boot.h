/* SPDX-License-Identifier: MIT */
/*
 * Slots for firmware on the hosted board, and its boot stage. An image cannot be
 * run here: its binary is a text that says how the device behaves which runs it.
 *
 *     behaviour: serve          as it should; so does an image that says nothing
 *     behaviour: crash          it restarts at once
 *     behaviour: silent         it runs, and nobody hears of it
 *     behaviour on R: crash     on hardware of revision R only; `silent` likewise
 */
#ifndef BOOT_H
#define BOOT_H

#include "../../port/flash/flash_device.h"

struct boot_options {
    const char *image;    /* file: what is in slot A when it leaves the factory; NULL: there are no slots */
    const char *key;      /* file: the public key, DORY_IMAGE_KEY bytes; NULL: the one compiled in */
    const char *revision; /* of the hardware */
    uint64_t trial_s;
};

/* Makes slots of the beginning of `flash`, puts the image there if both are empty, and chooses what to run. Returns what is
 * left of the flash, or NULL and a sentence on stderr. */
const struct flash_device *boot_begin(const struct boot_options *options, const struct flash_device *flash);

/* Starts the image: from now on its trial is timed. Returns whether it can be heard of. One that crashes does not
 * return. */
bool boot_start(void);

/* Ends a trial whose time is over, by a restart. */
void boot_poll(void);

#endif
