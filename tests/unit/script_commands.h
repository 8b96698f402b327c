/* SPDX-License-Identifier: MIT */
/*
 * A provider of commands that follows a script: what output() answers, one line of the script at a time. Each session may
 * have one under way.
 */
#ifndef SCRIPT_COMMANDS_H
#define SCRIPT_COMMANDS_H

#include "rig.h"

/* What output() answers, once; longer text than fits comes in pieces. */
struct script_line {
    unsigned stream;  /* of `text`; 0: nothing now */
    const char *text; /* NULL: the command ends with `exit`, or fails with `status` */
    unsigned exit;
    int status; /* 0, or a failure */
};

#define SAYS(text) \
    { \
        DORY_STDOUT, text, 0, 0 \
    }
#define COMPLAINS(text) \
    { \
        DORY_STDERR, text, 0, 0 \
    }
#define RESTS \
    { \
        0, "", 0, 0 \
    }
#define EXITS(exit) \
    { \
        0, NULL, exit, 0 \
    }
#define BREAKS(status) \
    { \
        0, NULL, 0, status \
    }

struct script {
    const struct script_line *lines; /* the last one has no text, or the command never ends */
    unsigned count;
    int start;             /* what start() answers */
    unsigned later_every;  /* 2: every second call of output() says "later"; 0: none does by itself */
    bool endless;          /* behind the last line comes the first */
    char line[BYTES_ROOM]; /* of the last start() */
    unsigned starts;
    unsigned ends;
    unsigned asked; /* calls of output() */
};

/* One command under way. */
struct script_run {
    const struct script *script;
    unsigned at;  /* line */
    size_t given; /* bytes of it */
    bool over;
};

static struct script_run script_runs[8];

static inline int script_start(void *ctx, const char *line, struct dory_command *command)
{
    struct script *script = (struct script *)ctx;

    assert_true(command->handle == NULL && !command->ended && command->exit == 0 && command->stream == 0);
    assert_true(strlen(line) < sizeof script->line);
    memcpy(script->line, line, strlen(line) + 1);
    script->starts++;
    if (script->start != DORY_OK) {
        return script->start;
    }
    for (size_t i = 0; i < COUNT_OF(script_runs); i++) {
        if (script_runs[i].script == NULL) {
            script_runs[i] = (struct script_run){.script = script};
            command->handle = &script_runs[i];
            return DORY_OK;
        }
    }
    fail();
    return DORY_BUSY;
}

static inline int32_t script_text(struct script_run *run, const struct script_line *line, uint8_t *dst, size_t len)
{
    size_t left = strlen(line->text) - run->given;

    len = len < left ? len : left;
    memcpy(dst, line->text + run->given, len);
    run->given += len;
    if (len == left) {
        run->given = 0;
        run->at++;
    }
    return (int32_t)len;
}

static inline int32_t script_output(void *ctx, struct dory_command *command, uint8_t *dst, size_t len)
{
    struct script *script = (struct script *)ctx;
    struct script_run *run = (struct script_run *)command->handle;
    const struct script_line *line;

    assert_true(run->script == script && !run->over && len > 0);
    script->asked++;
    if (script->later_every != 0 && script->asked % script->later_every == 0) {
        return 0;
    }
    if (script->endless) {
        run->at %= script->count;
    }
    assert_true(run->at < script->count);
    line = &script->lines[run->at];
    if (line->text == NULL) {
        run->over = true;
        command->ended = line->status == 0;
        command->exit = line->exit;
        return line->status;
    }
    command->stream = line->stream;
    return script_text(run, line, dst, len);
}

static inline void script_end(void *ctx, struct dory_command *command)
{
    struct script *script = (struct script *)ctx;
    struct script_run *run = (struct script_run *)command->handle;

    assert_true(run->script == script);
    run->script = NULL;
    script->ends++;
}

static const struct dory_commands script_commands = {.start = script_start, .output = script_output, .end = script_end};

/* Every command that has started has ended, once. */
static inline bool script_is_quiet(const struct script *script)
{
    return script->ends == (script->start == DORY_OK ? script->starts : 0);
}

#endif
