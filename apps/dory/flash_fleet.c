/* SPDX-License-Identifier: MIT */
/*
 * A process for each device, some at a time.
 *
 * Implementation notes
 *
 * Nobody but this process writes to the terminal and to standard output, so nothing mixes. The others write events to a
 * pipe each; the end of that pipe is the end of the process, which then is waited for. One that ends without having told
 * its end has failed.
 *
 * A signal from the terminal reaches all of us; one sent to this process alone is passed on as SIGTERM, which is not
 * the one that they may have got already: a second one of a kind would end them at once (signals.h).
 */
#define _GNU_SOURCE

#include "flash_fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../port/net.h"
#include "flash_device.h"
#include "signals.h"

/* Between two looks at the clock, and for signals. */
#define TICK_MS 100

/* ---- A process ---- */

static _Noreturn void be_child(struct flash_fleet *fleet, struct flash_member *member, int pipe)
{
    struct flash_device device = {
        .app = *fleet->app,
        .target = &member->target,
        .image = &fleet->image,
        .pipe = pipe,
    };

    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].pipe >= 0) {
            close(fleet->members[i].pipe);
        }
    }
    flash_device_update(&device);
    _exit(EXIT_DONE);
}

static void end(struct flash_fleet *fleet, struct flash_member *member)
{
    member->state = MEMBER_OVER;
    member->elapsed_ms = net_now_ms() - member->begun_ms;
    flash_show_result(fleet, member);
}

static void fail_to_begin(struct flash_fleet *fleet, struct flash_member *member)
{
    outcome_set(&member->event.outcome, EXIT_LOCAL, "local", "A process could not be started: %s.", strerror(errno));
    end(fleet, member);
}

static void begin(struct flash_fleet *fleet, struct flash_member *member)
{
    int ends[2];

    member->begun_ms = net_now_ms();
    member->step_ms = member->begun_ms;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fail_to_begin(fleet, member);
        return;
    }
    flash_show_clear(fleet);
    fflush(NULL); /* or both of us would print it */
    member->pid = fork();
    if (member->pid == 0) {
        close(ends[0]);
        be_child(fleet, member, ends[1]);
    }
    close(ends[1]);
    if (member->pid < 0) {
        close(ends[0]);
        fail_to_begin(fleet, member);
        return;
    }
    member->pipe = ends[0];
    member->state = MEMBER_RUNNING;
    fleet->running++;
}

/* Who was not interrupted by us has failed. */
static void judge_end(struct flash_member *member, int status)
{
    struct outcome *outcome = &member->event.outcome;

    if (member->ended && strcmp(outcome->status, FLASH_INTERRUPTED) != 0) {
        return;
    }
    if (signals_got() != 0) {
        outcome_set(outcome, EXIT_DONE, FLASH_INTERRUPTED, "%s", "");
    } else if (WIFSIGNALED(status)) {
        outcome_set(outcome, EXIT_LOCAL, "local", "The process for this device was ended by signal %d.",
                    WTERMSIG(status));
    } else {
        outcome_set(outcome, EXIT_LOCAL, "local", "The process for this device ended too early.");
    }
}

static void reap(struct flash_fleet *fleet, struct flash_member *member)
{
    int status = 0;

    close(member->pipe);
    member->pipe = -1;
    fleet->running--;
    while (waitpid(member->pid, &status, 0) < 0 && errno == EINTR) {
    }
    judge_end(member, status);
    end(fleet, member);
}

/* ---- What they tell ---- */

static void on_event(struct flash_fleet *fleet, struct flash_member *member)
{
    const struct flash_event *event = &member->incoming;
    const struct progress moved = {.done = event->done, .skipped = event->resumed};
    uint32_t now_ms = net_now_ms();

    if (event->kind == FLASH_NOTE) {
        flash_show_note(fleet, event->outcome.message);
        return;
    }
    if (event->step != member->event.step) {
        member->step_ms = now_ms;
    }
    if (event->step == FLASH_UPLOADING) {
        progress_measure(&member->speed, &moved, now_ms);
    }
    member->ended = event->kind == FLASH_END;
    member->event = *event;
}

static void on_readable(struct flash_fleet *fleet, struct flash_member *member)
{
    uint8_t *place = (uint8_t *)&member->incoming;
    ssize_t got = read(member->pipe, place + member->have, sizeof member->incoming - member->have);

    if (got == 0 || (got < 0 && errno != EINTR)) {
        reap(fleet, member);
        return;
    }
    member->have += got > 0 ? (size_t)got : 0;
    if (member->have == sizeof member->incoming) {
        member->have = 0;
        on_event(fleet, member);
    }
}

static void wait_for_events(struct flash_fleet *fleet, struct pollfd *polled)
{
    size_t count = 0;

    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].state == MEMBER_RUNNING) {
            polled[count++] = (struct pollfd){.fd = fleet->members[i].pipe, .events = POLLIN};
        }
    }
    if (poll(polled, count, TICK_MS) <= 0) {
        return;
    }
    count = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        struct flash_member *member = &fleet->members[i];

        if (member->state == MEMBER_RUNNING && polled[count++].revents != 0) {
            on_readable(fleet, member);
        }
    }
}

/* ---- All of them ---- */

static void stop(struct flash_fleet *fleet)
{
    fleet->stopping = true;
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].state == MEMBER_RUNNING) {
            kill(fleet->members[i].pid, SIGTERM);
        }
    }
}

static void begin_some(struct flash_fleet *fleet)
{
    while (!fleet->stopping && fleet->at < fleet->count && fleet->running < fleet->app->options.jobs) {
        begin(fleet, &fleet->members[fleet->at++]);
    }
}

/* Those that nobody has begun with. */
static void leave_rest(struct flash_fleet *fleet)
{
    while (fleet->at < fleet->count) {
        struct flash_member *member = &fleet->members[fleet->at++];

        outcome_set(&member->event.outcome, EXIT_DONE, FLASH_INTERRUPTED, "%s", "");
        member->begun_ms = net_now_ms();
        end(fleet, member);
    }
}

static int code_of_all(const struct flash_fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].event.outcome.code != EXIT_DONE) {
            return (int)fleet->members[i].event.outcome.code;
        }
    }
    return EXIT_DONE;
}

int flash_fleet_run(struct flash_fleet *fleet)
{
    struct pollfd *polled = calloc(fleet->count, sizeof *polled);
    struct outcome outcome;

    if (polled == NULL) {
        outcome_set(&outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
        report_failure(&fleet->app->report, NULL, &outcome);
        return EXIT_LOCAL;
    }
    begin_some(fleet);
    while (fleet->running > 0) {
        wait_for_events(fleet, polled);
        if (signals_got() != 0 && !fleet->stopping) {
            stop(fleet);
        }
        begin_some(fleet);
        flash_show_lines(fleet, net_now_ms());
    }
    flash_show_clear(fleet);
    leave_rest(fleet);
    flash_show_summary(fleet);
    free(polled);
    return code_of_all(fleet);
}
