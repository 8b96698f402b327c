/* SPDX-License-Identifier: MIT */
/*
 * `dory run`: has a command line run by a server.
 *
 * Implementation notes
 *
 * A line is sent once: when its answer is lost, it may have been run. So where there is something to find out first (the
 * server's limit, for a long line; whether a connection still holds that was idle), an `info` goes ahead, which may be
 * sent again. The job begins as that, and turns into the `run`.
 */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/text.h"
#include "link.h"
#include "outlet.h"

/* The header that every server takes. */
#define ANY_HEADER 512U

/* The header that is sent at most, whatever a server says. */
#define LARGEST_HEADER 65536U

struct run {
    struct job job;
    struct app *app;
    struct outlet outlet;
    bool given;   /* to the link */
    bool settled; /* `outcome` is final */
    int error;    /* errno of the outlet's first failure */
    struct outcome outcome;
};

static int32_t on_write(void *ctx, struct dory_call *call, const uint8_t *data, size_t len)
{
    struct run *run = (struct run *)call;

    (void)ctx;
    if (!outlet_write(&run->outlet, call->stream, data, len)) {
        run->error = errno;
        return -1;
    }
    return (int32_t)len;
}

static const struct dory_call_events call_events = {.write = on_write, .done = link_done};

/* What a status says when it is about a command that has written so much. NULL: what it always says. */
static const char *sentence(enum dory_status status, uint64_t written)
{
    static const struct {
        enum dory_status status;
        const char *sentence;
    } sentences[] = {
        {DORY_UNSUPPORTED, "This server has no commands."},
        {DORY_FORBIDDEN, "The server runs no commands, or none that it is asked for from here."},
        {DORY_BAD_REQUEST, "The server can't make a command of this line; perhaps a quote has no end."},
        {DORY_BUSY, "The server runs as many commands as it can; try again later."},
        {DORY_TIMEOUT, "The command took longer than the server allows, and was ended."},
        {DORY_TOO_LARGE, "The command wrote more than the server allows, and was ended."},
        {DORY_IO_ERROR, "The server could not start the command, or not read its output."},
    };

    if (status == DORY_TOO_LARGE && written == 0) {
        return "The line is longer than the server's commands take.";
    }
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (sentences[i].status == status) {
            return sentences[i].sentence;
        }
    }
    return NULL;
}

/* The server has said what it takes. Returns whether to send the line. */
static bool on_info(struct run *run, const struct dory_answer *answer)
{
    struct dory_call *call = &run->job.call;
    uint64_t limit = dory_answer_has(answer, DORY_ANSWER_MAX_HEADER) ? answer->max_header : ANY_HEADER;
    size_t len;

    call->command = DORY_RUN;
    call->phase = DORY_CALL_QUEUED;
    len = dory_client_request_len(call, call->id + 1);
    limit = limit < LARGEST_HEADER ? limit : LARGEST_HEADER;
    if (len <= limit) {
        return true;
    }
    outcome_set(&run->outcome, EXIT_REFUSED, "too_large",
                "The line is too long for the server: it needs a header of %zu bytes, and %" PRIu64 " are possible.",
                len, limit);
    return false;
}

/* Tells a refusal in the words of a command, unless the server has words of its own, or a status that is new to us. */
static void on_refused(struct run *run, const struct dory_answer *answer)
{
    enum dory_status status = run->job.call.status;
    const char *says = sentence(status, run->job.call.received);

    if (says != NULL && strcmp(run->outcome.status, dory_status_name(status)) == 0 &&
        !dory_answer_has(answer, DORY_ANSWER_MESSAGE)) {
        snprintf(run->outcome.message, sizeof run->outcome.message, "%s", says);
    }
}

static void on_ran(struct run *run, const struct dory_answer *answer)
{
    const struct dory_call *call = &run->job.call;

    if (run->outcome.code == EXIT_DONE) {
        if (!outlet_end(&run->outlet, call->exit)) {
            run->error = errno;
        }
    } else if (call->fault == DORY_FAULT_NONE) {
        on_refused(run, answer);
    }
    if (run->error != 0) {
        outcome_set(&run->outcome, EXIT_LOCAL, "local", "The output can't be written: %s", strerror(run->error));
    }
}

static struct job *on_next(void *ctx)
{
    struct run *run = (struct run *)ctx;

    if (run->given) {
        return NULL;
    }
    run->given = true;
    return &run->job;
}

static bool on_finished(void *ctx, struct job *job, const struct dory_answer *answer)
{
    struct run *run = (struct run *)ctx;
    bool go_on = false;

    if (job->call.fault == DORY_FAULT_LOST) {
        return false;
    }
    job_outcome(job, answer, &run->outcome);
    if (job->call.command == DORY_RUN) {
        on_ran(run, answer);
    } else if (run->outcome.code == EXIT_DONE) {
        go_on = on_info(run, answer);
    }
    run->settled = !go_on;
    return go_on;
}

/* Nothing tells how far the server came with the line. */
static void on_lost(struct run *run, const struct outcome *failure)
{
    bool sent = run->job.call.command == DORY_RUN && run->job.call.phase != DORY_CALL_QUEUED;

    outcome_set(&run->outcome, failure->code, failure->status, "%s%s", failure->message,
                sent ? "; the command may have been run" : "");
}

static int tell(struct run *run)
{
    const struct report_file file = {.name = NULL};

    if (run->outcome.code == EXIT_DONE) {
        return run->job.call.exit;
    }
    if (run->error == EPIPE) {
        return RUN_UNREAD;
    }
    if (!link_interrupted()) {
        report_file(&run->app->report, &file, &run->outcome);
    }
    return RUN_FAILED;
}

int run_line(struct app *app, const struct target *target, const char *line, bool ask_first)
{
    static const struct link_events link_events = {.next = on_next, .finished = on_finished};
    struct run run = {
        .job = {.call = {.command = DORY_RUN, .events = &call_events, .name = line}},
        .app = app,
        .outlet = {.json = app->options.json},
    };
    struct outcome failure;

    if (ask_first || dory_client_request_len(&run.job.call, 1) > ANY_HEADER) {
        run.job.call.command = DORY_INFO;
    }
    if (!link_run(app, target, &link_events, &run, &failure) && !run.settled) {
        on_lost(&run, &failure);
    }
    return tell(&run);
}

/* ---- The command ---- */

/* The words with a blank between each two; to be freed. */
static char *join(char **words, int count)
{
    size_t size = 1;
    size_t at = 0;
    char *line;

    for (int i = 0; i < count; i++) {
        size += strlen(words[i]) + 1;
    }
    line = malloc(size);
    if (line == NULL) {
        return NULL;
    }
    line[0] = '\0';
    for (int i = 0; i < count; i++) {
        at += (size_t)snprintf(line + at, size - at, i > 0 ? " %s" : "%s", words[i]);
    }
    return line;
}

int command_run(struct app *app)
{
    struct target target;
    char *line;
    int code = app_parse_server(app, app->options.words[0], &target);

    if (code != EXIT_DONE) {
        return code;
    }
    line = join(app->options.words + 1, app->options.word_count - 1);
    if (line == NULL) {
        fprintf(stderr, "dory run: %s\n", strerror(errno));
        return RUN_FAILED;
    }
    if (dory_utf8_check(line, strlen(line))) {
        code = run_line(app, &target, line, false);
    } else {
        code = app_usage(app, "the line is no UTF-8, and can't be sent");
    }
    free(line);
    return code;
}
