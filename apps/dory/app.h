/* SPDX-License-Identifier: MIT */
/* What the commands share, and the commands. */
#ifndef DORY_APP_H
#define DORY_APP_H

#include "options.h"
#include "report.h"
#include "target.h"

struct link;

struct app {
    struct options options;
    struct report report;
    struct link *link; /* that all commands share (link.h), or NULL: each has one of its own */
};

/* Each returns the exit code. */
int command_put(struct app *app);
int command_get(struct app *app);
int command_ls(struct app *app);
int command_rm(struct app *app);
int command_stat(struct app *app);
int command_info(struct app *app);
int command_run(struct app *app);
int command_shell(struct app *app);
int command_discover(struct app *app);
int command_flash(struct app *app);

/* Reports wrong usage and returns EXIT_USAGE. */
int app_usage(struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes `word` apart, which must be HOST[:PORT]. Returns EXIT_DONE, or reports what is wrong and returns EXIT_USAGE. */
int app_parse_server(struct app *app, const char *word, struct target *target);

/* Takes `word` apart, which must be TARGET/NAME; nothing is sent. Returns EXIT_DONE, or reports what is wrong and returns
 * EXIT_USAGE, or EXIT_REFUSED for a name that no server would take. */
int app_parse_file(struct app *app, const char *word, struct target *target);

/* Reports a name that no server would take, of the local file `file` unless that is NULL, and returns EXIT_REFUSED. */
int app_refuse_name(struct app *app, const char *name, const char *file);

#endif
