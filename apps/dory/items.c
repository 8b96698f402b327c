/* SPDX-License-Identifier: MIT */
/* The files of a put, and the walk through folders. */
#define _DEFAULT_SOURCE

#include "items.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "report.h"

bool items_add(struct items *items, const char *path, const char *name)
{
    struct item item = {.path = strdup(path), .name = strdup(name)};

    if (items->count == items->room) {
        size_t room = items->room > 0 ? 2 * items->room : 64;
        struct item *more = realloc(items->item, room * sizeof *more);

        if (more != NULL) {
            items->item = more;
            items->room = room;
        }
    }
    if (items->count == items->room || item.path == NULL || item.name == NULL) {
        free(item.path);
        free(item.name);
        errno = ENOMEM;
        return false;
    }
    items->item[items->count++] = item;
    return true;
}

static void forget(struct item *item)
{
    free(item->path);
    free(item->name);
}

void items_free(struct items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        forget(&items->item[i]);
    }
    free(items->item);
    *items = (struct items){0};
}

/* ---- Walking ---- */

/* Returns `front`, a `/` if there has to be one, and `back`; to be freed. */
static char *join(const char *front, const char *back)
{
    size_t front_len = strlen(front);
    size_t back_len = strlen(back);
    bool slash = front_len > 0 && front[front_len - 1] != '/';
    char *joined = malloc(front_len + slash + back_len + 1);

    if (joined != NULL) {
        memcpy(joined, front, front_len);
        joined[front_len] = '/';
        memcpy(joined + front_len + slash, back, back_len + 1);
    }
    return joined;
}

enum kind { KIND_FILE, KIND_FOLDER, KIND_LINKED_FOLDER, KIND_OTHER };

static enum kind kind_of_path(const char *path)
{
    struct stat status;
    bool link = lstat(path, &status) == 0 && S_ISLNK(status.st_mode);

    /* What is gone, or a link to nothing, is a file that can't be opened: it will be reported as one. */
    if (link && stat(path, &status) != 0) {
        return KIND_FILE;
    }
    if (S_ISDIR(status.st_mode)) {
        return link ? KIND_LINKED_FOLDER : KIND_FOLDER;
    }
    return S_ISREG(status.st_mode) ? KIND_FILE : KIND_OTHER;
}

static enum kind kind_of(const struct dirent *entry, const char *path)
{
#ifdef DT_REG
    if (entry->d_type == DT_REG) {
        return KIND_FILE;
    }
#endif
    return kind_of_path(path);
}

/* Adds one entry of a folder: a file to `items`, a folder to `folders`, which are still to be walked. */
static bool add_entry(struct items *items, struct items *folders, const struct item *folder, const struct dirent *entry,
                      const struct report *report)
{
    char *path = join(folder->path, entry->d_name);
    char *name = join(folder->name, entry->d_name);
    bool added = path != NULL && name != NULL;

    if (added) {
        switch (kind_of(entry, path)) {
        case KIND_FILE:
            added = items_add(items, path, name);
            break;
        case KIND_FOLDER:
            added = items_add(folders, path, name);
            break;
        case KIND_LINKED_FOLDER:
            report_note(report, "%s: skipped: it is a link to a folder", path);
            break;
        case KIND_OTHER:
            report_note(report, "%s: skipped: it is no regular file", path);
            break;
        }
    }
    free(path);
    free(name);
    return added;
}

static bool walk_one(struct items *items, struct items *folders, const struct item *folder, const struct report *report)
{
    DIR *stream = opendir(folder->path);
    struct dirent *entry;
    bool good = stream != NULL;
    int error;

    while (good) {
        errno = 0;
        entry = readdir(stream);
        if (entry == NULL) {
            good = errno == 0;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            good = add_entry(items, folders, folder, entry, report);
        }
    }
    error = errno;
    if (stream != NULL) {
        closedir(stream);
    }
    errno = error;
    return good;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

bool items_add_folder(struct items *items, const char *path, const char *name, const struct report *report,
                      char **culprit)
{
    struct items folders = {0};
    size_t first = items->count;
    bool good = items_add(&folders, path, name);

    *culprit = NULL;
    while (good && folders.count > 0) {
        struct item folder = folders.item[--folders.count];

        good = walk_one(items, &folders, &folder, report);
        if (good) {
            forget(&folder);
        } else {
            *culprit = folder.path;
            free(folder.name);
        }
    }
    items_free(&folders);
    if (items->count > first) {
        qsort(items->item + first, items->count - first, sizeof *items->item, by_name);
    }
    return good;
}

/* ---- Twins ---- */

static int by_name_of(const void *a, const void *b)
{
    return strcmp((*(const struct item *const *)a)->name, (*(const struct item *const *)b)->name);
}

const struct item *items_find_twins(const struct items *items, const struct item **other)
{
    const struct item **sorted = malloc((items->count + 1) * sizeof *sorted);
    const struct item *twin = NULL;

    if (sorted == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < items->count; i++) {
        sorted[i] = &items->item[i];
    }
    qsort(sorted, items->count, sizeof *sorted, by_name_of);
    for (size_t i = 1; i < items->count && twin == NULL; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            twin = sorted[i - 1];
            *other = sorted[i];
        }
    }
    free(sorted);
    return twin;
}
