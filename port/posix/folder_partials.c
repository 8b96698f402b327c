/* SPDX-License-Identifier: MIT */
/*
 * The table of partials that nobody writes now, and the clearing up of
 * ROOT/.dory after a crash.
 */
#define _GNU_SOURCE
#include "folder_partials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder_path.h"

uint64_t folder_name_hash(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3U;
    return hash;
}

bool folder_key_equal(const struct folder_key *a, const struct folder_key *b)
{
    return a->name_hash == b->name_hash && a->size == b->size && a->crc32 == b->crc32;
}

void folder_key_print(const struct folder_key *key, char file[FOLDER_TEMP_NAME])
{
    snprintf(file, FOLDER_TEMP_NAME, "part-%016" PRIx64 "-%" PRIx64 "-%08" PRIx32, key->name_hash, key->size,
             key->crc32);
}

/* Reads one number and the `end` after it; moves `*text` on. */
static uint64_t scan_hex(const char **text, char end)
{
    char *after = NULL;
    uint64_t value = strtoull(*text, &after, 16);
    *text = *after == end && end != '\0' ? after + 1 : after;
    return value;
}

/* Lenient, but only what prints as the same file name again is ours. */
static bool key_parse(const char *file, struct folder_key *key)
{
    const char *text = file + strlen("part-");
    key->name_hash = scan_hex(&text, '-');
    key->size = scan_hex(&text, '-');
    key->crc32 = (uint32_t)scan_hex(&text, '\0');
    char again[FOLDER_TEMP_NAME];
    folder_key_print(key, again);
    return strcmp(file, again) == 0;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static bool is_too_old(const struct folder_partials *partials, const struct timespec *written)
{
    return time(NULL) - written->tv_sec > (time_t)partials->age_s;
}

static void remove_file(const struct folder_partials *partials, const struct folder_key *key)
{
    char file[FOLDER_TEMP_NAME];
    folder_key_print(key, file);
    unlinkat(partials->area_fd, file, 0);
}

static uint32_t find(const struct folder_partials *partials, uint64_t name_hash)
{
    uint32_t i = 0;
    while (i < partials->count && partials->all[i].key.name_hash != name_hash)
        i++;
    return i;
}

static void take(struct folder_partials *partials, uint32_t i)
{
    partials->bytes -= partials->all[i].stored;
    partials->all[i] = partials->all[--partials->count];
}

static void drop(struct folder_partials *partials, uint32_t i)
{
    struct folder_key key = partials->all[i].key;
    take(partials, i);
    remove_file(partials, &key);
}

const struct folder_partial *folder_partials_find(const struct folder_partials *partials, uint64_t name_hash)
{
    uint32_t i = find(partials, name_hash);
    return i < partials->count ? &partials->all[i] : NULL;
}

void folder_partials_take(struct folder_partials *partials, uint64_t name_hash)
{
    uint32_t i = find(partials, name_hash);
    if (i < partials->count)
        take(partials, i);
}

void folder_partials_drop(struct folder_partials *partials, uint64_t name_hash)
{
    uint32_t i = find(partials, name_hash);
    if (i < partials->count)
        drop(partials, i);
}

static uint32_t oldest(const struct folder_partials *partials)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < partials->count; i++)
        if (is_older(&partials->all[i].written, &partials->all[found].written))
            found = i;
    return found;
}

bool folder_partials_drop_oldest(struct folder_partials *partials)
{
    if (partials->count == 0)
        return false;
    drop(partials, oldest(partials));
    return true;
}

/* The table is full: whichever is the oldest goes, and that may be the new
 * one. Returns false when it is. */
static bool make_room(struct folder_partials *partials, const struct timespec *written)
{
    if (partials->count < partials->max)
        return true;
    if (partials->count == 0 || is_older(written, &partials->all[oldest(partials)].written))
        return false;
    return folder_partials_drop_oldest(partials);
}

void folder_partials_keep(struct folder_partials *partials, const struct folder_key *key, const struct stat *st)
{
    uint64_t stored = st->st_size > 0 ? (uint64_t)st->st_size : 0;
    bool useful = stored > 0 && stored <= key->size && !is_too_old(partials, &st->st_mtim);
    uint32_t other = find(partials, key->name_hash);
    if (useful && other < partials->count)
        drop(partials, other);
    if (!useful || !make_room(partials, &st->st_mtim)) {
        remove_file(partials, key);
        return;
    }
    partials->all[partials->count++] = (struct folder_partial){.key = *key, .stored = stored, .written = st->st_mtim};
    partials->bytes += stored;
}

void folder_partials_expire(struct folder_partials *partials)
{
    while (partials->count > 0) {
        uint32_t i = oldest(partials);
        if (!is_too_old(partials, &partials->all[i].written))
            return;
        drop(partials, i);
    }
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What does not look like ours is left alone. */
static void sort_out(struct folder_partials *partials, const char *file)
{
    struct folder_key key;
    struct stat st;
    bool is_part = begins_with(file, "part-");
    if (is_part && key_parse(file, &key) && fstatat(partials->area_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(st.st_mode))
        folder_partials_keep(partials, &key, &st);
    else if (is_part || begins_with(file, "tmp-"))
        unlinkat(partials->area_fd, file, 0);
}

static DIR *open_area(int area_fd)
{
    int fd = folder_open_folder(area_fd, ".");
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

int folder_partials_open(struct folder_partials *partials, int area_fd, uint32_t max, uint32_t age_s)
{
    *partials = (struct folder_partials){.area_fd = area_fd, .max = max, .age_s = age_s};
    if (max > 0) {
        partials->all = calloc(max, sizeof *partials->all);
        if (partials->all == NULL)
            return -1;
    }
    DIR *dir = open_area(area_fd);
    if (dir == NULL)
        return -1;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL; errno = 0)
        sort_out(partials, entry->d_name);
    int error = errno;
    closedir(dir);
    errno = error;
    return error == 0 ? 0 : -1;
}

void folder_partials_close(struct folder_partials *partials)
{
    free(partials->all);
    partials->all = NULL;
    partials->count = 0;
}
