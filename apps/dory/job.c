/* SPDX-License-Identifier: MIT */
/* Queues of jobs, and how long to wait before a job is tried again. */
#define _DEFAULT_SOURCE

#include "job.h"

#include <unistd.h>

#include "../../port/net.h"

#define FIRST_PAUSE_MS 200U
#define LONGEST_PAUSE_MS 5000U

bool job_time_reached(uint32_t now_ms, uint32_t when_ms)
{
    return (int32_t)(now_ms - when_ms) >= 0;
}

void job_append(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    if (queue->first == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
}

struct job *job_take_first(struct job_queue *queue)
{
    struct job *job = queue->first;

    if (job != NULL) {
        queue->first = job->next;
    }
    return job;
}

struct job *job_take_due(struct job_queue *queue, uint32_t now_ms)
{
    struct job **at = &queue->first;
    struct job *before = NULL;
    struct job *job;

    while (*at != NULL && !job_time_reached(now_ms, (*at)->due_ms)) {
        before = *at;
        at = &before->next;
    }
    job = *at;
    if (job != NULL) {
        *at = job->next;
        if (queue->last == job) {
            queue->last = before;
        }
    }
    return job;
}

uint32_t job_pause_ms(uint32_t failures)
{
    uint32_t pause_ms = FIRST_PAUSE_MS;
    uint32_t jitter = (net_now_ms() ^ (uint32_t)getpid()) * UINT32_C(2654435761) >> 24;

    while (--failures > 0 && pause_ms < LONGEST_PAUSE_MS) {
        pause_ms *= 2;
    }
    pause_ms = pause_ms < LONGEST_PAUSE_MS ? pause_ms : LONGEST_PAUSE_MS;
    return pause_ms * 3 / 4 + pause_ms / 2 * jitter / 256;
}
