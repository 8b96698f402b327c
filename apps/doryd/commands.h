/* SPDX-License-Identifier: MIT */
/* doryd's commands: what the options say about them, made into a provider. */
#ifndef DORYD_COMMANDS_H
#define DORYD_COMMANDS_H

#include "../../port/posix/processes.h"
#include "options.h"

struct commands {
    struct command_lines *lines;
    struct processes *processes; /* NULL until commands_open() */
};

/* Whether any command may be run at all. */
bool commands_allowed(const struct options *options);

/* Makes the provider. `how` has what the options don't know; the rest is filled in. Returns EXIT_SUCCESS, or the exit
 * code to leave with, having said why. */
int commands_open(struct commands *commands, const struct options *options, struct processes_options *how);
void commands_close(struct commands *commands);

/* Judges an address at which commands can be reached, as net_listen() wrote it. Returns likewise. */
int commands_check_address(const struct options *options, const char *name);

#endif
