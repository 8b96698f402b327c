/* SPDX-License-Identifier: MIT */
/* Files here that are sent: opening, reading, and whether they changed meanwhile. */
#ifndef DORY_APP_LOCAL_H
#define DORY_APP_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define LOCAL_ERROR_SIZE 160

struct local_file {
    int fd;
    uint64_t size;
    struct timespec changed; /* when it was last written to, at the time of opening */
};

/* Opens a regular file. Returns false with a sentence. */
bool local_open(struct local_file *file, const char *path, char error[LOCAL_ERROR_SIZE]);

/* Returns whether size and time are what they were. */
bool local_unchanged(const struct local_file *file);

/* Reads all `len` bytes at `off`. Returns false with errno: ESTALE when the file is shorter than it was. */
bool local_read(const struct local_file *file, uint64_t off, void *dst, size_t len);

#endif
