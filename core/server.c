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
 * other answer waits until that queue is empty (on_start, on_finish).
 *
 * A fault found while a body is still to come ends in STATE_FINISH, then STATE_SKIP: the stream stays in step.
 */
#include "server.h"

#include <string.h>

#include "name.h"
#include "operation.h"

static const struct dory_operation *const operations[] = {
    &dory_op_put, &dory_op_get, &dory_op_info, &dory_op_stat, &dory_op_list, &dory_op_delete, &dory_op_run, &dory_op_boot,
};

/* A request as it is decoded: what operations use, and what is only needed to judge it. */
struct fields {
    struct dory_request request;
    uint64_t data_size;
    struct dory_text cmd;
    struct dory_text filename;
    struct dory_text prefix;
};

#define AT(member) offsetof(struct fields, member)

static const struct dory_field request_fields[FIELD_COUNT] = {
    [FIELD_CMD] = {"cmd", DORY_FIELD_TEXT, AT(cmd)},
    [FIELD_ID] = {"id", DORY_FIELD_NUMBER, AT(request.id)},
    [FIELD_FILENAME] = {"filename", DORY_FIELD_TEXT, AT(filename)},
    [FIELD_FILESIZE] = {"filesize", DORY_FIELD_NUMBER, AT(request.filesize)},
    [FIELD_DATA_SIZE] = {"data_size", DORY_FIELD_NUMBER, AT(data_size)},
    [FIELD_RESUME] = {"resume", DORY_FIELD_BOOL, AT(request.resume)},
    [FIELD_CRC32] = {"crc32", DORY_FIELD_CRC32, AT(request.crc32)},
    [FIELD_OFFSET] = {"offset", DORY_FIELD_NUMBER, AT(request.offset)},
    [FIELD_LENGTH] = {"length", DORY_FIELD_NUMBER, AT(request.length)},
    [FIELD_IF_VERSION] = {"if_version", DORY_FIELD_VERSION, AT(request.if_version)},
    [FIELD_CHECK] = {"check", DORY_FIELD_BOOL, AT(request.check)},
    [FIELD_PREFIX] = {"prefix", DORY_FIELD_TEXT, AT(prefix)},
};

#define BIT(field) (UINT32_C(1) << (field))

/* Of these a wrong value leaves the stream out of step. */
#define FATAL_WHEN_WRONG                                                                                               \
    (BIT(FIELD_CMD) | BIT(FIELD_ID) | BIT(FIELD_FILENAME) | BIT(FIELD_FILESIZE) | BIT(FIELD_DATA_SIZE) |               \
     BIT(FIELD_RESUME))

static uint32_t now(const struct dory_session *session)
{
    return session->server->clock_ms;
}

/* Each public function that is told the time passes it on here; all else asks now(). */
static void set_clock(struct dory_server *server, uint32_t now_ms)
{
    server->uptime_ms += (uint32_t)(now_ms - server->clock_ms);
    server->clock_ms = now_ms;
}

void dory_session_enter(struct dory_session *session, enum dory_state state)
{
    session->state = (uint8_t)state;
    session->since_ms = now(session);
    session->in_ms = now(session);
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
    session->out_len = (uint16_t)len;
    session->out_ms = now(session);
    session->more_ms = now(session);
}

static bool output_in_buf(const struct dory_session *session)
{
    return session->out_len > 0 && session->out != NULL &&
           (session->out < session->answer || session->out >= session->answer + sizeof session->answer);
}

static void put_status(struct dory_encoder *encoder, enum dory_status status)
{
    const char *name = dory_status_name(status);

    dory_header_text(encoder, "status", name, strlen(name));
}

static size_t encode_short(uint8_t *buf, bool has_id, uint64_t id, enum dory_status status, uint64_t data_size)
{
    struct dory_encoder encoder;

    dory_header_begin(&encoder, buf, DORY_SHORT_ANSWER);
    if (has_id) {
        dory_header_number(&encoder, "id", id);
    }
    put_status(&encoder, status);
    dory_header_number(&encoder, "data_size", data_size);
    return dory_header_end(&encoder);
}

static void put_short(struct dory_session *session, bool has_id, uint64_t id, enum dory_status status)
{
    put_output(session, session->answer, encode_short(session->answer, has_id, id, status, 0));
}

