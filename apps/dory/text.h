/* SPDX-License-Identifier: MIT */
/* Text for people: names that may hold anything, sizes, times. */
#ifndef DORY_APP_TEXT_H
#define DORY_APP_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Room for a path and some words around it. */
#define TEXT_PATH_SIZE 4608

/* Room for "1023 MiB" and "100:00:00". */
#define TEXT_NUMBER_SIZE 24

/*
 * Copies `text` of `len` bytes so that it can be shown: what is no valid UTF-8, and what a terminal would obey rather
 * than print (U+0000 to U+001F, U+007F to U+009F), becomes `?`. Cuts what does not fit in `size`, between characters,
 * and ends with a NUL.
 */
void text_clean(char *dst, size_t size, const char *text, size_t len);

/* Columns that cleaned `text` takes, one a character. */
size_t text_columns(const char *text);

/* Cuts cleaned `text` so that it takes no more. */
void text_cut(char *text, size_t columns);

/* "999 B", "1.5 KiB", "12.3 MiB". */
void text_size(char dst[TEXT_NUMBER_SIZE], uint64_t bytes);

/* "0:07", "1:02:03". */
void text_time(char dst[TEXT_NUMBER_SIZE], uint64_t seconds);

#endif
