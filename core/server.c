/* SPDX-License-Identifier: MIT */
/*
 * The server session: the states between the operations, the order of answers, and time.
 *
 * Implementation notes
 *
 * Input and output are coupled by two places only. `buf` holds a header while it arrives, then the name in hand and
 * behind it an answer; no header is taken while an answer stands there. `answer` holds the short answers, which may
 * leave while the next header or body arrives: that is how puts that are pipelined overlap with the syncing of those
 * before them.
 *
 * Answers come in the order of the requests because a change that waits for the disk stands in `commits`, and every
 * other answer waits until that queue is empty (on_turn, on_finish).
 *
 * A fault found while a body is still to come ends in STATE_FINISH, then STATE_SKIP: the stream stays in step.
 */
#include "server.h"

#include <string.h>

#include "operation.h"

static uint32_t now(const struct dory_session *session)
{
    return session->now_ms;
}

/* --- the end of requests --- */

/* Ends the request with `status`; the answer waits for its turn. */
static void finish(struct dory_session *session, int status)
{
    session->status = (int8_t)status;
    dory_session_enter(session, STATE_FINISH);
}

/* What follows a request: the next one, unless its body must be skipped first, or is not worth it. */
static enum dory_state next_state(const struct dory_session *session)
{
    if (session->closing) {
        return STATE_CLOSE;
    }
    if (session->request.body_left == 0) {
        return STATE_HEADER;
    }
    return session->request.body_left > DORY_MAX_SKIP && DORY_HAS(session, FIELD_ID) ? STATE_CLOSE : STATE_SKIP;
}

/* Ends the request: its last answer has been given. */
static void end_request(struct dory_session *session)
{
    dory_frame_reset(&session->frame);
    session->operation = NULL;
    dory_session_give_up(session, next_state(session));
}

/* Goes on after a step of an operation. */
static void go_on(struct dory_session *session, int result)
{
    if (result == DORY_ANSWERED) {
        end_request(session);
    } else if (result == DORY_CONTINUE) {
        session->store_waits = true;
    } else if (result != DORY_MORE) {
        finish(session, result);
    }
}

/* Tells how a request ended: the peer, or, when it has given no id, the application. */
static void report(struct dory_session *session, const uint64_t *id, const char *name, int status)
{
    if (id != NULL || status == DORY_BAD_HEADER) {
        dory_answer_short(session, id, status);
    } else if (status < 0 && session->server->refused != NULL) {
        session->server->refused(session->server->refused_ctx, name, (enum dory_status)status);
    }
}

/* The id of the request in hand, or NULL. */
static const uint64_t *request_id(const struct dory_session *session)
{
    return DORY_HAS(session, FIELD_ID) ? &session->request.id : NULL;
}

static void on_finish(struct dory_session *session)
{
    if (session->commits == NULL && session->out_len == 0) {
        report(session, request_id(session), dory_session_name(session), session->status);
        end_request(session);
    }
}

/* --- changes on their way to the disk --- */

int dory_session_commit(struct dory_session *session, struct dory_writer *writer)
{
    const struct dory_server *server = session->server;
    struct dory_writer **last = &session->commits;
    int result = server->store->commit(server->store_ctx, writer);

    if (result != DORY_MORE) {
        return result;
    }
    if (session->commits == NULL) {
        session->more_ms = now(session);
    }
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = writer;
    writer->next = NULL;
    writer->id = session->request.id;
    writer->has_id = DORY_HAS(session, FIELD_ID);
    return DORY_ANSWERED;
}

/* Answers the oldest change when it is done. Returns whether it was. */
static bool end_commit(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_writer *writer = session->commits;
    struct dory_writer *next = writer->next;
    uint64_t id = writer->id;
    bool has_id = writer->has_id;
    int result = server->store->commit(server->store_ctx, writer);

    if (result == DORY_MORE) {
        return false;
    }
    session->commits = next;
    report(session, has_id ? &id : NULL, "", result);
    return true;
}

/* Whether as many changes are on their way as may be. */
static bool commits_are_full(const struct dory_session *session)
{
    const struct dory_writer *writer = session->commits;

    for (unsigned i = 1; i < DORY_MAX_COMMITS && writer != NULL; i++) {
        writer = writer->next;
    }
    return writer != NULL;
}

