/* SPDX-License-Identifier: MIT */
/*
 * From a name to its folder, one component at a time, and what errno means to a
 * client.
 */
#define _GNU_SOURCE
#include "folder_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../core/dory_config.h"
#include "../../core/status.h"
#include "folder_made.h"

int folder_status(int error)
{
    switch (error) {
    case ENOENT:
        return DORY_NOT_FOUND;
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return DORY_BAD_NAME;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DORY_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return DORY_FORBIDDEN;
    case EXDEV:
        return DORY_UNSUPPORTED;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return DORY_BUSY;
    default:
        return DORY_IO_ERROR;
    }
}

int folder_open_folder(int parent, const char *component)
{
    return openat(parent, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* O_NONBLOCK: a FIFO put there between the look and the open must not stop us. */
int folder_open_file(int parent, const char *component, int access_mode, struct stat *st)
{
    int fd = openat(parent, component, access_mode | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int error = fstat(fd, st) != 0 ? errno : S_ISREG(st->st_mode) ? 0 : EISDIR;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static int enter(int parent, const char *component, struct folder_made *made)
{
    int fd = folder_open_folder(parent, component);
    if (fd >= 0 || errno != ENOENT || made == NULL)
        return fd;
    if (mkdirat(parent, component, 0777) == 0) {
        if (folder_made_note(made, parent) != 0)
            return -1;
    } else if (errno != EEXIST) {
        return -1;
    }
    return folder_open_folder(parent, component);
}

/* Goes down one component of `len` bytes. Returns 0, or -1 and errno. */
static int descend(struct folder_place *place, const char *name, size_t len, struct folder_made *made)
{
    char component[DORY_MAX_NAME + 1];
    if (len >= sizeof component) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(component, name, len);
    component[len] = '\0';
    int fd = enter(place->fd, component, made);
    if (fd < 0)
        return -1;
    folder_place_close(place);
    place->fd = fd;
    place->owned = true;
    return 0;
}

static int identify(struct folder_place *place)
{
    struct stat st;
    if (!place->owned)
        return 0;
    if (fstat(place->fd, &st) != 0)
        return -1;
    place->dev = st.st_dev;
    place->ino = st.st_ino;
    return 0;
}

int folder_walk(const struct folder_place *root, const char *name, struct folder_made *made, struct folder_place *place)
{
    *place = *root;
    int result = 0;
    for (const char *slash; result == 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1)
        result = descend(place, name, (size_t)(slash - name), made);
    place->last = name;
    if (result == 0)
        result = identify(place);
    if (result == 0)
        return DORY_OK;
    int status = folder_status(errno);
    folder_place_close(place);
    return status;
}

void folder_place_close(struct folder_place *place)
{
    if (place->owned)
        close(place->fd);
    place->fd = -1;
    place->owned = false;
}

int folder_look(const struct folder_place *place)
{
    struct stat st;
    if (fstatat(place->fd, place->last, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return folder_status(errno);
    return S_ISREG(st.st_mode) ? DORY_OK : DORY_BAD_NAME;
}
