/* SPDX-License-Identifier: MIT */
/*
 * RAM that neither boot stage nor application clears, at the same place for
 * both: the end of eSRAM. The boot stage tells the application there what it
 * has started.
 */
#ifndef EMCRAFT_KEPT_H
#define EMCRAFT_KEPT_H

#include "../../port/flash/boot_handoff.h"

struct kept {
    struct boot_handoff handoff;
    volatile uint32_t trial_s; /* seconds that a trial still has */
};

extern struct kept kept; /* from memory.ld, which has 64 bytes for it */

#endif
