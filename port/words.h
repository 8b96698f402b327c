/* SPDX-License-Identifier: MIT */
/*
 * Command lines and their words. The rules are the same on Linux and on devices:
 *
 *  - Blanks (space, tab, CR, LF) separate words.
 *  - What stands between '...' or "..." is taken as it is, blanks included; so
 *    '' is a word without characters. Quotes may begin and end within a word.
 *  - A backslash takes the next character as it is, but between '...' it is a
 *    character like any other.
 *  - Nothing else is special: no variables, no patterns, no comments.
 */
#ifndef DORY_WORDS_H
#define DORY_WORDS_H

/* Splits `line`, NUL-terminated, into words, which are put, each with a NUL
 * behind it, one after another to `room`: as many bytes as the line has, its
 * NUL included, or the line itself. Sets the first members of `words`, which
 * has `max`, to point there. Returns how many words there are (0: the line is
 * blank), or DORY_BAD_REQUEST: a quote has no end, nothing follows a backslash,
 * or there are more than `max`. Then `room` and `words` hold nothing of use. */
int words_split(const char *line, char *room, char **words, unsigned max);

#endif
