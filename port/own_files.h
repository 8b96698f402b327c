/* SPDX-License-Identifier: MIT */
/*
 * Files of a device's own, such as its log: a store that puts read-only names in
 * front of another store. They are there even when the other store is not, as
 * without an SD card. A put or a removal of such a name is `forbidden`, and a
 * file of that name in the other store is hidden.
 *
 * All else is the other store's: its rules, its writers, its handles. No handle
 * of its open files or listings may be the address of an entry of `files`.
 */
#ifndef DORY_OWN_FILES_H
#define DORY_OWN_FILES_H

#include "../core/store.h"

/* One file. */
struct own_file {
    const char *name; /* as dory_name_check() wants it */

    /* Tells the file as it now is: sets `size` and `version` (never 0, another one whenever the file has changed). */
    void (*open)(const void *ctx, struct dory_file *file);

    /* As a store's read(), of the version that was opened. */
    int32_t (*read)(const void *ctx, const struct dory_file *file, uint64_t off, uint8_t *dst, size_t len);

    const void *ctx;
};

/* Set by the caller. */
struct own_files {
    const struct own_file *files; /* in flash */
    uint32_t count;
    const struct dory_store *store; /* the other one */
    void *store_ctx;
};

/* The functions; their `ctx` is the struct own_files. */
extern const struct dory_store own_files;

/* For struct own_file: a text that never changes, NUL-terminated, which is `ctx`. */
void own_text_open(const void *ctx, struct dory_file *file);
int32_t own_text_read(const void *ctx, const struct dory_file *file, uint64_t off, uint8_t *dst, size_t len);

#endif
