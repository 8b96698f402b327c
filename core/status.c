/* SPDX-License-Identifier: MIT */
/* The statuses' names on the wire. */
#include "status.h"

#include <stddef.h>
#include <string.h>

struct entry {
    signed char number;
    char name[14];
};

static const struct entry entries[] = {
#define ENTRY(symbol, number, name, sentence) {(number), name},
    DORY_STATUSES(ENTRY)
#undef ENTRY
};

const char *dory_status_name(enum dory_status status)
{
    /* The table stands in falling order without gaps, MORE first. */
    return entries[DORY_MORE - (int)status].name;
}

int dory_status_find(const char *name, unsigned name_len, enum dory_status *status)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (strlen(entries[i].name) == name_len && memcmp(entries[i].name, name, name_len) == 0) {
            *status = (enum dory_status)entries[i].number;
            return 0;
        }
    }
    return -1;
}
