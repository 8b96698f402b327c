/* SPDX-License-Identifier: MIT */
/* Numbers as text: the digits, from the last one on. */
#include "format.h"

/* At least `digits` of them. */
static const char *format(char room[FORMAT_ROOM], uint32_t value, uint32_t base, unsigned digits)
{
    char *first = &room[FORMAT_ROOM - 1];

    *first = '\0';
    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0 || first > &room[FORMAT_ROOM - 1 - digits]);
    return first;
}

const char *format_decimal(char room[FORMAT_ROOM], uint32_t value)
{
    return format(room, value, 10, 1);
}

const char *format_hex(char room[FORMAT_ROOM], uint32_t value, unsigned digits)
{
    return format(room, value, 16, digits);
}
