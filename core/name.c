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
    size_t step;

    if (len > max_len) {
        return false;
    }
    for (;;) {
        if (at == len || name[at] == '/') {
            if (!component_ok(name + start, at - start)) {
                return false;
            }
            start = at + 1;
        }
        if (at == len) {
            return true;
        }
        step = dory_utf8_length(name + at, len - at);
        if (step == 0 || (unsigned char)name[at] < 0x20 || name[at] == 0x7f || name[at] == '\\') {
            return false;
        }
        at += step;
    }
}
