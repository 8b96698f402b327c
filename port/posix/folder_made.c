/* SPDX-License-Identifier: MIT */
/*
 * Folders that were made and are not yet durable.
 *
 * Implementation notes: two locks, because the thread that notes must not wait
 * for a disk. A worker takes the table's content out under `lock` and syncs it
 * under `gate`. Whoever has passed the gate knows that all that was taken out
 * before is durable, also by another worker.
 */
#define _GNU_SOURCE
#include "folder_made.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void folder_made_open(struct folder_made *made, bool sync)
{
    made->sync = sync;
    made->count = 0;
    pthread_mutex_init(&made->gate, NULL);
    pthread_mutex_init(&made->lock, NULL);
}

void folder_made_close(struct folder_made *made)
{
    for (unsigned i = 0; i < made->count; i++)
        close(made->parents[i].fd);
    pthread_mutex_destroy(&made->gate);
    pthread_mutex_destroy(&made->lock);
}

static bool is_noted(const struct folder_made *made, const struct stat *st)
{
    for (unsigned i = 0; i < made->count; i++)
        if (made->parents[i].ino == st->st_ino && made->parents[i].dev == st->st_dev)
            return true;
    return false;
}

/* Returns false when there is no room, or no descriptor. */
static bool note(struct folder_made *made, int parent, const struct stat *st)
{
    if (is_noted(made, st))
        return true;
    if (made->count == FOLDER_MADE_MAX)
        return false;
    int fd = fcntl(parent, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return false;
    made->parents[made->count++] = (struct folder_made_parent){.fd = fd, .dev = st->st_dev, .ino = st->st_ino};
    return true;
}

int folder_made_note(struct folder_made *made, int parent)
{
    struct stat st;
    if (!made->sync)
        return 0;
    if (fstat(parent, &st) != 0)
        return -1;
    pthread_mutex_lock(&made->lock);
    bool noted = note(made, parent, &st);
    pthread_mutex_unlock(&made->lock);
    return noted ? 0 : fsync(parent);
}

static unsigned take_all(struct folder_made *made, struct folder_made_parent *parents)
{
    pthread_mutex_lock(&made->lock);
    unsigned count = made->count;
    memcpy(parents, made->parents, count * sizeof *parents);
    made->count = 0;
    pthread_mutex_unlock(&made->lock);
    return count;
}

/* A parent whose sync failed is noted again, or the next commit would promise
 * what is not so. */
static void give_back(struct folder_made *made, struct folder_made_parent parent)
{
    pthread_mutex_lock(&made->lock);
    if (made->count < FOLDER_MADE_MAX)
        made->parents[made->count++] = parent;
    else
        close(parent.fd);
    pthread_mutex_unlock(&made->lock);
}

static int sync_all(struct folder_made *made)
{
    struct folder_made_parent parents[FOLDER_MADE_MAX];
    unsigned count = take_all(made, parents);
    int error = 0;
    for (unsigned i = 0; i < count; i++) {
        if (fsync(parents[i].fd) == 0) {
            close(parents[i].fd);
        } else {
            error = errno;
            give_back(made, parents[i]);
        }
    }
    return error;
}

int folder_made_sync(struct folder_made *made)
{
    pthread_mutex_lock(&made->gate);
    int error = sync_all(made);
    pthread_mutex_unlock(&made->gate);
    errno = error;
    return error == 0 ? 0 : -1;
}
