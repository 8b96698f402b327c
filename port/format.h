/* SPDX-License-Identifier: MIT */
/* Numbers as text, without printf(). */
#ifndef DORY_FORMAT_H
#define DORY_FORMAT_H

#include <stdint.h>

/* Room for any number of 32 bits in decimal or hexadecimal, its NUL included. */
#define FORMAT_ROOM 11

/* Puts `value` to the base of 10 or 16 at the end of `room`, NUL-terminated, with `digits` digits at least (10 at most).
 * Returns where it begins. */
const char *format_number(char room[FORMAT_ROOM], uint32_t value, uint32_t base, unsigned digits);

#endif
