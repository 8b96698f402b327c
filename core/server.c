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

#include "name.h"
#include "operation.h"

static const struct dory_operation operations[] = {
    {.cmd = "put",
     .traits = NAMES_FILE | TAKES_FILE | ACTS_WITHOUT_ID | OVERLAPS_COMMITS,
     .start = dory_put_start,
     .work = dory_put_work},
    {.cmd = "get", .traits = NAMES_FILE, .start = dory_get_start, .work = dory_get_work},
    {.cmd = "info", .start = dory_info_start},
    {.cmd = "stat", .traits = NAMES_FILE, .start = dory_stat_start, .work = dory_stat_work},
    {.cmd = "list", .traits = NAMES_PREFIX, .start = dory_list_start, .work = dory_list_work},
    {.cmd = "delete", .traits = NAMES_FILE, .start = dory_delete_start},
    {.cmd = "run", .start = dory_unsupported_start},
    {.cmd = "boot", .start = dory_unsupported_start},
};

#define AT(member) offsetof(struct dory_session, member)

static const struct dory_field request_fields[FIELD_COUNT] = {
    [FIELD_CMD] = {"cmd", DORY_FIELD_TEXT, AT(texts.cmd)},
    [FIELD_ID] = {"id", DORY_FIELD_NUMBER, AT(request.id)},
    [FIELD_FILENAME] = {"filename", DORY_FIELD_TEXT, AT(texts.filename)},
    [FIELD_FILESIZE] = {"filesize", DORY_FIELD_NUMBER, AT(request.put.size)},
    [FIELD_DATA_SIZE] = {"data_size", DORY_FIELD_NUMBER, AT(body_left)},
    [FIELD_RESUME] = {"resume", DORY_FIELD_BOOL, AT(request.put.resume)},
    [FIELD_CRC32] = {"crc32", DORY_FIELD_CRC32, AT(request.put.crc32)},
    [FIELD_OFFSET] = {"offset", DORY_FIELD_NUMBER, AT(request.offset)},
    [FIELD_LENGTH] = {"length", DORY_FIELD_NUMBER, AT(request.length)},
    [FIELD_IF_VERSION] = {"if_version", DORY_FIELD_VERSION, AT(request.if_version)},
    [FIELD_CHECK] = {"check", DORY_FIELD_BOOL, AT(check)},
    [FIELD_PREFIX] = {"prefix", DORY_FIELD_TEXT, AT(texts.prefix)},
};

/* What answers may tell besides, in the order of enum dory_tell. */
static const struct dory_field told_fields[] = {
    {"filesize", DORY_FIELD_NUMBER, AT(job.file.size)},    {"offset", DORY_FIELD_NUMBER, AT(job.off)},
    {"version", DORY_FIELD_VERSION, AT(job.file.version)}, {"crc32", DORY_FIELD_CRC32, AT(crc32)},
    {"prefix_crc32", DORY_FIELD_CRC32, AT(crc32)},         {"partial", DORY_FIELD_NUMBER, AT(job.end)},
};

#define BIT(field) (UINT32_C(1) << (field))

/* Of these a wrong value leaves the stream out of step. */
#define FATAL_WHEN_WRONG \
    (BIT(FIELD_CMD) | BIT(FIELD_ID) | BIT(FIELD_FILENAME) | BIT(FIELD_FILESIZE) | BIT(FIELD_DATA_SIZE) | \
     BIT(FIELD_RESUME))

static uint32_t now(const struct dory_session *session)
{
    return session->now_ms;
}

/* Each public function that is told the time passes it on here; all else asks now(). */
static void set_clock(struct dory_session *session, uint32_t now_ms)
{
    struct dory_server *server = session->server;

    server->uptime_ms += (uint32_t)(now_ms - server->clock_ms);
    server->clock_ms = now_ms;
    session->now_ms = now_ms;
}

void dory_session_enter(struct dory_session *session, enum dory_state state)
{
    session->state = (uint8_t)state;
    session->store_waits = false;
    session->since_ms = now(session);
    session->rate_ms = now(session);
    session->rate_bytes = 0;
}

