/* SPDX-License-Identifier: MIT */
/* The life of a keeper: start the command, wait, end what is left, tell. */
#define _GNU_SOURCE

#include "keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper_system.h"

enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127, KILLED = 128 };

bool keeper_is_meant(int argc, char **argv)
{
    return argc > KEEPER_WORDS && strcmp(argv[0], KEEPER_NAME) == 0;
}

/* Says why the program can't be executed. Returns the exit code, as a shell's. */
static int complain(const char *program)
{
    int error = errno;
    dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(error));
    return error == ENOENT || error == ENOTDIR ? NOT_FOUND : CANNOT_EXECUTE;
}

/* In the child. */
static _Noreturn void execute(const char *path, char **argv, pid_t keeper)
{
    sigset_t none;
    sigemptyset(&none);
    (void)setpgid(0, 0);
    keeper_system_die_with_parent();
    if (getppid() != keeper)
        _exit(KILLED + SIGKILL);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)close(KEEPER_CONTROL);
    execv(path, argv);
    _exit(complain(argv[0]));
}

static pid_t start(const char *path, char **argv)
{
    pid_t keeper = getpid();
    pid_t child = fork();
    if (child == 0)
        execute(path, argv, keeper);
    if (child > 0)
        (void)setpgid(child, child); /* whoever comes first */
    return child;
}

static void limit_files(const char *text)
{
    struct rlimit limit;
    unsigned long files = strtoul(text, NULL, 10);
    if (files == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = files < limit.rlim_max ? files : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Waits for orphans that have ended. Returns whether the command's first process has: it is left as it is, so that
 * nobody else gets the number of its process group meanwhile. */
static bool has_ended(pid_t first)
{
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        if (info.si_pid == first)
            return true;
        (void)waitpid(info.si_pid, NULL, 0);
        info.si_pid = 0;
    }
    return false;
}

static void on_child(int number)
{
    (void)number;
}

/* From here on signals arrive in wait_for_news() only. */
static void hold_signals(void)
{
    struct sigaction action = {.sa_handler = on_child};
    sigset_t all;
    sigfillset(&action.sa_mask);
    (void)sigaction(SIGCHLD, &action, NULL);
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
}

/* Waits until a child has ended, or the socket is closed; `limit_ms` < 0: for as long as it takes. Returns whether the
 * socket is. With a limit nobody asks for the socket any more. */
static bool wait_for_news(long limit_ms)
{
    const struct timespec limit = {.tv_sec = limit_ms / 1000, .tv_nsec = limit_ms % 1000 * 1000000};
    sigset_t but_child;
    fd_set control;
    FD_ZERO(&control);
    FD_SET(KEEPER_CONTROL, &control);
    sigfillset(&but_child);
    sigdelset(&but_child, SIGCHLD);
    int found = limit_ms < 0 ? pselect(KEEPER_CONTROL + 1, &control, NULL, NULL, NULL, &but_child)
                             : pselect(0, NULL, NULL, NULL, &limit, &but_child);
    return found > 0 || (found < 0 && errno != EINTR);
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* Until the command's first process has ended, or won't. */
static void wait_for_end(pid_t first)
{
    bool told = false;
    while (!told) {
        if (has_ended(first))
            return;
        told = wait_for_news(-1);
    }
    (void)kill(-first, SIGTERM);
    long deadline_ms = now_ms() + KEEPER_GRACE_MS;
    for (long left_ms = KEEPER_GRACE_MS; left_ms > 0 && !has_ended(first); left_ms = deadline_ms - now_ms())
        (void)wait_for_news(left_ms);
}

void keeper_end_family(int first, int *status)
{
    for (;;) {
        int one;
        keeper_system_kill_children();
        pid_t ended = waitpid(-1, &one, 0);
        while (ended > 0) {
            if (ended == first)
                *status = one;
            ended = waitpid(-1, &one, WNOHANG);
        }
        if (ended < 0 && errno != EINTR)
            return;
    }
}

/* Returns the exit code. */
static int keep(const char *path, char **argv)
{
    int status = 0;
    pid_t first = start(path, argv);
    if (first < 0)
        return complain(argv[0]);
    wait_for_end(first);
    (void)kill(-first, SIGKILL);
    keeper_end_family(first, &status);
    return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

void keeper_run(char **argv)
{
    hold_signals();
    (void)setsid();
    keeper_system_begin();
    limit_files(argv[1]);
    uint8_t code = (uint8_t)keep(argv[2], argv + KEEPER_WORDS);
    ssize_t written = write(KEEPER_CONTROL, &code, 1);
    _exit(written == 1 ? 0 : 1);
}
