/* SPDX-License-Identifier: MIT */
/*
 * A store in memory, for tests: it keeps the contract of store.h, checks that core does, and fails or dawdles on
 * demand. All in a header, for each test is a program of one file.
 *
 * Implementation notes
 *
 * A file may be hollow: its bytes are memory_pattern() of their offsets and take no room, so it can be of any size. A
 * put larger than MEMORY_SIZE is hollow, what is written to it is not kept.
 *
 * A file that is open, or a listing, is known by a handle that is never used twice: a close too many is found.
 */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include <assert.h>
#include <string.h>

#include "../../core/name.h"
#include "../../core/store.h"

#define MEMORY_FILES 48U
#define MEMORY_WRITERS 40U
#define MEMORY_PARTIALS 2U
#define MEMORY_OPEN 4U
#define MEMORY_SIZE 4096U

/* What is to go wrong. All zero: nothing. */
struct memory_faults {
    int open; /* statuses that the call fails with, when not 0 */
    int put;
    int remove;
    int list;
    int next; /* after the first name */
    int room;
    int read; /* of bytes at read_from and later */
    uint64_t read_from;
    int reread;
    uint64_t reread_from;
    int write; /* of bytes after the first write_bytes, counted over all puts */
    uint64_t write_bytes;
    int commit;
    unsigned commit_polls; /* calls of commit() that answer "later", for each change */
    unsigned later_every;  /* of the calls that may answer "later", each so many-th does */
    size_t piece;          /* most bytes that one call takes or gives; 0: any number */
};

/* Where the bytes of a file, a put or a partial are. */
struct memory_content {
    bool used;
    bool hollow;
    bool has_crc32;
    uint32_t crc32; /* announced */
    uint64_t size;  /* announced */
    uint64_t stored;
    uint64_t version;
    char name[DORY_MAX_NAME + 1];
    uint8_t data[MEMORY_SIZE];
};

struct memory_writer {
    struct dory_writer writer; /* first, for the casts */
    bool is_removal;
    bool committing;
    unsigned polls;
    struct memory_content content;
};

struct memory_store {
    struct memory_content files[MEMORY_FILES];
    struct memory_content partials[MEMORY_PARTIALS]; /* the version tells their age */
    struct memory_writer writers[MEMORY_WRITERS];
    uintptr_t open[MEMORY_OPEN]; /* handles */
    struct memory_content *open_file[MEMORY_OPEN];
    uintptr_t listing; /* the handle of the one listing there can be, or 0 */
    unsigned listed;
    uintptr_t last_handle;
    uint64_t last_version;
    uint64_t written;
    unsigned calls; /* of those that may answer "later" */
    bool read_only;
    bool hides; /* every file is hidden */
    uint64_t max_file;
    uint64_t capacity;
    unsigned max_writers;
    struct memory_faults faults;
};

static inline uint8_t memory_pattern(uint64_t off)
{
    return (uint8_t)(off * 7 + (off >> 8) * 13 + (off >> 32));
}

/* An empty store without faults. */
static inline void memory_begin(struct memory_store *store)
{
    for (unsigned i = 0; i < MEMORY_FILES; i++) {
        store->files[i].used = false;
    }
    for (unsigned i = 0; i < MEMORY_PARTIALS; i++) {
        store->partials[i].used = false;
    }
    for (unsigned i = 0; i < MEMORY_WRITERS; i++) {
        store->writers[i].content.used = false;
    }
    memset(store->open, 0, sizeof store->open);
    store->listing = 0;
    store->last_handle = 0;
    store->last_version = 0;
    store->written = 0;
    store->calls = 0;
    store->read_only = false;
    store->hides = false;
    store->max_file = UINT64_C(1) << 40;
    store->capacity = UINT64_C(1) << 50;
    store->max_writers = MEMORY_WRITERS;
    store->faults = (struct memory_faults){.open = 0};
}

static inline struct memory_store *memory_of(void *ctx)
{
    return (struct memory_store *)ctx;
}

static inline bool memory_is_later(struct memory_store *store)
{
    store->calls++;
    return store->faults.later_every != 0 && store->calls % store->faults.later_every == 0;
}