void dory_answer_short(struct dory_session *session, enum dory_status status, uint8_t *data, size_t len)
{
    size_t header_len = encode_short(session->answer, true, session->request.id, status, len);

    memcpy(data - header_len, session->answer, header_len);
    put_output(session, data - header_len, header_len + len);
}

void dory_answer_begin(struct dory_session *session, struct dory_encoder *encoder, enum dory_status status)
{
    size_t size;
    uint8_t *area = dory_session_area(session, &size);

    dory_header_begin(encoder, area, size);
    dory_header_number(encoder, "id", session->request.id);
    put_status(encoder, status);
}

void dory_answer_end(struct dory_session *session, struct dory_encoder *encoder, uint64_t data_size)
{
    dory_header_number(encoder, "data_size", data_size);
    put_output(session, encoder->buf, dory_header_end(encoder));
}

/* --- the end of requests --- */

static void stop_job(struct dory_session *session)
{
    if (session->job_open) {
        session->operation->stop(session);
        session->job_open = false;
    }
}

/* Ends the request with `status`; the answer waits for its turn. */
static void finish(struct dory_session *session, enum dory_status status)
{
    session->status = (int8_t)status;
    dory_session_enter(session, STATE_FINISH);
}

void dory_session_answered(struct dory_session *session)
{
    stop_job(session);
    session->operation = NULL;
    if (session->closing || (session->body_left > DORY_MAX_SKIP && DORY_HAS(session, FIELD_ID))) {
        dory_session_enter(session, STATE_CLOSE);
    } else if (session->body_left > 0) {
        dory_session_enter(session, STATE_SKIP);
    } else {
        dory_frame_reset(&session->frame);
        dory_session_enter(session, STATE_HEADER);
    }
}

static void refused(const struct dory_session *session, const char *name, enum dory_status status)
{
    const struct dory_server *server = session->server;

    if (status < 0 && server->refused != NULL) {
        server->refused(server->refused_ctx, name, status);
    }
}

static void on_finish(struct dory_session *session)
{
    enum dory_status status = (enum dory_status)session->status;

    if (session->commits != NULL || session->out_len > 0) {
        return;
    }
    if (DORY_HAS(session, FIELD_ID) || session->fatal) {
        put_short(session, !session->fatal, session->request.id, status);
    } else {
        refused(session, dory_session_name(session), status);
    }
    dory_session_answered(session);
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
    dory_session_answered(session);
    return DORY_MORE;
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
    session->since_ms = now(session);
    if (has_id) {
        put_short(session, true, id, (enum dory_status)result);
    } else {
        refused(session, "", (enum dory_status)result);
    }
    return true;
}

static void on_commits(struct dory_session *session)
{
    while (session->commits != NULL && session->out_len == 0 && end_commit(session)) {
    }
}

/* --- requests --- */

/* Keeps the name or prefix at the beginning of the buffer. Returns whether it is one that may be used. */
static bool keep_name(struct dory_session *session, const struct fields *fields)
{
    size_t max_len = session->server->max_name;
    struct dory_text text = {"", 0};
    bool is_name = session->operation->name_field == FIELD_FILENAME;

    if (is_name) {
        text = fields->filename;
    } else if (session->operation->name_field == FIELD_PREFIX && DORY_HAS(session, FIELD_PREFIX)) {
        text = fields->prefix;
    }
    if (is_name ? !dory_name_check(text.ptr, text.len, max_len)
                : text.len > max_len || memchr(text.ptr, '\0', text.len) != NULL) {
        session->buf[0] = '\0';
        return false;
    }
    memmove(session->buf, text.ptr, text.len);
    session->buf[text.len] = '\0';
    return true;
}

/* Judges a request whose stream is in step. Returns DORY_MORE when it is to be started, or its final status. */
static int judge(struct dory_session *session, const struct fields *fields, uint32_t wrong)
{
    const struct dory_operation *operation = session->operation;
    const struct dory_request *request = &session->request;

    session->buf[0] = '\0';
    if (operation == NULL) {
        return DORY_UNKNOWN_CMD;
    }
    if (!DORY_HAS(session, FIELD_ID) && !operation->acts_without_id) {
        return DORY_OK;
    }
    if (wrong != 0 || (operation->name_field == FIELD_FILENAME && !DORY_HAS(session, FIELD_FILENAME)) ||
        (request->resume && (!DORY_HAS(session, FIELD_ID) || !DORY_HAS(session, FIELD_CRC32)))) {
        return DORY_BAD_REQUEST;
    }
    if (!keep_name(session, fields)) {
        return operation->name_field == FIELD_FILENAME ? DORY_BAD_NAME : DORY_BAD_REQUEST;
    }
    return DORY_MORE;
}