const char *dory_session_name(const struct dory_session *session)
{
    return session->buf;
}

uint8_t *dory_session_area(const struct dory_session *session, size_t *size)
{
    size_t name_size = session->server->max_name + 1U;

    *size = dory_session_buffer_size(session->server) - name_size;
    return (uint8_t *)session->buf + name_size;
}

/* --- answers --- */

static void put_output(struct dory_session *session, const uint8_t *out, size_t len)
{
    session->out = out;
    session->out_in_buf = out != session->answer;
    session->out_len = (uint16_t)len;
    session->out_ms = now(session);
    session->more_ms = now(session);
}

static bool output_in_buf(const struct dory_session *session)
{
    return session->out_in_buf && session->out_len > 0;
}

static void tell(const struct dory_session *session, struct dory_encoder *encoder, const struct dory_field *field)
{
    const void *member = (const uint8_t *)session + field->at;

    if (field->type == DORY_FIELD_CRC32) {
        dory_header_crc32(encoder, field->key, *(const uint32_t *)member);
    } else if (field->type == DORY_FIELD_VERSION) {
        dory_header_version(encoder, field->key, *(const uint64_t *)member);
    } else {
        dory_header_number(encoder, field->key, *(const uint64_t *)member);
    }
}

/* Writes an answer that tells `what` of the session (enum dory_tell) to `buf`, which has room for it. `id` may be NULL:
 * none. Returns its length. */
static size_t encode(const struct dory_session *session, uint8_t *buf, const uint64_t *id, int status, unsigned what,
                     uint64_t data_size)
{
    const char *name = dory_status_name((enum dory_status)status);
    struct dory_encoder encoder;

    dory_header_begin(&encoder, buf, what == 0 ? DORY_SHORT_ANSWER : DORY_LONG_ANSWER);
    if (id != NULL) {
        dory_header_number(&encoder, "id", *id);
    }
    dory_header_text(&encoder, "status", name, strlen(name));
    if ((what & TELL_INFO) != 0) {
        dory_info_tell(session, &encoder);
    }
    for (const struct dory_field *field = told_fields; field < told_fields + sizeof told_fields / sizeof told_fields[0];
         field++) {
        if ((what & 1U) != 0) {
            tell(session, &encoder, field);
        }
        what >>= 1;
    }
    dory_header_number(&encoder, "data_size", data_size);
    return dory_header_end(&encoder);
}

static void put_short(struct dory_session *session, const uint64_t *id, int status)
{
    put_output(session, session->answer, encode(session, session->answer, id, status, 0, 0));
}

void dory_answer(struct dory_session *session, enum dory_status status, unsigned what, uint64_t data_size)
{
    size_t size;
    uint8_t *area = dory_session_area(session, &size);

    put_output(session, area, encode(session, area, &session->request.id, status, what, data_size));
}

/* --- the end of requests --- */

void dory_session_give_up(struct dory_session *session, enum dory_state state)
{
    dory_job_stop(session);
    dory_session_enter(session, state);
}

/* Ends the request with `status`; the answer waits for its turn. */
static void finish(struct dory_session *session, int status)
{
    session->status = (int8_t)status;
    dory_session_enter(session, STATE_FINISH);
}

