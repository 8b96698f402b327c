/* SPDX-License-Identifier: MIT */
/*
 * `dory put`: sends files.
 *
 * Implementation notes
 *
 * A small file is read into memory at once, so that its size, its CRC-32 and its bytes agree whatever happens to it,
 * and goes down the pipe behind others. A large one stays open: its CRC-32 is computed first, then it goes with
 * `resume`, straight from the page cache to the socket. It may change meanwhile; the server finds out by the CRC-32, we
 * by its size and time.
 */
#include "put.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../port/net.h"
#include "checksum.h"
#include "link.h"
#include "local.h"
#include "put_plan.h"

/* Files of that many bytes and more are sent with `resume`. */
#define LARGE_LEN (64U * 1024U)

/* What a job costs besides: a little memory, and a large one has a file open. */
#define SMALL_WEIGHT 512U
#define LARGE_WEIGHT (64U * 1024U)

struct put {
    struct app *app;
    struct items items;
    size_t at;      /* the next item */
    size_t settled; /* items of which the end has been told */
    uint64_t sent;  /* bytes of those that arrived */
    const struct put_job *current;
};

struct put_job {
    struct job job;
    struct put *put;
    struct item *item;
    struct local_file file; /* open when large */
    struct checksum checksum;
    bool large;
    bool started_over; /* what the server had was no good */
    uint8_t data[];    /* of a small file */
};

static const struct put_job *put_job(const struct dory_call *call)
{
    return (const struct put_job *)call;
}

/* ---- The body ---- */

static int32_t on_read(void *ctx, struct dory_call *call, uint64_t off, uint8_t *dst, size_t len)
{
    const struct put_job *job = put_job(call);

    (void)ctx;
    if (job->large) {
        return local_read(&job->file, off, dst, len) ? (int32_t)len : -1;
    }
    memcpy(dst, job->data + off, len);
    return (int32_t)len;
}

static uint64_t on_known(void *ctx, struct dory_call *call, uint64_t off, uint32_t *crc32)
{
    const struct put_job *job = put_job(call);
    uint64_t mark = off / CHECKSUM_BLOCK_LEN;

    (void)ctx;
    if (mark >= job->checksum.count) {
        return 0;
    }
    *crc32 = job->checksum.marks[mark];
    return mark * CHECKSUM_BLOCK_LEN;
}

static const struct dory_call_events call_events = {
    .read = on_read,
    .known = on_known,
    .done = link_done,
};

/* ---- Jobs ---- */

static void settle(struct put *put, struct item *item, const struct report_file *file, const struct outcome *outcome)
{
    report_file(&put->app->report, file, outcome);
    item->settled = true;
    put->settled++;
}

static void settle_local(struct put *put, struct item *item, const char *sentence)
{
    const struct report_file file = {.file = item->path, .name = item->name, .about = item->path};
    struct outcome outcome;

    outcome_set(&outcome, EXIT_LOCAL, "local", "%s", sentence);
    settle(put, item, &file, &outcome);
}

static const char *local_sentence(int error)
{
    return error == ESTALE ? "The file changed while it was read." : strerror(error);
}

static struct put_job *new_job(struct put *put, struct item *item, const struct local_file *file, size_t data_len)
{
    struct put_job *job = malloc(sizeof *job + data_len);

    if (job == NULL) {
        return NULL;
    }
    *job = (struct put_job){.put = put, .item = item, .file = *file};
    job->job.weight = data_len + SMALL_WEIGHT;
    job->job.call = (struct dory_call){
        .command = DORY_PUT,
        .events = &call_events,
        .name = item->name,
        .filesize = file->size,
        .has_crc32 = true,
    };
    return job;
}

static void free_job(struct put_job *job)
{
    if (job->large) {
        close(job->file.fd);
        checksum_free(&job->checksum);
    }
    if (job->put->current == job) {
        job->put->current = NULL;
    }
    free(job);
}

static struct put_job *small_job(struct put *put, struct item *item, const struct local_file *file)
{
    struct put_job *job = new_job(put, item, file, (size_t)file->size);

    if (job == NULL) {
        return NULL;
    }
    if (!local_read(file, 0, job->data, (size_t)file->size)) {
        free(job);
        return NULL;
    }
    job->job.call.crc32 = libdeflate_crc32(0, job->data, (size_t)file->size);
    return job;
}

static bool on_pace(void *ctx, uint64_t done)
{
    const struct put_job *job = (const struct put_job *)ctx;
    const struct progress progress = {.name = "reading", .done = done, .total = job->file.size};

    if (progress_active()) {
        progress_draw(&progress, net_now_ms());
    }
    return !link_interrupted();
}

static struct put_job *large_job(struct put *put, struct item *item, const struct local_file *file)
{
    struct put_job *job = new_job(put, item, file, 0);

    if (job == NULL) {
        return NULL;
    }
    progress_restart();
    if (!checksum_file(&job->checksum, file, on_pace, job)) {
        free(job);
        return NULL;
    }
    progress_restart();
    job->large = true;
    job->job.weight = LARGE_WEIGHT;
    job->job.call.crc32 = job->checksum.crc32;
    job->job.fd = file->fd;
    job->job.call.resume = true;
    job->job.call.body_by_caller = true;
    return job;
}

static struct put_job *job_for(struct put *put, struct item *item)
{
    char error[LOCAL_ERROR_SIZE];
    struct local_file file;
    struct put_job *job;

