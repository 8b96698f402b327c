/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the link share: link.c decides, link_jobs.c knows where the jobs are, link_wire.c has the connection.
 * Nobody else needs this.
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
#ifndef DORY_APP_LINK_PRIVATE_H
#define DORY_APP_LINK_PRIVATE_H

#include "../../port/posix/net_posix.h"
#include "link.h"

/* Bytes that are gathered into one send. */
#define LINK_OUT_SIZE (256U * 1024U)

enum link_state {
    LINK_IDLE, /* not connected, for no bad reason */
    LINK_CONNECTING,
    LINK_OPEN,
    LINK_PAUSE, /* after a failure */
    LINK_OVER,
};

struct link {
    const struct options *options;
    const struct report *report;
    const struct target *target;
    const struct link_events *events;
    void *ctx;
    struct outcome *failure;
    bool given_up;

    enum link_state state;
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
    bool spent;       /* a job was lost that must not be sent again */
    bool opened_once; /* there was a connection */
    bool heard;       /* an answer that made sense */
    bool answered;    /* the server has ever sent anything */
    uint32_t stalls;  /* connections in a row that were given up because nothing moved */
    uint32_t failures;
    uint32_t alive_ms; /* when anything last moved */
    uint32_t unsent;   /* bytes that the peer had not acknowledged by then */
    uint32_t pause_ms; /* in LINK_PAUSE: until then */
    struct progress progress;
    size_t out_len;
    size_t out_sent;
    char peer[280]; /* "HOST:PORT" */
    char reason[256];
    char header[DORY_MAX_ANSWER];
    struct dory_tokens tokens;
    uint8_t out[LINK_OUT_SIZE];
};

/* --- link_jobs.c --- */

/* Returns whether there is a job that has never been tried. */
bool link_peek(struct link *link);

/* Returns the next job to send, or NULL; whether there is one. */
struct job *link_take(struct link *link, uint32_t now_ms);
bool link_is_due(struct link *link, uint32_t now_ms);

/* Gives a job back to the command, which may want it tried once more. */
void link_finish(struct link *link, struct job *job, const struct dory_answer *answer);

/* --- link_wire.c --- */

extern const struct net_events link_net_events;

/* Makes a client for another connection. */
void link_new_client(struct link *link);

/* Begins to connect. Returns false with link->reason. */
bool link_connect(struct link *link);

/* Ends the connection, if there is one; jobs that were under way are settled or to be tried again. */
void link_drop(struct link *link);

/* Sends until there is nothing to send, no room, or a turn is over. Returns whether to come back at once. */
bool link_pump(struct link *link, uint32_t now_ms);

/* --- link.c --- */

uint32_t link_on_tick(void *app, uint32_t now_ms);

#endif
