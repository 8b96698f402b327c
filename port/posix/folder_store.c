/* SPDX-License-Identifier: MIT */
/*
 * The folder store: opening its root and its own folder ROOT/.dory, and closing
 * them. The operations are in files of their own, see folder_private.h.
 */
#define _GNU_SOURCE
#include "folder_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include "folder_private.h"

/* Sizes are whole numbers that every JSON reader holds exactly: design, section 2. */
#define LARGEST_FILE ((UINT64_C(1) << 53) - 1)

const struct dory_store folder_store = {
    .open = folder_file_open,
    .read = folder_file_read,
    .close = folder_file_close,
    .put = folder_writer_put,
    .remove = folder_writer_remove,
    .write = folder_writer_write,
    .reread = folder_writer_reread,
    .commit = folder_writer_commit,
    .abort = folder_writer_abort,
    .holder = folder_writer_holder,
    .partial = folder_writer_partial,
    .list = folder_list_begin,
    .next = folder_list_next,
    .end_list = folder_list_end,
    .room = folder_room_tell,
};

/* Where the sentence goes when something fails, and what it is about. */
struct complaint {
    const char *root;
    char *text;
    size_t text_len;
};

static bool complain(const struct complaint *complaint, const char *what, const char *where, const char *why)
{
    snprintf(complaint->text, complaint->text_len, "%s %s%s: %s", what, complaint->root, where, why);
    return false;
}

static bool open_root(struct folder_place *root, const struct complaint *complaint)
{
    struct stat st;
    root->fd = open(complaint->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root->fd < 0 || fstat(root->fd, &st) != 0)
        return complain(complaint, "cannot open the folder", "", strerror(errno));
    root->dev = st.st_dev;
    root->ino = st.st_ino;
    return true;
}

static bool open_area(struct folder_store *store, const struct complaint *complaint)
{
    struct stat st;
    if (mkdirat(store->root.fd, ".dory", 0700) != 0 && errno != EEXIST)
        return complain(complaint, "cannot make the folder", "/.dory", strerror(errno));
    store->area_fd = folder_open_folder(store->root.fd, ".dory");
    if (store->area_fd < 0 || fstat(store->area_fd, &st) != 0)
        return complain(complaint, "cannot open the folder", "/.dory", strerror(errno));
    if (st.st_dev != store->root.dev)
        return complain(complaint, "cannot use", "/.dory", "it is on another file system than the root");
    return true;
}

/* The folder itself carries the lock, so that no file is left behind. */
static bool lock_area(const struct folder_store *store, const struct complaint *complaint)
{
    if (flock(store->area_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    return complain(complaint, "cannot lock", "/.dory",
                    errno == EWOULDBLOCK ? "another server is using this folder" : strerror(errno));
}

/* All that only a store that takes changes needs. Each step may leave something
 * behind that folder_store_close() clears away. */
static bool open_for_changes(struct folder_store *store, const struct folder_store_options *options,
                             const struct complaint *complaint)
{
    if (!open_area(store, complaint) || !lock_area(store, complaint))
        return false;
    if (folder_partials_open(&store->partials, store->area_fd, options->partials, options->partial_age_s) != 0)
        return complain(complaint, "cannot read the folder", "/.dory", strerror(errno));
    if (!store->sync)
        return true;
    int error = folder_sync_start(&store->syncer, &store->made, options->wake, options->wake_ctx);
    return error == 0 || complain(complaint, "cannot start the threads for", "", strerror(error));
}

static bool open_all(struct folder_store *store, const struct folder_store_options *options,
                     const struct complaint *complaint)
{
    if (!open_root(&store->root, complaint))
        return false;
    if (folder_writers_open(&store->writers, store->read_only ? 0 : options->writers) != 0)
        return complain(complaint, "cannot serve", "", strerror(errno));
    return store->read_only || open_for_changes(store, options, complaint);
}

/* What would not outlive a power cut anyhow need not be synced: the kernel has nothing to do for it, and workers would
 * only cost time. */
static bool is_in_memory(const char *root)
{
#ifdef __linux__
    struct statfs st;
    return statfs(root, &st) == 0 && (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC);
#else
    (void)root;
    return false;
#endif
}

struct folder_store *folder_store_open(const struct folder_store_options *options, char *error, size_t error_len)
{
    struct complaint complaint = {.root = options->root, .text_len = error_len};
    complaint.text = error;
    struct folder_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        complain(&complaint, "cannot serve", "", strerror(errno));
        return NULL;
    }
    store->root.fd = -1;
    store->area_fd = -1;
    store->max_file = options->max_file < LARGEST_FILE ? options->max_file : LARGEST_FILE;
    store->sync = options->sync && !is_in_memory(options->root);
    store->read_only = options->read_only;
    folder_made_open(&store->made, store->sync);
    if (open_all(store, options, &complaint))
        return store;
    folder_store_close(store);
    return NULL;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void folder_store_close(struct folder_store *store)
{
    if (store->syncer.made != NULL) /* it was started */
        folder_sync_stop(&store->syncer);
    folder_writers_close(&store->writers);
    folder_partials_close(&store->partials);
    folder_made_close(&store->made);
    close_if_open(store->area_fd);
    close_if_open(store->root.fd);
    free(store);
}

void folder_store_expire(struct folder_store *store)
{
    folder_partials_expire(&store->partials);
}
