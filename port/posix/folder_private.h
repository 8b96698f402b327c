/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the folder store share: the store itself, and the functions
 * that implement its contract (core/store.h says what each does).
 */
#ifndef DORY_FOLDER_PRIVATE_H
#define DORY_FOLDER_PRIVATE_H

#include "folder_made.h"
#include "folder_partials.h"
#include "folder_path.h"
#include "folder_store.h"
#include "folder_sync.h"

struct folder_writer {
    struct dory_writer base; /* first: the contract's pointer is this one's */
    struct folder_job job;
    struct folder_key key;      /* of the partial that it may become; size and crc32 only with a crc32 */
    uint64_t written_back;      /* bytes that the system was asked to bring to the disk already */
    bool committing;            /* the worker's, until the job is done */
    bool orphan;                /* and nobody waits for that any more */
    struct folder_writer *next; /* in its bucket, or among the free ones */
    struct folder_writer *next_orphan;
    char temp[FOLDER_TEMP_NAME]; /* the new file's name in ROOT/.dory; empty for a removal */
    char name[DORY_MAX_NAME + 1];
};

/* All writers. Those that hold a name are found through buckets by the name's hash. */
struct folder_writers {
    uint32_t max;
    uint32_t touched; /* pool[touched] and later were never used: their memory costs nothing yet */
    struct folder_writer *pool;
    struct folder_writer *free;
    struct folder_writer *orphans; /* given up while being committed */
    struct folder_writer **buckets;
    uint32_t bucket_mask;
    uint64_t temps; /* numbers the temporary files that are no partials */
};

/* Free bytes of the file system as of lately, so that small puts need not ask. */
struct folder_space {
    uint64_t free;
    uint64_t asked_at_ms;
    bool known;
};

struct folder_store {
    struct folder_place root;
    int area_fd; /* ROOT/.dory, which carries the lock; -1 when read-only */
    uint64_t max_file;
    bool sync;
    bool read_only;
    struct folder_space space;
    struct folder_partials partials;
    struct folder_made made;
    struct folder_sync syncer;
    struct folder_writers writers;
};

/* folder_file.c: reading */
int folder_file_open(void *ctx, const char *name, struct dory_file *file);
int32_t folder_file_read(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len);
void folder_file_close(void *ctx, struct dory_file *file);

/* folder_writer.c: changes. folder_writers_open() returns 0, or -1 and errno;
 * folder_writers_close() is due in both cases. */
int folder_writers_open(struct folder_writers *writers, uint32_t max);
void folder_writers_close(struct folder_writers *writers);
int folder_writer_put(void *ctx, const struct dory_put *put, struct dory_writer **writer);
int folder_writer_remove(void *ctx, const char *name, struct dory_writer **writer);
int32_t folder_writer_write(void *ctx, struct dory_writer *writer, const uint8_t *data, size_t len);
int32_t folder_writer_reread(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len);
int folder_writer_commit(void *ctx, struct dory_writer *writer);
void folder_writer_abort(void *ctx, struct dory_writer *writer, bool keep);
struct dory_writer *folder_writer_holder(void *ctx, const char *name);
uint64_t folder_writer_partial(void *ctx, const char *name);

/* folder_list.c: listings */
int folder_list_begin(void *ctx, const char *prefix, struct dory_listing *listing);
int folder_list_next(void *ctx, struct dory_listing *listing, struct dory_entry *entry);
void folder_list_end(void *ctx, struct dory_listing *listing);

/* folder_room.c: what fits. folder_has_room() tells whether a put of `size`
 * bytes may begin: DORY_OK, DORY_NO_SPACE or DORY_IO_ERROR. */
int folder_room_tell(void *ctx, struct dory_room *room);
int folder_has_room(struct folder_store *store, uint64_t size);

#endif