static const struct dory_operation *find_operation(struct dory_text cmd)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strlen(operations[i]->cmd) == cmd.len && memcmp(operations[i]->cmd, cmd.ptr, cmd.len) == 0) {
            return operations[i];
        }
    }
    return NULL;
}

/* The stream is out of step: nothing that follows can be understood. */
static void finish_fatal(struct dory_session *session)
{
    session->fatal = true;
    session->closing = true;
    session->operation = NULL;
    session->body_left = 0;
    finish(session, DORY_BAD_HEADER);
}

static void on_header(struct dory_session *session)
{
    struct fields fields = {.data_size = 0};
    struct dory_found found;
    bool is_put;
    int result = dory_header_decode(session->buf, session->frame.header_len, &session->server->tokens, request_fields,
                                    FIELD_COUNT, &fields, &found);

    if (result != DORY_OK || (found.wrong & FATAL_WHEN_WRONG) != 0 || (found.present & BIT(FIELD_CMD)) == 0) {
        finish_fatal(session);
        return;
    }
    session->operation = find_operation(fields.cmd);
    is_put = session->operation == &dory_op_put;
    if (is_put && (found.present & BIT(FIELD_FILESIZE)) == 0) {
        finish_fatal(session);
        return;
    }
    session->request = fields.request;
    session->request.present = found.present;
    session->body_left = !is_put ? fields.data_size : fields.request.resume ? 0 : fields.request.filesize;
    result = judge(session, &fields, found.wrong);
    if (result == DORY_MORE) {
        dory_session_enter(session, STATE_START);
    } else {
        finish(session, (enum dory_status)result);
    }
}

static void on_start(struct dory_session *session)
{
    bool overlaps = session->operation->overlaps_commits && !session->request.resume &&
                    session->commit_count < DORY_MAX_COMMITS;
    int result;

    if (session->commits != NULL && !overlaps) {
        return;
    }
    if (session->out_len > 0 && !overlaps) {
        return;
    }
    result = session->operation->start(session);
    if (result == DORY_CONTINUE) {
        session->store_waits = true;
    } else if (result != DORY_MORE) {
        finish(session, (enum dory_status)result);
    }
}

static void on_work(struct dory_session *session)
{
    int result;

    if (session->out_len > 0) {
        return;
    }
    result = session->operation->work(session);
    if (result != DORY_MORE) {
        finish(session, (enum dory_status)result);
    }
}

int dory_session_check_slice(struct dory_session *session, dory_read_piece *read_piece, uint64_t *off, uint64_t end,
                             uint32_t *crc32)
{
    size_t size;
    uint8_t *area = dory_session_area(session, &size);
    uint32_t done = 0;

    while (*off < end && done < DORY_SLICE) {
        int32_t got = read_piece(session, *off, area, end - *off < size ? (size_t)(end - *off) : size);

        if (got <= 0) {
            session->store_waits = got == 0;
            return got < 0 ? (int)got : DORY_MORE;
        }
        *crc32 = session->server->crc32(*crc32, area, (size_t)got);
        *off += (uint32_t)got;
        done += (uint32_t)got;
    }
    return *off < end ? DORY_MORE : DORY_OK;
}

