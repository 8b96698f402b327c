/* SPDX-License-Identifier: MIT */
/*
 * Where a `get` writes: a temporary file that takes its place when it is whole,
 * or, as they are, standard output, a device or a FIFO.
 */
#ifndef DORY_APP_SINK_H
#define DORY_APP_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink {
    char *path;      /* to be written; NULL: standard output */
    char *temporary; /* NULL: none, or not yet */
    int fd;          /* -1: not open */
    bool stream;     /* what was written can't be taken back */
};

/* Chooses the place: `word` of the command line ("-": standard output; a folder: `name`'s last component in it), or
 * NULL for `name`'s last component here. Opens nothing. Returns false with errno. */
bool sink_choose(struct sink *sink, const char *word, const char *name);

/* Opens, if it is not yet. Returns false with errno. */
bool sink_open(struct sink *sink);

/* Writes all of it. Returns false with errno. */
bool sink_write(struct sink *sink, const uint8_t *data, size_t len);

/* Forgets what was written. Returns false with errno; never call it for a stream that has been written to. */
bool sink_restart(struct sink *sink);

/* Makes it durable and puts it in its place. Returns false with errno. */
bool sink_publish(struct sink *sink);

/* Frees; what was not published is removed. */
void sink_free(struct sink *sink);

#endif
