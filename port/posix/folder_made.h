/* SPDX-License-Identifier: MIT */
/*
 * Folders that were made and are not yet durable. A file is durable only when
 * every folder on its path is, whoever made it: so the parents of new folders
 * are noted here, and no commit ends before all that were noted until then
 * have been synced.
 */
#ifndef DORY_FOLDER_MADE_H
#define DORY_FOLDER_MADE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* Parents noted at once. One more is synced on the spot. */
#define FOLDER_MADE_MAX 32

struct folder_made_parent {
    int fd;
    dev_t dev;
    ino_t ino;
};

struct folder_made {
    bool sync;            /* false: nothing is noted */
    pthread_mutex_t gate; /* held while the parents are synced, by one worker */
    pthread_mutex_t lock; /* guards the table, never held for long */
    unsigned count;
    struct folder_made_parent parents[FOLDER_MADE_MAX];
};

void folder_made_open(struct folder_made *made, bool sync);
void folder_made_close(struct folder_made *made);

/* Notes that a folder was made in `parent`, which stays the caller's. Returns
 * 0, or -1 and errno when it had to sync on the spot, and could not. */
int folder_made_note(struct folder_made *made, int parent);

/* Makes every folder durable that was noted before. For workers: may wait.
 * Returns 0, or -1 and errno; what failed stays noted. */
int folder_made_sync(struct folder_made *made);

#endif
