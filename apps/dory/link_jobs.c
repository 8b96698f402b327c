/* SPDX-License-Identifier: MIT */
/* The jobs of a link: which is next, and what becomes of one that has come to an end. */
#include "link_private.h"

/* How many jobs are in hand at most, and how much memory they hold. */
#define MAX_JOBS 1024U
#define MAX_WEIGHT (4U * 1024U * 1024U)

bool link_peek(struct link *link)
{
    if (link->peeked == NULL && !link->exhausted) {
        link->peeked = link->events->next(link->ctx);
        link->exhausted = link->peeked == NULL;
        link->jobs += link->peeked != NULL;
        link->weight += link->peeked != NULL ? link->peeked->weight : 0;
        link->alive_ms = net_now_ms(); /* the command may have read a large file */
    }
    return link->peeked != NULL;
}

struct job *link_take(struct link *link, uint32_t now_ms)
{
    struct job *job = job_take_first(&link->again);

    if (job == NULL) {
        job = job_take_due(&link->waiting, now_ms);
    }
    if (job == NULL && link->jobs < MAX_JOBS && link->weight < MAX_WEIGHT && link_peek(link)) {
        job = link->peeked;
        link->peeked = NULL;
    }
    return job;
}

bool link_is_due(struct link *link, uint32_t now_ms)
{
    for (const struct job *job = link->waiting.first; job != NULL; job = job->next) {
        if (job_time_reached(now_ms, job->due_ms)) {
            return true;
        }
    }
    return link->again.first != NULL || link_peek(link);
}

void link_finish(struct link *link, struct job *job, const struct dory_answer *answer)
{
    size_t weight = job->weight;

    if (link->events->finished(link->ctx, job, answer)) {
        job_append(&link->again, job);
    } else {
        link->jobs--;
        link->weight -= weight;
    }
}

static void try_again(struct link *link, struct job *job, const struct dory_answer *answer, enum dory_fault fault)
{
    if (link->events->again == NULL || link->events->again(link->ctx, job, fault)) {
        job_append(fault == DORY_FAULT_BUSY ? &link->waiting : &link->again, job);
    } else {
        link_finish(link, job, answer);
    }
}

static void on_busy(struct link *link, struct job *job, const struct dory_answer *answer)
{
    if (job->tries >= link->options->retries) {
        link_finish(link, job, answer);
        return;
    }
    job->tries++;
    job->due_ms = net_now_ms() + job_pause_ms(job->tries);
    try_again(link, job, answer, DORY_FAULT_BUSY);
}

/* Starts the count of failures anew when something was achieved. */
static void count_progress(struct link *link, struct job *job, const struct dory_answer *answer)
{
    uint64_t came = job->call.offset + (job->call.command == DORY_GET ? job->call.received : 0);

    if (answer != NULL) {
        link->failures = 0;
        link->heard = true;
    }
    if (came > job->best) {
        job->best = came;
        link->stalls = 0;
        link->failures = 0;
        link->heard = true;
    }
}

/* Whether the job has been sent, and is one that must not be sent twice. A server without a session has read nothing. */
static bool is_spent(const struct link *link, const struct dory_call *call)
{
    bool once = call->command == DORY_RUN || call->command == DORY_BOOT;

    return once && call->phase != DORY_CALL_QUEUED && link->client.fault != DORY_FAULT_BUSY;
}

static void on_answered(struct link *link, struct job *job, const struct dory_answer *answer)
{
    bool spent = is_spent(link, &job->call);

    if (job->call.status == DORY_BUSY && !spent) {
        on_busy(link, job, answer);
    } else if (job->call.status == DORY_TIMEOUT && !spent && job->tries < link->options->retries) {
        /* What the server waited for was lost on the way: as good as a dropped connection. */
        job->tries++;
        try_again(link, job, answer, DORY_FAULT_LOST);
    } else {
        link_finish(link, job, answer);
    }
}

static void on_lost(struct link *link, struct job *job)
{
    if (is_spent(link, &job->call)) {
        job->call.fault = DORY_FAULT_LOST;
        link->spent = true;
        link_finish(link, job, NULL);
    } else {
        try_again(link, job, NULL, job->call.fault);
    }
}

void link_done(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    struct link *link = (struct link *)ctx;
    struct job *job = (struct job *)call;

    link->active--;
    count_progress(link, job, answer);
    switch (call->fault) {
    case DORY_FAULT_NONE:
        on_answered(link, job, answer);
        break;
    case DORY_FAULT_LOST:
    case DORY_FAULT_PROTOCOL:
    case DORY_FAULT_OTHER_BEGINNING:
        on_lost(link, job);
        break;
    case DORY_FAULT_BUSY:
    case DORY_FAULT_BAD_HEADER:
    case DORY_FAULT_MISMATCH:
    case DORY_FAULT_LOCAL:
    case DORY_FAULT_ABANDONED:
        link_finish(link, job, answer);
        break;
    }
}
