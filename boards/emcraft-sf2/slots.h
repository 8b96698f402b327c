/* SPDX-License-Identifier: MIT */
/* Where things are on the NOR flash, for boot stage and application: two slots for firmware, and what is left for files. */
#ifndef EMCRAFT_SLOTS_H
#define EMCRAFT_SLOTS_H

#include "../../port/flash/flash_window.h"
#include "../../port/flash/spi_nor.h"

struct slots {
    struct spi_nor chip;
    struct flash_window windows[3];
    const struct flash_device *slot[2]; /* pages of 8 bytes; NULL: there is no chip, or a smaller one */
    const struct flash_device *files;   /* likewise */
};

/* Looks for the chip. `slots` must stay. */
void slots_begin(struct slots *slots);

#endif
