/* SPDX-License-Identifier: MIT */
/* The spool in temporary files. */
#define _XOPEN_SOURCE 700
#include "spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME "/.dory-spool-XXXXXX"

struct place {
    int files[SPOOL_FILES]; /* -1: none */
};

struct spool_file {
    const char *folder;
    uint32_t count;
    struct place places[];
};

struct spool_file *spool_file_new(const char *folder, uint32_t places)
{
    struct spool_file *spool = malloc(sizeof *spool + places * sizeof spool->places[0]);
    if (spool == NULL)
        return NULL;
    spool->folder = folder;
    spool->count = places;
    for (uint32_t i = 0; i < places; i++)
        for (unsigned file = 0; file < SPOOL_FILES; file++)
            spool->places[i].files[file] = -1;
    return spool;
}

/* Without a name from the start. */
static int open_file(const char *folder)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s" NAME, folder);
    if (len < 0 || (size_t)len >= sizeof path)
        return -1;
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    unlink(path);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* Where the file of a stream stands. */
static int *file_of(struct spool_file *spool, uint32_t place, enum dory_stream stream)
{
    return &spool->places[place].files[stream == DORY_STDERR ? 1 : 0];
}

static size_t append(void *ctx, uint32_t place, enum dory_stream stream, const uint8_t *data, size_t len)
{
    struct spool_file *spool = ctx;
    int *file = file_of(spool, place, stream);
    size_t kept = 0;

    if (*file < 0)
        *file = open_file(spool->folder);
    while (*file >= 0 && kept < len) {
        ssize_t written = write(*file, data + kept, len - kept);
        if (written > 0)
            kept += (size_t)written;
        else if (written == 0 || errno != EINTR)
            break;
    }
    return kept;
}

static bool read_back(void *ctx, uint32_t place, enum dory_stream stream, uint32_t off, uint8_t *data, size_t len)
{
    int file = *file_of(ctx, place, stream);
    size_t have = 0;

    while (have < len) {
        ssize_t got = pread(file, data + have, len - have, (off_t)off + (off_t)have);
        if (got > 0)
            have += (size_t)got;
        else if (got == 0 || errno != EINTR)
            return false;
    }
    return true;
}

static void reset(void *ctx, uint32_t place)
{
    struct spool_file *spool = ctx;
    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        int *file = &spool->places[place].files[i];
        if (*file >= 0)
            close(*file);
        *file = -1;
    }
}

void spool_file_free(struct spool_file *spool)
{
    for (uint32_t i = 0; spool != NULL && i < spool->count; i++)
        reset(spool, i);
    free(spool);
}

const struct spool spool_file = {.append = append, .read = read_back, .reset = reset};
