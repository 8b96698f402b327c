/* SPDX-License-Identifier: MIT */
/* `dory rm`: deletes files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "link.h"

struct removal {
    struct job job;
    struct target target;
    bool sent_before; /* over a connection that was lost: it may have been done */
    bool settled;
};

struct rm {
    struct app *app;
    struct removal *removals;
    size_t count;
    size_t at;  /* the next one to send */
    size_t end; /* where those at the present server end */
    size_t settled;
};

static struct job *on_next(void *ctx)
{
    struct rm *rm = (struct rm *)ctx;

    return rm->at < rm->end ? &rm->removals[rm->at++].job : NULL;
}

static bool on_again(void *ctx, struct job *job, enum dory_fault fault)
{
    (void)ctx;
    if (fault != DORY_FAULT_BUSY && job->call.phase == DORY_CALL_SENT) {
        ((struct removal *)job)->sent_before = true;
    }
    return true;
}

static bool on_finished(void *ctx, struct job *job, const struct dory_answer *answer)
{
    struct rm *rm = (struct rm *)ctx;
    struct removal *removal = (struct removal *)job;
    const struct report_file file = {.name = removal->target.name, .about = removal->target.name};
    struct outcome outcome;

    job_outcome(job, answer, &outcome);
    if (outcome.code == EXIT_LOST) {
        return false;
    }
    if (job->call.fault == DORY_FAULT_NONE && job->call.status == DORY_NOT_FOUND && removal->sent_before) {
        outcome_set(&outcome, EXIT_DONE, "ok", "%s", "");
    }
    report_file(&rm->app->report, &file, &outcome);
    removal->settled = true;
    rm->settled++;
    return false;
}

static void on_look(void *ctx, struct progress *progress)
{
    const struct rm *rm = (const struct rm *)ctx;

    progress->name = "rm";
    progress->files = rm->settled;
    progress->files_total = rm->count;
}

static const struct link_events link_events = {
    .next = on_next,
    .again = on_again,
    .finished = on_finished,
    .look = on_look,
};

/* Those at one server, whose link has failed. */
static void report_rest(struct rm *rm, size_t begin, const struct outcome *failure)
{
    for (size_t i = begin; i < rm->end; i++) {
        const struct report_file file = {.name = rm->removals[i].target.name};

        if (!rm->removals[i].settled) {
            report_unsettled(&rm->app->report, &file, failure);
        }
    }
    report_failure(&rm->app->report, rm->count == 1 ? rm->removals[0].target.name : NULL, failure);
}

static int run(struct rm *rm)
{
    struct app *app = rm->app;

    while (rm->at < rm->count && !link_interrupted()) {
        size_t begin = rm->at;
        const struct target *target = &rm->removals[begin].target;
        struct outcome failure;

        rm->end = begin + 1;
        while (rm->end < rm->count && target_same_server(target, &rm->removals[rm->end].target)) {
            rm->end++;
        }
        if (!link_run(app, target, &link_events, rm, &failure)) {
            report_rest(rm, begin, &failure);
        }
        rm->at = rm->end;
    }
    return app->report.code;
}

/* Returns EXIT_DONE or, when it was reported, the exit code. */
static int parse(struct app *app, struct removal *removal, const char *word)
{
    static const struct dory_call_events call_events = {.done = link_done};
    int code = app_parse_file(app, word, &removal->target);

    if (code != EXIT_DONE) {
        return code;
    }
    removal->job.call.command = DORY_DELETE;
    removal->job.call.events = &call_events;
    removal->job.call.name = removal->target.name;
    return EXIT_DONE;
}

int command_rm(struct app *app)
{
    struct rm rm = {.app = app, .count = (size_t)app->options.word_count};
    struct outcome outcome;
    int code = EXIT_DONE;

    rm.removals = calloc(rm.count, sizeof *rm.removals);
    if (rm.removals == NULL) {
        outcome_set(&outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
        report_failure(&app->report, NULL, &outcome);
        return app->report.code;
    }
    for (size_t i = 0; i < rm.count && code == EXIT_DONE; i++) {
        code = parse(app, &rm.removals[i], app->options.words[i]);
    }
    if (code == EXIT_DONE) {
        code = run(&rm);
    }
    free(rm.removals);
    return code;
}
