/* SPDX-License-Identifier: MIT */
/*
 * A part of raw storage as raw storage of its own (flash_device.h): files in one
 * part of a chip, firmware in another.
 */
#ifndef FLASH_WINDOW_H
#define FLASH_WINDOW_H

#include "flash_device.h"

/* Members are the window's own. */
struct flash_window {
    struct flash_device flash;
    const struct flash_device *whole;
    uint64_t off;
};

/* Makes `*window` the `size` bytes of `whole` that begin at `off`; both are whole sectors, or whole pages where nothing is
 * erased. Its pages have `page_size` bytes: those of `whole`, or fewer, where its driver says that it can. `window` and
 * `whole` must stay. Returns the window's storage, or NULL: it is not inside `whole`, or not on such borders, or `whole` has
 * no pages of that size.
 *
 * Each window keeps flash_device.h's rules by itself; that the users of two windows do not disturb each other is the
 * driver's affair (spi_nor.h lets the second one wait). */
const struct flash_device *flash_window_begin(struct flash_window *window, const struct flash_device *whole,
                                              uint64_t off, uint64_t size, uint32_t page_size);

#endif
