/* SPDX-License-Identifier: MIT */
/*
 * Reading files of a folder store.
 *
 * Implementation notes: a version is a mix of all that the system changes with
 * a file. The descriptor holds the very file that was opened, so a put of the
 * same name meanwhile does no harm: the reader goes on with the old bytes, whose
 * last name is gone. What does harm is somebody who writes into the file, from
 * outside; that is looked for after each read, when the bytes are here already.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder_private.h"

struct reader {
    int fd;
    struct timespec modified;
    struct timespec changed;
};

/* One step of splitmix64, Sebastiano Vigna, https://prng.di.unimi.it/splitmix64.c */
static uint64_t mix(uint64_t state, uint64_t word)
{
    state += word + 0x9e3779b97f4a7c15U;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9U;
    state = (state ^ (state >> 27)) * 0x94d049bb133111ebU;
    return state ^ (state >> 31);
}

static uint64_t mix_time(uint64_t state, const struct timespec *time)
{
    return mix(mix(state, (uint64_t)time->tv_sec), (uint64_t)time->tv_nsec);
}

static uint64_t version_of(const struct stat *st)
{
    uint64_t version = mix(mix(0, (uint64_t)st->st_dev), (uint64_t)st->st_ino);
    version = mix(version, (uint64_t)st->st_size);
    return mix_time(mix_time(version, &st->st_mtim), &st->st_ctim);
}

static struct reader *reader_of(const struct dory_file *file)
{
    return (struct reader *)file->handle;
}

static int begin(struct dory_file *file, int fd, const struct stat *st)
{
    struct reader *reader = malloc(sizeof *reader);
    if (reader == NULL) {
        close(fd);
        return DORY_BUSY;
    }
    *reader = (struct reader){.fd = fd, .modified = st->st_mtim, .changed = st->st_ctim};
    file->size = (uint64_t)st->st_size;
    file->version = version_of(st);
    file->handle = (uintptr_t)reader;
    return DORY_OK;
}

/* The look comes first because opening alone can have effects, on a FIFO's
 * writer or a device. */
static int open_at(const struct folder_place *place, struct dory_file *file)
{
    int status = folder_look(place);
    if (status != DORY_OK)
        return status;
    struct stat st;
    int fd = folder_open_file(place->fd, place->last, O_RDONLY, &st);
    return fd < 0 ? folder_status(errno) : begin(file, fd, &st);
}

int folder_file_open(void *ctx, const char *name, struct dory_file *file)
{
    const struct folder_store *store = ctx;
    struct folder_place place;
    int status = folder_walk(&store->root, name, NULL, &place);
    if (status != DORY_OK)
        return status;
    status = open_at(&place, file);
    folder_place_close(&place);
    return status;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Losing its last name changes a file's st_ctim, but not a byte of it. */
static bool is_unchanged(const struct dory_file *file, const struct stat *st)
{
    const struct reader *reader = reader_of(file);
    return (uint64_t)st->st_size == file->size && same_time(&st->st_mtim, &reader->modified) &&
           (st->st_nlink == 0 || same_time(&st->st_ctim, &reader->changed));
}

int32_t folder_file_read(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    (void)ctx;
    int fd = reader_of(file)->fd;
    struct stat st;
    ssize_t count = pread(fd, dst, len < INT32_MAX ? len : INT32_MAX, (off_t)off);
    if (count < 0)
        return errno == EINTR ? 0 : DORY_IO_ERROR;
    if (fstat(fd, &st) != 0)
        return DORY_IO_ERROR;
    return count > 0 && is_unchanged(file, &st) ? (int32_t)count : DORY_CHANGED;
}

void folder_file_close(void *ctx, struct dory_file *file)
{
    (void)ctx;
    struct reader *reader = reader_of(file);
    close(reader->fd);
    free(reader);
    file->handle = 0;
}
