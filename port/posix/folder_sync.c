/* SPDX-License-Identifier: MIT */
/*
 * Making changes durable and public, in worker threads.
 *
 * Implementation notes: the order that a power cut must not undo is: the file's
 * bytes, the folders above it, its name, its folder. A batch goes through these
 * steps side by side; a job that fails takes no part in the later ones. Small
 * jobs that come while a batch is under way wait for the next, and so batches
 * are the larger the slower the disk is; a second batch runs beside the first
 * only when it is full. Two changes of one name are never under way together:
 * the name stays held until the first is done.
 */
#define _GNU_SOURCE
#include "folder_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../../core/status.h"

struct batch {
    struct folder_job *jobs[FOLDER_BATCH];
    unsigned count;
    bool large;
};

void folder_start_writeback(int fd, uint64_t off, uint64_t len)
{
#ifdef SYNC_FILE_RANGE_WRITE
    sync_file_range(fd, (off_t)off, (off_t)len, SYNC_FILE_RANGE_WRITE);
#else
    (void)fd, (void)off, (void)len;
#endif
}

static int remove_name(const struct folder_place *place)
{
    int status = folder_look(place);
    if (status == DORY_OK && unlinkat(place->fd, place->last, 0) != 0)
        status = folder_status(errno);
    return status;
}

/* A rename would put the file in the place of a symbolic link or a FIFO, too:
 * what is there now must be a file or nothing. */
static int publish_file(const struct folder_job *job)
{
    int status = folder_look(&job->place);
    if (status == DORY_OK || status == DORY_NOT_FOUND) {
        if (renameat(job->area_fd, job->temp, job->place.fd, job->place.last) == 0)
            return DORY_OK;
        status = folder_status(errno);
    }
    unlinkat(job->area_fd, job->temp, 0);
    /* Not the name is missing: its folder is, or the new file. */
    return status == DORY_NOT_FOUND ? DORY_IO_ERROR : status;
}

int folder_job_publish(const struct folder_job *job)
{
    return job->file_fd < 0 ? remove_name(&job->place) : publish_file(job);
}

void folder_job_close(struct folder_job *job)
{
    if (job->file_fd >= 0)
        close(job->file_fd);
    job->file_fd = -1;
    folder_place_close(&job->place);
}

static void start_writeback(const struct batch *batch)
{
    for (unsigned i = 0; batch->count > 1 && i < batch->count; i++)
        if (batch->jobs[i]->file_fd >= 0 && batch->jobs[i]->size > 0)
            folder_start_writeback(batch->jobs[i]->file_fd, 0, 0);
}

/* What the disk did not take must not be resumed either: the page cache may
 * say that the bytes are there when the disk has others. */
static void fail_unpublished(struct folder_job *job, int error)
{
    job->result = folder_status(error);
    if (job->file_fd >= 0)
        unlinkat(job->area_fd, job->temp, 0);
}

static void sync_files(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct folder_job *job = batch->jobs[i];
        job->result = DORY_OK;
        if (job->file_fd >= 0 && fdatasync(job->file_fd) != 0)
            fail_unpublished(job, errno);
    }
}

static void sync_made_folders(struct folder_made *made, const struct batch *batch)
{
    if (folder_made_sync(made) == 0)
        return;
    int error = errno;
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->jobs[i]->result == DORY_OK)
            fail_unpublished(batch->jobs[i], error);
}

static void publish(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->jobs[i]->result == DORY_OK)
            batch->jobs[i]->result = folder_job_publish(batch->jobs[i]);
}

static bool same_folder(const struct folder_job *a, const struct folder_job *b)
{
    return a->place.ino == b->place.ino && a->place.dev == b->place.dev;
}

/* The change is public already; the failure tells only that it may not last. */
static void sync_folder_of(const struct batch *batch, unsigned first)
{
    const struct folder_job *job = batch->jobs[first];
    if (fsync(job->place.fd) == 0)
        return;
    int status = folder_status(errno);
    for (unsigned i = first; i < batch->count; i++)
        if (batch->jobs[i]->result == DORY_OK && same_folder(batch->jobs[i], job))
            batch->jobs[i]->result = status;
}

static bool is_first_of_its_folder(const struct batch *batch, unsigned index)
{
    for (unsigned i = 0; i < index; i++)
        if (batch->jobs[i]->result == DORY_OK && same_folder(batch->jobs[i], batch->jobs[index]))
            return false;
    return batch->jobs[index]->result == DORY_OK;
}

static void sync_folders(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        if (is_first_of_its_folder(batch, i))
            sync_folder_of(batch, i);
}

