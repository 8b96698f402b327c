/* SPDX-License-Identifier: MIT */
/*
 * Changes of a folder store: puts and removals, from the first byte to the
 * commit.
 *
 * Implementation notes: a writer holds its name from put() until it is released,
 * which is after the worker is done with it, also when nobody waits for it any
 * more (then it is an orphan). So one name never has two changes under way, and
 * one temporary file never has two writers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder_private.h"

/* So many bytes at a time are sent to the disk while the body still comes. */
#define WRITEBACK_LEN (UINT64_C(8) << 20)

static struct folder_writer *writer_of(struct dory_writer *base)
{
    return (struct folder_writer *)base;
}

int folder_writers_open(struct folder_writers *writers, uint32_t max)
{
    uint32_t buckets = 1;
    while (buckets < max && buckets < 65536)
        buckets *= 2;
    *writers = (struct folder_writers){.max = max, .bucket_mask = buckets - 1};
    writers->pool = calloc(max > 0 ? max : 1, sizeof *writers->pool);
    writers->buckets = calloc(buckets, sizeof(struct folder_writer *));
    return writers->pool != NULL && writers->buckets != NULL ? 0 : -1;
}

void folder_writers_close(struct folder_writers *writers)
{
    free(writers->pool);
    free(writers->buckets);
}

static struct folder_writer **bucket(const struct folder_writers *writers, uint64_t name_hash)
{
    return &writers->buckets[name_hash & writers->bucket_mask];
}

static struct folder_writer *find(const struct folder_writers *writers, const char *name, uint64_t name_hash)
{
    struct folder_writer *writer = *bucket(writers, name_hash);
    while (writer != NULL && (writer->key.name_hash != name_hash || strcmp(writer->name, name) != 0))
        writer = writer->next;
    return writer;
}

/* Two names of one hash would share one temporary file. */
static bool is_hash_held(const struct folder_writers *writers, uint64_t name_hash)
{
    const struct folder_writer *writer = *bucket(writers, name_hash);
    while (writer != NULL && writer->key.name_hash != name_hash)
        writer = writer->next;
    return writer != NULL;
}

static struct folder_writer *allot(struct folder_writers *writers)
{
    struct folder_writer *writer = writers->free;
    if (writer != NULL)
        writers->free = writer->next;
    else if (writers->touched < writers->max)
        writer = &writers->pool[writers->touched++];
    return writer;
}

static void release(struct folder_writers *writers, struct folder_writer *writer)
{
    struct folder_writer **link = bucket(writers, writer->key.name_hash);
    while (*link != writer)
        link = &(*link)->next;
    *link = writer->next;
    folder_job_close(&writer->job);
    writer->next = writers->free;
    writers->free = writer;
}

static void release_orphans(struct folder_store *store)
{
    struct folder_writer **link = &store->writers.orphans;
    while (*link != NULL) {
        struct folder_writer *writer = *link;
        if (!folder_sync_is_done(&store->syncer, &writer->job)) {
            link = &writer->next_orphan;
            continue;
        }
        *link = writer->next_orphan;
        release(&store->writers, writer);
    }
}

/* Takes a writer for `name`, with nothing open yet. DORY_OK, DORY_FORBIDDEN,
 * DORY_BAD_NAME or DORY_BUSY. */
static int hold(struct folder_store *store, const char *name, struct folder_writer **held)
{
    size_t name_len = strlen(name);
    uint64_t name_hash = folder_name_hash(name);
    if (store->read_only)
        return DORY_FORBIDDEN;
    if (name_len > DORY_MAX_NAME)
        return DORY_BAD_NAME;
    release_orphans(store);
    struct folder_writer *writer = is_hash_held(&store->writers, name_hash) ? NULL : allot(&store->writers);
    if (writer == NULL)
        return DORY_BUSY;
    struct folder_writer **first = bucket(&store->writers, name_hash);
    writer->base = (struct dory_writer){.size = 0};
    writer->key = (struct folder_key){.name_hash = name_hash};
    writer->job = (struct folder_job){.place.fd = -1, .file_fd = -1, .area_fd = store->area_fd};
    writer->temp[0] = '\0';
    writer->job.temp = writer->temp;
    writer->written_back = 0;
    writer->committing = false;
    writer->orphan = false;
    memcpy(writer->name, name, name_len + 1);
    writer->next = *first;
    *first = writer;
    *held = writer;
    return DORY_OK;
}

