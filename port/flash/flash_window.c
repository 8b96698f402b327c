/* SPDX-License-Identifier: MIT */
/* A part of raw storage as raw storage of its own: adds where the part begins, and passes on. */
#include "flash_window.h"

static int read_window(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    const struct flash_window *window = ctx;
    return window->whole->operations->read(window->whole->ctx, window->off + off, dst, len);
}

static int program_window(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    const struct flash_window *window = ctx;
    return window->whole->operations->program(window->whole->ctx, window->off + off, data, len);
}

static int erase_window(void *ctx, uint64_t off)
{
    const struct flash_window *window = ctx;
    return window->whole->operations->erase(window->whole->ctx, window->off + off);
}

static const struct flash_operations with_erase = {
    .read = read_window, .program = program_window, .erase = erase_window};
static const struct flash_operations without_erase = {.read = read_window, .program = program_window};

const struct flash_device *flash_window_begin(struct flash_window *window, const struct flash_device *whole,
                                              uint64_t off, uint64_t size, uint32_t page_size)
{
    uint32_t unit = whole->sector_size != 0 ? whole->sector_size : whole->page_size;

    if (off > whole->size || size > whole->size - off || off % unit != 0 || size % unit != 0 || page_size == 0 ||
        whole->page_size % page_size != 0) {
        return NULL;
    }
    window->whole = whole;
    window->off = off;
    window->flash = *whole;
    window->flash.operations = whole->sector_size != 0 ? &with_erase : &without_erase;
    window->flash.ctx = window;
    window->flash.size = size;
    window->flash.page_size = page_size;
    return &window->flash;
}
