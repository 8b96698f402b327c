/* SPDX-License-Identifier: MIT */
/* Numbers as text: the digits, from the last one on. */
#include "format.h"

const char *format_number(char room[FORMAT_ROOM], uint32_t value, uint32_t base, unsigned digits)
{
    char *first = &room[FORMAT_ROOM - 1];

    *first = '\0';
    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0 || first > &room[FORMAT_ROOM - 1] - digits);
    return first;
}
