/* SPDX-License-Identifier: MIT */
/*
 * What a command line means on a host: which program it runs, with which
 * arguments, by the rules that the application gave. Nothing is run here
 * (processes.h does that).
 */
#ifndef DORY_COMMAND_LINES_H
#define DORY_COMMAND_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most words of a line. */
#define COMMAND_LINE_WORDS 1024U

struct command_lines;

/* What a line asks for: a program, or else a text that is all of the output. */
struct command_plan {
    char **argv;     /* of the program, NULL behind the last; itself NULL when there is none */
    char *path;      /* of the program's file */
    char *text;      /* may be empty */
    uint32_t stream; /* of the text: enum dory_stream */
    uint32_t exit;   /* likewise */
    void *memory[2]; /* what command_plan_free() frees */
};

/* Makes the rules. Each of the `count` texts in `named` is "NAME=PROGRAM [ARG]..." by the rules of words.h; a PROGRAM
 * without a slash is looked up in PATH, now. With `shell` any other line goes to sh. Returns NULL and a sentence in
 * `error`. The caller owns the rules until command_lines_free(). */
struct command_lines *command_lines_new(const char *const *named, unsigned count, bool shell, char *error,
                                        size_t error_len);
void command_lines_free(struct command_lines *lines);

/* Fills in `plan`, the caller's until command_plan_free(); it points into `lines` as well. Returns DORY_OK,
 * DORY_FORBIDDEN (there are no rules), DORY_BAD_REQUEST (no command line) or DORY_IO_ERROR (no memory). */
int command_lines_plan(const struct command_lines *lines, const char *line, struct command_plan *plan);
void command_plan_free(struct command_plan *plan);

#endif
