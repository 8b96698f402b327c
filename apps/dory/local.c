/* SPDX-License-Identifier: MIT */
/* Files here that are sent. */
#define _DEFAULT_SOURCE

#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool look(int fd, struct stat *status, char *error)
{
    if (fd < 0 || fstat(fd, status) != 0) {
        snprintf(error, LOCAL_ERROR_SIZE, "%s", strerror(errno));
        return false;
    }
    if (S_ISDIR(status->st_mode)) {
        snprintf(error, LOCAL_ERROR_SIZE, "It is a folder; -r sends folders.");
        return false;
    }
    if (!S_ISREG(status->st_mode)) {
        snprintf(error, LOCAL_ERROR_SIZE, "It is no regular file.");
        return false;
    }
    return true;
}

bool local_open(struct local_file *file, const char *path, char error[LOCAL_ERROR_SIZE])
{
    struct stat status;

    /* O_NONBLOCK: to open a FIFO would wait for its other end. */
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (!look(file->fd, &status, error)) {
        if (file->fd >= 0) {
            close(file->fd);
        }
        return false;
    }
    file->size = (uint64_t)status.st_size;
    file->changed = status.st_mtim;
    return true;
}

bool local_unchanged(const struct local_file *file)
{
    struct stat status;

    return fstat(file->fd, &status) == 0 && (uint64_t)status.st_size == file->size &&
           status.st_mtim.tv_sec == file->changed.tv_sec && status.st_mtim.tv_nsec == file->changed.tv_nsec;
}

bool local_read(const struct local_file *file, uint64_t off, void *dst, size_t len)
{
    uint8_t *at = (uint8_t *)dst;

    while (len > 0) {
        ssize_t got = pread(file->fd, at, len, (off_t)off);

        if (got == 0) {
            errno = ESTALE;
        }
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        if (got > 0) {
            at += got;
            off += (uint64_t)got;
            len -= (size_t)got;
        }
    }
    return true;
}