    if (!local_open(&file, item->path, error)) {
        settle_local(put, item, error);
        return NULL;
    }
    job = (file.size < LARGE_LEN ? small_job : large_job)(put, item, &file);
    if (job == NULL && !link_interrupted()) {
        settle_local(put, item, local_sentence(errno));
    }
    if (job == NULL || !job->large) {
        close(file.fd);
    }
    return job;
}

static struct job *on_next(void *ctx)
{
    struct put *put = (struct put *)ctx;
    struct put_job *job = NULL;

    while (job == NULL && put->at < put->items.count && !link_interrupted()) {
        job = job_for(put, &put->items.item[put->at++]);
    }
    if (job == NULL) {
        return NULL;
    }
    put->current = job;
    return &job->job;
}

static bool on_again(void *ctx, struct job *generic, enum dory_fault fault)
{
    struct put_job *job = (struct put_job *)generic;

    (void)ctx;
    if (!job->large) {
        return true;
    }
    if (fault != DORY_FAULT_BUSY) {
        generic->call.resume = fault != DORY_FAULT_OTHER_BEGINNING;
    }
    return local_unchanged(&job->file);
}

/* What we know better than the server. */
static void amend(const struct put_job *job, const struct dory_call *call, struct outcome *outcome)
{
    bool at_the_server = call->fault == DORY_FAULT_NONE && call->status == DORY_OK;

    if (!job->large) {
        return;
    }
    if (!local_unchanged(&job->file)) {
        outcome_set(outcome, EXIT_LOCAL, "local", "The file changed while it was sent; the server %s.",
                    at_the_server ? "has it as it was before" : "did not take it");
    } else if (call->fault == DORY_FAULT_LOCAL) {
        outcome_set(outcome, EXIT_LOCAL, "local", "The file could not be read.");
    }
}

static bool start_over(struct put_job *job)
{
    struct dory_call *call = &job->job.call;
    bool corrupt = call->fault == DORY_FAULT_NONE && call->status == DORY_CORRUPT && call->resume && call->offset > 0;

    if (!corrupt || job->started_over || !local_unchanged(&job->file)) {
        return false;
    }
    job->started_over = true;
    call->resume = false;
    return true;
}

static bool on_finished(void *ctx, struct job *generic, const struct dory_answer *answer)
{
    struct put *put = (struct put *)ctx;
    struct put_job *job = (struct put_job *)generic;
    const struct report_file file = {
        .file = job->item->path,
        .name = job->item->name,
        .about = job->item->path,
        .has_size = true,
        .size = generic->call.filesize,
        .has_crc32 = true,
        .crc32 = generic->call.crc32,
    };
    struct outcome outcome;

    if (start_over(job)) {
        return true;
    }
    job_outcome(generic, answer, &outcome);
    amend(job, &generic->call, &outcome);
    if (outcome.code != EXIT_LOST) {
        settle(put, job->item, &file, &outcome);
        put->sent += outcome.code == EXIT_DONE ? file.size : 0;
    }
    free_job(job);
    return false;
}

static void on_look(void *ctx, struct progress *progress)
{
    const struct put *put = (const struct put *)ctx;
    bool one = put->items.count == 1;

    progress->name = one ? put->items.item[0].path : "put";
    progress->files = put->settled;
    progress->files_total = put->items.count;
    progress->done = put->sent;
    progress->total = 0;
    progress->skipped = 0;
    if (put->current != NULL) {
        progress->name = put->current->item->path;
        progress->done += put->current->job.call.at;
        progress->skipped = put->current->job.call.offset;
        progress->total = put->current->file.size;
    }
}

static const struct link_events link_events = {
    .next = on_next,
    .again = on_again,
    .finished = on_finished,
    .look = on_look,
};

/* ---- The command ---- */

/* Those of which no end was told. */
static void report_rest(struct put *put, const struct outcome *failure)
{
    struct outcome outcome = *failure;

    for (size_t i = 0; i < put->items.count; i++) {
        const struct item *item = &put->items.item[i];
        const struct report_file file = {.file = item->path, .name = item->name, .about = item->path};

        if (!item->settled) {
            report_unsettled(&put->app->report, &file, failure);
        }
    }
    if (put->items.count > 1) {
        outcome_set(&outcome, failure->code, failure->status, "%s (%zu of %zu files are settled)", failure->message,
                    put->settled, put->items.count);
    }
    report_failure(&put->app->report, put->items.count == 1 ? put->items.item[0].path : NULL, &outcome);
}

static int send_items(struct put *put, const struct target *target)
{
    struct app *app = put->app;
    uint32_t begin_ms = net_now_ms();
    struct outcome failure;

    if (!link_run(app, target, &link_events, put, &failure)) {
        report_rest(put, &failure);
    } else if (app->report.code == EXIT_DONE && put->items.count > 0) {
        report_summary(&app->report, put->items.item[0].name, put->items.count, put->sent, net_now_ms() - begin_ms);
    }
    return app->report.code;
}

int command_put(struct app *app)
{
    struct put put = {.app = app};
    struct target target;
    int code = put_plan(app, &target, &put.items);

    if (code == EXIT_DONE) {
        code = app->options.no_reply ? put_no_reply(app, &target, &put.items) : send_items(&put, &target);
    }
    items_free(&put.items);
    return code;
}
