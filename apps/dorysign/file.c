/* SPDX-License-Identifier: MIT */
/* Local files, see file.h. */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"

static bool fail(const char *path, const char *why)
{
    (void)complain(EXIT_LOCAL_FILE, "%s: %s", path, why);
    return false;
}

/* ---- Reading ---- */

/* Opens it and tells its size. Returns its descriptor, or -1 having said why. */
static int open_regular(const char *path, size_t max_len, size_t *len)
{
    struct stat status = {0};
    /* O_NONBLOCK: to open a FIFO would wait for its other end. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *why = NULL;

    if (fd < 0 || fstat(fd, &status) != 0) {
        why = strerror(errno);
    } else if (!S_ISREG(status.st_mode)) {
        why = "is no regular file";
    } else if ((uint64_t)status.st_size > max_len) {
        why = "is too large";
    }
    if (why != NULL) {
        (void)fail(path, why);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    *len = (size_t)status.st_size;
    return fd;
}

static bool read_all(int fd, uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t got = read(fd, data, len);

        if (got == 0) {
            errno = ESTALE; /* it has become shorter */
        }
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        if (got > 0) {
            data += got;
            len -= (size_t)got;
        }
    }
    return true;
}

bool file_read(struct file *file, const char *path, size_t max_len)
{
    int fd = open_regular(path, max_len, &file->len);
    bool good;

    if (fd < 0) {
        return false;
    }
    file->data = (uint8_t *)malloc(file->len + 1);
    good = file->data != NULL && read_all(fd, file->data, file->len);
    if (!good) {
        (void)fail(path, strerror(errno));
        free(file->data);
        file->data = NULL;
    }
    close(fd);
    return good;
}

/* ---- Writing ---- */

static bool write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);

        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            data += written;
            len -= (size_t)written;
        }
    }
    return true;
}

static mode_t mode_for(const char *path, enum file_kind kind)
{
    struct stat status;
    mode_t mask;

    if (kind != FILE_USUAL) {
        return S_IRUSR | S_IWUSR;
    }
    if (stat(path, &status) == 0) {
        return status.st_mode & 0777;
    }
    mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* Only link() never replaces a file. */
static bool publish(const char *temporary, const char *path, enum file_kind kind)
{
    if (kind == FILE_SECRET_NEW) {
        return link(temporary, path) == 0 && unlink(temporary) == 0;
    }
    return rename(temporary, path) == 0;
}

/* mkstemp() makes it for its owner alone: a secret is never readable by others, not even for a moment. */
static bool write_temporary(char *temporary, const char *path, enum file_kind kind, const void *data, size_t len)
{
    int fd = mkstemp(temporary);
    bool good;
    int error;

    if (fd < 0) {
        return false;
    }
    good = write_all(fd, data, len) && fchmod(fd, mode_for(path, kind)) == 0 && fsync(fd) == 0;
    error = errno;
    if (close(fd) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good && publish(temporary, path, kind)) {
        return true;
    }
    error = good ? errno : error;
    unlink(temporary);
    errno = error;
    return false;
}

/* Beside its place, so that rename() can work. NULL when there is no memory. */
static char *name_temporary(const char *path)
{
    static const char name[] = ".dorysign-XXXXXX";
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    char *temporary = (char *)malloc(folder_len + sizeof name);

    if (temporary != NULL) {
        memcpy(temporary, path, folder_len);
        memcpy(temporary + folder_len, name, sizeof name);
    }
    return temporary;
}

static bool write_file(const char *path, enum file_kind kind, const void *data, size_t len)
{
    char *temporary = name_temporary(path);
    bool good = temporary != NULL && write_temporary(temporary, path, kind, data, len);

    if (!good && errno == EEXIST) {
        (void)fail(path, "exists; -f replaces it");
    } else if (!good) {
        (void)fail(path, strerror(errno));
    }
    free(temporary);
    return good;
}

bool file_write(const char *path, enum file_kind kind, const void *data, size_t len)
{
    struct stat status;
    char *target;
    bool good;

    if (path == NULL) {
        return write_all(STDOUT_FILENO, data, len) || fail("standard output", strerror(errno));
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        return fail(path, "is no regular file");
    }
    /* What a symbolic link points to is replaced, not the link. */
    target = realpath(path, NULL);
    good = write_file(target != NULL ? target : path, kind, data, len);
    free(target);
    return good;
}
