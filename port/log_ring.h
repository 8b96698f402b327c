/* SPDX-License-Identifier: MIT */
/*
 * A device's log: the last bytes of what was written to it, in RAM that a restart
 * leaves alone, so that what went wrong can be read afterwards (`dory get
 * BOARD/log -`). As a file it goes before a store with own_files.h:
 *
 *     {"log", log_ring_open, log_ring_read, &ring}
 *
 * Shared rules
 *  - The ring and its text are the caller's, in a section that the start-up
 *    neither clears nor fills; see .noinit in boards/common/cortex_m.ld.
 *  - What such memory holds when the power comes is any garbage. A CRC-32 over
 *    everything tells a log from that.
 *  - One thread; a handler of a fault may write even so, and though it broke into
 *    a write: nobody goes on with that one.
 */
#ifndef DORY_LOG_RING_H
#define DORY_LOG_RING_H

#include "../core/store.h"

/* `note` is the caller's to read; the rest is opaque by rule. */
struct log_ring {
    uint32_t magic;
    uint32_t crc32;   /* of all below but `text`, and of the text that is held */
    uint32_t size;    /* bytes of room for text */
    uint32_t epoch;   /* another one each time that the log began anew */
    uint32_t written; /* bytes, since then; modulo 2^32 */
    uint32_t held;    /* bytes of them that are still there */
    uint32_t next;    /* where the next one goes */
    uint32_t note;    /* a number of the caller's that is kept, too */
    char *text;
};

/* Goes on with the log that is there, or begins an empty one. `text` has room for `size` bytes, 64 at least; `seed` is
 * any number that differs from start to start. Returns whether there was a log. */
bool log_ring_begin(struct log_ring *ring, char *text, uint32_t size, uint32_t seed);

/* Appends `len` bytes, over the oldest ones. The time it takes is that of the CRC-32 of the whole text. */
void log_ring_write(struct log_ring *ring, const char *text, size_t len);

/* Sets `note`. It is 0 when a log begins. */
void log_ring_note(struct log_ring *ring, uint32_t note);

/* For struct own_file; `ring` is the struct log_ring. The file is what the log holds when it is opened, from the beginning
 * of a line on. It can be read while the log goes on, until what is to be read has been overwritten: then it has
 * `changed`. An eighth of a full log is left out of the file, so that this takes a while. */
void log_ring_open(const void *ring, struct dory_file *file);
int32_t log_ring_read(const void *ring, const struct dory_file *file, uint64_t off, uint8_t *dst, size_t len);

#endif
