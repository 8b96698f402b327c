/* SPDX-License-Identifier: MIT */
/* Local files: read whole, and written whole or not at all. Failures are told here, naming the file. */
#ifndef DORYSIGN_FILE_H
#define DORYSIGN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file's bytes; `data` is the caller's to free(). */
struct file {
    uint8_t *data;
    size_t len;
};

/* How a file is to be written. */
enum file_kind {
    FILE_USUAL,      /* replaces what is there, with its permissions; else with those of umask */
    FILE_SECRET_NEW, /* for its owner alone (0600); one that is there already is a failure */
    FILE_SECRET,     /* the same, and replaces */
};

/* Reads a regular file of at most `max_len` bytes. Returns false, having said why. */
bool file_read(struct file *file, const char *path, size_t max_len);

/* Writes a file in one step: whatever goes wrong, `path` is as it was. NULL: to standard output. Returns false, having said why. */
bool file_write(const char *path, enum file_kind kind, const void *data, size_t len);

#endif
