/* SPDX-License-Identifier: MIT */
/*
 * The folder store: struct dory_store over a folder of a POSIX file system.
 *
 * A put goes to a file of its own below ROOT/.dory, is synced by a worker
 * thread, renamed to its name and the folders are synced. Nothing outside ROOT
 * is ever reached: each component is opened relative to the one before, and no
 * symbolic link is followed. Partials are files of ROOT/.dory too, found again
 * after a restart.
 *
 * The functions of the store are called from one thread; the workers are
 * within. Each writer in use takes a descriptor, and another one when its name
 * has a folder; each file that is open takes one, and a listing one a level.
 * When there are no more, the store says DORY_BUSY. The program ignores SIGXFSZ,
 * so that a file size limit is DORY_NO_SPACE.
 *
 * Beyond what core/store.h lists, open() and remove() may say DORY_FORBIDDEN
 * (the system's permissions), and put() DORY_UNSUPPORTED (another file system is
 * mounted there).
 */
#ifndef DORY_FOLDER_STORE_H
#define DORY_FOLDER_STORE_H

#include "../../core/store.h"

struct folder_store;

struct folder_store_options {
    const char *root;             /* a folder that exists; lent for folder_store_open() */
    uint64_t max_file;            /* bytes, 2^53-1 at most */
    uint32_t writers;             /* changes at once, those being synced included */
    uint32_t partials;            /* partials kept, the oldest makes room; 0: none */
    uint32_t partial_age_s;       /* partials older than this are dropped */
    bool sync;                    /* false: neither fdatasync nor fsync, no worker; as on a file system in memory */
    bool read_only;               /* put and remove answer DORY_FORBIDDEN; .dory is not made */
    void (*wake)(void *wake_ctx); /* called from a worker when a commit() has news; may be NULL */
    void *wake_ctx;
};

extern const struct dory_store folder_store;

/* Opens the store at options->root and locks it, unless read-only: a root has
 * one server that writes. Leftovers of a crash that are no partials are removed.
 * Returns the context for `folder_store`'s functions, or NULL with
 * a sentence in `error`. */
struct folder_store *folder_store_open(const struct folder_store_options *options, char *error, size_t error_len);

/* Waits until every commit is done, and frees. No writer, file or listing may
 * be in the caller's hands any more, and so partials are all that is left in
 * ROOT/.dory. */
void folder_store_close(struct folder_store *store);

/* Drops the partials that are too old. Call it now and then. */
void folder_store_expire(struct folder_store *store);

#endif
