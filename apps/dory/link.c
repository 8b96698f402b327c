/* SPDX-License-Identifier: MIT */
/* The link: when to connect, what to try again, when to give up. See link_private.h for how its parts work together. */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "link_private.h"

/* Connections in a row on which nothing moves for the time of --timeout: then the server counts as gone. */
#define MAX_STALLS 3U

#define LINGER_MS 2000U

/* For the signal handler: there is one signal, and one link at a time. */
static volatile sig_atomic_t interrupted;
static struct net *volatile interruptible;

void link_interrupt(void)
{
    interrupted = 1;
    if (interruptible != NULL) {
        net_wake(interruptible);
    }
}

bool link_interrupted(void)
{
    return interrupted != 0;
}

void link_interrupt_over(void)
{
    interrupted = 0;
}

/* ---- The end of a connection, and of it all ---- */

static void finish_lost(struct link *link, struct job *job)
{
    if (job != NULL) {
        job->call.fault = DORY_FAULT_LOST;
        link_finish(link, job, NULL);
    }
}

static void give_up(struct link *link, enum exit_code code, const char *status, const char *reason)
{
    outcome_set(link->failure, code, status, "%s: %s", link->peer, reason);
    link->given_up = true;
    link->state = LINK_OVER;
    link_drop(link);
    for (struct job *job = job_take_first(&link->again); job != NULL; job = job_take_first(&link->again)) {
        finish_lost(link, job);
    }
    for (struct job *job = job_take_first(&link->waiting); job != NULL; job = job_take_first(&link->waiting)) {
        finish_lost(link, job);
    }
    finish_lost(link, link->peeked);
    link->peeked = NULL;
    link->exhausted = true;
}

static void give_up_lost(struct link *link, enum dory_fault fault)
{
    if (fault == DORY_FAULT_BUSY) {
        give_up(link, EXIT_REFUSED, "busy", "the server has no session free");
    } else if (fault == DORY_FAULT_PROTOCOL) {
        give_up(link, EXIT_LOST, "protocol", "what answers there does not speak dory's protocol");
    } else if (link->opened_once) {
        give_up(link, EXIT_LOST, "lost", link->reason);
    } else {
        give_up(link, EXIT_LOST, "no_connection", link->reason);
    }
}

/* Pauses before the next connection, unless it was one failure too many. */
static void on_failure(struct link *link, enum dory_fault fault, uint32_t now_ms)
{
    uint32_t pause_ms;

    if (link->failures >= link->options->retries || (fault == DORY_FAULT_PROTOCOL && !link->heard)) {
        give_up_lost(link, fault);
        return;
    }
    link->failures++;
    pause_ms = job_pause_ms(link->failures);
    link->state = LINK_PAUSE;
    link->pause_ms = now_ms + pause_ms;
    report_note(link->report, "%s: %s; trying again in %u.%u s", link->peer, link->reason, pause_ms / 1000,
                pause_ms / 100 % 10);
}

static void on_broken(struct link *link, uint32_t now_ms)
{
    enum dory_fault fault = link->client.fault;
    bool missed = link->active > 0 || link->state == LINK_CONNECTING;

    link_drop(link);
    link->state = LINK_IDLE;
    if (link->spent) {
        give_up_lost(link, fault);
        return;
    }
    switch (fault) {
    case DORY_FAULT_BUSY:
        snprintf(link->reason, sizeof link->reason, "the server is busy");
        on_failure(link, fault, now_ms);
        break;
    case DORY_FAULT_PROTOCOL:
        snprintf(link->reason, sizeof link->reason, "the server's answer makes no sense");
        on_failure(link, fault, now_ms);
        break;
    case DORY_FAULT_NONE:
    case DORY_FAULT_LOST:
        if (missed) {
            on_failure(link, fault, now_ms);
        }
        break;
    case DORY_FAULT_BAD_HEADER:
    case DORY_FAULT_MISMATCH:
    case DORY_FAULT_OTHER_BEGINNING:
    case DORY_FAULT_LOCAL:
    case DORY_FAULT_ABANDONED:
        break; /* what it is about is settled; the other jobs just need another connection */
    }
}

static void connect_now(struct link *link, uint32_t now_ms)
{
    if (link_connect(link)) {
        return;
    }
    if (!link->opened_once) {
        give_up_lost(link, DORY_FAULT_LOST);
    } else {
        on_failure(link, DORY_FAULT_LOST, now_ms);
    }
}

/* ---- Time ---- */

static bool is_over(struct link *link)
{
    return link->active == 0 && link->again.first == NULL && link->waiting.first == NULL && !link_peek(link);
}

/* What the kernel holds can be a lot, and take long over a slow line: that it gets less is progress, too. */
static bool is_alive(struct link *link)
{
    uint32_t unsent = link->state == LINK_OPEN && link->conn != NULL ? net_unsent(link->conn) : 0;
    bool moved = unsent < link->unsent;

    link->unsent = unsent;
    return moved || (link->state == LINK_OPEN && link->active == 0);
}

/* A server that did answer may be gone, its farewell lost on the way: worth another connection. */
static void on_stall(struct link *link, uint32_t now_ms)
{
    char sentence[80];

    snprintf(sentence, sizeof sentence, "nothing moved for %g s", link->options->timeout_ms / 1000.0);
    link->stalls++;
    link_drop(link);
    if (link->spent || !link->answered || link->stalls == MAX_STALLS || link->failures >= link->options->retries) {
        give_up(link, EXIT_TIMEOUT, "timeout", sentence);
        return;
    }
    snprintf(link->reason, sizeof link->reason, "%s", sentence);
    on_failure(link, DORY_FAULT_LOST, now_ms);
}

