/* SPDX-License-Identifier: MIT */
/*
 * The one name rule, applied before any store sees a name (PROTOCOL.md,
 * "Names").
 */
#ifndef DORY_NAME_H
#define DORY_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Returns true when `name` of `len` bytes is allowed: 1 to `max_len` bytes of
 * UTF-8; components separated by `/`, none empty, `.`, `..` or beginning with
 * `.dory`; no backslash, no U+0000 to U+001F, no U+007F.
 */
bool dory_name_check(const char *name, size_t len, size_t max_len);

#endif