static void on_commits(struct dory_session *session)
{
    while (session->commits != NULL && session->out_len == 0 && end_commit(session)) {
    }
}

/* --- requests --- */

/* A header is there, or its length is bad. */
static void on_header(struct dory_session *session, int result)
{
    if (result == DORY_OK) {
        result = dory_request_read(session);
    }
    if (result == DORY_BAD_HEADER) {
        /* The stream is out of step: nothing that follows can be understood, and no id is certain. */
        session->closing = true;
        session->request.found.present = 0;
    }
    if (session->commits == NULL) {
        session->more_ms = now(session);
    }
    dory_session_enter(session, STATE_START);
    go_on(session, result);
}

/* Goes on with the request in hand when it is its turn: answers come in the order of requests, and only a put may start,
 * and end, while earlier ones are still being synced. */
static void on_turn(struct dory_session *session)
{
    const struct dory_operation *operation = session->operation;
    bool overlaps = (operation->traits & OVERLAPS_COMMITS) != 0 && !session->resume && !commits_are_full(session);

    if (overlaps || (session->commits == NULL && session->out_len == 0)) {
        go_on(session, session->state == STATE_START ? operation->start(session) : operation->work(session));
    }
}

/* After the last byte: a message that is not whole never will be. */
static void on_end_of_input(struct dory_session *session)
{
    if (session->input_ended) {
        dory_session_give_up(session, STATE_CLOSE);
    }
}

/* Goes through the states until one waits for something. At most one slice of work is done: no state that work leads to
 * leads back to it. */
static void advance(struct dory_session *session)
{
    uint8_t before;

    do {
        on_commits(session);
        before = session->state;
        switch ((enum dory_state)session->state) {
        case STATE_START:
        case STATE_WORK:
            on_turn(session);
            break;
        case STATE_FINISH:
            on_finish(session);
            break;
        case STATE_HEADER:
        case STATE_BODY:
        case STATE_SKIP:
            on_end_of_input(session);
            break;
        case STATE_SEND:
        case STATE_CLOSE:
        case STATE_RESET:
            break;
        }
    } while (session->state != before);
}

/* --- input --- */

static size_t feed_header(struct dory_session *session, const uint8_t *data, size_t len)
{
    struct dory_frame *frame = &session->frame;
    uint32_t before = frame->have;
    uint32_t taken;
    int result;

    if (session->out_in_buf) {
        return 0;
    }
    if (before == 0) {
        session->since_ms = now(session);
    }
    result = dory_frame_feed(frame, session->buf, session->server->max_header, data, len);
    taken = frame->have - before;
    if (result != DORY_MORE) {
        on_header(session, result);
    }
    return taken;
}

/* Gives a body to `put`, or to nobody. */
static size_t feed_body(struct dory_session *session, const uint8_t *data, size_t len)
{
    bool wanted = session->state == STATE_BODY;
    int32_t taken;

    if (len > session->request.body_left) {
        len = (size_t)session->request.body_left;
    }
    taken = wanted ? dory_put_body(session, data, len) : (int32_t)len;
    if (taken < 0) {
        finish(session, taken);
        return 0;
    }
    session->store_waits = taken == 0;
    session->request.body_left -= (uint32_t)taken;
    session->since_ms = now(session);
    /* Saturated far above any rate that could be asked for. */
    if (session->rate_bytes <= INT32_MAX) {
        session->rate_bytes += (uint32_t)taken;
    }
    if (session->request.body_left > 0) {
        return (size_t)taken;
    }
    if (wanted) {
        dory_session_enter(session, STATE_WORK);
    } else {
        end_request(session);
    }
    return (size_t)taken;
}

static size_t feed_state(struct dory_session *session, const uint8_t *data, size_t len)
{
    switch ((enum dory_state)session->state) {
    case STATE_HEADER:
        return feed_header(session, data, len);
    case STATE_BODY:
    case STATE_SKIP:
        return feed_body(session, data, len);
    case STATE_START:
    case STATE_WORK:
    case STATE_SEND:
    case STATE_FINISH:
    case STATE_CLOSE:
    case STATE_RESET:
        break;
    }
    return 0;
}