/* Ends the request: its last answer has been given. */
static void end_request(struct dory_session *session)
{
    enum dory_state next = STATE_HEADER;

    dory_frame_reset(&session->frame);
    if (session->body_left > 0) {
        next = STATE_SKIP;
    }
    if (session->closing || (session->body_left > DORY_MAX_SKIP && DORY_HAS(session, FIELD_ID))) {
        next = STATE_CLOSE;
    }
    session->operation = NULL;
    dory_session_give_up(session, next);
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
static void report(struct dory_session *session, const uint64_t *id, const char *name, enum dory_status status)
{
    const struct dory_server *server = session->server;

    if (id != NULL) {
        put_short(session, id, status);
    } else if (status < 0 && server->refused != NULL) {
        server->refused(server->refused_ctx, name, status);
    }
}

static void on_finish(struct dory_session *session)
{
    enum dory_status status = (enum dory_status)session->status;

    if (session->commits != NULL || session->out_len > 0) {
        return;
    }
    if (session->fatal) {
        put_short(session, NULL, status);
    } else {
        report(session, DORY_HAS(session, FIELD_ID) ? &session->request.id : NULL, dory_session_name(session), status);
    }
    end_request(session);
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
    session->commit_count++;
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
    session->commit_count--;
    report(session, has_id ? &id : NULL, "", result);
    return true;
}

static void on_commits(struct dory_session *session)
{
    while (session->commits != NULL && session->out_len == 0 && end_commit(session)) {
    }
}

/* --- requests --- */

/* Judges the name or prefix of a request, and keeps it in the buffer. Returns as judge(). */
static int judge_name(struct dory_session *session)
{
    const struct dory_text *name = &session->texts.filename;
    size_t max_len = session->server->max_name;

    if ((session->operation->traits & NAMES_FILE) != 0) {
        if (!DORY_HAS(session, FIELD_FILENAME)) {
            return DORY_BAD_REQUEST;
        }
        if (!dory_name_check(name->ptr, name->len, max_len)) {
            return DORY_BAD_NAME;
        }
    } else if ((session->operation->traits & NAMES_PREFIX) != 0 && DORY_HAS(session, FIELD_PREFIX)) {
        name = &session->texts.prefix;
        if (name->len > max_len || strlen(name->ptr) != name->len) {
            return DORY_OK; /* no name begins so */
        }
    } else {
        return DORY_MORE;
    }
    memmove(session->buf, name->ptr, name->len + 1);
    return DORY_MORE;
}

/* Judges a request whose stream is in step. Returns DORY_MORE when it is to be started, or its final status. */
static int judge(struct dory_session *session)
{
    const struct dory_operation *operation = session->operation;

    session->buf[0] = '\0';
    if (operation == NULL) {
        return DORY_UNKNOWN_CMD;
    }
    if (!DORY_HAS(session, FIELD_ID) && (operation->traits & ACTS_WITHOUT_ID) == 0) {
        return DORY_OK;
    }
    if (session->found.wrong != 0 ||
        (session->request.put.resume && (!DORY_HAS(session, FIELD_ID) || !DORY_HAS(session, FIELD_CRC32)))) {
        return DORY_BAD_REQUEST;
    }
    return judge_name(session);
}

static const struct dory_operation *find_operation(const struct dory_text *cmd)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (dory_text_is(cmd, operations[i].cmd)) {
            return &operations[i];
        }
    }
    return NULL;
}

/* Decodes the header in the buffer. Returns DORY_OK, or DORY_BAD_HEADER when nobody can know what follows it. */
static int decode_request(struct dory_session *session)
{
    struct dory_request *request = &session->request;

    memset(request, 0, sizeof *request);
    session->body_left = 0;
    session->check = false;
    if (dory_header_decode(session->buf, session->frame.header_len, &session->server->tokens, request_fields,
                           FIELD_COUNT, session, &session->found) != DORY_OK ||
        (session->found.wrong & FATAL_WHEN_WRONG) != 0 || !DORY_HAS(session, FIELD_CMD)) {
        return DORY_BAD_HEADER;
    }
    session->operation = find_operation(&session->texts.cmd);
    if (session->operation != NULL && (session->operation->traits & TAKES_FILE) != 0) {
        if (!DORY_HAS(session, FIELD_FILESIZE)) {
            return DORY_BAD_HEADER;
        }
        session->body_left = request->put.resume ? 0 : request->put.size;
    }
    return DORY_OK;
}

static void on_header(struct dory_session *session)
{
    if (session->commits == NULL) {
        session->more_ms = now(session);
    }
    dory_session_enter(session, STATE_START);
    go_on(session, judge(session));
}

/* The stream is out of step: nothing that follows can be understood. */
static void on_bad_header(struct dory_session *session)
{
    session->fatal = true;
    session->closing = true;
    session->operation = NULL;
    session->body_left = 0;
    finish(session, DORY_BAD_HEADER);
}