static inline size_t memory_piece(const struct memory_store *store, size_t len)
{
    return store->faults.piece != 0 && store->faults.piece < len ? store->faults.piece : len;
}

static inline void memory_must_be_name(const char *name)
{
    assert(dory_name_check(name, strlen(name), DORY_MAX_NAME));
}

/* The content of that name in an array, or NULL. */
static inline struct memory_content *memory_find(struct memory_content *contents, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (contents[i].used && strcmp(contents[i].name, name) == 0) {
            return &contents[i];
        }
    }
    return NULL;
}

static inline struct memory_content *memory_file(struct memory_store *store, const char *name)
{
    return memory_find(store->files, MEMORY_FILES, name);
}

/* One that is not used, or the oldest. */
static inline struct memory_content *memory_free_content(struct memory_content *contents, unsigned count)
{
    struct memory_content *oldest = contents;

    for (unsigned i = 0; i < count; i++) {
        if (!contents[i].used) {
            return &contents[i];
        }
        if (contents[i].version < oldest->version) {
            oldest = &contents[i];
        }
    }
    return oldest;
}

static inline void memory_copy(struct memory_content *to, const struct memory_content *from)
{
    memcpy(to, from, offsetof(struct memory_content, data));
    if (!from->hollow) {
        memcpy(to->data, from->data, (size_t)from->stored);
    }
}

/* Puts a file there, of the bytes `data`, or hollow when that is NULL. */
static inline void memory_add(struct memory_store *store, const char *name, const void *data, uint64_t size)
{
    struct memory_content *file = memory_file(store, name);

    file = file != NULL ? file : memory_free_content(store->files, MEMORY_FILES);
    assert(strlen(name) <= DORY_MAX_NAME && (data == NULL || size <= MEMORY_SIZE));
    file->used = true;
    file->hollow = data == NULL;
    file->size = size;
    file->stored = size;
    file->version = ++store->last_version;
    memcpy(file->name, name, strlen(name) + 1);
    if (data != NULL && size > 0) {
        memcpy(file->data, data, (size_t)size);
    }
}

/* Puts a partial there: `stored` bytes of a file that was announced with `size` and `crc32`. */
static inline void memory_add_partial(struct memory_store *store, const char *name, const void *data, uint64_t stored,
                                      uint64_t size, uint32_t crc32)
{
    struct memory_content *partial = memory_free_content(store->partials, MEMORY_PARTIALS);

    partial->used = true;
    partial->hollow = data == NULL;
    partial->has_crc32 = true;
    partial->crc32 = crc32;
    partial->size = size;
    partial->stored = stored;
    partial->version = ++store->last_version;
    memcpy(partial->name, name, strlen(name) + 1);
    if (data != NULL && stored > 0) {
        memcpy(partial->data, data, (size_t)stored);
    }
}

static inline uint64_t memory_free(struct memory_store *store)
{
    uint64_t used = 0;

    for (unsigned i = 0; i < MEMORY_FILES; i++) {
        used += store->files[i].used ? store->files[i].size : 0;
    }
    return used < store->capacity ? store->capacity - used : 0;
}

/* A component is a file, or the whole is a folder. */
static inline bool memory_is_bad_name(struct memory_store *store, const char *name)
{
    size_t len = strlen(name);

    for (unsigned i = 0; i < MEMORY_FILES; i++) {
        const char *other = store->files[i].name;
        size_t other_len = strlen(other);

        if (!store->files[i].used || len == other_len) {
            continue;
        }
        if (strncmp(name, other, len < other_len ? len : other_len) == 0 &&
            (len < other_len ? other[len] : name[other_len]) == '/') {
            return true;
        }
    }
    return false;
}

/* --- reading --- */

static inline int memory_open(void *ctx, const char *name, struct dory_file *file)
{
    struct memory_store *store = memory_of(ctx);
    struct memory_content *found = memory_file(store, name);
    unsigned i = 0;

    memory_must_be_name(name);
    if (store->faults.open != 0) {
        return store->faults.open;
    }
    if (memory_is_bad_name(store, name)) {
        return DORY_BAD_NAME;
    }
    if (found == NULL) {
        return DORY_NOT_FOUND;
    }
    while (i < MEMORY_OPEN && store->open[i] != 0) {
        i++;
    }
    if (i == MEMORY_OPEN) {
        return DORY_BUSY;
    }
    store->open[i] = ++store->last_handle;
    store->open_file[i] = found;
    file->size = found->size;
    file->version = found->version;
    file->handle = store->last_handle;
    if (store->hides) {
        file->hidden = true;
    }
    return DORY_OK;
}