size_t dory_session_feed(struct dory_session *session, const uint8_t *data, size_t len, uint32_t now_ms)
{
    const uint8_t *at = data;
    const uint8_t *end = data + len;
    uint8_t before;
    size_t piece;

    session->now_ms = now_ms;
    do {
        before = session->state;
        piece = feed_state(session, at, (size_t)(end - at));
        at += piece;
        advance(session);
    } while (at < end && (piece > 0 || session->state != before));
    return (size_t)(at - data);
}

void dory_session_end_input(struct dory_session *session, uint32_t now_ms)
{
    session->now_ms = now_ms;
    session->input_ended = true;
    advance(session);
}

/* --- output --- */

size_t dory_session_output(struct dory_session *session, uint8_t *scratch, size_t scratch_len, const uint8_t **data,
                           uint32_t now_ms)
{
    int32_t len;

    session->now_ms = now_ms;
    if (session->out_len > 0) {
        *data = session->out;
        return session->out_len;
    }
    if (session->state != STATE_SEND) {
        return 0;
    }
    *data = scratch;
    len = dory_job_read(session, scratch, scratch_len);
    if (len < 0) {
        dory_session_give_up(session, STATE_RESET);
        return 0;
    }
    return (size_t)len;
}

void dory_session_sent(struct dory_session *session, const uint8_t *data, size_t len, uint32_t now_ms)
{
    session->now_ms = now_ms;
    session->out_ms = now_ms;
    if (len == 0) {
        return;
    }
    if (session->out_len > 0) {
        session->out += len;
        session->out_len = (uint16_t)(session->out_len - len);
        if (session->out_len == 0) {
            session->out_in_buf = false;
        }
    } else {
        dory_get_sent(session, data, len);
    }
    advance(session);
}

/* --- time --- */

static uint32_t elapsed(const struct dory_session *session, uint32_t since_ms)
{
    return now(session) - since_ms;
}

/* Whether a body has been slower than it may be, over a whole stretch; then the next one begins. */
static bool is_slow(struct dory_session *session)
{
    const struct dory_limits *limits = &session->server->limits;
    bool slow;

    if (elapsed(session, session->rate_ms) < limits->rate_ms) {
        return false;
    }
    slow = (uint64_t)session->rate_bytes * 1000 < (uint64_t)limits->min_rate * limits->rate_ms;
    session->rate_ms = now(session);
    session->rate_bytes = 0;
    return slow;
}

static void on_late(struct dory_session *session)
{
    if (session->state == STATE_START) {
        finish(session, DORY_BUSY);
        return;
    }
    session->closing = true;
    if (session->state == STATE_BODY) {
        finish(session, DORY_TIMEOUT);
    } else {
        end_request(session);
    }
}

static uint32_t input_limit_ms(const struct dory_session *session)
{
    const struct dory_limits *limits = &session->server->limits;

    switch ((enum dory_state)session->state) {
    case STATE_HEADER:
        return session->frame.have > 0 ? limits->header_ms : limits->idle_ms;
    case STATE_START:
        return limits->busy_ms;
    case STATE_BODY:
    case STATE_SKIP:
    case STATE_WORK:
    case STATE_FINISH:
    case STATE_SEND:
    case STATE_CLOSE:
    case STATE_RESET:
        break;
    }
    return limits->body_ms;
}

/* Looks how long the peer, or for a put another writer, has been waited for. What we owe the peer comes first. */
static void check_input_time(struct dory_session *session)
{
    bool in_body = session->state == STATE_BODY || session->state == STATE_SKIP;

    if (session->state > STATE_START) {
        return;
    }
    if (in_body ? session->store_waits : session->out_len > 0 || session->commits != NULL) {
        dory_session_restart_clocks(session);
    } else if (elapsed(session, session->since_ms) >= input_limit_ms(session) || (in_body && is_slow(session))) {
        on_late(session);
    }
}

static void check_output_time(struct dory_session *session)
{
    if ((dory_session_wants(session) & DORY_WANTS_OUTPUT) == 0) {
        session->out_ms = now(session);
    } else if (elapsed(session, session->out_ms) >= session->server->limits.output_ms) {
        dory_session_give_up(session, STATE_RESET);
    }
}

