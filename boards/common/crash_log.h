/* SPDX-License-Identifier: MIT */
/*
 * What was logged, kept over a restart, as the read-only file `log`; and why the
 * board restarted. An image without commands keeps nothing.
 */
#ifndef CRASH_LOG_H
#define CRASH_LOG_H

#include <stdbool.h>

#include "../../port/log_ring.h"

enum crash_log_reason {
    CRASH_LOG_RESET, /* nobody said a word: the reset pin, a watchdog */
    CRASH_LOG_COMMAND,
    CRASH_LOG_FAILURE,
    CRASH_LOG_FAULT,
    CRASH_LOG_UPDATE, /* `boot`: another image is to be started */
    CRASH_LOG_TRIAL   /* the trial of an image ended, and nobody had confirmed it */
};

#if BOARD_COMMANDS

/* Goes on with the log that is there. To be called before all else; until then nothing is kept. */
void crash_log_begin(void);

/* Keeps what is logged; or not, while somebody at the UART is told what only they asked for. */
void crash_log_add(const char *text);
void crash_log_pause(bool paused);

/* To be called ahead of a restart, which the next start then tells of. */
void crash_log_restarting(enum crash_log_reason reason);

/* Why the board started, in a few words. */
const char *crash_log_started_by(void);

/* The log as a file: the context of log_ring_open() and log_ring_read(). */
extern struct log_ring crash_log;

#else

static inline void crash_log_begin(void)
{
}

static inline void crash_log_add(const char *text)
{
    (void)text;
}

static inline void crash_log_pause(bool paused)
{
    (void)paused;
}

static inline void crash_log_restarting(enum crash_log_reason reason)
{
    (void)reason;
}

#endif

#endif