static void check_time(struct link *link, uint32_t now_ms)
{
    if (is_alive(link)) {
        link->alive_ms = now_ms;
    }
    if (job_time_reached(now_ms, link->alive_ms + link->options->timeout_ms)) {
        on_stall(link, now_ms);
    }
}

/* Brings the state forward. Returns whether there is more to do at once. */
static bool step(struct link *link, uint32_t now_ms)
{
    switch (link->state) {
    case LINK_IDLE:
        if (is_over(link)) {
            link->state = LINK_OVER;
        } else if (link_is_due(link, now_ms)) {
            connect_now(link, now_ms);
        }
        break;
    case LINK_PAUSE:
        if (job_time_reached(now_ms, link->pause_ms)) {
            connect_now(link, now_ms);
        }
        break;
    case LINK_CONNECTING:
        check_time(link, now_ms);
        break;
    case LINK_OPEN:
        if (link_pump(link, now_ms) || link->client.fault != DORY_FAULT_NONE) {
            return true;
        }
        if (is_over(link)) {
            link->state = LINK_OVER;
        } else {
            check_time(link, now_ms);
        }
        break;
    case LINK_OVER:
        break;
    }
    return false;
}

static uint32_t sooner(uint32_t wait_ms, uint32_t now_ms, uint32_t when_ms)
{
    uint32_t left_ms = job_time_reached(now_ms, when_ms) ? 0 : when_ms - now_ms;

    return left_ms < wait_ms ? left_ms : wait_ms;
}

/* How long nothing happens unless the net has news. */
static uint32_t rest_ms(const struct link *link, uint32_t now_ms)
{
    uint32_t wait_ms = UINT32_MAX;

    if (link->state == LINK_PAUSE) {
        wait_ms = sooner(wait_ms, now_ms, link->pause_ms);
    } else {
        for (const struct job *job = link->waiting.first; job != NULL; job = job->next) {
            wait_ms = sooner(wait_ms, now_ms, job->due_ms);
        }
    }
    if (link->state == LINK_CONNECTING || link->state == LINK_OPEN) {
        wait_ms = sooner(wait_ms, now_ms, link->alive_ms + link->options->timeout_ms);
    }
    if (link->state == LINK_OPEN && link->unsent > 0 && wait_ms > link->options->timeout_ms / 8) {
        wait_ms = link->options->timeout_ms / 8 + 1;
    }
    return progress_active() && wait_ms > PROGRESS_EVERY_MS ? PROGRESS_EVERY_MS : wait_ms;
}

static void draw(struct link *link)
{
    uint32_t unsent;

    if (!progress_active() || link->events->look == NULL) {
        return;
    }
    link->events->look(link->ctx, &link->progress);
    /* What the kernel still holds has not got anywhere. */
    unsent = link->conn != NULL ? net_unsent(link->conn) : 0;
    link->progress.done -= link->progress.done < unsent ? link->progress.done : unsent;
    progress_draw(&link->progress, net_now_ms());
}

uint32_t link_on_tick(void *app, uint32_t now_ms)
{
    struct link *link = (struct link *)app;
    bool at_once;

    if (link_interrupted() && link->state != LINK_OVER) {
        give_up(link, EXIT_DONE, "interrupted", "");
    }
    if (link->broken || link->client.fault != DORY_FAULT_NONE) {
        on_broken(link, now_ms);
    }
    at_once = step(link, now_ms);
    if (link->state == LINK_OVER) {
        net_stop(link->net);
        return 0;
    }
    draw(link);
    return at_once ? 0 : rest_ms(link, now_ms);
}

/* ---- Running ---- */

struct link *link_new(void)
{
    struct link *link = calloc(1, sizeof *link);
    struct net_options options = {.events = &link_net_events, .linger_ms = LINGER_MS, .max_conns = 16};

    if (link == NULL) {
        return NULL;
    }
    options.app = link;
    link->net = net_new(&options);
    if (link->net == NULL) {
        free(link);
        return NULL;
    }
    link_new_client(link);
    return link;
}

void link_free(struct link *link)
{
    if (link == NULL) {
        return;
    }
    if (link->conn != NULL) {
        net_close(link->conn);
    }
    net_free(link->net);
    free(link);
}

static void run(struct link *link)
{
    int failed;

    interruptible = link->net;
    failed = net_run(link->net);
    interruptible = NULL;
    if (failed != 0) {
        give_up(link, EXIT_LOCAL, "local", strerror(errno));
    }
    progress_clear();
    if (link_interrupted()) {
        outcome_set(link->failure, EXIT_DONE, "interrupted", "%s", "");
        link->given_up = true;
    }
}

/* Forgets earlier runs, but for a connection that has been kept. */
static void begin(struct link *link)
{
    bool connected = link->conn != NULL;

    link->state = connected ? LINK_OPEN : LINK_IDLE;
    link->given_up = false;
    link->exhausted = false;
    link->spent = false;
    link->opened_once = connected;
    link->heard = connected;
    link->answered = connected;
    link->stalls = 0;
    link->failures = 0;
    link->alive_ms = net_now_ms();
    link->progress = (struct progress){.name = ""};
    target_print(link->target, link->peer, sizeof link->peer);
}

bool link_run(struct app *app, const struct target *target, const struct link_events *events, void *ctx,
              struct outcome *failure)
{
    struct link *link = app->link != NULL ? app->link : link_new();
    bool done;

    if (link == NULL) {
        outcome_set(failure, EXIT_LOCAL, "local", "%s", strerror(errno));
        return false;
    }
    link->options = &app->options;
    link->report = &app->report;
    link->target = target;
    link->events = events;
    link->ctx = ctx;
    link->failure = failure;
    begin(link);
    run(link);
    done = !link->given_up;
    if (app->link == NULL) {
        link_free(link);
    }
    return done;
}
