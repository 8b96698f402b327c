/* SPDX-License-Identifier: MIT */
/*
 * Lines of a person or of a script. On a terminal there is a prompt, line
 * editing and a history, all by libedit; else lines are just read.
 */
#ifndef DORY_APP_PROMPT_H
#define DORY_APP_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

struct prompt;

enum prompt_result { PROMPT_LINE, PROMPT_END, PROMPT_INTERRUPTED };

/* Begins to read from standard input. `label` stands before each line. Returns NULL with errno. */
struct prompt *prompt_begin(const char *label);

/* Returns whether there is a person on a terminal. */
bool prompt_interactive(const struct prompt *prompt);

/* Reads a line. PROMPT_LINE: `*line` of `*len` bytes, without its end, NUL-terminated, is lent until the next call; a
 * script's may hold further NULs. PROMPT_INTERRUPTED: a signal came (signals.h). */
enum prompt_result prompt_read(struct prompt *prompt, const char **line, size_t *len);

/* Ends; writes the history to its file, where that is possible. */
void prompt_end(struct prompt *prompt);

#endif
