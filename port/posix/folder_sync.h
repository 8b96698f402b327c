/* SPDX-License-Identifier: MIT */
/*
 * Making changes durable and public, in worker threads, so that the thread that
 * serves the network never waits for a disk. Small changes are done in batches,
 * which share the sync of their folder.
 */
#ifndef DORY_FOLDER_SYNC_H
#define DORY_FOLDER_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "folder_made.h"
#include "folder_path.h"

/* Threads. One of them never takes a large job, so that a small one never
 * waits behind them. */
#define FOLDER_WORKERS 4

/* Jobs of at most FOLDER_SMALL bytes are done up to FOLDER_BATCH at a time. */
#define FOLDER_SMALL (UINT64_C(1) << 20)
#define FOLDER_BATCH 64

/* One change: a file to publish, or a name to remove. The caller owns the
 * memory and keeps its hands off it from folder_sync_add() until
 * folder_sync_is_done(). */
struct folder_job {
    struct folder_place place; /* of the name */
    int file_fd;               /* the new file; -1: the name is to be removed */
    int area_fd;               /* ROOT/.dory, lent */
    const char *temp;          /* the new file's name there */
    uint64_t size;             /* bytes of the new file */
    int result;                /* DORY_OK or a failure, when done */
    bool done;
    struct folder_job *next;
};

struct folder_queue {
    struct folder_job *first;
    struct folder_job **end;
    uint32_t count;
};

struct folder_sync {
    struct folder_made *made;
    void (*wake)(void *wake_ctx);
    void *wake_ctx;
    pthread_t workers[FOLDER_WORKERS];
    unsigned workers_started;
    pthread_mutex_t lock; /* guards what follows, and `done` of every job */
    pthread_cond_t work;  /* there is something to take, or the end has come */
    struct folder_queue small;
    struct folder_queue large;
    unsigned small_running;
    unsigned large_running;
    bool stopping;
};

/* Asks the system to begin writing a part of a file to the disk, and does not
 * wait; `len` 0 means to the end. Only speed depends on it. */
void folder_start_writeback(int fd, uint64_t off, uint64_t len);

/* Publishes or removes at once, without syncing, and returns the result; a
 * failure removes the new file, and the name is as it was. */
int folder_job_publish(const struct folder_job *job);

/* Closes what the job still holds. */
void folder_job_close(struct folder_job *job);

/* Starts the workers. Returns 0 or an errno; folder_sync_stop() is due in both
 * cases. `wake` may be NULL; a worker calls it after every batch. */
int folder_sync_start(struct folder_sync *sync, struct folder_made *made, void (*wake)(void *wake_ctx), void *wake_ctx);

void folder_sync_add(struct folder_sync *sync, struct folder_job *job);
bool folder_sync_is_done(struct folder_sync *sync, const struct folder_job *job);

/* Waits until every job is done, and ends the workers. */
void folder_sync_stop(struct folder_sync *sync);

#endif
