/* SPDX-License-Identifier: MIT */
/* What the two halves of `dory shell` share: the loop over lines (shell.c), and the shell's own commands (shell_own.c). */
#ifndef DORY_APP_SHELL_H
#define DORY_APP_SHELL_H

#include "app.h"

struct shell {
    struct app sub; /* what the shell's own commands work with; anew for each line */
    const struct app *app;
    struct target target;
    char server[280]; /* "HOST:PORT" */
    char name[72];    /* what the server calls itself, or the host */
    int status;       /* of the last command */
    bool over;        /* an exit was asked for */
};

/* Has a line run by the device. Sets shell->status. */
void shell_run(struct shell *shell, const char *line);

/* Returns whether the first word of `line` is one of the shell's own. */
bool shell_is_own(const char *line);

/* Does what such a line says. Sets shell->status. */
void shell_own(struct shell *shell, const char *line);

#endif
