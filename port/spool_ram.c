/* SPDX-License-Identifier: MIT */
/*
 * The spool in RAM. Standard error grows from the back of the buffer towards
 * standard output, byte by byte in reverse: neither needs a limit of its own,
 * and nothing is ever moved.
 */
#include "spool_ram.h"

#include <string.h>

static size_t append(void *ctx, uint32_t place, enum dory_stream stream, const uint8_t *data, size_t len)
{
    const struct spool_ram *spool = ctx;
    struct spool_ram_place *at = &spool->places[place];
    uint8_t *bytes = spool->bytes + (size_t)place * spool->size;
    uint32_t room = spool->size - at->out_len - at->err_len;
    uint32_t kept = len < room ? (uint32_t)len : room;

    if (stream == DORY_STDOUT) {
        memcpy(bytes + at->out_len, data, kept);
        at->out_len += kept;
        return kept;
    }
    for (uint32_t i = 0; i < kept; i++) {
        bytes[spool->size - ++at->err_len] = data[i];
    }
    return kept;
}

static bool read_back(void *ctx, uint32_t place, enum dory_stream stream, uint32_t off, uint8_t *data, size_t len)
{
    const struct spool_ram *spool = ctx;
    const uint8_t *bytes = spool->bytes + (size_t)place * spool->size;

    if (stream == DORY_STDOUT) {
        memcpy(data, bytes + off, len);
        return true;
    }
    for (size_t i = 0; i < len; i++) {
        data[i] = bytes[spool->size - 1 - off - i];
    }
    return true;
}

static void reset(void *ctx, uint32_t place)
{
    const struct spool_ram *spool = ctx;

    spool->places[place] = (struct spool_ram_place){.out_len = 0};
}

const struct spool spool_ram = {.append = append, .read = read_back, .reset = reset};
