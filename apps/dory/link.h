/* SPDX-License-Identifier: MIT */
/*
 * The link: gets jobs done at one server, over as many connections as it takes.
 * It connects, pipelines, waits out `busy`, and after a lost connection repeats
 * what has no final answer. What a job is, is the command's business.
 */
#ifndef DORY_APP_LINK_H
#define DORY_APP_LINK_H

#include "app.h"
#include "job.h"
#include "progress.h"

struct link_events {
    /* Gives the next job, or NULL when there is none left. */
    struct job *(*next)(void *ctx);

    /* The job will be tried again, because the connection was lost or the server's partial was of no use (`fault`), or
     * was `busy`. Adapts job->call. Returns false when that makes no sense: finished() follows. May be NULL. */
    bool (*again)(void *ctx, struct job *job, enum dory_fault fault);

    /* The job has its answer, or a fault that no other try can mend. Returns true to have it tried once more; the
     * command sees to it that this ends, at the latest with DORY_FAULT_LOST. `answer` as in done(). */
    bool (*finished)(void *ctx, struct job *job, const struct dory_answer *answer);

    /* Tells how far it is. May be NULL. */
    void (*look)(void *ctx, struct progress *progress);
};

/* A link whose connection is kept from one link_run() to the next, for app->link: all of them must be about one server.
 * Returns NULL with errno. To be freed, which ends the connection. */
struct link *link_new(void);
void link_free(struct link *link);

/*
 * Runs until next() has no more and every job is finished. Returns true then; else `failure` tells why it was given up,
 * and jobs that have no answer were finished with DORY_FAULT_LOST. EXIT_DONE in there: a signal said so. A `run` or
 * `boot` that may have reached the server is not sent again: when its answer is lost, all is given up.
 */
bool link_run(struct app *app, const struct target *target, const struct link_events *events, void *ctx,
              struct outcome *failure);

/* The events of a job's call must have this for done(), and the job's link for `ctx`, which link_run() sees to. */
void link_done(void *ctx, struct dory_call *call, const struct dory_answer *answer);

/* For a signal handler: gives up what is under way. */
void link_interrupt(void);
bool link_interrupted(void);

/* What was given up stays so; the next link_run() runs again. */
void link_interrupt_over(void);

#endif
