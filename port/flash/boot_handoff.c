/* SPDX-License-Identifier: MIT */
/* What a boot stage tells the application: five words, of which the last one makes sure that nobody else wrote them. */
#include "boot_handoff.h"

#define HANDOFF_MAGIC 0x79726f64U /* "dory" */

static uint32_t check_of(const struct boot_handoff *handoff)
{
    uint32_t check = handoff->magic;

    check = check * 31 + handoff->slot;
    check = check * 31 + handoff->on_trial;
    return ~(check * 31 + handoff->trial_ms);
}

void boot_handoff_write(struct boot_handoff *handoff, unsigned slot, bool on_trial, uint32_t trial_ms)
{
    handoff->magic = HANDOFF_MAGIC;
    handoff->slot = slot;
    handoff->on_trial = on_trial;
    handoff->trial_ms = trial_ms;
    handoff->check = check_of(handoff);
}

bool boot_handoff_is_good(const struct boot_handoff *handoff)
{
    return handoff->magic == HANDOFF_MAGIC && handoff->slot <= 1 && handoff->on_trial <= 1 &&
           handoff->check == check_of(handoff);
}