static inline unsigned memory_open_index(const struct memory_store *store, const struct dory_file *file)
{
    unsigned i = 0;

    while (i < MEMORY_OPEN && store->open[i] != file->handle) {
        i++;
    }
    assert(i < MEMORY_OPEN && file->handle != 0);
    return i;
}

static inline void memory_give(const struct memory_content *content, uint64_t off, uint8_t *dst, size_t len)
{
    if (!content->hollow) {
        memcpy(dst, content->data + off, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        dst[i] = memory_pattern(off + i);
    }
}

/* How many of `len` bytes at `off` a read may give, or a failure of bytes at `fails_from` and later. */
static inline int32_t memory_readable(struct memory_store *store, uint64_t off, uint64_t end, size_t len, int failure,
                                      uint64_t fails_from)
{
    assert(len > 0 && len <= INT32_MAX && off < end);
    if (failure != 0 && off >= fails_from) {
        return failure;
    }
    if (memory_is_later(store)) {
        return 0;
    }
    len = len < end - off ? len : (size_t)(end - off);
    len = failure != 0 && len > fails_from - off ? (size_t)(fails_from - off) : len;
    return (int32_t)memory_piece(store, len);
}

static inline int32_t memory_read(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    struct memory_store *store = memory_of(ctx);
    const struct memory_content *content = store->open_file[memory_open_index(store, file)];
    int32_t given = memory_readable(store, off, file->size, len, store->faults.read, store->faults.read_from);

    if (!content->used || content->version != file->version) {
        return DORY_CHANGED;
    }
    if (given > 0) {
        memory_give(content, off, dst, (size_t)given);
    }
    return given;
}

static inline void memory_close(void *ctx, struct dory_file *file)
{
    struct memory_store *store = memory_of(ctx);

    store->open[memory_open_index(store, file)] = 0;
}

/* --- writing --- */

static inline struct dory_writer *memory_holder(void *ctx, const char *name)
{
    struct memory_store *store = memory_of(ctx);

    memory_must_be_name(name);
    for (unsigned i = 0; i < MEMORY_WRITERS; i++) {
        if (store->writers[i].content.used && strcmp(store->writers[i].content.name, name) == 0) {
            return &store->writers[i].writer;
        }
    }
    return NULL;
}

static inline struct memory_writer *memory_new_writer(struct memory_store *store, const char *name)
{
    for (unsigned i = 0; i < store->max_writers; i++) {
        struct memory_writer *writer = &store->writers[i];

        if (!writer->content.used) {
            memset(writer, 0, offsetof(struct memory_writer, content.data));
            writer->content.used = true;
            writer->polls = store->faults.commit_polls;
            memcpy(writer->content.name, name, strlen(name) + 1);
            return writer;
        }
    }
    return NULL;
}

/* Why a put can't begin, or DORY_OK. */
static inline int memory_judge_put(struct memory_store *store, const struct dory_put *put)
{
    if (store->faults.put != 0) {
        return store->faults.put;
    }
    if (store->read_only) {
        return DORY_FORBIDDEN;
    }
    if (memory_is_bad_name(store, put->name)) {
        return DORY_BAD_NAME;
    }
    if (memory_holder(store, put->name) != NULL) {
        return DORY_BUSY;
    }
    if (put->size > store->max_file) {
        return DORY_TOO_LARGE;
    }
    return put->size > memory_free(store) ? DORY_NO_SPACE : DORY_OK;
}

/* The older partial of that name goes to the writer when the put resumes it, else it is dropped. */
static inline void memory_use_partial(struct memory_store *store, const struct dory_put *put,
                                      struct memory_writer *writer)
{
    struct memory_content *partial = memory_find(store->partials, MEMORY_PARTIALS, put->name);

    if (partial == NULL) {
        return;
    }
    if (put->resume && partial->size == put->size && partial->crc32 == put->crc32) {
        memory_copy(&writer->content, partial);
        partial->used = false;
    } else if (!put->resume) {
        partial->used = false;
    }
}

static inline int memory_put(void *ctx, const struct dory_put *put, struct dory_writer **writer)
{
    struct memory_store *store = memory_of(ctx);
    struct memory_writer *found;
    int result = memory_judge_put(store, put);

    memory_must_be_name(put->name);
    assert(!put->resume || put->has_crc32);
    if (result != DORY_OK) {
        return result;
    }
    found = memory_new_writer(store, put->name);
    if (found == NULL) {
        return DORY_BUSY;
    }
    found->content.size = put->size;
    found->content.crc32 = put->crc32;
    found->content.has_crc32 = put->has_crc32;
    found->content.hollow = put->size > MEMORY_SIZE;
    memory_use_partial(store, put, found);
    found->writer.size = put->size;
    found->writer.stored = found->content.stored;
    found->writer.crc32 = put->crc32;
    found->writer.has_crc32 = put->has_crc32;
    *writer = &found->writer;
    return DORY_OK;
}

static inline int memory_remove(void *ctx, const char *name, struct dory_writer **writer)
{
    struct memory_store *store = memory_of(ctx);
    struct memory_writer *found;

    memory_must_be_name(name);
    if (store->faults.remove != 0) {
        return store->faults.remove;
    }
    if (store->read_only) {
        return DORY_FORBIDDEN;
    }
    if (memory_is_bad_name(store, name)) {
        return DORY_BAD_NAME;
    }
    if (memory_holder(store, name) != NULL) {
        return DORY_BUSY;
    }
    if (memory_file(store, name) == NULL) {
        return DORY_NOT_FOUND;
    }
    found = memory_new_writer(store, name);
    if (found == NULL) {
        return DORY_BUSY;
    }
    found->is_removal = true;
    *writer = &found->writer;
    return DORY_OK;
}

/* The store's own of `writer`, which must be in use. */
static inline struct memory_writer *memory_writer_of(struct memory_store *store, struct dory_writer *writer)
{
    struct memory_writer *found = (struct memory_writer *)(void *)writer;

    assert(found >= store->writers && found < store->writers + MEMORY_WRITERS && found->content.used);
    return found;
}

static inline int32_t memory_write(void *ctx, struct dory_writer *writer, const uint8_t *data, size_t len)
{
    struct memory_store *store = memory_of(ctx);
    struct memory_content *content = &memory_writer_of(store, writer)->content;
    const struct memory_faults *faults = &store->faults;
    uint64_t room = content->size - content->stored;

    assert(len > 0 && len <= INT32_MAX && !memory_writer_of(store, writer)->committing);
    if (faults->write != 0 && store->written >= faults->write_bytes) {
        return faults->write;
    }
    if (memory_is_later(store)) {
        return 0;
    }
    len = memory_piece(store, len < room ? len : (size_t)room);
    if (faults->write != 0 && len > faults->write_bytes - store->written) {
        len = (size_t)(faults->write_bytes - store->written);
    }
    if (!content->hollow) {
        memcpy(content->data + content->stored, data, len);
    }
    content->stored += len;
    writer->stored = content->stored;
    store->written += len;
    return (int32_t)len;
}

static inline int32_t memory_reread(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len)
{
    struct memory_store *store = memory_of(ctx);
    const struct memory_content *content = &memory_writer_of(store, writer)->content;
    int32_t given = memory_readable(store, off, content->stored, len, store->faults.reread, store->faults.reread_from);

    if (given > 0) {
        memory_give(content, off, dst, (size_t)given);
    }
    return given;
}

static inline void memory_publish(struct memory_store *store, struct memory_writer *writer)
{
    struct memory_content *file = memory_file(store, writer->content.name);

    if (writer->is_removal) {
        assert(file != NULL);
        file->used = false;
        return;
    }
    file = file != NULL ? file : memory_free_content(store->files, MEMORY_FILES);
    memory_copy(file, &writer->content);
    file->version = ++store->last_version;
}

static inline int memory_commit(void *ctx, struct dory_writer *writer)
{
    struct memory_store *store = memory_of(ctx);
    struct memory_writer *found = memory_writer_of(store, writer);

    assert(writer->stored == writer->size && writer->size == found->content.size);
    if (found->polls > 0) {
        found->committing = true;
        found->polls--;
        return DORY_MORE;
    }
    found->content.used = false;
    if (store->faults.commit != 0) {
        return store->faults.commit;
    }
    found->content.used = true;
    memory_publish(store, found);
    found->content.used = false;
    return DORY_OK;
}

static inline void memory_abort(void *ctx, struct dory_writer *writer, bool keep)
{
    struct memory_store *store = memory_of(ctx);
    struct memory_writer *found = memory_writer_of(store, writer);

    if (found->committing) {
        memory_publish(store, found);
    } else if (keep && found->content.has_crc32 && found->content.stored > 0) {
        struct memory_content *partial = memory_find(store->partials, MEMORY_PARTIALS, found->content.name);

        partial = partial != NULL ? partial : memory_free_content(store->partials, MEMORY_PARTIALS);
        memory_copy(partial, &found->content);
        partial->version = ++store->last_version;
    }
    found->content.used = false;
}

static inline uint64_t memory_partial(void *ctx, const char *name)
{
    struct memory_store *store = memory_of(ctx);
    const struct memory_content *partial = memory_find(store->partials, MEMORY_PARTIALS, name);

    memory_must_be_name(name);
    return partial != NULL ? partial->stored : 0;
}

/* --- listing and room --- */

static inline int memory_list(void *ctx, const char *prefix, struct dory_listing *listing)
{
    struct memory_store *store = memory_of(ctx);

    assert(strlen(prefix) <= DORY_MAX_NAME);
    if (store->faults.list != 0) {
        return store->faults.list;
    }
    if (store->listing != 0) {
        return DORY_BUSY;
    }
    store->listing = ++store->last_handle;
    store->listed = 0;
    listing->handle = store->listing;
    return DORY_OK;
}

static inline int memory_next(void *ctx, struct dory_listing *listing, struct dory_entry *entry)
{
    struct memory_store *store = memory_of(ctx);

    assert(listing->handle != 0 && listing->handle == store->listing);
    if (memory_is_later(store)) {
        return DORY_MORE;
    }
    while (store->listed < MEMORY_FILES && !store->files[store->listed].used) {
        store->listed++;
    }
    if (store->faults.next != 0 && store->listed > 0) {
        return store->faults.next;
    }
    if (store->listed == MEMORY_FILES) {
        return DORY_NOT_FOUND;
    }
    entry->size = store->files[store->listed].size;
    memcpy(entry->name, store->files[store->listed].name, sizeof entry->name);
    store->listed++;
    return DORY_OK;
}

static inline void memory_end_list(void *ctx, struct dory_listing *listing)
{
    struct memory_store *store = memory_of(ctx);

    assert(listing->handle != 0 && listing->handle == store->listing);
    store->listing = 0;
}

static inline int memory_room(void *ctx, struct dory_room *room)
{
    struct memory_store *store = memory_of(ctx);

    if (store->faults.room != 0) {
        return store->faults.room;
    }
    *room = (struct dory_room){.free = memory_free(store), .max_file = store->max_file, .writers = store->max_writers};
    return DORY_OK;
}

static const struct dory_store memory_functions = {
    .open = memory_open,
    .read = memory_read,
    .close = memory_close,
    .put = memory_put,
    .remove = memory_remove,
    .write = memory_write,
    .reread = memory_reread,
    .commit = memory_commit,
    .abort = memory_abort,
    .holder = memory_holder,
    .partial = memory_partial,
    .list = memory_list,
    .next = memory_next,
    .end_list = memory_end_list,
    .room = memory_room,
};

/* Nobody holds a writer, an open file or a listing. */
static inline bool memory_is_quiet(const struct memory_store *store)
{
    for (unsigned i = 0; i < MEMORY_WRITERS; i++) {
        if (store->writers[i].content.used) {
            return false;
        }
    }
    for (unsigned i = 0; i < MEMORY_OPEN; i++) {
        if (store->open[i] != 0) {
            return false;
        }
    }
    return store->listing == 0;
}

#endif
