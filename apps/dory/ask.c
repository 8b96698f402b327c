/* SPDX-License-Identifier: MIT */
/* One request, one answer. */
#include "ask.h"

static struct job *on_next(void *ctx)
{
    struct ask *ask = (struct ask *)ctx;

    if (ask->given) {
        return NULL;
    }
    ask->given = true;
    return &ask->job;
}

static bool on_again(void *ctx, struct job *job, enum dory_fault fault)
{
    struct ask *ask = (struct ask *)ctx;

    (void)job;
    (void)fault;
    if (ask->forget != NULL) {
        ask->forget(ask);
    }
    return true;
}

static bool on_finished(void *ctx, struct job *job, const struct dory_answer *answer)
{
    struct ask *ask = (struct ask *)ctx;

    if (job->call.fault != DORY_FAULT_LOST) {
        job_outcome(job, answer, &ask->outcome);
        if (answer != NULL) {
            ask->answered(ask, answer, &ask->outcome);
        }
        ask->settled = true;
    }
    return false;
}

static void on_look(void *ctx, struct progress *progress)
{
    const struct ask *ask = (const struct ask *)ctx;

    ask->look(ask, progress);
}

void ask_silently(struct ask *ask, const struct target *target)
{
    const struct link_events link_events = {
        .next = on_next,
        .again = on_again,
        .finished = on_finished,
        .look = ask->look != NULL ? on_look : NULL,
    };
    struct outcome failure;

    ask->given = false;
    ask->settled = false;
    if (!link_run(ask->app, target, &link_events, ask, &failure) && !ask->settled) {
        ask->outcome = failure;
    }
}

int ask_run(struct ask *ask, const struct target *target)
{
    struct app *app = ask->app;
    const struct report_file file = {.name = ask->about, .about = ask->about};

    ask_silently(ask, target);
    if (ask->outcome.code != EXIT_DONE) {
        report_file(&app->report, &file, &ask->outcome);
    }
    return app->report.code;
}
