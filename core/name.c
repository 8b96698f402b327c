/* SPDX-License-Identifier: MIT */
/* The name rule. */
#include "name.h"

#include <string.h>

#include "json.h"

static bool component_ok(const char *component, size_t len)
{
    static const char own[] = ".dory";

    if (len == 0 || (len <= 2 && memcmp(component, "..", len) == 0)) {
        return false;
    }
    return len < sizeof own - 1 || memcmp(component, own, sizeof own - 1) != 0;
}

bool dory_name_check(const char *name, size_t len, size_t max_len)
{
    size_t start = 0;
    size_t at = 0;

    if (len == 0 || len > max_len) {
        return false;
    }
    while (at < len) {
        unsigned char c = (unsigned char)name[at];
        size_t step = dory_utf8_length(name + at, len - at);

        if (step == 0 || c < 0x20 || c == 0x7f || c == '\\') {
            return false;
        }
        if (c == '/') {
            if (!component_ok(name + start, at - start)) {
                return false;
            }
            start = at + 1;
        }
        at += step;
    }
    return component_ok(name + start, len - start);
}
