/* SPDX-License-Identifier: MIT */
/* The commands as a client sees them: one row each. Only client.c needs this. */
#ifndef DORY_CLIENT_CALLS_H
#define DORY_CLIENT_CALLS_H

#include "client.h"

struct dory_call_kind {
    const char *name;

    /* Appends the fields that the command has besides `cmd` and `id`. */
    void (*encode)(const struct dory_call *call, struct dory_encoder *encoder);

    /* Judges the header of a part, `continue` and failures apart, before its
     * data come. May be NULL. */
    enum dory_fault (*part)(struct dory_call *call, const struct dory_answer *answer);

    /* Judges the whole, after the data of a final `ok`. May be NULL. */
    enum dory_fault (*finish)(const struct dory_call *call, const struct dory_answer *answer);
};

const struct dory_call_kind *dory_call_kind(enum dory_call_command command);

#endif
