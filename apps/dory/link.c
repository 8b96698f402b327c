/* SPDX-License-Identifier: MIT */
/*
 * The link: connections, retries, time limits.
 *
 * Implementation notes
 *
 * Events of the net only take notes: bytes are fed, a broken connection is remembered. What follows from that is
 * decided in tick(), which comes after each round of events, so no decision is made half way through one.
 *
 * A job is in one place: the client's queue (`active`), `again` (to be sent as soon as there is a connection),
 * `waiting` (until due, because the server was busy), or `peeked` (the next one, looked at to learn whether there is
 * one). All others are still the command's, or the command's again.
 *
 * Failures are counted in a row: a final answer, or a file that got further than ever before, starts the count anew.
 * So a transfer over a bad line goes on as long as it gets on.
 */
#define _DEFAULT_SOURCE

#include "link.h"

#include <errno.h>
#include <libdeflate.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../port/posix/net_posix.h"

/* Connections in a row on which nothing moves for the time of --timeout: then the server counts as gone. */
#define MAX_STALLS 3U

/* Bytes that are gathered into one send. */
#define OUT_SIZE (256U * 1024U)

/* Of a large file, before a look at what arrived. */
#define TURN_LEN (4U * 1024U * 1024U)

/* How many jobs are in hand at most, and how much memory they hold. */
#define MAX_JOBS 1024U
#define MAX_WEIGHT (4U * 1024U * 1024U)

#define LINGER_MS 2000U

enum state {
    STATE_IDLE, /* not connected, for no bad reason */
    STATE_CONNECTING,
    STATE_OPEN,
    STATE_PAUSE, /* after a failure */
    STATE_OVER,
};

struct link {
    const struct options *options;
    const struct report *report;
    const struct target *target;
    const struct link_events *events;
    void *ctx;
    struct outcome *failure;
    bool given_up;

    enum state state;
    struct net *net;
    struct net_conn *conn;
    struct dory_client client;
    struct job_queue again;
    struct job_queue waiting;
    struct job *peeked;
    bool exhausted; /* next() has no more */
    size_t active;  /* jobs in the client's queue */
    size_t jobs;    /* in hand, wherever they are */
    size_t weight;  /* of those */

    bool broken;      /* the connection, for `reason` */
    bool opened_once; /* there was a connection */
    bool heard;       /* an answer that made sense */
    bool answered;    /* the server has ever sent anything */
    uint32_t stalls;  /* connections in a row that were given up because nothing moved */
    uint32_t failures;
    uint32_t alive_ms; /* when anything last moved */
    uint32_t unsent;   /* bytes that the peer had not acknowledged by then */
    uint32_t pause_ms; /* in STATE_PAUSE: until then */
    struct progress progress;
    size_t out_len;
    size_t out_sent;
    char peer[280]; /* "HOST:PORT" */
    char reason[256];
    char header[DORY_MAX_ANSWER];
    struct dory_tokens tokens;
    uint8_t out[OUT_SIZE];
};

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

/* ---- Jobs ---- */

/* Whether there is a job that has never been tried. */
static bool peek(struct link *link)
{
    if (link->peeked == NULL && !link->exhausted) {
        link->peeked = link->events->next(link->ctx);
        link->exhausted = link->peeked == NULL;
        link->jobs += link->peeked != NULL;
        link->weight += link->peeked != NULL ? link->peeked->weight : 0;
        link->alive_ms = net_now_ms(); /* the command may have read a large file */
    }
    return link->peeked != NULL;
}

static struct job *take_job(struct link *link, uint32_t now_ms)
{
    struct job *job = job_take_first(&link->again);

    if (job == NULL) {
        job = job_take_due(&link->waiting, now_ms);
    }
    if (job == NULL && link->jobs < MAX_JOBS && link->weight < MAX_WEIGHT && peek(link)) {
        job = link->peeked;
        link->peeked = NULL;
    }
    return job;
}

static bool is_due(struct link *link, uint32_t now_ms)
{
    for (const struct job *job = link->waiting.first; job != NULL; job = job->next) {
        if (job_time_reached(now_ms, job->due_ms)) {
            return true;
        }
    }
    return link->again.first != NULL || peek(link);
}

static void finish(struct link *link, struct job *job, const struct dory_answer *answer)
{
    size_t weight = job->weight;

    if (link->events->finished(link->ctx, job, answer)) {
        job_append(&link->again, job);
    } else {
        link->jobs--;
        link->weight -= weight;
    }
}

