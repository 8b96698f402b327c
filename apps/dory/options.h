/* SPDX-License-Identifier: MIT */
/* The command line, as it was understood. */
#ifndef DORY_APP_OPTIONS_H
#define DORY_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;

/* One command of dory: its word, what it needs, what it does. */
struct command {
    const char *name;
    const char *usage; /* the words behind it */
    int min_words;
    int max_words;
    bool takes_line; /* behind the first word there are no options: all is part of a line, but for one `--` there */
    int (*run)(struct app *app); /* returns the exit code */
};

#define OPTIONS_MAX_TO 64

struct options {
    const struct command *command;
    char **words; /* of the command: files and targets */
    int word_count;
    uint32_t timeout_ms;
    uint32_t retries;
    bool timeout_given;
    bool quiet;
    bool json;
    bool no_progress;
    bool recursive;                 /* put */
    bool no_reply;                  /* put */
    bool check;                     /* stat */
    const char *to[OPTIONS_MAX_TO]; /* discover */
    size_t to_count;
    const char *targets; /* flash: a file of them, or NULL */
    uint32_t jobs;       /* flash: devices at a time */
    uint32_t wait_ms;    /* flash: for the new firmware */
    bool jobs_given;
    bool wait_given;
    bool no_confirm; /* flash */
    bool force;      /* flash */
};

/* What options_parse() leaves to do. */
enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WRONG };

/* Understands the command line, whose words it moves; `commands` ends with a row without a name. Options that are not
 * given stay as they are. OPTIONS_WRONG: a sentence that names the wrong word is in `error`. */
enum options_result options_parse(struct options *options, int argc, char **argv, const struct command *commands,
                                  char *error, size_t error_len);

/* Prints the help. */
void options_help(void);

#endif
