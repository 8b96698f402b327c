/* SPDX-License-Identifier: MIT */
/*
 * Where a command's output goes: to the same descriptors here, or as JSON to
 * standard output. Each piece is written before the next one is taken from the
 * network: who reads us slowly slows the command down.
 */
#ifndef DORY_APP_OUTLET_H
#define DORY_APP_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A character of UTF-8 whose end is still to come. */
struct outlet_rest {
    uint8_t bytes[4];
    size_t len;
};

/* All zero but for `json`, to begin with. */
struct outlet {
    bool json;
    struct outlet_rest rest[2]; /* json: of each stream */
};

/*
 * Writes `len` bytes of `stream`, 1 (standard output) or 2 (standard error). As JSON: a line for each piece,
 * {"stream":1,"text":"..."}, or "base64" in place of "text" where that is no UTF-8. Returns false with errno: EINTR
 * when a signal ended dory.
 */
bool outlet_write(struct outlet *outlet, unsigned stream, const uint8_t *data, size_t len);

/* Writes what was held back, then, as JSON, {"status":"ok","exit":...}. Returns as outlet_write(). */
bool outlet_end(struct outlet *outlet, unsigned exit_status);

#endif