static void try_again(struct link *link, struct job *job, const struct dory_answer *answer, enum dory_fault fault)
{
    if (link->events->again == NULL || link->events->again(link->ctx, job, fault)) {
        job_append(fault == DORY_FAULT_BUSY ? &link->waiting : &link->again, job);
    } else {
        finish(link, job, answer);
    }
}

static void on_busy(struct link *link, struct job *job, const struct dory_answer *answer)
{
    if (job->tries >= link->options->retries) {
        finish(link, job, answer);
        return;
    }
    job->tries++;
    job->due_ms = net_now_ms() + job_pause_ms(job->tries);
    try_again(link, job, answer, DORY_FAULT_BUSY);
}

/* Starts the count of failures anew when something was achieved. */
static void count_progress(struct link *link, struct job *job, const struct dory_answer *answer)
{
    uint64_t came = job->call.offset + (job->call.command == DORY_GET ? job->call.received : 0);

    if (answer != NULL) {
        link->failures = 0;
        link->heard = true;
    }
    if (came > job->best) {
        job->best = came;
        link->stalls = 0;
        link->failures = 0;
        link->heard = true;
    }
}

void link_done(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    struct link *link = (struct link *)ctx;
    struct job *job = (struct job *)call;

    link->active--;
    count_progress(link, job, answer);
    switch (call->fault) {
    case DORY_FAULT_NONE:
        if (call->status == DORY_BUSY) {
            on_busy(link, job, answer);
        } else if (call->status == DORY_TIMEOUT && job->tries < link->options->retries) {
            /* What the server waited for was lost on the way: as good as a dropped connection. */
            job->tries++;
            try_again(link, job, answer, DORY_FAULT_LOST);
        } else {
            finish(link, job, answer);
        }
        break;
    case DORY_FAULT_LOST:
    case DORY_FAULT_PROTOCOL:
    case DORY_FAULT_OTHER_BEGINNING:
        try_again(link, job, answer, call->fault);
        break;
    case DORY_FAULT_BUSY:
    case DORY_FAULT_BAD_HEADER:
    case DORY_FAULT_MISMATCH:
    case DORY_FAULT_LOCAL:
    case DORY_FAULT_ABANDONED:
        finish(link, job, answer);
        break;
    }
}

/* ---- The end of a connection, and of it all ---- */

static void new_client(struct link *link)
{
    const struct dory_client_options options = {
        .header = link->header,
        .header_size = sizeof link->header,
        .tokens = &link->tokens,
        .crc32 = libdeflate_crc32,
    };

    dory_client_init(&link->client, &options);
}

static void drop(struct link *link)
{
    if (link->conn != NULL) {
        net_reset(link->conn);
        link->conn = NULL;
    }
    dory_client_end(&link->client);
    new_client(link);
    link->out_len = 0;
    link->out_sent = 0;
    link->broken = false;
}

static void finish_lost(struct link *link, struct job *job)
{
    if (job != NULL) {
        job->call.fault = DORY_FAULT_LOST;
        finish(link, job, NULL);
    }
}

static void give_up(struct link *link, enum exit_code code, const char *status, const char *reason)
{
    outcome_set(link->failure, code, status, "%s: %s", link->peer, reason);
    link->given_up = true;
    link->state = STATE_OVER;
    drop(link);
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
    link->state = STATE_PAUSE;
    link->pause_ms = now_ms + pause_ms;
    report_note(link->report, "%s: %s; trying again in %u.%u s", link->peer, link->reason, pause_ms / 1000,
                pause_ms / 100 % 10);
}

