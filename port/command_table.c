/* SPDX-License-Identifier: MIT */
/*
 * Commands out of a table.
 *
 * Implementation notes
 *
 * A function is called once for each output(), and writes through a window: the bytes of its step that left with earlier
 * calls are skipped, those for which there is room are kept, the rest is dropped, and the step is called again. A part
 * has one stream, so a step that changes it goes on in the next part, in the same way.
 *
 * The line is kept as its words, one behind the other; where they begin is found again for each call.
 */
#include "command_table.h"

#include <string.h>

#include "format.h"
#include "words.h"

/* ---- Writing ---- */

void command_text(struct command_output *out, const char *text)
{
    size_t len = strlen(text);
    size_t skipped = len < out->skip ? len : out->skip;

    out->skip -= skipped;
    text += skipped;
    len -= skipped;
    if (len == 0) {
        return;
    }
    if (out->len == 0) {
        out->given = out->stream;
    }
    if (out->full || out->stream != out->given) {
        out->full = true;
        return;
    }
    if (len > out->room - out->len) {
        len = out->room - out->len;
        out->full = true;
    }
    memcpy(out->dst + out->len, text, len);
    out->len += len;
}

void command_decimal(struct command_output *out, uint32_t value)
{
    char room[FORMAT_ROOM];

    command_text(out, format_number(room, value, 10, 1));
}

void command_hex(struct command_output *out, uint32_t value, unsigned digits)
{
    char room[FORMAT_ROOM];

    command_text(out, format_number(room, value, 16, digits));
}

int command_usage(struct command_output *out, const char *text)
{
    out->stream = DORY_STDERR;
    command_text(out, "usage: ");
    command_text(out, text);
    command_text(out, "\n");
    return COMMAND_WRONG_USAGE;
}

/* ---- Commands for any table ---- */

int command_help(struct command_output *out, int argc, const char *const *argv)
{
    static const char blanks[] = "          ";
    const struct command *command = &out->table->commands[out->step];
    size_t len = strlen(command->name);

    (void)argc;
    (void)argv;
    command_text(out, command->name);
    command_text(out, blanks + (len < sizeof blanks - 2 ? len : sizeof blanks - 2));
    command_text(out, command->help);
    command_text(out, "\n");
    return out->step + 1 < out->table->count ? COMMAND_MORE : 0;
}

static int run_unknown(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    out->stream = DORY_STDERR;
    command_text(out, argv[0]);
    command_text(out, ": no such command, try help\n");
    return COMMAND_UNKNOWN;
}

/* ---- The contract ---- */

static const struct command *find(const struct command_table *table, const char *name)
{
    static const struct command unknown = {.run = run_unknown};

    for (uint32_t i = 0; i < table->count; i++) {
        if (strcmp(table->commands[i].name, name) == 0) {
            return &table->commands[i];
        }
    }
    return &unknown;
}

static struct command_run *free_run(const struct command_table *table)
{
    for (uint32_t i = 0; i < table->run_count; i++) {
        if (!table->runs[i].used) {
            return &table->runs[i];
        }
    }
    return NULL;
}

static int table_start(void *ctx, const char *line, struct dory_command *command)
{
    const struct command_table *table = ctx;
    struct command_run *run = free_run(table);
    char *words[COMMAND_WORDS];
    int count;

    if (run == NULL) {
        return DORY_BUSY;
    }
    if (strlen(line) >= sizeof run->line) {
        return DORY_TOO_LARGE;
    }
    count = words_split(line, run->line, words, COMMAND_WORDS);
    if (count < 0) {
        return count;
    }
    run->used = true;
    run->done = count == 0;
    run->words = (uint8_t)count;
    run->exit = 0;
    run->step = 0;
    run->given = 0;
    run->command = count > 0 ? find(table, words[0]) : NULL;
    command->handle = run;
    return DORY_OK;
}

/* Calls the function for the present step. */
static int call(const struct command_run *run, struct command_output *out)
{
    const char *argv[COMMAND_WORDS + 1] = {NULL};
    const char *word = run->line;

    for (unsigned i = 0; i < run->words; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    return run->command->run(out, run->words, argv);
}

static int32_t table_output(void *ctx, struct dory_command *command, uint8_t *dst, size_t len)
{
    struct command_run *run = command->handle;
    struct command_output out = {
        .table = ctx,
        .step = run->step,
        .stream = DORY_STDOUT,
        .dst = dst,
        .room = len,
        .skip = run->given,
    };

    if (!run->done) {
        int result = call(run, &out);

        run->given = out.full ? run->given + (uint32_t)out.len : 0;
        if (!out.full) {
            run->step += result == COMMAND_MORE;
            run->done = result >= 0;
            run->exit = (uint8_t)result;
        }
    }
    command->stream = out.given;
    command->ended = run->done && out.len == 0;
    command->exit = run->exit;
    return (int32_t)out.len;
}

static void table_end(void *ctx, struct dory_command *command)
{
    struct command_run *run = command->handle;

    (void)ctx;
    run->used = false;
}

const struct dory_commands command_table = {
    .start = table_start,
    .output = table_output,
    .end = table_end,
};
