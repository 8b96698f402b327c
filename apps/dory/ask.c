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

int ask_run(struct ask *ask, const struct target *target)
{
    static const struct link_events link_events = {.next = on_next, .again = on_again, .finished = on_finished};
    struct app *app = ask->app;
    const struct report_file file = {.name = ask->about, .about = ask->about};
    struct outcome failure;

    if (!link_run(app, target, &link_events, ask, &failure) && !ask->settled) {
        ask->outcome = failure;
    }
    if (ask->outcome.code != EXIT_DONE) {
        report_file(&app->report, &file, &ask->outcome);
    }
    return app->report.code;
}
