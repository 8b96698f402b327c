/* SPDX-License-Identifier: MIT */
/* What `put` sends: files here, and the names that they get on the server. */
#ifndef DORY_APP_ITEMS_H
#define DORY_APP_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

struct report;

struct item {
    char *path;
    char *name;
    bool settled; /* its end has been reported */
};

struct items {
    struct item *item;
    size_t count;
    size_t room;
};

/* Adds one file; both texts are copied. Returns false with errno. */
bool items_add(struct items *items, const char *path, const char *name);

/* Adds every file below the folder `path`, in order, their names below `name` ("": at the top). What can't be sent is
 * told on stderr and left out. Returns false with errno when the folder or one in it can't be read; `*culprit`, to be
 * freed, is that folder. */
bool items_add_folder(struct items *items, const char *path, const char *name, const struct report *report,
                      char **culprit);

/* Returns two items that have the same name, the second one in `*other`, or NULL. */
const struct item *items_find_twins(const struct items *items, const struct item **other);

void items_free(struct items *items);

#endif