static void run(struct folder_made *made, const struct batch *batch)
{
    start_writeback(batch);
    sync_files(batch);
    sync_made_folders(made, batch);
    publish(batch);
    sync_folders(batch);
    for (unsigned i = 0; i < batch->count; i++)
        folder_job_close(batch->jobs[i]);
}

static void queue_add(struct folder_queue *queue, struct folder_job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
    queue->count++;
}

static struct folder_job *queue_take(struct folder_queue *queue)
{
    struct folder_job *job = queue->first;
    queue->first = job->next;
    queue->count--;
    if (queue->first == NULL)
        queue->end = &queue->first;
    return job;
}

static bool large_is_due(const struct folder_sync *sync)
{
    return sync->large.count > 0 && sync->large_running < FOLDER_WORKERS - 1;
}

static bool small_is_due(const struct folder_sync *sync)
{
    return sync->small.count > 0 && (sync->small_running == 0 || sync->small.count >= FOLDER_BATCH);
}

static void signal_if_due(struct folder_sync *sync)
{
    if (large_is_due(sync) || small_is_due(sync))
        pthread_cond_signal(&sync->work);
}

/* Takes what is due, nothing perhaps. */
static void take(struct folder_sync *sync, struct batch *batch)
{
    batch->count = 0;
    batch->large = large_is_due(sync);
    if (batch->large) {
        batch->jobs[batch->count++] = queue_take(&sync->large);
        sync->large_running++;
    } else if (small_is_due(sync)) {
        while (batch->count < FOLDER_BATCH && sync->small.count > 0)
            batch->jobs[batch->count++] = queue_take(&sync->small);
        sync->small_running++;
    }
}

static void finish(struct folder_sync *sync, const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        batch->jobs[i]->done = true;
    if (batch->large)
        sync->large_running--;
    else
        sync->small_running--;
}

/* Called, and returns, with the lock held. */
static void work_off(struct folder_sync *sync, const struct batch *batch)
{
    signal_if_due(sync);
    pthread_mutex_unlock(&sync->lock);
    run(sync->made, batch);
    pthread_mutex_lock(&sync->lock);
    finish(sync, batch);
    pthread_mutex_unlock(&sync->lock);
    if (sync->wake != NULL)
        sync->wake(sync->wake_ctx);
    pthread_mutex_lock(&sync->lock);
}

static void *worker(void *ctx)
{
    struct folder_sync *sync = ctx;
    pthread_mutex_lock(&sync->lock);
    for (;;) {
        struct batch batch;
        take(sync, &batch);
        if (batch.count > 0)
            work_off(sync, &batch);
        else if (sync->stopping)
            break; /* what is left, if anything, is for those who are at work */
        else
            pthread_cond_wait(&sync->work, &sync->lock);
    }
    pthread_mutex_unlock(&sync->lock);
    return NULL;
}

/* The process's signals are for the thread that serves. */
static int start_workers(struct folder_sync *sync)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    while (error == 0 && sync->workers_started < FOLDER_WORKERS) {
        error = pthread_create(&sync->workers[sync->workers_started], NULL, worker, sync);
        if (error == 0)
            sync->workers_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int folder_sync_start(struct folder_sync *sync, struct folder_made *made, void (*wake)(void *wake_ctx), void *wake_ctx)
{
    *sync = (struct folder_sync){.made = made, .wake = wake, .wake_ctx = wake_ctx};
    sync->small.end = &sync->small.first;
    sync->large.end = &sync->large.first;
    pthread_mutex_init(&sync->lock, NULL);
    pthread_cond_init(&sync->work, NULL);
    return start_workers(sync);
}

void folder_sync_add(struct folder_sync *sync, struct folder_job *job)
{
    pthread_mutex_lock(&sync->lock);
    job->done = false;
    queue_add(job->size > FOLDER_SMALL ? &sync->large : &sync->small, job);
    signal_if_due(sync);
    pthread_mutex_unlock(&sync->lock);
}

bool folder_sync_is_done(struct folder_sync *sync, const struct folder_job *job)
{
    pthread_mutex_lock(&sync->lock);
    bool done = job->done;
    pthread_mutex_unlock(&sync->lock);
    return done;
}

void folder_sync_stop(struct folder_sync *sync)
{
    pthread_mutex_lock(&sync->lock);
    sync->stopping = true;
    pthread_cond_broadcast(&sync->work);
    pthread_mutex_unlock(&sync->lock);
    for (unsigned i = 0; i < sync->workers_started; i++)
        pthread_join(sync->workers[i], NULL);
    pthread_mutex_destroy(&sync->lock);
    pthread_cond_destroy(&sync->work);
}
