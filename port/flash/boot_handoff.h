/* SPDX-License-Identifier: MIT */
/*
 * What a boot stage tells the application that it starts: a few bytes in a place in RAM that both agree on, and that
 * neither's start-up code clears.
 */
#ifndef BOOT_HANDOFF_H
#define BOOT_HANDOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Written and read by the functions below. */
struct boot_handoff {
    uint32_t magic;
    uint32_t slot;     /* that runs: 0 is A, 1 is B */
    uint32_t on_trial; /* 1: the trial's timer runs */
    uint32_t trial_ms; /* what it was started with */
    uint32_t check;
};

void boot_handoff_write(struct boot_handoff *handoff, unsigned slot, bool on_trial, uint32_t trial_ms);

/* Returns whether a boot stage has written it. */
bool boot_handoff_is_good(const struct boot_handoff *handoff);

#endif
