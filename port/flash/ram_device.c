/* SPDX-License-Identifier: MIT */
/* A piece of RAM as raw storage; the device's context is its first byte. */
#include "ram_device.h"

#include <string.h>

static int read_bytes(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    memcpy(dst, (const uint8_t *)ctx + (size_t)off, len);
    return DORY_OK;
}

static int program_bytes(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    memcpy((uint8_t *)ctx + (size_t)off, data, len);
    return DORY_OK;
}

static const struct flash_operations ram_operations = {.read = read_bytes, .program = program_bytes};

void ram_device_begin(struct flash_device *device, uint8_t *bytes, uint64_t size, uint32_t page_size)
{
    *device = (struct flash_device){
        .operations = &ram_operations, .ctx = bytes, .size = size, .page_size = page_size, .immediate = true};
}
