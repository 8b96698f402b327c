/* SPDX-License-Identifier: MIT */
/* doryd's commands. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../port/posix/net_address.h"

bool commands_allowed(const struct options *options)
{
    return options->shell || options->command_count > 0;
}

int commands_open(struct commands *commands, const struct options *options, struct processes_options *how)
{
    char problem[512];

    commands->lines =
        command_lines_new(options->command, options->command_count, options->shell, problem, sizeof problem);
    if (commands->lines == NULL) {
        fprintf(stderr, "doryd: --command: %s\n", problem);
        return EXIT_USAGE;
    }
    how->lines = commands->lines;
    how->timeout_ms = options->command_timeout_ms;
    how->max_output = options->command_output;
    commands->processes = processes_new(how);
    if (commands->processes == NULL) {
        fprintf(stderr, "doryd: starting: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

void commands_close(struct commands *commands)
{
    processes_free(commands->processes);
    command_lines_free(commands->lines);
}

/* Named commands are as harmless as their owner made them; a shell is not. */
int commands_check_address(const struct options *options, const char *name)
{
    if (!options->shell || options->open_shell || net_address_is_loopback(name)) {
        return EXIT_SUCCESS;
    }
    fprintf(stderr,
            "doryd: %s: with --shell, whoever can reach this address can run anything.\n"
            "Listen on 127.0.0.1, or say --i-know-this-is-open as well.\n",
            name);
    return EXIT_USAGE;
}
