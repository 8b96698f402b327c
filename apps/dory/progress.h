/* SPDX-License-Identifier: MIT */
/*
 * The line on a terminal that tells how far it is. There is one terminal, so
 * this file has the program's only state of its own.
 */
#ifndef DORY_APP_PROGRESS_H
#define DORY_APP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds between two drawings. */
#define PROGRESS_EVERY_MS 100

/* What is shown; the caller's to fill in. */
struct progress {
    const char *name; /* what is being moved, or done with it */
    uint64_t done;    /* bytes */
    uint64_t skipped; /* bytes of `done` that did not have to be moved */
    uint64_t total;   /* bytes; 0: not known */
    uint64_t files;   /* done; shown, and the percentage is theirs, when files_total > 1 */
    uint64_t files_total;
};

/* Draws from now on, if stderr is a terminal. */
void progress_begin(void);

/* Whether anything is drawn at all. */
bool progress_active(void);

/* Forgets what was measured: something else is going to be told. */
void progress_restart(void);

/* Draws `progress`, unless that was done a moment ago. */
void progress_draw(const struct progress *progress, uint32_t now_ms);

/* Takes the line away, so that something else can be printed. It comes back with the next drawing. */
void progress_clear(void);

#endif
