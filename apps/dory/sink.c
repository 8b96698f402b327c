/* SPDX-License-Identifier: MIT */
/* Where a `get` writes. */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700

#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *last_component(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);

    if (path != NULL) {
        snprintf(path, size, "%s/%s", folder, name);
    }
    return path;
}

bool sink_choose(struct sink *sink, const char *word, const char *name)
{
    struct stat status;
    char *link;

    *sink = (struct sink){.fd = -1};
    if (word != NULL && strcmp(word, "-") == 0) {
        sink->stream = true;
        sink->fd = STDOUT_FILENO;
        return true;
    }
    if (word != NULL && stat(word, &status) == 0 && S_ISDIR(status.st_mode)) {
        sink->path = join(word, last_component(name));
    } else {
        sink->path = strdup(word != NULL ? word : last_component(name));
    }
    if (sink->path == NULL) {
        return false;
    }
    /* What a symbolic link points to is replaced, not the link. */
    link = realpath(sink->path, NULL);
    if (link != NULL) {
        free(sink->path);
        sink->path = link;
    }
    return true;
}

/* The temporary file stands beside its place, so that rename() can work. Its name doesn't grow with the file's. */
static bool open_temporary(struct sink *sink)
{
    static const char name[] = ".dory-get-XXXXXX";
    const char *slash = strrchr(sink->path, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - sink->path) + 1 : 0;
    char *path = malloc(folder_len + sizeof name);

    if (path == NULL) {
        return false;
    }
    memcpy(path, sink->path, folder_len);
    memcpy(path + folder_len, name, sizeof name);
    sink->fd = mkstemp(path);
    if (sink->fd < 0) {
        free(path);
        return false;
    }
    sink->temporary = path;
    return true;
}

bool sink_open(struct sink *sink)
{
    struct stat status;

    if (sink->fd >= 0) {
        return true;
    }
    if (stat(sink->path, &status) != 0 || S_ISREG(status.st_mode)) {
        return open_temporary(sink);
    }
    sink->stream = true;
    sink->fd = open(sink->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return sink->fd >= 0;
}

bool sink_write(struct sink *sink, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(sink->fd, data, len);

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

bool sink_restart(struct sink *sink)
{
    return sink->fd < 0 || sink->stream || (ftruncate(sink->fd, 0) == 0 && lseek(sink->fd, 0, SEEK_SET) == 0);
}

/* What a file had before, or what a new one gets. */
static mode_t mode_for(const char *path)
{
    struct stat status;
    mode_t mask;

    if (stat(path, &status) == 0) {
        return status.st_mode & 0777;
    }
    mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

bool sink_publish(struct sink *sink)
{
    int fd = sink->fd;
    bool good;

    if (sink->path == NULL) {
        return true;
    }
    good = sink->stream || (fchmod(fd, mode_for(sink->path)) == 0 && fsync(fd) == 0);
    sink->fd = -1;
    if (close(fd) != 0 || !good) {
        return false;
    }
    if (sink->temporary == NULL) {
        return true;
    }
    if (rename(sink->temporary, sink->path) != 0) {
        return false;
    }
    free(sink->temporary);
    sink->temporary = NULL;
    return true;
}

void sink_free(struct sink *sink)
{
    if (sink->fd >= 0 && sink->path != NULL) {
        close(sink->fd);
    }
    if (sink->temporary != NULL) {
        unlink(sink->temporary);
    }
    free(sink->temporary);
    free(sink->path);
    *sink = (struct sink){.fd = -1};
}