/* Goes on with the request in hand when it is its turn: answers come in the order of requests, and only a put may start,
 * and end, while earlier ones are still being synced. */
static void on_turn(struct dory_session *session)
{
    const struct dory_operation *operation = session->operation;
    bool overlaps = (operation->traits & OVERLAPS_COMMITS) != 0 && !session->request.put.resume &&
                    session->commit_count < DORY_MAX_COMMITS;

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
    size_t taken = 0;
    int result;

    if (output_in_buf(session)) {
        return 0;
    }
    if (session->frame.have == 0) {
        session->since_ms = now(session);
    }
    result = dory_frame_feed(&session->frame, session->buf, session->server->max_header, data, len, &taken);
    if (result == DORY_OK) {
        result = decode_request(session);
    }
    if (result == DORY_OK) {
        on_header(session);
    } else if (result != DORY_MORE) {
        on_bad_header(session);
    }
    return taken;
}

/* Gives a body to `put`, or to nobody. */
static size_t feed_body(struct dory_session *session, const uint8_t *data, size_t len)
{
    bool wanted = session->state == STATE_BODY;
    int32_t taken;

    if (len > session->body_left) {
        len = (size_t)session->body_left;
    }
    taken = wanted ? dory_put_body(session, data, len) : (int32_t)len;
    if (taken < 0) {
        finish(session, taken);
        return 0;
    }
    session->store_waits = taken == 0;
    session->body_left -= (uint32_t)taken;
    session->since_ms = now(session);
    /* Saturated far above any rate that could be asked for. */
    if (session->rate_bytes <= INT32_MAX) {
        session->rate_bytes += (uint32_t)taken;
    }
    if (session->body_left > 0) {
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
    size_t taken = 0;
    uint8_t before;
    size_t piece;

    set_clock(session, now_ms);
    do {
        before = session->state;
        piece = feed_state(session, data + taken, len - taken);
        taken += piece;
        advance(session);
    } while (taken < len && (piece > 0 || session->state != before));
    return taken;
}

void dory_session_end_input(struct dory_session *session, uint32_t now_ms)
{
    set_clock(session, now_ms);
    session->input_ended = true;
    advance(session);
}

/* --- output --- */

size_t dory_session_output(struct dory_session *session, uint8_t *scratch, size_t scratch_len, const uint8_t **data,
                           uint32_t now_ms)
{
    int32_t len;

    set_clock(session, now_ms);
    if (session->out_len > 0) {
        *data = session->out;
        return session->out_len;
    }
    if (session->state != STATE_SEND) {
        return 0;
    }
    *data = scratch;
    len = dory_job_read(session, scratch, scratch_len);
    session->store_waits = len == 0;
    if (len < 0) {
        dory_session_give_up(session, STATE_RESET);
        return 0;
    }
    return (size_t)len;
}

void dory_session_sent(struct dory_session *session, const uint8_t *data, size_t len, uint32_t now_ms)
{
    set_clock(session, now_ms);
    session->out_ms = now_ms;
    if (len == 0) {
        return;
    }
    if (session->out_len > 0) {
        session->out += len;
        session->out_len = (uint16_t)(session->out_len - len);
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

/* While the peer, or another writer, is waited for. What is under way for the peer comes first. */
static void check_waiting_time(struct dory_session *session)
{
    const struct dory_limits *limits = &session->server->limits;
    uint32_t limit_ms = session->frame.have > 0 ? limits->header_ms : limits->idle_ms;

    if (session->state == STATE_START) {
        limit_ms = limits->busy_ms;
    }
    if (session->out_len > 0 || session->commits != NULL) {
        session->since_ms = now(session);
    } else if (elapsed(session, session->since_ms) < limit_ms) {
        return;
    } else if (session->state == STATE_START) {
        finish(session, DORY_BUSY);
    } else {
        dory_session_enter(session, STATE_CLOSE);
    }
}

static bool body_is_late(struct dory_session *session)
{
    const struct dory_limits *limits = &session->server->limits;

    if (elapsed(session, session->since_ms) >= limits->body_ms) {
        return true;
    }
    if (elapsed(session, session->rate_ms) < limits->rate_ms) {
        return false;
    }
    if ((uint64_t)session->rate_bytes * 1000 < (uint64_t)limits->min_rate * limits->rate_ms) {
        return true;
    }
    session->rate_ms = now(session);
    session->rate_bytes = 0;
    return false;
}

static void check_body_time(struct dory_session *session)
{
    if (session->store_waits) {
        /* It is the store that is slow, not the peer. */
        session->since_ms = now(session);
        session->rate_ms = now(session);
        session->rate_bytes = 0;
    } else if (body_is_late(session)) {
        session->closing = true;
        if (session->state == STATE_BODY) {
            finish(session, DORY_TIMEOUT);
        } else {
            end_request(session);
        }
    }
}

static void check_output_time(struct dory_session *session)
{
    bool pending = session->out_len > 0 || (session->state == STATE_SEND && !session->store_waits);

    if (!pending) {
        session->out_ms = now(session);
    } else if (elapsed(session, session->out_ms) >= session->server->limits.output_ms) {
        dory_session_give_up(session, STATE_RESET);
    }
}

static void check_time(struct dory_session *session)
{
    switch ((enum dory_state)session->state) {
    case STATE_HEADER:
    case STATE_START:
        check_waiting_time(session);
        break;
    case STATE_BODY:
    case STATE_SKIP:
        check_body_time(session);
        break;
    case STATE_WORK:
    case STATE_SEND:
    case STATE_FINISH:
    case STATE_CLOSE:
    case STATE_RESET:
        break;
    }
    check_output_time(session);
}

/* Tells a peer whose request takes long that it is being worked on. */
static void tell_more(struct dory_session *session, bool store_waited)
{
    const struct dory_writer *writer = session->commits;
    const uint64_t *id = NULL;

    if (writer != NULL) {
        id = writer->has_id ? &writer->id : NULL;
    } else if ((session->state == STATE_WORK || (session->state == STATE_BODY && store_waited)) &&
               DORY_HAS(session, FIELD_ID)) {
        id = &session->request.id;
    }
    if (id != NULL && session->out_len == 0 && elapsed(session, session->more_ms) >= session->server->limits.more_ms) {
        put_short(session, id, DORY_MORE);
    }
}

void dory_session_run(struct dory_session *session, uint32_t now_ms)
{
    bool store_waited = session->store_waits;

    set_clock(session, now_ms);
    check_time(session);
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

    if (session->state == STATE_RESET) {
        return wants;
    }
    if (session->input_ended || (session->state == STATE_HEADER && output_in_buf(session))) {
        wants &= ~(unsigned)DORY_WANTS_INPUT;
    }
    if (session->commits != NULL) {
        wants &= ~(unsigned)DORY_WANTS_CLOSE;
        wants |= DORY_WANTS_STORE;
    }
    if (session->out_len > 0) {
        wants &= ~(unsigned)(DORY_WANTS_CLOSE | DORY_WANTS_TURN);
        wants |= DORY_WANTS_OUTPUT;
    }
    return wants;
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
    server->uptime_ms = 0;
    server->clock_ms = now_ms;
}

size_t dory_session_buffer_size(const struct dory_server *server)
{
    size_t name_size = server->max_name + 1U;
    size_t line_size = DORY_SHORT_ANSWER + DORY_LONGEST_LINE(server->max_name);
    size_t answer_size = name_size + (line_size > DORY_LONG_ANSWER ? line_size : DORY_LONG_ANSWER);

    return answer_size > server->max_header ? answer_size : server->max_header;
}

void dory_session_begin(struct dory_session *session, struct dory_server *server, uint32_t now_ms)
{
    memset(session, 0, sizeof *session);
    session->server = server;
    set_clock(session, now_ms);
    dory_session_enter(session, STATE_HEADER);
}

bool dory_session_rests(const struct dory_session *session)
{
    return session->state == STATE_HEADER && session->frame.have == 0 && !output_in_buf(session);
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

size_t dory_server_busy(uint8_t *buf)
{
    return encode(NULL, buf, NULL, DORY_BUSY, 0, 0);
}
