/* SPDX-License-Identifier: MIT */
/* Splitting a command line into words. What is written never overtakes what is read. */
#include "words.h"

#include <stdbool.h>

#include "../core/status.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int words_split(const char *line, char *room, char **words, unsigned max)
{
    unsigned count = 0;
    bool in_word = false;
    char quote = '\0'; /* the one that is open */

    for (char c = *line; c != '\0'; c = *++line) {
        if (quote == '\0' && is_blank(c)) {
            if (in_word) {
                *room++ = '\0';
            }
            in_word = false;
            continue;
        }
        if (!in_word) {
            if (count == max) {
                return DORY_BAD_REQUEST;
            }
            words[count++] = room;
            in_word = true;
        }
        if (c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        } else {
            if (c == '\\' && quote != '\'') {
                c = *++line;
                if (c == '\0') {
                    return DORY_BAD_REQUEST;
                }
            }
            *room++ = c;
        }
    }
    *room = '\0';
    return quote == '\0' ? (int)count : DORY_BAD_REQUEST;
}