static void on_broken(struct link *link, uint32_t now_ms)
{
    enum dory_fault fault = link->client.fault;
    bool missed = link->active > 0 || link->state == STATE_CONNECTING;

    drop(link);
    link->state = STATE_IDLE;
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

/* ---- What the net tells ---- */

static void set_broken(struct link *link, const char *reason)
{
    if (!link->broken) {
        snprintf(link->reason, sizeof link->reason, "%s", reason);
    }
    link->broken = true;
}

static void on_opened(void *app, struct net_conn *conn, bool outgoing)
{
    struct link *link = (struct link *)app;

    (void)conn;
    (void)outgoing;
    link->state = STATE_OPEN;
    link->opened_once = true;
    link->alive_ms = net_now_ms();
}

static size_t on_received(void *app, struct net_conn *conn, const uint8_t *data, size_t len)
{
    struct link *link = (struct link *)app;

    (void)conn;
    link->alive_ms = net_now_ms();
    link->answered = true;
    len = dory_client_feed(&link->client, data, len);
    if (link->client.fault != DORY_FAULT_NONE) {
        link->broken = true;
    }
    return len;
}

static void on_ended(void *app, struct net_conn *conn)
{
    (void)conn;
    set_broken((struct link *)app, "the server closed the connection");
}

static void on_writable(void *app, struct net_conn *conn)
{
    (void)app;
    (void)conn;
}

static void on_closed(void *app, struct net_conn *conn, const char *reason)
{
    struct link *link = (struct link *)app;

    (void)conn;
    link->conn = NULL;
    set_broken(link, reason);
}

/* ---- Sending ---- */

static void fill(struct link *link, uint32_t now_ms)
{
    size_t batch = 0;

    while (batch < OUT_SIZE) {
        struct job *job = take_job(link, now_ms);

        if (job == NULL) {
            return;
        }
        job->call.ctx = link;
        link->active++;
        batch += job->weight;
        dory_client_start(&link->client, &job->call);
    }
}

/* Sends what was gathered. Returns whether all of it is out. */
static bool flush(struct link *link, uint32_t now_ms)
{
    size_t sent;

    if (link->out_sent == link->out_len) {
        return true;
    }
    sent = net_send(link->conn, link->out + link->out_sent, link->out_len - link->out_sent);
    link->out_sent += sent;
    if (sent > 0) {
        link->alive_ms = now_ms;
    }
    return link->out_sent == link->out_len;
}

/* Gathers headers and small bodies, of further jobs when those that were started are out. Returns how much. */
static size_t gather(struct link *link, uint32_t now_ms)
{
    if (dory_client_sent_all(&link->client)) {
        fill(link, now_ms);
    }
    link->out_sent = 0;
    link->out_len = dory_client_output(&link->client, link->out, sizeof link->out);
    return link->out_len;
}

/* Sends of a body that comes straight from its file. Returns how much. */
static uint64_t send_body(struct link *link, uint32_t now_ms)
{
    struct dory_call *call;
    uint64_t off;
    uint64_t left = dory_client_body(&link->client, &call, &off);
    int64_t sent;

    if (left == 0) {
        return 0;
    }
    sent = net_send_file(link->conn, ((struct job *)call)->fd, off, left);
    if (sent < 0) {
        dory_client_body_failed(&link->client);
        return 0;
    }
    if (sent > 0) {
        link->alive_ms = now_ms;
        dory_client_body_sent(&link->client, (uint64_t)sent);
    }
    return (uint64_t)sent;
}

/* Sends until there is nothing to send, no room, or a turn is over. Returns whether to come back at once. */
static bool pump(struct link *link, uint32_t now_ms)
{
    uint64_t turn = 0;

    while (turn < TURN_LEN && link->client.fault == DORY_FAULT_NONE) {
        uint64_t len;

        if (!flush(link, now_ms)) {
            return false;
        }
        if (dory_client_work(&link->client, link->out, sizeof link->out)) {
            link->alive_ms = now_ms;
            return true;
        }
        len = send_body(link, now_ms);
        if (len == 0) {
            len = gather(link, now_ms);
        }
        if (len == 0) {
            return false;
        }
        turn += len;
    }
    return true;
}

static void connect_now(struct link *link)
{
    uint32_t now_ms = net_now_ms();

    link->alive_ms = now_ms;
    link->broken = false;
    link->state = STATE_CONNECTING;
    link->conn =
        net_connect(link->net, link->target->host, link->target->port, NULL, link->reason, sizeof link->reason);
    if (link->conn == NULL) {
        if (!link->opened_once) {
            give_up_lost(link, DORY_FAULT_LOST);
        } else {
            on_failure(link, DORY_FAULT_LOST, now_ms);
        }
    }
}

/* ---- Time ---- */

static bool is_over(struct link *link)
{
    return link->active == 0 && link->again.first == NULL && link->waiting.first == NULL && !peek(link);
}

/* What the kernel holds can be a lot, and take long over a slow line: that it gets less is progress, too. */
static bool is_alive(struct link *link)
{
    uint32_t unsent = link->state == STATE_OPEN && link->conn != NULL ? net_unsent(link->conn) : 0;
    bool moved = unsent < link->unsent;

    link->unsent = unsent;
    return moved || (link->state == STATE_OPEN && link->active == 0);
}

/* A server that did answer may be gone, its farewell lost on the way: worth another connection. */
static void on_stall(struct link *link, uint32_t now_ms)
{
    char sentence[80];

    snprintf(sentence, sizeof sentence, "nothing moved for %g s", link->options->timeout_ms / 1000.0);
    link->stalls++;
    if (!link->answered || link->stalls == MAX_STALLS || link->failures >= link->options->retries) {
        give_up(link, EXIT_TIMEOUT, "timeout", sentence);
        return;
    }
    drop(link);
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
    case STATE_IDLE:
        if (is_over(link)) {
            link->state = STATE_OVER;
        } else if (is_due(link, now_ms)) {
            connect_now(link);
        }
        break;
    case STATE_PAUSE:
        if (job_time_reached(now_ms, link->pause_ms)) {
            connect_now(link);
        }
        break;
    case STATE_CONNECTING:
        check_time(link, now_ms);
        break;
    case STATE_OPEN:
        if (pump(link, now_ms) || link->client.fault != DORY_FAULT_NONE) {
            return true;
        }
        if (is_over(link)) {
            link->state = STATE_OVER;
        } else {
            check_time(link, now_ms);
        }
        break;
    case STATE_OVER:
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

    if (link->state == STATE_PAUSE) {
        wait_ms = sooner(wait_ms, now_ms, link->pause_ms);
    } else {
        for (const struct job *job = link->waiting.first; job != NULL; job = job->next) {
            wait_ms = sooner(wait_ms, now_ms, job->due_ms);
        }
    }
    if (link->state == STATE_CONNECTING || link->state == STATE_OPEN) {
        wait_ms = sooner(wait_ms, now_ms, link->alive_ms + link->options->timeout_ms);
    }
    if (link->state == STATE_OPEN && link->unsent > 0 && wait_ms > link->options->timeout_ms / 8) {
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

static uint32_t on_tick(void *app, uint32_t now_ms)
{
    struct link *link = (struct link *)app;
    bool at_once;

    if (link_interrupted() && link->state != STATE_OVER) {
        give_up(link, EXIT_DONE, "interrupted", "");
    }
    if (link->broken || link->client.fault != DORY_FAULT_NONE) {
        on_broken(link, now_ms);
    }
    at_once = step(link, now_ms);
    if (link->state == STATE_OVER) {
        net_stop(link->net);
        return 0;
    }
    draw(link);
    return at_once ? 0 : rest_ms(link, now_ms);
}

/* ---- Running ---- */

static const struct net_events net_events = {
    .opened = on_opened,
    .received = on_received,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_closed,
    .tick = on_tick,
};

static bool run(struct link *link)
{
    const struct net_options options = {.events = &net_events, .app = link, .linger_ms = LINGER_MS, .max_conns = 16};
    int failed;

    link->net = net_new(&options);
    if (link->net == NULL) {
        outcome_set(link->failure, EXIT_LOCAL, "local", "no event loop: %s", strerror(errno));
        return false;
    }
    interruptible = link->net;
    failed = net_run(link->net);
    interruptible = NULL;
    if (failed != 0) {
        give_up(link, EXIT_LOCAL, "local", strerror(errno));
    }
    if (link->conn != NULL) {
        net_close(link->conn);
    }
    net_free(link->net);
    progress_clear();
    if (link_interrupted()) {
        outcome_set(link->failure, EXIT_DONE, "interrupted", "%s", "");
        return false;
    }
    return !link->given_up;
}

bool link_run(const struct options *options, const struct report *report, const struct target *target,
              const struct link_events *events, void *ctx, struct outcome *failure)
{
    struct link *link = calloc(1, sizeof *link);
    bool done;

    if (link == NULL) {
        outcome_set(failure, EXIT_LOCAL, "local", "%s", strerror(errno));
        return false;
    }
    link->options = options;
    link->report = report;
    link->target = target;
    link->events = events;
    link->ctx = ctx;
    link->failure = failure;
    link->progress.name = "";
    target_print(target, link->peer, sizeof link->peer);
    new_client(link);
    done = run(link);
    free(link);
    return done;
}