/* Goes through the states until one waits for something. At most one slice of work is done. */
static void advance(struct dory_session *session)
{
    bool worked = false;
    uint8_t before;

    do {
        on_commits(session);
        before = session->state;
        switch ((enum dory_state)session->state) {
        case STATE_START:
            on_start(session);
            break;
        case STATE_FINISH:
            on_finish(session);
            break;
        case STATE_WORK:
            if (!worked) {
                on_work(session);
                worked = true;
            }
            break;
        case STATE_HEADER:
        case STATE_BODY:
        case STATE_SEND:
        case STATE_SKIP:
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
        on_header(session);
    } else if (result != DORY_MORE) {
        session->request.present = 0;
        session->buf[0] = '\0';
        finish_fatal(session);
    }
    return taken;
}

static void count_body(struct dory_session *session, size_t len)
{
    session->body_left -= len;
    session->in_ms = now(session);
    /* Saturated far above any rate that could be asked for. */
    if (session->rate_bytes <= INT32_MAX && len <= INT32_MAX) {
        session->rate_bytes += (uint32_t)len;
    }
}

static size_t feed_body(struct dory_session *session, const uint8_t *data, size_t len)
{
    size_t piece = session->body_left < len ? (size_t)session->body_left : len;
    int32_t taken;

    if (piece > INT32_MAX) {
        piece = INT32_MAX;
    }
    taken = session->operation->body(session, data, piece);
    if (taken < 0) {
        finish(session, (enum dory_status)taken);
        return 0;
    }
    session->store_waits = taken == 0;
    count_body(session, (size_t)taken);
    if (session->body_left == 0) {
        dory_session_enter(session, STATE_WORK);
    }
    return (size_t)taken;
}

static size_t feed_skip(struct dory_session *session, size_t len)
{
    size_t piece = session->body_left < len ? (size_t)session->body_left : len;

    count_body(session, piece);
    if (session->body_left == 0) {
        dory_session_answered(session);
    }
    return piece;
}

static size_t feed_state(struct dory_session *session, const uint8_t *data, size_t len)
{
    switch ((enum dory_state)session->state) {
    case STATE_HEADER:
        return feed_header(session, data, len);
    case STATE_BODY:
        return feed_body(session, data, len);
    case STATE_SKIP:
        return feed_skip(session, len);
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

    set_clock(session->server, now_ms);
    do {
        before = session->state;
        piece = feed_state(session, data + taken, len - taken);
        taken += piece;
        advance(session);
    } while (taken < len && (piece > 0 || session->state != before));
    return taken;
}

/* After the last byte: a message that is not whole never will be. */
static void check_end_of_input(struct dory_session *session)
{
    bool partial_body = session->state == STATE_BODY || session->state == STATE_SKIP;

    if (session->input_ended && (session->state == STATE_HEADER || partial_body)) {
        stop_job(session);
        dory_session_enter(session, STATE_CLOSE);
    }
}

void dory_session_end_input(struct dory_session *session, uint32_t now_ms)
{
    set_clock(session->server, now_ms);
    session->input_ended = true;
    check_end_of_input(session);
}

/* --- output --- */

size_t dory_session_output(struct dory_session *session, uint8_t *scratch, size_t scratch_len, const uint8_t **data,
                           uint32_t now_ms)
{
    int32_t len;

    set_clock(session->server, now_ms);
    if (session->out_len > 0) {
        *data = session->out;
        return session->out_len;
    }
    if (session->state != STATE_SEND) {
        return 0;
    }
    *data = scratch;
    len = session->operation->produce(session, scratch, scratch_len < INT32_MAX ? scratch_len : INT32_MAX);
    session->store_waits = len == 0;
    if (len < 0) {
        stop_job(session);
        dory_session_enter(session, STATE_RESET);
        return 0;
    }
    return (size_t)len;
}

void dory_session_sent(struct dory_session *session, const uint8_t *data, size_t len, uint32_t now_ms)
{
    set_clock(session->server, now_ms);
    session->out_ms = now_ms;
    if (session->out_len > 0) {
        session->out += len;
        session->out_len = (uint16_t)(session->out_len - len);
    } else {
        session->operation->sent(session, data, len);
    }
    advance(session);
    check_end_of_input(session);
}

/* --- time --- */

static uint32_t elapsed(const struct dory_session *session, uint32_t since_ms)
{
    return now(session) - since_ms;
}

static void check_header_time(struct dory_session *session)
{
    const struct dory_limits *limits = &session->server->limits;
    uint32_t limit = session->frame.have > 0 ? limits->header_ms : limits->idle_ms;

    if (session->out_len > 0 || session->commits != NULL) {
        session->since_ms = now(session);
    } else if (elapsed(session, session->since_ms) >= limit) {
        dory_session_enter(session, STATE_CLOSE);
    }
}

static bool body_is_late(struct dory_session *session)
{
    const struct dory_limits *limits = &session->server->limits;

    if (elapsed(session, session->in_ms) >= limits->body_ms) {
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
        session->in_ms = now(session);
        session->rate_ms = now(session);
        session->rate_bytes = 0;
    } else if (body_is_late(session)) {
        session->closing = true;
        if (session->state == STATE_BODY) {
            finish(session, DORY_TIMEOUT);
        } else {
            dory_session_answered(session);
        }
    }
}

static void check_start_time(struct dory_session *session)
{
    if (session->commits != NULL) {
        session->since_ms = now(session);
    } else if (elapsed(session, session->since_ms) >= session->server->limits.busy_ms) {
        finish(session, DORY_BUSY);
    }
}

static void check_output_time(struct dory_session *session)
{
    bool pending = session->out_len > 0 || (session->state == STATE_SEND && !session->store_waits);

    if (!pending) {
        session->out_ms = now(session);
    } else if (elapsed(session, session->out_ms) >= session->server->limits.output_ms) {
        stop_job(session);
        dory_session_enter(session, STATE_RESET);
    }
}

static void check_time(struct dory_session *session)
{
    switch ((enum dory_state)session->state) {
    case STATE_HEADER:
        check_header_time(session);
        break;
    case STATE_START:
        check_start_time(session);
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
static void tell_more(struct dory_session *session)
{
    const struct dory_writer *writer = session->commits;

    if (session->out_len > 0 || elapsed(session, session->more_ms) < session->server->limits.more_ms) {
        return;
    }
    if (writer != NULL && writer->has_id) {
        put_short(session, true, writer->id, DORY_MORE);
    } else if (writer == NULL && session->state == STATE_WORK && DORY_HAS(session, FIELD_ID)) {
        put_short(session, true, session->request.id, DORY_MORE);
    }
}

void dory_session_run(struct dory_session *session, uint32_t now_ms)
{
    set_clock(session->server, now_ms);
    check_time(session);
    session->store_waits = false;
    advance(session);
    check_end_of_input(session);
    tell_more(session);
}

/* --- what it waits for --- */

static unsigned wants_of_state(const struct dory_session *session)
{
    switch ((enum dory_state)session->state) {
    case STATE_HEADER:
        return output_in_buf(session) ? 0 : DORY_WANTS_INPUT;
    case STATE_BODY:
        return session->store_waits ? 0 : DORY_WANTS_INPUT;
    case STATE_SKIP:
        return DORY_WANTS_INPUT;
    case STATE_WORK:
        return session->out_len > 0 || session->store_waits ? 0 : DORY_WANTS_TURN;
    case STATE_SEND:
        return session->store_waits ? 0 : DORY_WANTS_OUTPUT;
    case STATE_CLOSE:
        return session->out_len > 0 || session->commits != NULL ? 0 : DORY_WANTS_CLOSE;
    case STATE_START:
    case STATE_FINISH:
    case STATE_RESET:
        break;
    }
    return 0;
}

unsigned dory_session_wants(const struct dory_session *session)
{
    unsigned wants = wants_of_state(session);

    if (session->state == STATE_RESET) {
        return DORY_WANTS_RESET;
    }
    if (session->input_ended) {
        wants &= ~(unsigned)DORY_WANTS_INPUT;
    }
    if (session->out_len > 0) {
        wants |= DORY_WANTS_OUTPUT;
    }
    if (session->store_waits || session->commits != NULL) {
        wants |= DORY_WANTS_STORE;
    }
    return wants;
}

int32_t dory_session_evictable_ms(const struct dory_session *session, uint32_t now_ms)
{
    uint32_t waited = now_ms - (session->state == STATE_HEADER ? session->since_ms : session->in_ms);
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
    set_clock(server, now_ms);
    memset(session, 0, sizeof *session);
    session->server = server;
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

void dory_session_lose_put(struct dory_session *session)
{
    stop_job(session);
    dory_session_enter(session, STATE_RESET);
}

void dory_session_end(struct dory_session *session)
{
    const struct dory_server *server = session->server;

    stop_job(session);
    while (session->commits != NULL) {
        struct dory_writer *writer = session->commits;

        session->commits = writer->next;
        server->store->abort(server->store_ctx, writer, true);
    }
}

size_t dory_server_busy(uint8_t *buf)
{
    return encode_short(buf, false, 0, DORY_BUSY, 0);
}
