/* SPDX-License-Identifier: MIT */
/*
 * The hosted board's parts: what main.c sets up, and board.c and console.c use.
 */
#ifndef HOSTED_H
#define HOSTED_H

#include "../common/device.h"
#include "storage.h"
#include "wire.h"

struct hosted {
    struct wire wire;
    const struct flash_device *flash; /* NULL: no storage */
    struct device *device;            /* NULL: nobody hears of it */
    bool stopping;
};

extern struct hosted hosted;

/* Reads what has come on standard input and obeys each line. Returns false when there will be no more. */
bool console_read(void);

/* Sets one property of the wire, `name` being loss, duplication, reordering, corruption (percent) or delay (ms). Returns
 * false if there is no such thing, or no such value. */
bool console_set_fault(struct wire_faults *faults, const char *name, const char *value);

#endif
