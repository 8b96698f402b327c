/* SPDX-License-Identifier: MIT */
/*
 * Listing the files of a folder store: a walk over its folders, without
 * recursion and a bounded piece at a time. Left out is what could not be got by
 * its name: symbolic links, FIFOs and the like, names too long, the store's own.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder_private.h"

/* Entries looked at in one call, at most. */
#define STEPS 256

/* The root, and a folder for every two bytes of a name. */
#define MAX_DEPTH (DORY_MAX_NAME / 2 + 1)

struct level {
    DIR *dir;
    size_t path_len; /* of listing.path, while in this folder; ends with '/' but in the root */
};

struct listing {
    unsigned depth;
    struct level levels[MAX_DEPTH];
    size_t prefix_len;
    char path[DORY_MAX_NAME + 1];
    char prefix[];
};

/* One entry as it was found. */
struct found {
    size_t name_len; /* of the whole name, which is in listing.path */
    struct stat st;
};

static struct listing *listing_of(const struct dory_listing *handle)
{
    return (struct listing *)handle->handle;
}

static struct level *top(struct listing *listing)
{
    return &listing->levels[listing->depth - 1];
}

/* Returns 0, or -1 and errno. */
static int push(struct listing *listing, int parent, const char *component, size_t path_len)
{
    int fd = folder_open_folder(parent, component);
    if (fd < 0)
        return -1;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return -1;
    }
    listing->levels[listing->depth++] = (struct level){.dir = dir, .path_len = path_len};
    return 0;
}

static void pop(struct listing *listing)
{
    closedir(top(listing)->dir);
    listing->depth--;
}

/* Whether names that begin with the first `len` bytes of the path can have the prefix. */
static bool may_match(const struct listing *listing, size_t len)
{
    size_t shared = len < listing->prefix_len ? len : listing->prefix_len;
    return memcmp(listing->path, listing->prefix, shared) == 0;
}

static bool is_listed(const char *component)
{
    return strcmp(component, ".") != 0 && strcmp(component, "..") != 0 &&
           strncmp(component, ".dory", strlen(".dory")) != 0;
}

/* Appends the component to the path. Returns the name's length, or 0 when it is
 * too long or not wanted. */
static size_t append(struct listing *listing, const char *component)
{
    size_t path_len = top(listing)->path_len;
    size_t len = strlen(component);
    if (!is_listed(component) || len > DORY_MAX_NAME - path_len)
        return 0;
    memcpy(listing->path + path_len, component, len + 1);
    return may_match(listing, path_len + len) ? path_len + len : 0;
}

/* What vanished meanwhile, or is closed to us, is left out; to run out of
 * descriptors must not look like the end. */
static int enter(struct listing *listing, const char *component, size_t name_len)
{
    if (name_len >= DORY_MAX_NAME - 1 || listing->depth == MAX_DEPTH)
        return DORY_MORE;
    listing->path[name_len] = '/';
    if (!may_match(listing, name_len + 1) || push(listing, dirfd(top(listing)->dir), component, name_len + 1) == 0)
        return DORY_MORE;
    int status = folder_status(errno);
    return status == DORY_BUSY || status == DORY_IO_ERROR ? DORY_IO_ERROR : DORY_MORE;
}

static int report(const struct listing *listing, const struct found *found, struct dory_entry *entry)
{
    if (found->name_len < listing->prefix_len)
        return DORY_MORE;
    entry->size = (uint64_t)found->st.st_size;
    memcpy(entry->name, listing->path, found->name_len + 1);
    return DORY_OK;
}

/* DORY_MORE: nothing to report of this one. */
static int consider(struct listing *listing, const struct dirent *dirent, struct dory_entry *entry)
{
    struct found found = {.name_len = append(listing, dirent->d_name)};
    if (found.name_len == 0)
        return DORY_MORE;
    if (fstatat(dirfd(top(listing)->dir), dirent->d_name, &found.st, AT_SYMLINK_NOFOLLOW) != 0)
        return DORY_MORE;
    if (S_ISDIR(found.st.st_mode))
        return enter(listing, dirent->d_name, found.name_len);
    return S_ISREG(found.st.st_mode) ? report(listing, &found, entry) : DORY_MORE;
}

static int step(struct listing *listing, struct dory_entry *entry)
{
    errno = 0;
    const struct dirent *dirent = readdir(top(listing)->dir);
    if (dirent != NULL)
        return consider(listing, dirent, entry);
    if (errno != 0 && errno != ENOENT) /* ENOENT: the folder was removed meanwhile */
        return DORY_IO_ERROR;
    pop(listing);
    return DORY_MORE;
}

int folder_list_begin(void *ctx, const char *prefix, struct dory_listing *handle)
{
    const struct folder_store *store = ctx;
    size_t prefix_len = strlen(prefix);
    struct listing *listing = malloc(sizeof *listing + prefix_len + 1);
    if (listing == NULL)
        return DORY_BUSY;
    *listing = (struct listing){.prefix_len = prefix_len};
    memcpy(listing->prefix, prefix, prefix_len + 1);
    if (push(listing, store->root.fd, ".", 0) != 0) {
        int status = folder_status(errno);
        free(listing);
        return status == DORY_BUSY ? DORY_BUSY : DORY_IO_ERROR;
    }
    handle->handle = (uintptr_t)listing;
    return DORY_OK;
}

int folder_list_next(void *ctx, struct dory_listing *handle, struct dory_entry *entry)
{
    (void)ctx;
    struct listing *listing = listing_of(handle);
    int status = DORY_MORE;
    for (unsigned i = 0; i < STEPS && status == DORY_MORE; i++) {
        if (listing->depth == 0)
            return DORY_NOT_FOUND;
        status = step(listing, entry);
    }
    return status;
}

void folder_list_end(void *ctx, struct dory_listing *handle)
{
    (void)ctx;
    struct listing *listing = listing_of(handle);
    while (listing->depth > 0)
        pop(listing);
    free(listing);
    handle->handle = 0;
}
