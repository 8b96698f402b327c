/* SPDX-License-Identifier: MIT */
/*
 * The contract of a store: where files live. core calls it, a port implements
 * it: a folder on Linux, slots on a device's flash, memory in a test.
 *
 * Shared rules
 *  - A store is a const table of functions and a context `ctx`, which each gets
 *    as its first argument. Calls come from one thread and never nest.
 *  - No call may block for long. Where the storage needs time, the call says
 *    "later" and is asked again: 0 bytes taken or given, or DORY_MORE.
 *  - Names reach a store only after dory_name_check() (name.h), NUL-terminated,
 *    at most DORY_MAX_NAME bytes. They are lent for the call: copy to keep.
 *  - Failures are negative `enum dory_status`; the server passes them on.
 *  - Readers see the old file until a commit publishes the new one, in one
 *    atomic step. A file that is open keeps the bytes of its version, or its
 *    reads fail.
 *  - One writer a name. A writer is one change of one name: a new file (put) or
 *    its removal (remove). Objects of type struct dory_writer belong to the
 *    store, which embeds them as the first member of its own.
 */
#ifndef DORY_STORE_H
#define DORY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dory_config.h"
#include "status.h"

struct dory_session;

/* A file that is open for reading. The caller owns the memory. */
struct dory_file {
    uint64_t size;    /* bytes; set by open() */
    uint64_t version; /* changes whenever the file does, never 0; set by open() */
    uintptr_t handle; /* the store's own */
    bool hidden;      /* its bytes are nobody's business: `get` is forbidden; false unless open() sets it */
};

/* What a put announces. Lent for the call. */
struct dory_put {
    const char *name;
    uint64_t size;
    uint32_t crc32; /* of the whole file; meaningful when has_crc32 */
    bool has_crc32; /* without it, nothing is kept when the put breaks off */
    bool resume;    /* go on with a partial of this name, size and crc32, if there is one */
};

/* One change of one name. */
struct dory_writer {
    /* Set by the store in put() and remove(). */
    uint64_t size;   /* bytes announced; 0 for a removal */
    uint64_t stored; /* bytes held so far, kept up to date by write(); above 0 at first: a resumed partial */
    uint32_t crc32;
    bool has_crc32;
    /* Core's own; the store zeroes them in put() and remove(), then leaves them alone. */
    bool has_id;
    uint64_t id;
    struct dory_session *session;
    struct dory_writer *next;
};

/* One name of a listing. */
struct dory_entry {
    uint64_t size;
    char name[DORY_MAX_NAME + 1];
};

/* A listing under way. The caller owns the memory. */
struct dory_listing {
    uintptr_t handle; /* the store's own */
};

/* What the store has room for. */
struct dory_room {
    uint64_t free;     /* bytes that a put could still take; partials count as free */
    uint64_t max_file; /* bytes of the largest file it takes, 2^53-1 at most */
    uint32_t writers;  /* changes that it can hold at once */
};

struct dory_store {
    /* Opens `name` for reading. DORY_OK: `*file` is filled in and stays open
     * until close(). Else DORY_NOT_FOUND, DORY_BAD_NAME (no regular file, or a
     * component that is no folder), DORY_BUSY, DORY_IO_ERROR. */
    int (*open)(void *ctx, const char *name, struct dory_file *file);

    /* Reads up to `len` (> 0) bytes at `off` (< file->size) to `dst`. Returns
     * how many (0: later), DORY_CHANGED when the file is no longer the version
     * that was opened, or DORY_IO_ERROR. Never bytes of another version. */
    int32_t (*read)(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len);

    void (*close)(void *ctx, struct dory_file *file);

    /* Begins a put. DORY_OK: `*writer` is the store's object, the caller's
     * until commit() ends or abort(). A resumed partial shows as stored > 0.
     * Else DORY_BUSY (somebody writes that name: see holder(); or every writer
     * is taken), DORY_TOO_LARGE, DORY_NO_SPACE, DORY_BAD_NAME (`a/b` while `a`
     * is a file, or the name of a folder), DORY_FORBIDDEN, DORY_IO_ERROR.
     * Without `resume`, an older partial of the same content is dropped; one of
     * other content goes at the latest when this put is published. */
    int (*put)(void *ctx, const struct dory_put *put, struct dory_writer **writer);

    /* Begins the removal of `name`: then commit(). Results as put() and open(). */
    int (*remove)(void *ctx, const char *name, struct dory_writer **writer);

    /* Appends up to `len` (> 0) bytes, never more than size - stored. Returns
     * how many were taken (0: later), or DORY_NO_SPACE, DORY_IO_ERROR; or, of
     * a store that judges what it gets, DORY_BAD_IMAGE. */
    int32_t (*write)(void *ctx, struct dory_writer *writer, const uint8_t *data, size_t len);

    /* Reads back up to `len` bytes at `off` (< stored) of a resumed partial.
     * Returns how many (0: later), or DORY_IO_ERROR. */
    int32_t (*reread)(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len);

    /* Makes the change durable and publishes it; stored == size by then.
     * DORY_MORE: on its way, ask again. DORY_OK or a failure ends it (of a
     * store that judges what it got, DORY_BAD_IMAGE or DORY_BAD_SIGNATURE, too):
     * the writer is the store's again. */
    int (*commit)(void *ctx, struct dory_writer *writer);

    /* Gives the change up. `keep`: what is stored becomes a partial that a
     * later put can resume (the store may still drop it, the oldest first).
     * After a commit() that answered DORY_MORE, it ends unobserved instead.
     * The writer is the store's again. */
    void (*abort)(void *ctx, struct dory_writer *writer, bool keep);

    /* The writer that now holds `name`, or NULL. */
    struct dory_writer *(*holder)(void *ctx, const char *name);

    /* Bytes of the partial of `name` that a put could resume, or 0. */
    uint64_t (*partial)(void *ctx, const char *name);

    /* Begins a listing; the store may leave out names that do not begin with
     * `prefix`. DORY_OK or DORY_IO_ERROR, DORY_BUSY. */
    int (*list)(void *ctx, const char *prefix, struct dory_listing *listing);

    /* Gives the next file, in any order. DORY_OK: `*entry` is filled in.
     * DORY_MORE: later. DORY_NOT_FOUND: no further one. Or DORY_IO_ERROR. */
    int (*next)(void *ctx, struct dory_listing *listing, struct dory_entry *entry);

    void (*end_list)(void *ctx, struct dory_listing *listing);

    /* Tells what room there is. DORY_OK or DORY_IO_ERROR. */
    int (*room)(void *ctx, struct dory_room *room);
};

#endif
