/* SPDX-License-Identifier: MIT */
/* doryd's command line. */
#ifndef DORYD_OPTIONS_H
#define DORYD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/server.h"

#define EXIT_USAGE 2

#define MAX_LISTENERS 16
#define MAX_COMMANDS 64

/* ADDR:PORT each. */
struct addresses {
    const char *text[MAX_LISTENERS];
    unsigned count;
};

struct options {
    const char *root;
    struct addresses listen;
    struct addresses sized; /* where the older forms of the command service listen */
    struct addresses headed;
    const char *name;                  /* NULL: the host's */
    const char *command[MAX_COMMANDS]; /* NAME=PROGRAM [ARG]... */
    unsigned command_count;
    bool shell;
    bool open_shell; /* on addresses beyond loopback, too */
    uint32_t command_timeout_ms;
    uint64_t command_output;
    uint64_t max_commands;
    bool read_only;
    bool no_discovery;
    bool no_sync;
    uint64_t max_file;
    uint64_t sessions; /* 0: as many as the limit of open files allows */
    uint64_t partials;
    uint64_t max_header;
    uint64_t max_name;
    uint32_t partial_age_ms;
    uint32_t linger_ms;
    struct dory_limits limits;
};

/* Whether `info` can tell `name`: 1 to DORY_MAX_TOLD bytes of UTF-8 without ", \ and control characters. */
bool options_name_ok(const char *name);

/* Reads the command line into `options`; texts stay lent. Returns -1 to go on, or the exit code to leave with, having
 * printed what there is to say. */
int options_parse(struct options *options, int argc, char **argv);

#endif
