/* SPDX-License-Identifier: MIT */
/* A job: one request that shall get its final answer, over as many connections and tries as it takes. */
#ifndef DORY_APP_JOB_H
#define DORY_APP_JOB_H

#include "../../core/client.h"
#include "report.h"

/* Belongs to the command; lent to the link (link.h) from next() to finished(). */
struct job {
    struct dory_call call; /* set up by the command; `events` but for done() are the command's, too */
    size_t weight;         /* bytes of memory that it holds: there is a limit to what is in flight */
    int fd;                /* of the file, when call.body_by_caller */

    /* The link's own. */
    struct job *next;
    uint32_t tries;  /* that this job itself made necessary */
    uint32_t due_ms; /* not to be tried again before */
    uint64_t best;   /* how far any try came */
};

struct job_queue {
    struct job *first;
    struct job *last;
};

void job_append(struct job_queue *queue, struct job *job);

/* Take the first job, or the first that is due, off the queue; NULL: there is none. */
struct job *job_take_first(struct job_queue *queue);
struct job *job_take_due(struct job_queue *queue, uint32_t now_ms);

/* Compares times of net_now_ms(). */
bool job_time_reached(uint32_t now_ms, uint32_t when_ms);

/* How long to pause after so many failures (1 or more): twice as long after each, and not the same for all. */
uint32_t job_pause_ms(uint32_t failures);

/* Fills in how a finished job ended, as far as its call tells. Of DORY_FAULT_LOCAL the command knows more. */
void job_outcome(const struct job *job, const struct dory_answer *answer, struct outcome *outcome);

#endif
