/* SPDX-License-Identifier: MIT */
/*
 * The grammar of RFC 8259, checked in one pass without recursion. It only says
 * yes or no; jsmn, which accepts more than the grammar does, splits the text
 * afterwards (header.c).
 */
#ifndef DORY_JSON_H
#define DORY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 to 9, then a to f: a digit's place is its value. */
extern const char dory_hex_digits[17];

/*
 * Returns true when `text` of `len` bytes is exactly one JSON object, in valid
 * UTF-8 (RFC 3629), no byte order mark, its escaped surrogates in pairs, nested
 * at most DORY_MAX_TOKENS deep, and nothing but white space around it.
 */
bool dory_json_check(const char *text, size_t len);

/* Length of the UTF-8 sequence (RFC 3629 section 4) that `text` of `len` > 0
 * bytes begins with: 1 to 4, or 0 when it is none. */
size_t dory_utf8_length(const char *text, size_t len);

/*
 * Takes one character of a string at `at`, unescapes it, and writes it as UTF-8 to `*out`, which it moves on: at most 4
 * bytes, and never more than it took, so that `*out` may be where the character stood. Somewhere behind the character
 * a byte must follow that is part of none, such as the end of the string. Returns the place behind the character, or of
 * a NUL when there is none.
 */
const char *dory_json_character(const char *at, char **out);

#endif
