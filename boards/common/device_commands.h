/* SPDX-License-Identifier: MIT */
/* What a device runs (`dory run`), and its read-only files. A product adds a line to a table in device_commands.c. */
#ifndef DEVICE_COMMANDS_H
#define DEVICE_COMMANDS_H

#include "../../port/command_table.h"
#include "../../port/own_files.h"
#include "plain_config.h"

struct device;

/* Part of struct device. */
struct device_commands {
    struct command_table table;
    struct command_run runs[BOARD_SESSIONS + BOARD_PLAIN];
    struct own_files files;
};

#if BOARD_COMMANDS

/* Gives the server its commands, and puts the device's own files before its store. */
void device_commands_begin(struct device *device);

/* Returns whether every command has ended. */
bool device_commands_are_done(const struct device *device);

#else

static inline void device_commands_begin(struct device *device)
{
    (void)device;
}

static inline bool device_commands_are_done(const struct device *device)
{
    (void)device;
    return true;
}

#endif

#endif
