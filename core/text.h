/* SPDX-License-Identifier: MIT */
/*
 * Text: UTF-8 (RFC 3629), and what JSON writes as it: strings, and words, which
 * are numbers, true, false and null (RFC 8259 sections 3, 6 and 7).
 */
#ifndef DORY_TEXT_H
#define DORY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string of a JSON text, unescaped where it stood, with a NUL behind it. It may
 * hold further NULs (from \u0000). */
struct dory_text {
    const char *ptr; /* NULL when absent */
    size_t len;
};

/* The digits of base 16, and of any smaller one. */
extern const char dory_hex_digits[];

/* Looks `text`, NULs and all, up among `words`: one behind the other, each with its NUL; an empty one ends them. Returns its
 * place, from 0, or -1. */
int dory_text_find(const char *text, size_t len, const char *words);

/* Reads digits of `base`, 10 or 16 (lower case); what is above 2^64-1 is cut. Returns false when there is anything else. */
bool dory_text_number(const char *text, size_t len, size_t base, uint64_t *value);

/* Length of the UTF-8 sequence (RFC 3629 section 4) that `text` of `len` > 0
 * bytes begins with: 1 to 4, or 0 when it is none. */
size_t dory_utf8_length(const char *text, size_t len);

/* Returns whether `text` of `len` bytes consists of such sequences. */
bool dory_utf8_check(const char *text, size_t len);

/*
 * Unescapes a string of JSON where it stands, from behind its quote to the closing one at `end`, and puts a NUL behind
 * it. That each escape is one of JSON's, with all its digits, has been seen to.
 *
 * Returns the end of what it has become (the NUL); or NULL when that is no UTF-8, as when a surrogate was alone, or when
 * there was a control character that was not escaped.
 */
char *dory_text_unescape(char *text, const char *end);

/* Returns whether `text` is a word of JSON. Somewhere behind it must be a character that is part of none. */
bool dory_text_is_word(const char *text, size_t len);

#endif
