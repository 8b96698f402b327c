/* SPDX-License-Identifier: MIT */
/*
 * Commands as processes.
 *
 * Implementation notes
 *
 * Of each command three descriptors are watched: our ends of its two pipes, and of the socket pair with its keeper. The
 * poller says which are readable, so a silent command costs no system call when a session asks for output.
 *
 * The keeper writes the exit code when all others are gone: what the pipes hold then is the rest of the output. It goes
 * when that is written, or, sooner, when our side of the socket is shut down. A process stays in the list until end()
 * was called and its keeper was waited for, whichever comes last.
 */
#define _DEFAULT_SOURCE

#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"
#include "net_list.h"

extern char **environ;

/* How long processes_free() waits, all in all, and between two looks. */
#define FREE_MS 3000U
#define FREE_LOOK_MS 5

/* A keeper that has closed its socket is gone any moment. */
#define REAP_AGAIN_MS 1U

#define NEVER_MS UINT32_MAX

/* The descriptors of a process; the first two are enum dory_stream, less 1. */
enum { OUT, ERR, CONTROL };

struct process {
    struct net_link home;
    struct processes *owner;
    struct command_plan plan;
    struct net_watch watches[PROCESS_DESCRIPTORS]; /* fd -1 when closed */
    pid_t keeper;                                  /* 0: there is none, or it was waited for */
    uint32_t started_ms;
    uint64_t given; /* bytes of output */
    uint8_t turn;   /* the stream that is looked at first */
    uint8_t exit;
    bool exited; /* `exit` is known */
    bool counts; /* as one that runs */
    bool ended;  /* by end() */
};

struct processes {
    struct processes_options options;
    struct net_link all;
    uint32_t running;
    int null_fd;
    bool stopping;
};

/* --- descriptors --- */

static void let_go(struct process *process, unsigned index)
{
    struct net_watch *watch = &process->watches[index];
    if (watch->fd < 0)
        return;
    if (process->owner->options.net != NULL)
        net_watch_remove(process->owner->options.net, watch);
    close(watch->fd);
    watch->fd = -1;
}

/* Returns how many bytes were read; 0 also when there is nothing now, or the end was reached. */
static size_t take_bytes(struct process *process, unsigned index, uint8_t *dst, size_t len)
{
    struct net_watch *watch = &process->watches[index];
    ssize_t got;
    if (watch->fd < 0 || (!watch->readable && process->owner->options.net != NULL))
        return 0;
    do
        got = read(watch->fd, dst, len);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        return (size_t)got;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        watch->readable = false;
    else
        let_go(process, index);
    return 0;
}

static bool mark(int fd, bool ours)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && (!ours || fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
}

static int watch_descriptor(const struct processes *processes, struct net_watch *watch, int fd)
{
    if (processes->options.net != NULL)
        return net_watch_add(processes->options.net, watch, fd);
    watch->fd = fd;
    return 0;
}

/* Opens one of the pipes, or the socket pair. Returns the keeper's end, or -1 with errno. */
static int open_channel(struct process *process, unsigned index)
{
    int fds[2];
    if (index == CONTROL ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 : pipe(fds) != 0)
        return -1;
    if (mark(fds[0], true) && mark(fds[1], false) &&
        watch_descriptor(process->owner, &process->watches[index], fds[0]) == 0)
        return fds[1];
    int error = errno;
    close(fds[0]);
    close(fds[1]);
    process->watches[index].fd = -1;
    errno = error;
    return -1;
}

/* --- starting --- */

/* Returns 0 or an errno. */
static int set_up_descriptors(posix_spawn_file_actions_t *actions, int null_fd, const int *theirs)
{
    const int from[] = {null_fd, theirs[OUT], theirs[ERR], theirs[CONTROL]};
    int error = 0;
    for (int fd = 0; error == 0 && fd <= KEEPER_CONTROL; fd++)
        error = posix_spawn_file_actions_adddup2(actions, from[fd], fd);
    return error;
}

static int set_up_signals(posix_spawnattr_t *attributes)
{
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    sigemptyset(&none);
    int error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return error;
}

