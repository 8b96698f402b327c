/* SPDX-License-Identifier: MIT */
/*
 * Read-only names in front of another store.
 *
 * Implementation notes
 *
 * The handle of an open file of ours is the address of its entry; any other is the other store's. A listing begins with
 * the other store; when that has no more names, its handle becomes the address of our first entry.
 */
#include "own_files.h"

#include <string.h>

#include "../core/crc32.h"

/* ---- Ours ---- */

enum relation { UNRELATED, SAME, BELOW };

/* Whether `name` is `own`, or would be below it if that were a folder. */
static enum relation relate(const char *own, const char *name)
{
    size_t len = strlen(own);

    if (strncmp(own, name, len) != 0 || (name[len] != '\0' && name[len] != '/')) {
        return UNRELATED;
    }
    return name[len] == '\0' ? SAME : BELOW;
}

static const struct own_file *find(const struct own_files *own, const char *name)
{
    for (uint32_t i = 0; i < own->count; i++) {
        if (relate(own->files[i].name, name) == SAME) {
            return &own->files[i];
        }
    }
    return NULL;
}

/* The entry that a handle is, or NULL. Where a listing has ended it is that behind the last one. */
static const struct own_file *entry_of(const struct own_files *own, uintptr_t handle)
{
    for (uint32_t i = 0; i <= own->count; i++) {
        if (handle == (uintptr_t)&own->files[i]) {
            return &own->files[i];
        }
    }
    return NULL;
}

/* DORY_OK when the other store may decide on a change of `name`. */
static int judge_change(const struct own_files *own, const char *name)
{
    for (uint32_t i = 0; i < own->count; i++) {
        enum relation relation = relate(own->files[i].name, name);

        if (relation != UNRELATED) {
            return relation == SAME ? DORY_FORBIDDEN : DORY_BAD_NAME;
        }
    }
    return DORY_OK;
}

/* ---- Reading ---- */

static int own_open(void *ctx, const char *name, struct dory_file *file)
{
    const struct own_files *own = ctx;
    const struct own_file *entry = find(own, name);

    if (entry == NULL) {
        return own->store->open(own->store_ctx, name, file);
    }
    file->handle = (uintptr_t)entry;
    entry->open(entry->ctx, file);
    return DORY_OK;
}

static int32_t own_read(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    const struct own_files *own = ctx;
    const struct own_file *entry = entry_of(own, file->handle);

    if (entry == NULL) {
        return own->store->read(own->store_ctx, file, off, dst, len);
    }
    return entry->read(entry->ctx, file, off, dst, len);
}

static void own_close(void *ctx, struct dory_file *file)
{
    const struct own_files *own = ctx;

    if (entry_of(own, file->handle) == NULL) {
        own->store->close(own->store_ctx, file);
    }
}

/* ---- Changes ---- */

static int own_put(void *ctx, const struct dory_put *put, struct dory_writer **writer)
{
    const struct own_files *own = ctx;
    int result = judge_change(own, put->name);

    return result == DORY_OK ? own->store->put(own->store_ctx, put, writer) : result;
}

/* A file below one of our names may be left from other firmware; there is no reason to keep it. */
static int own_remove(void *ctx, const char *name, struct dory_writer **writer)
{
    const struct own_files *own = ctx;

    return find(own, name) == NULL ? own->store->remove(own->store_ctx, name, writer) : DORY_FORBIDDEN;
}

static int32_t own_write(void *ctx, struct dory_writer *writer, const uint8_t *data, size_t len)
{
    const struct own_files *own = ctx;

    return own->store->write(own->store_ctx, writer, data, len);
}

static int32_t own_reread(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len)
{
    const struct own_files *own = ctx;

    return own->store->reread(own->store_ctx, writer, off, dst, len);
}

static int own_commit(void *ctx, struct dory_writer *writer)
{
    const struct own_files *own = ctx;

    return own->store->commit(own->store_ctx, writer);
}

static void own_abort(void *ctx, struct dory_writer *writer, bool keep)
{
    const struct own_files *own = ctx;

    own->store->abort(own->store_ctx, writer, keep);
}

static struct dory_writer *own_holder(void *ctx, const char *name)
{
    const struct own_files *own = ctx;

    return own->store->holder(own->store_ctx, name);
}

static uint64_t own_partial(void *ctx, const char *name)
{
    const struct own_files *own = ctx;

    return find(own, name) == NULL ? own->store->partial(own->store_ctx, name) : 0;
}

/* ---- Listing ---- */

static int own_list(void *ctx, const char *prefix, struct dory_listing *listing)
{
    const struct own_files *own = ctx;

    return own->store->list(own->store_ctx, prefix, listing);
}

static void tell(const struct own_file *own, struct dory_entry *entry)
{
    struct dory_file file;

    own->open(own->ctx, &file);
    entry->size = file.size;
    memcpy(entry->name, own->name, strlen(own->name) + 1);
}

static int own_next(void *ctx, struct dory_listing *listing, struct dory_entry *entry)
{
    const struct own_files *own = ctx;
    const struct own_file *file = entry_of(own, listing->handle);

    if (file == NULL) {
        int result;

        do {
            result = own->store->next(own->store_ctx, listing, entry);
        } while (result == DORY_OK && find(own, entry->name) != NULL);
        if (result != DORY_NOT_FOUND) {
            return result;
        }
        own->store->end_list(own->store_ctx, listing);
        file = own->files;
    }
    listing->handle = (uintptr_t)file;
    if (file == own->files + own->count) {
        return DORY_NOT_FOUND;
    }
    listing->handle = (uintptr_t)(file + 1);
    tell(file, entry);
    return DORY_OK;
}

static void own_end_list(void *ctx, struct dory_listing *listing)
{
    const struct own_files *own = ctx;

    if (entry_of(own, listing->handle) == NULL) {
        own->store->end_list(own->store_ctx, listing);
    }
}

static int own_room(void *ctx, struct dory_room *room)
{
    const struct own_files *own = ctx;

    return own->store->room(own->store_ctx, room);
}

const struct dory_store own_files = {
    .open = own_open,
    .read = own_read,
    .close = own_close,
    .put = own_put,
    .remove = own_remove,
    .write = own_write,
    .reread = own_reread,
    .commit = own_commit,
    .abort = own_abort,
    .holder = own_holder,
    .partial = own_partial,
    .list = own_list,
    .next = own_next,
    .end_list = own_end_list,
    .room = own_room,
};

/* ---- Texts ---- */

void own_text_open(const void *ctx, struct dory_file *file)
{
    file->size = strlen(ctx);
    file->version = UINT64_C(1) << 32 | dory_crc32(0, ctx, (size_t)file->size);
}

int32_t own_text_read(const void *ctx, const struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    uint64_t left = file->size - off;

    len = len < left ? len : (size_t)left;
    memcpy(dst, (const char *)ctx + off, len);
    return (int32_t)len;
}
