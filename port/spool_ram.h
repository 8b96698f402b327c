/* SPDX-License-Identifier: MIT */
/*
 * A spool in RAM, for devices: a buffer of a fixed size for each place. The two
 * streams share it, whichever needs the room.
 */
#ifndef DORY_SPOOL_RAM_H
#define DORY_SPOOL_RAM_H

#include "spool.h"

/* A place. Opaque by rule; zero at first. */
struct spool_ram_place {
    uint32_t out_len; /* of standard output: from the front of the buffer */
    uint32_t err_len; /* of standard error: from its back, the first byte last */
};

/* The application's, which sets everything. */
struct spool_ram {
    struct spool_ram_place *places;
    uint8_t *bytes; /* `size` for each place */
    uint32_t size;
};

/* The functions; their `ctx` is the struct spool_ram. */
extern const struct spool spool_ram;

#endif
