/* SPDX-License-Identifier: MIT */
/* The name rule. */
#include "name.h"

#include <string.h>

#include "text.h"

static bool component_ok(const char *component, size_t len)
{
    static const char own[] = ".dory";

    if (len <= 2 && memcmp(component, "..", len) == 0) {
        return false;
    }
    return len < sizeof own - 1 || memcmp(component, own, sizeof own - 1) != 0;
}

bool dory_name_check(const char *name, size_t len, size_t max_len)
{
    const char *end = name + len;
    const char *component = name;

    if (len > max_len || !dory_utf8_check(name, len)) {
        return false;
    }
    for (const char *at = name;; at++) {
        if (at == end || *at == '/') {
            if (!component_ok(component, (size_t)(at - component))) {
                return false;
            }
            component = at + 1;
        }
        if (at == end) {
            return true;
        }
        if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == '\\') {
            return false;
        }
    }
}