static bool may_change(const struct folder_place *place)
{
    return faccessat(place->fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

/* Finds the folder, and whether the name can become a file of ours. */
static int find_place(struct folder_store *store, struct folder_writer *writer)
{
    struct folder_place *place = &writer->job.place;
    int status = folder_walk(&store->root, writer->name, &store->made, place);
    if (status != DORY_OK)
        return status == DORY_NOT_FOUND ? DORY_IO_ERROR : status; /* the root is gone */
    if (place->dev != store->root.dev)
        return DORY_UNSUPPORTED; /* no rename leads into another file system */
    status = folder_look(place);
    if (status != DORY_OK && status != DORY_NOT_FOUND)
        return status;
    /* A small body is sent sooner than this is looked for. */
    return writer->base.size > FOLDER_SMALL && !may_change(place) ? DORY_FORBIDDEN : DORY_OK;
}

/* Returns a descriptor, or -1 and errno. */
static int create(int area_fd, const char *temp)
{
    int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(area_fd, temp, flags, 0666);
    if (fd >= 0 || errno != EEXIST)
        return fd;
    /* Nobody writes it, and the table does not know it: somebody else put it there. */
    return unlinkat(area_fd, temp, 0) == 0 ? openat(area_fd, temp, flags, 0666) : -1;
}

/* Goes on with the partial of this very content. DORY_NOT_FOUND: there is none
 * that is any good. DORY_BUSY: it can't be opened now. */
static int resume(struct folder_partials *partials, struct folder_writer *writer)
{
    const struct folder_partial *partial = folder_partials_find(partials, writer->key.name_hash);
    if (partial == NULL || !folder_key_equal(&partial->key, &writer->key))
        return DORY_NOT_FOUND;
    struct stat st;
    int fd = folder_open_file(partials->area_fd, writer->temp, O_RDWR, &st);
    if (fd < 0)
        return folder_status(errno) == DORY_BUSY ? DORY_BUSY : DORY_NOT_FOUND;
    if ((uint64_t)st.st_size > writer->base.size) {
        close(fd);
        return DORY_NOT_FOUND;
    }
    folder_partials_take(partials, writer->key.name_hash);
    writer->job.file_fd = fd;
    writer->base.stored = (uint64_t)st.st_size;
    writer->written_back = writer->base.stored;
    return DORY_OK;
}

static void name_temp(struct folder_store *store, struct folder_writer *writer)
{
    if (writer->base.has_crc32)
        folder_key_print(&writer->key, writer->temp);
    else
        snprintf(writer->temp, sizeof writer->temp, "tmp-%" PRIu64, store->writers.temps++);
}

/* A full disk gives way as long as there are idle partials. */
static bool make_space(struct folder_store *store, int error)
{
    return (error == ENOSPC || error == EDQUOT) && folder_partials_drop_oldest(&store->partials);
}

static int create_temp(struct folder_store *store, struct folder_writer *writer)
{
    const struct folder_partial *partial = folder_partials_find(&store->partials, writer->key.name_hash);
    if (partial != NULL && writer->base.has_crc32 && folder_key_equal(&partial->key, &writer->key))
        folder_partials_drop(&store->partials, writer->key.name_hash); /* the file of its name is needed */
    do
        writer->job.file_fd = create(store->area_fd, writer->temp);
    while (writer->job.file_fd < 0 && make_space(store, errno));
    if (writer->job.file_fd >= 0)
        return DORY_OK;
    int status = folder_status(errno);
    return status == DORY_NOT_FOUND ? DORY_IO_ERROR : status; /* ROOT/.dory is gone */
}

static int open_temp(struct folder_store *store, struct folder_writer *writer, bool may_resume)
{
    name_temp(store, writer);
    int status = may_resume && writer->base.has_crc32 ? resume(&store->partials, writer) : DORY_NOT_FOUND;
    return status == DORY_NOT_FOUND ? create_temp(store, writer) : status;
}

static int begin_put(struct folder_store *store, struct folder_writer *writer, const struct dory_put *put)
{
    writer->base.size = put->size;
    writer->base.crc32 = put->crc32;
    writer->base.has_crc32 = put->has_crc32;
    writer->job.size = put->size;
    writer->key.size = put->size;
    writer->key.crc32 = put->crc32;
    int status = folder_has_room(store, put->size);
    if (status == DORY_OK)
        status = find_place(store, writer);
    if (status == DORY_OK)
        status = open_temp(store, writer, put->resume);
    return status;
}

int folder_writer_put(void *ctx, const struct dory_put *put, struct dory_writer **base)
{
    struct folder_store *store = ctx;
    struct folder_writer *writer;
    if (put->size > store->max_file)
        return store->read_only ? DORY_FORBIDDEN : DORY_TOO_LARGE;
    int status = hold(store, put->name, &writer);
    if (status != DORY_OK)
        return status;
    status = begin_put(store, writer, put);
    if (status != DORY_OK)
        release(&store->writers, writer);
    else
        *base = &writer->base;
    return status;
}

int folder_writer_remove(void *ctx, const char *name, struct dory_writer **base)
{
    struct folder_store *store = ctx;
    struct folder_writer *writer;
    int status = hold(store, name, &writer);
    if (status != DORY_OK)
        return status;
    status = folder_walk(&store->root, writer->name, NULL, &writer->job.place);
    if (status == DORY_OK)
        status = folder_look(&writer->job.place);
    if (status != DORY_OK)
        release(&store->writers, writer);
    else
        *base = &writer->base;
    return status;
}

/* What is on its way to the disk already, the commit need not wait for. */
static void write_back(struct folder_writer *writer)
{
    uint64_t len = writer->base.stored - writer->written_back;
    if (len < WRITEBACK_LEN)
        return;
    folder_start_writeback(writer->job.file_fd, writer->written_back, len);
    writer->written_back = writer->base.stored;
}

int32_t folder_writer_write(void *ctx, struct dory_writer *base, const uint8_t *data, size_t len)
{
    struct folder_store *store = ctx;
    struct folder_writer *writer = writer_of(base);
    uint64_t left = base->size - base->stored;
    if (len > left)
        len = (size_t)left;
    if (len > INT32_MAX)
        len = INT32_MAX;
    ssize_t count;
    do
        count = pwrite(writer->job.file_fd, data, len, (off_t)base->stored);
    while (count < 0 && (errno == EINTR || make_space(store, errno)));
    if (count < 0)
        return folder_status(errno) == DORY_NO_SPACE ? DORY_NO_SPACE : DORY_IO_ERROR;
    base->stored += (uint64_t)count;
    if (store->sync)
        write_back(writer);
    return (int32_t)count;
}

int32_t folder_writer_reread(void *ctx, struct dory_writer *base, uint64_t off, uint8_t *dst, size_t len)
{
    (void)ctx;
    ssize_t count = pread(writer_of(base)->job.file_fd, dst, len < INT32_MAX ? len : INT32_MAX, (off_t)off);
    if (count < 0 && errno == EINTR)
        return 0;
    return count > 0 ? (int32_t)count : DORY_IO_ERROR; /* 0: it was cut meanwhile */
}

static void discard(const struct folder_writer *writer)
{
    if (writer->job.file_fd >= 0)
        unlinkat(writer->job.area_fd, writer->temp, 0);
}

int folder_writer_commit(void *ctx, struct dory_writer *base)
{
    struct folder_store *store = ctx;
    struct folder_writer *writer = writer_of(base);
    int status;
    if (writer->committing) {
        if (!folder_sync_is_done(&store->syncer, &writer->job))
            return DORY_MORE;
        status = writer->job.result;
    } else if (base->stored != base->size) {
        discard(writer); /* against the contract, and half a file is never published */
        status = DORY_IO_ERROR;
    } else if (store->sync) {
        writer->committing = true;
        folder_sync_add(&store->syncer, &writer->job);
        return DORY_MORE;
    } else {
        status = folder_job_publish(&writer->job);
    }
    if (status == DORY_OK && writer->temp[0] != '\0')
        folder_partials_drop(&store->partials, writer->key.name_hash); /* its time is over */
    release(&store->writers, writer);
    return status;
}

static void keep_or_discard(struct folder_store *store, const struct folder_writer *writer, bool keep)
{
    struct stat st;
    if (keep && writer->base.has_crc32 && writer->job.file_fd >= 0 && fstat(writer->job.file_fd, &st) == 0)
        folder_partials_keep(&store->partials, &writer->key, &st);
    else
        discard(writer);
}

void folder_writer_abort(void *ctx, struct dory_writer *base, bool keep)
{
    struct folder_store *store = ctx;
    struct folder_writer *writer = writer_of(base);
    if (!writer->committing) {
        keep_or_discard(store, writer, keep);
        release(&store->writers, writer);
        return;
    }
    writer->orphan = true;
    writer->next_orphan = store->writers.orphans;
    store->writers.orphans = writer;
}

struct dory_writer *folder_writer_holder(void *ctx, const char *name)
{
    const struct folder_store *store = ctx;
    struct folder_writer *writer = find(&store->writers, name, folder_name_hash(name));
    return writer == NULL || writer->orphan ? NULL : &writer->base;
}

uint64_t folder_writer_partial(void *ctx, const char *name)
{
    const struct folder_store *store = ctx;
    const struct folder_partial *partial = folder_partials_find(&store->partials, folder_name_hash(name));
    return partial == NULL ? 0 : partial->stored;
}
