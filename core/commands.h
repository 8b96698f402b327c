/* SPDX-License-Identifier: MIT */
/*
 * The contract of a provider of commands: what `run` runs. core calls it, a port
 * implements it: processes on Linux, a table of functions on a device. core does
 * not know what a process is.
 *
 * Shared rules
 *  - A provider is a const table of functions and a context `ctx`, which each
 *    gets as its first argument. Calls come from one thread and never nest.
 *  - No call may block. Where a command needs time, output() says "later" and is
 *    asked again.
 *  - Several commands run at once, one a session at most.
 *  - Output that nobody takes stays where it is: a command that writes faster
 *    than its peer reads has to wait, and nothing is gathered.
 *  - Failures are negative `enum dory_status`; the server passes them on.
 */
#ifndef DORY_COMMANDS_H
#define DORY_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* The two outputs of a command, as `stream` on the wire. */
enum dory_stream { DORY_STDOUT = 1, DORY_STDERR = 2 };

/* A command under way. The caller owns the memory, and holds it still from start() to end(). */
struct dory_command {
    void *handle;    /* the provider's own */
    uint32_t stream; /* set by output(): of the bytes that it gave, enum dory_stream */
    uint32_t exit;   /* set by output() with `ended`: 0 to 255; 128 + n when signal n has ended it */
    bool ended;      /* set by output(): all of the output has been given */
};

struct dory_commands {
    /* Starts the command of `line`, UTF-8, NUL-terminated, lent for the call;
     * it may be empty, or hold control characters. DORY_OK: `*command`, which
     * was zero, is filled in, and the caller's until end(). Else DORY_FORBIDDEN
     * (no commands are allowed), DORY_BAD_REQUEST (no command line: say, a
     * quote that does not end), DORY_BUSY (too many run), DORY_IO_ERROR. A
     * command that there is not starts, says so on its standard error, and
     * exits with 127, as in a shell. */
    int (*start)(void *ctx, const char *line, struct dory_command *command);

    /* Gives output: writes up to `len` (> 0) bytes of one stream to `dst` and
     * sets `stream`. Returns how many; or 0: later, unless `ended` and `exit`
     * are now set. Or a failure, which also ends the command: DORY_TIMEOUT (its
     * time is up), DORY_TOO_LARGE (it has written too much), DORY_IO_ERROR. */
    int32_t (*output)(void *ctx, struct dory_command *command, uint8_t *dst, size_t len);

    /* Ends the command, and everything that it has started, if it has not ended
     * yet. Called once for each start() that answered DORY_OK. */
    void (*end)(void *ctx, struct dory_command *command);
};

#endif
