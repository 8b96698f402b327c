/* SPDX-License-Identifier: MIT */
/*
 * A piece of RAM as raw storage: for boards that have no other, and for tests.
 * It needs no erase and never waits; what is in it is gone with the power.
 */
#ifndef RAM_DEVICE_H
#define RAM_DEVICE_H

#include "flash_device.h"

/* Makes `*device` one of `size` bytes at `bytes`, which stay the caller's and must stay there. `page_size`: 1 to 4,096, a
 * power of two. A small one wastes no room, and all but a file's last bytes go straight from the network to their place. */
void ram_device_begin(struct flash_device *device, uint8_t *bytes, uint64_t size, uint32_t page_size);

#endif