static int spawn(struct process *process, char **argv, const int *theirs)
{
    const struct processes *owner = process->owner;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = set_up_descriptors(&actions, owner->null_fd, theirs);
        if (error == 0)
            error = set_up_signals(&attributes);
        if (error == 0)
            error = posix_spawnp(&process->keeper, owner->options.program, &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Returns 0 or an errno. */
static int spawn_keeper(struct process *process, const int *theirs)
{
    char files[16];
    char name[] = KEEPER_NAME;
    size_t count = 0;
    while (process->plan.argv[count] != NULL)
        count++;
    char **argv = calloc(KEEPER_WORDS + count + 1, sizeof *argv);
    if (argv == NULL)
        return ENOMEM;
    snprintf(files, sizeof files, "%u", (unsigned)process->owner->options.open_files);
    argv[0] = name;
    argv[1] = files;
    argv[2] = process->plan.path;
    memcpy(argv + KEEPER_WORDS, process->plan.argv, count * sizeof *argv);
    int error = spawn(process, argv, theirs);
    free(argv);
    return error;
}

/* Returns 0 or an errno. */
static int start_keeper(struct process *process)
{
    int theirs[PROCESS_DESCRIPTORS] = {-1, -1, -1};
    int error = 0;
    for (unsigned i = 0; error == 0 && i < PROCESS_DESCRIPTORS; i++) {
        theirs[i] = open_channel(process, i);
        error = theirs[i] < 0 ? errno : 0;
    }
    if (error == 0)
        error = spawn_keeper(process, theirs);
    for (unsigned i = 0; i < PROCESS_DESCRIPTORS; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    if (error == 0) {
        process->counts = true;
        process->owner->running++;
    }
    return error;
}

static void free_process(struct process *process)
{
    for (unsigned i = 0; i < PROCESS_DESCRIPTORS; i++)
        let_go(process, i);
    command_plan_free(&process->plan);
    net_link_remove(&process->home);
    free(process);
}

static struct process *new_process(struct processes *owner)
{
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return NULL;
    process->owner = owner;
    process->started_ms = net_now_ms();
    for (unsigned i = 0; i < PROCESS_DESCRIPTORS; i++)
        process->watches[i].fd = -1;
    net_list_append(&owner->all, &process->home);
    return process;
}

/* What there is too little of now comes back when other commands end. */
static int status_of(int error)
{
    return error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM ? DORY_BUSY : DORY_IO_ERROR;
}

static int start_process(struct process *process, const char *line)
{
    const struct processes *owner = process->owner;
    int result = command_lines_plan(owner->options.lines, line, &process->plan);
    if (result != DORY_OK || process->plan.argv == NULL)
        return result;
    if (owner->stopping || owner->running >= owner->options.max_running)
        return DORY_BUSY;
    int error = start_keeper(process);
    return error == 0 ? DORY_OK : status_of(error);
}

static int start(void *ctx, const char *line, struct dory_command *command)
{
    struct processes *processes = ctx;
    (void)processes_tick(processes);
    struct process *process = new_process(processes);
    if (process == NULL)
        return DORY_BUSY;
    int result = start_process(process, line);
    if (result != DORY_OK)
        free_process(process);
    else
        command->handle = process;
    return result;
}

/* --- while it runs --- */

/* Reads the exit code when it is there, and notices when the keeper has gone. */
static void hear_from_keeper(struct process *process)
{
    uint8_t code;
    if (take_bytes(process, CONTROL, &code, 1) > 0 && !process->exited) {
        process->exited = true;
        process->exit = code;
        process->watches[OUT].readable = true; /* the poller may not have said so yet */
        process->watches[ERR].readable = true;
    }
    if (process->counts && (process->exited || process->watches[CONTROL].fd < 0)) {
        process->counts = false;
        process->owner->running--;
    }
}

static int32_t take_text(struct process *process, struct dory_command *command, uint8_t *dst, size_t len)
{
    const struct command_plan *plan = &process->plan;
    size_t left = strlen(plan->text + process->given);
    if (len > left)
        len = left;
    memcpy(dst, plan->text + process->given, len);
    process->given += len;
    command->stream = plan->stream;
    command->exit = plan->exit;
    command->ended = len == 0;
    return (int32_t)len;
}

/* Returns as output(), but 0 without more. */
static int32_t take_output(struct process *process, struct dory_command *command, uint8_t *dst, size_t len)
{
    uint64_t left = process->owner->options.max_output - process->given;
    if (len > left)
        len = left > 0 ? (size_t)left : 1; /* is there more than may be? */
    if (len > INT32_MAX)
        len = INT32_MAX;
    for (unsigned i = 0; i < 2; i++) {
        unsigned index = (process->turn + i) % 2;
        size_t got = take_bytes(process, index, dst, len);
        if (got == 0)
            continue;
        if (left == 0)
            return DORY_TOO_LARGE;
        process->given += got;
        process->turn = (uint8_t)(1 - index);
        command->stream = index + 1;
        return (int32_t)got;
    }
    return 0;
}

static bool is_late(const struct process *process)
{
    uint32_t limit_ms = process->owner->options.timeout_ms;
    return limit_ms != 0 && !process->exited && net_now_ms() - process->started_ms >= limit_ms;
}

static int32_t output(void *ctx, struct dory_command *command, uint8_t *dst, size_t len)
{
    const struct processes *processes = ctx;
    struct process *process = command->handle;
    int32_t got = 0;
    if (process->plan.text != NULL)
        return take_text(process, command, dst, len);
    hear_from_keeper(process);
    if (is_late(process))
        return DORY_TIMEOUT;
    if (!processes->stopping)
        got = take_output(process, command, dst, len);
    if (got != 0)
        return got;
    if (!process->exited && process->watches[CONTROL].fd < 0)
        return DORY_IO_ERROR; /* somebody has killed the keeper */
    command->ended = process->exited;
    command->exit = process->exit;
    return 0;
}

/* --- ending --- */

static void tell_to_end(const struct process *process)
{
    if (process->watches[CONTROL].fd >= 0)
        (void)shutdown(process->watches[CONTROL].fd, SHUT_WR);
}

/* The pipes stay open as long as the keeper: last words are no reason to die of SIGPIPE before the work is cleared up. */
static void end(void *ctx, struct dory_command *command)
{
    struct process *process = command->handle;
    tell_to_end(process);
    process->ended = true;
    (void)processes_tick(ctx);
}

/* Waits for a keeper that has gone, without waiting. Returns whether it is still to be waited for. */
static bool is_to_be_reaped(struct process *process)
{
    if (process->watches[CONTROL].fd >= 0 || process->keeper == 0)
        return false;
    if (waitpid(process->keeper, NULL, WNOHANG) == 0)
        return true;
    process->keeper = 0; /* also when somebody else has waited for it */
    return false;
}

uint32_t processes_tick(struct processes *processes)
{
    uint32_t wait_ms = NEVER_MS;
    struct net_link *next;
    for (struct net_link *link = processes->all.next; link != &processes->all; link = next) {
        struct process *process = net_object(link, struct process, home);
        next = link->next;
        hear_from_keeper(process);
        if (process->exited)
            hear_from_keeper(process); /* its end */
        if (is_to_be_reaped(process))
            wait_ms = REAP_AGAIN_MS;
        else if (process->ended && process->keeper == 0)
            free_process(process);
    }
    return wait_ms;
}

void processes_stop(struct processes *processes)
{
    processes->stopping = true;
    for (struct net_link *link = processes->all.next; link != &processes->all; link = link->next)
        tell_to_end(net_object(link, struct process, home));
}

/* --- life --- */

struct processes *processes_new(const struct processes_options *options)
{
    struct processes *processes = calloc(1, sizeof *processes);
    if (processes == NULL)
        return NULL;
    processes->options = *options;
    net_list_init(&processes->all);
    processes->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (processes->null_fd >= 0)
        return processes;
    int error = errno;
    free(processes);
    errno = error;
    return NULL;
}

/* The poller does not run any more. */
static bool look_for_end(struct processes *processes)
{
    for (struct net_link *link = processes->all.next; link != &processes->all; link = link->next) {
        struct process *process = net_object(link, struct process, home);
        process->ended = true;
        process->watches[CONTROL].readable = true;
    }
    (void)processes_tick(processes);
    return net_list_empty(&processes->all);
}

void processes_free(struct processes *processes)
{
    if (processes == NULL)
        return;
    processes_stop(processes);
    uint32_t since_ms = net_now_ms();
    while (!look_for_end(processes) && net_now_ms() - since_ms < FREE_MS)
        (void)poll(NULL, 0, FREE_LOOK_MS);
    struct net_link *next;
    for (struct net_link *link = processes->all.next; link != &processes->all; link = next) {
        next = link->next;
        free_process(net_object(link, struct process, home));
    }
    close(processes->null_fd);
    free(processes);
}

const struct dory_commands processes_commands = {.start = start, .output = output, .end = end};
