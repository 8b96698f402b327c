/* SPDX-License-Identifier: MIT */
/*
 * Commands of a device: a const table of functions, which `run` finds by the
 * first word of its line. It implements core/commands.h.
 *
 * How to write a command
 *
 *     static int run_led(struct command_output *out, int argc, const char *const *argv)
 *     {
 *         if (argc != 2) {
 *             return command_usage(out, "led on|off");
 *         }
 *         led_set(strcmp(argv[1], "on") == 0);
 *         command_text(out, "done\n");
 *         return 0;
 *     }
 *
 *  - The function returns the command's exit status, 0 to 255: 0 is well.
 *  - Long output goes step by step: having written a line or so the function
 *    returns COMMAND_MORE, and is called again when that has left, with one
 *    more in `out->step`, which is 0 at first. So a command that writes a lot
 *    waits for a peer who reads slowly, and nothing is gathered.
 *  - One that has to wait for something returns COMMAND_LATER: it is called
 *    again soon, with the same step. It must not block.
 *  - A step that writes at most COMMAND_STEP bytes, to one of both streams, is
 *    called once. What does not fit makes it be called anew: what has left
 *    already is then left out, so it must write the same again.
 *  - What it must remember from step to step is `step`, or memory of its own;
 *    then mind that several sessions run commands at once.
 *
 * The rules of core/commands.h hold: one thread, no call blocks. The caller owns
 * all memory; nothing is allocated.
 */
#ifndef DORY_COMMAND_TABLE_H
#define DORY_COMMAND_TABLE_H

#include "../core/commands.h"

/* Bytes of a command line's words, each with a NUL behind it. A longer line is `too_large`. */
#ifndef COMMAND_LINE
#define COMMAND_LINE 96
#endif
#if COMMAND_LINE < 16 || COMMAND_LINE > 4096
#error "COMMAND_LINE: 16 to 4096 bytes"
#endif

/* Words of a command line, the command's name included. More are a `bad_request`. */
#ifndef COMMAND_WORDS
#define COMMAND_WORDS 8
#endif
#if COMMAND_WORDS < 2 || COMMAND_WORDS > 64
#error "COMMAND_WORDS: 2 to 64"
#endif

/* Bytes that a step may write and be called but once. A session with the smallest header limit has more room than this. */
#define COMMAND_STEP 128

/* What a command's function returns in place of an exit status. */
enum { COMMAND_MORE = -1, COMMAND_LATER = -2 };

/* Exit statuses that shells have made customary. */
enum { COMMAND_WRONG_USAGE = 2, COMMAND_UNKNOWN = 127 };

/* What a command writes to. The first part is for the command to read, `stream` also to set; the rest is the table's. */
struct command_output {
    const struct command_table *table;
    uint32_t step;
    enum dory_stream stream; /* of what is written next; DORY_STDOUT at first in each step */

    uint8_t *dst;
    size_t room;
    size_t len;             /* bytes at `dst` */
    size_t skip;            /* bytes that have left already */
    enum dory_stream given; /* the stream of what is at `dst` */
    bool full;              /* something did not fit */
};

struct command {
    const char *name;
    const char *help; /* one line: what it does, what words it takes */
    int (*run)(struct command_output *out, int argc, const char *const *argv);
};

/* A command under way. Zero at first, then opaque. */
struct command_run {
    bool used;
    bool done;
    uint8_t words; /* in `line` */
    uint8_t exit;
    uint32_t step;
    uint32_t given; /* bytes of the present step that have left */
    const struct command *command;
    char line[COMMAND_LINE];
};

/* Set by the caller. */
struct command_table {
    const struct command *commands; /* in flash */
    uint32_t count;
    struct command_run *runs; /* as many as sessions; fewer: `busy` */
    uint32_t run_count;
    void *ctx; /* the commands' own, as out->table->ctx */
};

/* The functions; their `ctx` is the struct command_table. */
extern const struct dory_commands command_table;

/* Writes `text`. */
void command_text(struct command_output *out, const char *text);

/* Writes a number in decimal, or in `digits` (1 to 8) hexadecimal digits. */
void command_decimal(struct command_output *out, uint32_t value);
void command_hex(struct command_output *out, uint32_t value, unsigned digits);

/* Writes `usage: ` and `text` to the standard error. Returns COMMAND_WRONG_USAGE. */
int command_usage(struct command_output *out, const char *text);

/* A command for any table, usually called `help`: lists the table's names with their help. */
int command_help(struct command_output *out, int argc, const char *const *argv);

#endif
