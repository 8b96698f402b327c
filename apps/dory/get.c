/* SPDX-License-Identifier: MIT */
/*
 * `dory get`: fetches a file.
 *
 * Implementation notes
 *
 * After a lost connection a get goes on where it stopped, by offset and `if_version`. The server's CRC-32 then covers
 * only the last stretch; what came before was never compared. So a file that came in several is compared at the end, as
 * a whole, with a checking `stat`, which the job turns into.
 */
#include <errno.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

#include "../../port/net.h"
#include "app.h"
#include "link.h"
#include "sink.h"
#include "text.h"

struct get {
    struct job job;
    struct app *app;
    const char *name;
    struct sink sink;
    bool given;        /* to the link */
    bool settled;      /* `outcome` is final */
    int local_error;   /* errno of the sink's first failure */
    uint32_t restarts; /* because the file changed */
    uint64_t filesize;
    uint64_t have;  /* bytes written */
    uint32_t crc32; /* of all that came before the last stretch, or up to now */
    char version[33];
    struct outcome outcome;
};

/* ---- Receiving ---- */

static int32_t on_write(void *ctx, struct dory_call *call, const uint8_t *data, size_t len)
{
    struct get *get = (struct get *)call;

    (void)ctx;
    if (!sink_open(&get->sink) || !sink_write(&get->sink, data, len)) {
        get->local_error = errno;
        return -1;
    }
    get->have += len;
    if (call->offset > 0) {
        get->crc32 = libdeflate_crc32(get->crc32, data, len);
    }
    return (int32_t)len;
}

static void on_part(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    struct get *get = (struct get *)call;

    (void)ctx;
    if (call->command == DORY_GET && call->offset == 0 && dory_answer_has(answer, DORY_ANSWER_FILESIZE)) {
        get->filesize = answer->filesize;
        get->version[0] = '\0';
        if (dory_answer_has(answer, DORY_ANSWER_VERSION) && answer->version.len < sizeof get->version) {
            memcpy(get->version, answer->version.ptr, answer->version.len + 1);
        }
    }
}

static const struct dory_call_events call_events = {
    .write = on_write,
    .part = on_part,
    .done = link_done,
};

/* ---- Deciding ---- */

static void ask_for_rest(struct get *get)
{
    get->job.call.command = DORY_GET;
    get->job.call.offset = get->have;
    get->job.call.if_version = get->have > 0 ? get->version : NULL;
}

