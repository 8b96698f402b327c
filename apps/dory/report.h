/* SPDX-License-Identifier: MIT */
/*
 * What dory tells at the end: for each file a line of JSON or a sentence, and
 * the exit code, in which the first failure sticks.
 */
#ifndef DORY_APP_REPORT_H
#define DORY_APP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/header.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,
    EXIT_USAGE = 2,
    EXIT_LOST = 3,
    EXIT_TIMEOUT = 4,
    EXIT_LOCAL = 5,
    EXIT_MISMATCH = 6,
    EXIT_NOT_UP = 7,
};

/* How one thing ended. */
struct outcome {
    enum exit_code code;
    char status[24];   /* one word: the server's, or dory's own for what no server said */
    char message[400]; /* a sentence, or empty */
};

struct report {
    const char *command;
    bool json;
    bool quiet;
    int code;                                  /* enum exit_code of the first failure */
    void (*note)(void *ctx, const char *note); /* takes notes, in place of stderr; or NULL */
    void *ctx;
};

/* What a line about a file tells; absent: NULL, or has_... false. */
struct report_file {
    const char *file;  /* here */
    const char *name;  /* on the server */
    const char *about; /* the one of the two that the user gave, for sentences */
    bool has_size;
    bool has_crc32;
    uint64_t size;
    uint32_t crc32;
};

/* Fills `outcome` in, with a printf-like sentence. */
void outcome_set(struct outcome *outcome, enum exit_code code, const char *status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Tells how a file fared: always as JSON when that was asked for, else only failures, on stderr. */
void report_file(struct report *report, const struct report_file *file, const struct outcome *outcome);

/* The failure that ended all: a sentence on stderr, about `what` unless that is NULL. */
void report_failure(struct report *report, const char *what, const struct outcome *outcome);

/* What that means for one file: as JSON, when that was asked for. */
void report_unsettled(struct report *report, const struct report_file *file, const struct outcome *outcome);

/* Tells a person what was moved in how long: `name`, or the number of files. */
void report_summary(const struct report *report, const char *name, uint64_t files, uint64_t bytes, uint32_t elapsed_ms);

/* Something worth knowing that is no failure, on stderr; nothing when quiet. */
void report_note(const struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for any line of JSON here: a path and a name, each byte of them escaped. */
#define REPORT_LINE_SIZE 32768

/* Appends a text, cleaned, unless it is NULL or empty. */
void report_text(struct dory_encoder *encoder, const char *key, const char *text);

/* Ends the line that `encoder` holds and prints it. */
void report_line(struct dory_encoder *encoder);

#endif
