/* SPDX-License-Identifier: MIT */
/*
 * keeper_system.h by Linux's own calls.
 */
#define _GNU_SOURCE

#include "keeper_system.h"

#include "keeper.h"

#ifdef __linux__

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void keeper_system_begin(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    (void)syscall(SYS_close_range, KEEPER_CONTROL + 1U, ~0U, 0U);
}

void keeper_system_die_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L);
}

static void kill_child(pid_t child)
{
    pid_t group = getpgid(child);
    if (group > 1 && group != getpgrp())
        (void)kill(-group, SIGKILL);
    (void)kill(child, SIGKILL);
}

/* Reads the beginning of a small file of /proc as a text. Returns false when there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len >= 0;
}

/* By CONFIG_PROC_CHILDREN. A number that has no space behind it may be cut short. What is not listed this time will be
 * the next time. */
bool keeper_system_kill_listed(void)
{
    char path[64];
    char text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    if (!read_text(path, text, sizeof text))
        return false;
    char *end;
    for (char *at = text; (end = strchr(at, ' ')) != NULL; at = end + 1) {
        pid_t child = (pid_t)strtol(at, NULL, 10);
        if (child > 1)
            kill_child(child);
    }
    return true;
}

/* Of "PID (NAME) STATE PARENT ...", where NAME may have anything in it. Returns 0 when there is no such process. */
static pid_t parent_of(pid_t process)
{
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    if (!read_text(path, text, sizeof text))
        return 0;
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && strlen(name_end) > 4 ? (pid_t)strtol(name_end + 4, NULL, 10) : 0;
}

void keeper_system_kill_found(void)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);
        if (process > 1 && parent_of(process) == getpid())
            kill_child(process);
    }
    if (folder != NULL)
        closedir(folder);
}

void keeper_system_kill_children(void)
{
    if (!keeper_system_kill_listed())
        keeper_system_kill_found();
}

#else

void keeper_system_begin(void)
{
}

void keeper_system_die_with_parent(void)
{
}

void keeper_system_kill_children(void)
{
}

bool keeper_system_kill_listed(void)
{
    return false;
}

void keeper_system_kill_found(void)
{
}

#endif
