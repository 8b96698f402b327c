/* SPDX-License-Identifier: MIT */
/*
 * The line on a terminal that tells how far it is. There is one terminal, so
 * this file has the program's only state of its own. Who draws lines of another
 * kind uses the parts below.
 */
#ifndef DORY_APP_PROGRESS_H
#define DORY_APP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
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

/* ---- Parts of it ---- */

/* What was measured of something that moves; all zero to begin with. */
struct progress_speed {
    bool measured; /* last_... hold something */
    uint32_t last_ms;
    uint64_t last_moved;
    double rate; /* bytes a second */
};

/* Has all that would be drawn handed to `draw`, terminal or not. */
void progress_divert(void (*draw)(void *ctx, const struct progress *progress), void *ctx);

/* Measures again. */
void progress_measure(struct progress_speed *speed, const struct progress *progress, uint32_t now_ms);

/* Writes "  42%  5.1 MiB  1.2 MiB/s  0:07 left", or as much of that as is known. */
void progress_describe(const struct progress *progress, double rate, char *text, size_t size);

/* Columns and rows of the terminal. */
void progress_terminal(size_t *columns, size_t *rows);

#endif
