/* SPDX-License-Identifier: MIT */
/* The statuses' names on the wire. */
#include "status.h"

#include <string.h>

#include "text.h"

/* One behind the other, from DORY_MORE down without a gap; an empty one ends them. */
static const char names[] =
#define NAME(symbol, number, name, sentence) name "\0"
    DORY_STATUSES(NAME)
#undef NAME
    ;

const char *dory_status_name(enum dory_status status)
{
    const char *name = names;

    for (int number = DORY_MORE; number > (int)status; number--) {
        name += strlen(name) + 1;
    }
    return name;
}

int dory_status_find(const char *name, unsigned name_len, enum dory_status *status)
{
    int place = dory_text_find(name, name_len, names);

    *status = (enum dory_status)(DORY_MORE - place);
    return place < 0 ? -1 : 0;
}