/* The file is another now. Returns whether it can be fetched from its beginning. */
static bool start_over(struct get *get)
{
    if (get->sink.stream && get->have > 0) {
        outcome_set(&get->outcome, EXIT_MISMATCH, "changed",
                    "The file changed on the server when a part of it had been written already.");
        return false;
    }
    if (get->restarts >= get->app->options.retries) {
        outcome_set(&get->outcome, EXIT_REFUSED, "changed", "%s", "The file changes again and again.");
        return false;
    }
    if (!sink_restart(&get->sink)) {
        outcome_set(&get->outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
        return false;
    }
    get->restarts++;
    get->have = 0;
    get->crc32 = 0;
    ask_for_rest(get);
    return true;
}

static bool on_again(void *ctx, struct job *job, enum dory_fault fault)
{
    struct get *get = (struct get *)job;
    const struct dory_call *call = &job->call;

    (void)ctx;
    if (fault == DORY_FAULT_BUSY || call->command == DORY_STAT) {
        return true;
    }
    if (call->offset == 0) {
        get->crc32 = call->running_crc32;
    }
    if (get->have > 0 && get->version[0] == '\0') {
        return start_over(get);
    }
    ask_for_rest(get);
    return true;
}

static void publish(struct get *get)
{
    if (!sink_open(&get->sink) || !sink_publish(&get->sink)) {
        outcome_set(&get->outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
    }
}

/* All stretches are there. Returns whether to start over. */
static bool on_compared(struct get *get, const struct dory_answer *answer)
{
    const char *version = dory_answer_has(answer, DORY_ANSWER_VERSION) ? answer->version.ptr : "";

    if (answer->filesize != get->filesize || strcmp(version, get->version) != 0) {
        return start_over(get);
    }
    if (answer->crc32 != get->crc32) {
        outcome_set(&get->outcome, EXIT_MISMATCH, "mismatch", "What arrived is not what the server sent.");
        return false;
    }
    publish(get);
    return false;
}

/* The server has sent the last byte. Returns whether there is still something to ask. */
static bool on_arrived(struct get *get)
{
    if (get->job.call.offset > 0) {
        get->job.call.command = DORY_STAT;
        return true;
    }
    get->crc32 = get->job.call.running_crc32;
    publish(get);
    return false;
}

static bool on_finished(void *ctx, struct job *job, const struct dory_answer *answer)
{
    struct get *get = (struct get *)ctx;
    const struct dory_call *call = &job->call;
    bool once_more = false;

    job_outcome(job, answer, &get->outcome);
    if (call->fault == DORY_FAULT_LOCAL) {
        outcome_set(&get->outcome, EXIT_LOCAL, "local", "%s", strerror(get->local_error));
    } else if (call->fault == DORY_FAULT_NONE && call->status == DORY_CHANGED) {
        once_more = start_over(get);
    } else if (get->outcome.code == EXIT_DONE) {
        once_more = call->command == DORY_STAT ? on_compared(get, answer) : on_arrived(get);
    }
    get->settled = !once_more && call->fault != DORY_FAULT_LOST;
    return once_more;
}

static struct job *on_next(void *ctx)
{
    struct get *get = (struct get *)ctx;

    if (get->given) {
        return NULL;
    }
    get->given = true;
    return &get->job;
}

static void on_look(void *ctx, struct progress *progress)
{
    const struct get *get = (const struct get *)ctx;

    progress->name = get->name;
    progress->done = get->have;
    progress->total = get->filesize;
}

static const struct link_events link_events = {
    .next = on_next,
    .again = on_again,
    .finished = on_finished,
    .look = on_look,
};

/* ---- The command ---- */

static int tell(struct get *get, uint32_t elapsed_ms)
{
    const struct report_file file = {
        .file = get->sink.path,
        .name = get->name,
        .about = get->outcome.code == EXIT_LOCAL ? get->sink.path : get->name,
        .has_size = get->outcome.code == EXIT_DONE,
        .size = get->filesize,
        .has_crc32 = get->outcome.code == EXIT_DONE,
        .crc32 = get->crc32,
    };

    report_file(&get->app->report, &file, &get->outcome);
    if (get->outcome.code == EXIT_DONE && get->sink.path != NULL) {
        report_summary(&get->app->report, get->sink.path, 1, get->filesize, elapsed_ms);
    }
    return get->app->report.code;
}

static int run(struct get *get, const struct target *target)
{
    struct app *app = get->app;
    uint32_t begin_ms = net_now_ms();
    struct outcome failure;
    int code = EXIT_DONE;

    get->job.call = (struct dory_call){
        .command = DORY_GET,
        .events = &call_events,
        .name = target->name,
        .check = true,
    };
    if (!link_run(app, target, &link_events, get, &failure) && !get->settled) {
        get->outcome = failure;
    }
    if (!link_interrupted()) {
        code = tell(get, net_now_ms() - begin_ms);
    }
    sink_free(&get->sink);
    return code;
}

int command_get(struct app *app)
{
    const char *word = app->options.word_count > 1 ? app->options.words[1] : NULL;
    struct get get = {.app = app};
    struct target target;
    int code;

    code = app_parse_file(app, app->options.words[0], &target);
    if (code != EXIT_DONE) {
        return code;
    }
    if (app->options.json && word != NULL && strcmp(word, "-") == 0) {
        return app_usage(app, "--json and '-' can't both have standard output");
    }
    get.name = target.name;
    if (!sink_choose(&get.sink, word, target.name)) {
        outcome_set(&get.outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
        return tell(&get, 0);
    }
    return run(&get, &target);
}
