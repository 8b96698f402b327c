/* SPDX-License-Identifier: MIT */
/*
 * From a name to its folder: the walk below the root of a folder store, which
 * follows no symbolic link and leaves the root by no way, and what errno means
 * to a client. Not the rule for names: core has checked them by then.
 */
#ifndef DORY_FOLDER_PATH_H
#define DORY_FOLDER_PATH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

struct folder_made;

/* Where a name lives: its folder, held open, so that a component swapped later
 * changes nothing, and the last component. */
struct folder_place {
    int fd;
    bool owned; /* fd is this place's own, not the root's */
    dev_t dev;
    ino_t ino;
    const char *last; /* points into the name that was walked */
};

/* Turns errno of a system call into a status; never DORY_OK. */
int folder_status(int error);

/* Walks from `root` to the folder of `name` and fills `*place` in, whose last
 * component lives as long as `name`. Missing folders are made when `made` is
 * given, which notes them. DORY_OK: end with folder_place_close(). Else
 * DORY_NOT_FOUND, DORY_BAD_NAME or another of folder_status(), nothing held. */
int folder_walk(const struct folder_place *root, const char *name, struct folder_made *made,
                struct folder_place *place);

/* Lets go of the folder; a place that holds none is left alone. */
void folder_place_close(struct folder_place *place);

/* Looks what the name is now, without opening it. DORY_OK: a regular file.
 * Else DORY_NOT_FOUND, DORY_BAD_NAME or another of folder_status(). */
int folder_look(const struct folder_place *place);

/* Opens a folder or file of `parent` for reading, following no symbolic link
 * and never waiting. Returns the descriptor, or -1 and errno. */
int folder_open_folder(int parent, const char *component);
int folder_open_file(int parent, const char *component, int access_mode, struct stat *st);

#endif
