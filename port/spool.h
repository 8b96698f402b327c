/* SPDX-License-Identifier: MIT */
/*
 * A spool: where a command's output stays until its size is known, for answers
 * that tell the size first (plain_commands.h). Standard output and error arrive
 * mixed and leave one after the other, so it keeps them apart.
 *
 * Shared rules
 *  - A spool is a const table of functions and a context `ctx`, which each gets
 *    as its first argument. It has places, counted from 0, one for each command
 *    at a time; the application says how many.
 *  - No call may block for longer than a disk's cache takes to be written to.
 */
#ifndef DORY_SPOOL_H
#define DORY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/commands.h"

struct spool {
    /* Puts `len` (> 0) bytes behind those of `stream`. Returns how many were
     * kept, 0 included; less than `len`: the place is full, and nothing further
     * will be offered before reset(). */
    size_t (*append)(void *ctx, uint32_t place, enum dory_stream stream, const uint8_t *data, size_t len);

    /* Reads `len` (> 0) bytes of `stream` back, from `off` on: all of them were
     * kept. Returns false when they can't be had any more. */
    bool (*read)(void *ctx, uint32_t place, enum dory_stream stream, uint32_t off, uint8_t *data, size_t len);

    /* Empties the place; it may be empty. */
    void (*reset)(void *ctx, uint32_t place);
};

#endif
