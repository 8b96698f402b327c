/* SPDX-License-Identifier: MIT */
/*
 * What room a folder store has: what the file system has left for us, and what
 * the idle partials would give back.
 */
#define _GNU_SOURCE
#include <sys/statvfs.h>
#include <time.h>

#include "folder_private.h"

/* How long a figure is trusted, and for puts how small: a part of it so small
 * that the others could not have used up the rest in that time. */
#define TRUSTED_MS 1000
#define TRUSTED_PART 256

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Returns 0, or -1 and errno. */
static int ask(struct folder_store *store, uint64_t now)
{
    struct statvfs st;
    if (fstatvfs(store->root.fd, &st) != 0)
        return -1;
    uint64_t blocks = st.f_bavail;
    uint64_t block_len = st.f_frsize;
    store->space.known = true;
    store->space.asked_at_ms = now;
    store->space.free = block_len != 0 && blocks > UINT64_MAX / block_len ? UINT64_MAX : blocks * block_len;
    return 0;
}

static uint64_t free_bytes(const struct folder_store *store)
{
    uint64_t idle = store->partials.bytes;
    return idle > UINT64_MAX - store->space.free ? UINT64_MAX : store->space.free + idle;
}

int folder_has_room(struct folder_store *store, uint64_t size)
{
    uint64_t now = now_ms();
    bool fresh = store->space.known && now - store->space.asked_at_ms < TRUSTED_MS;
    if (fresh && size <= store->space.free / TRUSTED_PART)
        return DORY_OK;
    if (ask(store, now) != 0)
        return DORY_IO_ERROR;
    /* A partial that this put resumes counts on both sides, so it needs no mention. */
    return size <= free_bytes(store) ? DORY_OK : DORY_NO_SPACE;
}

int folder_room_tell(void *ctx, struct dory_room *room)
{
    struct folder_store *store = ctx;
    if (ask(store, now_ms()) != 0)
        return DORY_IO_ERROR;
    room->free = store->read_only ? 0 : free_bytes(store);
    room->max_file = store->max_file;
    room->writers = store->writers.max;
    return DORY_OK;
}
