/* SPDX-License-Identifier: MIT */
/*
 * A spool in temporary files, whose names are removed as soon as they are open:
 * whatever ends the program, none of them stays. A place has no file before its command writes something, one for
 * each stream that it writes, and none after reset().
 */
#ifndef DORY_SPOOL_FILE_H
#define DORY_SPOOL_FILE_H

#include "../spool.h"

/* Files that a place may hold open. */
#define SPOOL_FILES 2

struct spool_file;

/* Makes a spool of `places` whose files stand in `folder`, which is lent and
 * must stay. Returns NULL when there is no memory. The caller owns it until
 * spool_file_free(), which empties every place. */
struct spool_file *spool_file_new(const char *folder, uint32_t places);
void spool_file_free(struct spool_file *spool);

/* The functions; their `ctx` is the struct spool_file. A disk that is full, or
 * a folder that can't be written to, is a place that is full. */
extern const struct spool spool_file;

#endif
