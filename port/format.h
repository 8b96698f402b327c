/* SPDX-License-Identifier: MIT */
/* Numbers as text, without printf(). */
#ifndef DORY_FORMAT_H
#define DORY_FORMAT_H

#include <stdint.h>

/* Room for any 32-bit number in decimal, its NUL included. */
#define FORMAT_ROOM 11

/* Puts `value` in decimal, NUL-terminated, at the end of `room`. Returns where it begins. */
const char *format_decimal(char room[FORMAT_ROOM], uint32_t value);

/* The same with `digits` (1 to 8) hexadecimal digits. */
const char *format_hex(char room[FORMAT_ROOM], uint32_t value, unsigned digits);

#endif