/* Tells a peer whose request takes long that it is being worked on. */
static void tell_more(struct dory_session *session, bool store_waited)
{
    const struct dory_writer *writer = session->commits;
    const uint64_t *id = NULL;

    if (writer != NULL) {
        id = writer->has_id ? &writer->id : NULL;
    } else if (session->state == STATE_WORK || (session->state == STATE_BODY && store_waited)) {
        id = request_id(session);
    }
    if (id != NULL && session->out_len == 0 && elapsed(session, session->more_ms) >= session->server->limits.more_ms) {
        dory_answer_short(session, id, DORY_MORE);
    }
}

void dory_session_run(struct dory_session *session, uint32_t now_ms)
{
    bool store_waited = session->store_waits;

    session->now_ms = now_ms;
    dory_server_tick(session->server, now_ms);
    check_input_time(session);
    check_output_time(session);
    session->store_waits = false;
    advance(session);
    tell_more(session, store_waited);
}

/* --- what it waits for --- */

unsigned dory_session_wants(const struct dory_session *session)
{
    static const uint8_t of_state[] = {
        [STATE_HEADER] = DORY_WANTS_INPUT, [STATE_BODY] = DORY_WANTS_INPUT,  [STATE_SKIP] = DORY_WANTS_INPUT,
        [STATE_WORK] = DORY_WANTS_TURN,    [STATE_SEND] = DORY_WANTS_OUTPUT, [STATE_CLOSE] = DORY_WANTS_CLOSE,
        [STATE_RESET] = DORY_WANTS_RESET,
    };
    unsigned wants = session->store_waits ? DORY_WANTS_STORE : of_state[session->state];
    unsigned not_yet = 0;

    if (session->state == STATE_RESET) {
        return wants;
    }
    if (session->input_ended || (session->state == STATE_HEADER && session->out_in_buf)) {
        not_yet = DORY_WANTS_INPUT;
    }
    if (session->commits != NULL) {
        wants |= DORY_WANTS_STORE;
        not_yet |= DORY_WANTS_CLOSE;
    }
    if (session->out_len > 0) {
        wants |= DORY_WANTS_OUTPUT;
        not_yet |= DORY_WANTS_CLOSE | DORY_WANTS_TURN;
    }
    return wants & ~not_yet;
}

int32_t dory_session_evictable_ms(const struct dory_session *session, uint32_t now_ms)
{
    uint32_t waited = now_ms - session->since_ms;
    bool may = false;

    if (session->state == STATE_HEADER) {
        may = session->out_len == 0 && session->commits == NULL;
    } else if (session->state == STATE_SKIP) {
        may = true;
    } else if (session->state == STATE_BODY) {
        may = !session->store_waits && waited >= session->server->limits.evict_ms;
    }
    return !may ? -1 : waited > INT32_MAX ? INT32_MAX : (int32_t)waited;
}

/* --- life --- */

void dory_server_begin(struct dory_server *server, uint32_t now_ms)
{
    server->protocol = DORY_PROTOCOL;
    server->version = DORY_VERSION;
    server->uptime_ms = 0;
    server->clock_ms = now_ms;
}

void dory_server_tick(struct dory_server *server, uint32_t now_ms)
{
    server->uptime_ms += (uint32_t)(now_ms - server->clock_ms);
    server->clock_ms = now_ms;
}

void dory_session_begin(struct dory_session *session, struct dory_server *server, uint32_t now_ms)
{
    memset(session, 0, sizeof *session);
    session->server = server;
    session->now_ms = now_ms;
    dory_session_enter(session, STATE_HEADER);
}

bool dory_session_rests(const struct dory_session *session)
{
    return session->state == STATE_HEADER && session->frame.have == 0 && !session->out_in_buf;
}

void dory_session_lend(struct dory_session *session, void *buf)
{
    session->buf = buf;
}

void dory_session_end(struct dory_session *session)
{
    const struct dory_server *server = session->server;

    dory_job_stop(session);
    while (session->commits != NULL) {
        struct dory_writer *writer = session->commits;

        session->commits = writer->next;
        server->store->abort(server->store_ctx, writer, true);
    }
}
