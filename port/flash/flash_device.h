/* SPDX-License-Identifier: MIT */
/*
 * Raw storage, as the slot store (slot_store.h) wants it: NOR flash, an SD
 * card, a piece of RAM. A driver fills in the struct; the store calls it.
 *
 * Shared rules
 *  - Nothing may block for long. A program or an erase that needs time is
 *    started and returns DORY_MORE; it is then repeated with the very same
 *    arguments, which stay as they are, until it returns something else.
 *    Nothing else is called meanwhile.
 *  - A read that returns DORY_MORE binds nobody: it may be repeated, with
 *    another `dst` too, or be given up for any other call. A driver keeps no
 *    pointer of it.
 *  - Results: DORY_OK (done, and it survives a power cut), DORY_MORE (later),
 *    DORY_IO_ERROR. Each is final but DORY_MORE: a driver that wants to try
 *    again does so before it answers.
 *  - Addresses are bytes from the beginning of the device, all inside it.
 */
#ifndef FLASH_DEVICE_H
#define FLASH_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/status.h"

struct flash_operations {
    /* Reads `len` (> 0) bytes at `off` to `dst`: any position, any length. */
    int (*read)(void *ctx, uint64_t off, uint8_t *dst, size_t len);

    /* Writes `len` bytes, one or more whole pages at a page's beginning. On a device with erase they are erased ones:
     * bits go from 1 to 0 only, and no page is programmed twice between two erases. A cut of the power leaves any mixture in
     * the page under way, and no other page touched. */
    int (*program)(void *ctx, uint64_t off, const uint8_t *data, size_t len);

    /* Sets one sector, at whose beginning `off` is, to 0xFF. A cut of the power leaves any mixture in that sector. NULL on
     * a device without erase. */
    int (*erase)(void *ctx, uint64_t off);
};

struct flash_device {
    const struct flash_operations *operations;
    void *ctx;
    uint64_t size;      /* bytes */
    uint32_t page_size; /* bytes that are programmed at a time, a power of two, 1 to 4,096 */
    uint32_t
        sector_size; /* bytes that are erased at a time, a multiple of page_size; 0: pages are simply written anew */
    bool immediate;  /* program() never returns DORY_MORE: it gets many pages at once, straight from the network */
};

#endif
