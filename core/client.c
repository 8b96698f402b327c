/* SPDX-License-Identifier: MIT */
/*
 * The client session: a queue of calls, what goes out, what comes in.
 *
 * Implementation notes
 *
 * Calls stand in one queue, in the order of their ids. Two pointers walk along it: `sending`, the first call that was
 * not sent wholly, and ahead of it `first`, the next to be answered. `first` leaves the queue when it is answered and
 * sent; it may be answered before it is sent, when the server refuses a put while its body is still on its way. Nothing
 * can be answered behind such a call, so client->answer stays as it is until that call is done.
 *
 * A fault only marks the client, and the call that it is about. Calls are handed back by dory_client_end() alone, so no
 * function has to be ready for its queue to vanish.
 */
#include "client.h"

#include <string.h>

#include "client_calls.h"

#define AT(member) offsetof(struct dory_answer, member)

/* In the order of enum dory_answer_field. */
#define FIELDS(X) \
    X("id", DORY_FIELD_NUMBER, AT(id)) \
    X("status", DORY_FIELD_TEXT, AT(status_name)) \
    X("data_size", DORY_FIELD_NUMBER, AT(data_size)) \
    X("message", DORY_FIELD_TEXT, AT(message)) \
    X("filesize", DORY_FIELD_NUMBER, AT(filesize)) \
    X("offset", DORY_FIELD_NUMBER, AT(offset)) \
    X("version", DORY_FIELD_TEXT, AT(version)) \
    X("crc32", DORY_FIELD_CRC32, AT(crc32)) \
    X("prefix_crc32", DORY_FIELD_CRC32, AT(prefix_crc32)) \
    X("partial", DORY_FIELD_NUMBER, AT(partial)) \
    X("stream", DORY_FIELD_NUMBER, AT(stream)) \
    X("exit", DORY_FIELD_NUMBER, AT(exit)) \
    X("dory", DORY_FIELD_NUMBER, AT(dory)) \
    X("name", DORY_FIELD_TEXT, AT(name)) \
    X("server", DORY_FIELD_TEXT, AT(server)) \
    X("board", DORY_FIELD_TEXT, AT(board)) \
    X("firmware", DORY_FIELD_TEXT, AT(firmware)) \
    X("max_header", DORY_FIELD_NUMBER, AT(max_header)) \
    X("max_name", DORY_FIELD_NUMBER, AT(max_name)) \
    X("max_file", DORY_FIELD_NUMBER, AT(max_file)) \
    X("free", DORY_FIELD_NUMBER, AT(free)) \
    X("sessions", DORY_FIELD_NUMBER, AT(sessions)) \
    X("writers", DORY_FIELD_NUMBER, AT(writers)) \
    X("uptime_ms", DORY_FIELD_NUMBER, AT(uptime_ms)) \
    X("image", DORY_FIELD_TEXT, AT(image)) \
    X("confirmed", DORY_FIELD_BOOL, AT(confirmed)) \
    X("boot_id", DORY_FIELD_TEXT, AT(boot_id)) \
    X("slot", DORY_FIELD_TEXT, AT(slot))

static const struct dory_field answer_fields[DORY_ANSWER_FIELDS] = {FIELDS(DORY_FIELD)};
static const struct dory_fields known_fields = {FIELDS(DORY_FIELD_KEY), answer_fields};

_Static_assert(offsetof(struct dory_answer, confirmed) <= (dory_offset)-1, "too many fields in an answer");
_Static_assert(DORY_ANSWER_FIELDS <= 32, "too many fields in an answer");

static void fail(struct dory_client *client, struct dory_call *call, enum dory_fault fault)
{
    client->fault = fault;
    if (call != NULL && !call->answered) {
        call->fault = fault;
    }
}

/* What an event is asked for at once: it answers with an int32_t. */
static size_t piece_len(size_t len, uint64_t left)
{
    if (len > INT32_MAX) {
        len = INT32_MAX;
    }
    return left < len ? (size_t)left : len;
}

/* ---- The queue ---- */

/* Takes the first call off the queue and gives it back. */
static void deliver(struct dory_client *client, const struct dory_answer *answer)
{
    struct dory_call *call = client->first;

    client->first = call->next;
    call->events->done(call->ctx, call, answer);
}

/* All of the call that is being sent is out: on to the next one. */
static void on_sent(struct dory_client *client)
{
    struct dory_call *call = client->sending;

    call->phase = DORY_CALL_SENT;
    client->sending = call->next;
    if (call->answered) {
        deliver(client, &client->answer);
    }
}

/* Begins the body of the call that is being sent, at `call->offset`. */
static void begin_body(struct dory_client *client, struct dory_call *call)
{
    call->phase = DORY_CALL_SENDING;
    call->at = call->offset;
    if (call->at == call->filesize) {
        on_sent(client);
    }
}

void dory_client_start(struct dory_client *client, struct dory_call *call)
{
    call->fault = DORY_FAULT_NONE;
    call->status = DORY_OK;
    call->received = 0;
    call->phase = DORY_CALL_QUEUED;
    call->answered = false;
    call->begun = false;
    call->stream = 0;
    call->exit = 0;
    call->running_crc32 = 0;
    call->at = 0;
    call->id = ++client->last_id;
    call->next = NULL;
    if (client->first == NULL) {
        client->first = call;
    } else {
        client->last->next = call;
    }
    client->last = call;
    if (client->sending == NULL) {
        client->sending = call;
    }
}

/* ---- What goes out ---- */

static void encode(const struct dory_call *call, uint64_t id, struct dory_encoder *encoder)
{
    const struct dory_call_kind *kind = dory_call_kind(call->command);

    dory_header_text(encoder, "cmd", kind->name, strlen(kind->name));
    dory_header_number(encoder, "id", id);
    kind->encode(call, encoder);
}

/* Writes the header of the call that is being sent. Returns its bytes, or 0 when there is no room for it. */
static size_t output_header(struct dory_client *client, uint8_t *buf, size_t size)
{
    struct dory_call *call = client->sending;
    struct dory_encoder encoder;
    size_t len;

    dory_header_begin(&encoder, buf, size);
    encode(call, call->id, &encoder);
    len = dory_header_end(&encoder);
    if (len == 0) {
        return 0;
    }
    if (call->command != DORY_PUT) {
        on_sent(client);
    } else if (call->resume) {
        call->phase = DORY_CALL_WAITING;
    } else {
        call->offset = 0;
        begin_body(client, call);
    }
    return len;
}

static size_t output_body(struct dory_client *client, uint8_t *buf, size_t size)
{
    struct dory_call *call = client->sending;
    int32_t got;

    if (call->body_by_caller) {
        return 0;
    }
    got = call->events->read(call->ctx, call, call->at, buf, piece_len(size, call->filesize - call->at));
    if (got < 0) {
        fail(client, call, DORY_FAULT_LOCAL);
        return 0;
    }
    dory_client_body_sent(client, (uint64_t)got);
    return (size_t)got;
}

static size_t output_piece(struct dory_client *client, uint8_t *buf, size_t size)
{
    if (client->sending->phase == DORY_CALL_QUEUED) {
        return output_header(client, buf, size);
    }
    return client->sending->phase == DORY_CALL_SENDING ? output_body(client, buf, size) : 0;
}

size_t dory_client_output(struct dory_client *client, uint8_t *buf, size_t size)
{
    size_t len = 0;

    while (len < size && client->sending != NULL && client->fault == DORY_FAULT_NONE) {
        size_t piece = output_piece(client, buf + len, size - len);

        if (piece == 0) {
            break;
        }
        len += piece;
    }
    if (len == 0 && client->sending != NULL && client->sending->phase == DORY_CALL_QUEUED &&
        client->fault == DORY_FAULT_NONE) {
        fail(client, client->sending, DORY_FAULT_LOCAL);
    }
    return len;
}

size_t dory_client_request_len(const struct dory_call *call, uint64_t id)
{
    struct dory_encoder encoder;

    dory_header_begin(&encoder, NULL, 0);
    encode(call, id, &encoder);
    (void)dory_header_end(&encoder);
    return encoder.len - DORY_FRAME_PREFIX;
}

uint64_t dory_client_body(const struct dory_client *client, struct dory_call **call, uint64_t *off)
{
    struct dory_call *sending = client->sending;

    if (sending == NULL || sending->phase != DORY_CALL_SENDING || !sending->body_by_caller ||
        client->fault != DORY_FAULT_NONE) {
        return 0;
    }
    *call = sending;
    *off = sending->at;
    return sending->filesize - sending->at;
}

void dory_client_body_sent(struct dory_client *client, uint64_t len)
{
    struct dory_call *call = client->sending;

    call->at += len;
    if (call->at == call->filesize) {
        on_sent(client);
    }
}

void dory_client_body_failed(struct dory_client *client)
{
    fail(client, client->sending, DORY_FAULT_LOCAL);
}

bool dory_client_sent_all(const struct dory_client *client)
{
    return client->sending == NULL;
}

/* ---- Where a put goes on ---- */

static void end_check(struct dory_client *client, struct dory_call *call)
{
    if (call->running_crc32 == client->answer.prefix_crc32) {
        begin_body(client, call);
    } else {
        fail(client, call, DORY_FAULT_OTHER_BEGINNING);
    }
}

static void on_continue(struct dory_client *client, struct dory_call *call)
{
    const struct dory_answer *answer = &client->answer;

    call->offset = answer->offset;
    if (call->offset == call->filesize) {
        /* The server has all of it, and does not wait for us: it compares the CRC-32 of the whole file itself. */
        begin_body(client, call);
        return;
    }
    call->phase = DORY_CALL_CHECKING;
    call->running_crc32 = 0;
    call->at = 0;
    if (call->events->known != NULL) {
        call->at = call->events->known(call->ctx, call, call->offset, &call->running_crc32);
    }
    if (call->at == call->offset) {
        end_check(client, call);
    }
}

bool dory_client_work(struct dory_client *client, uint8_t *scratch, size_t size)
{
    struct dory_call *call = client->sending;
    int32_t got;

    if (call == NULL || call->phase != DORY_CALL_CHECKING || client->fault != DORY_FAULT_NONE) {
        return false;
    }
    got = call->events->read(call->ctx, call, call->at, scratch, piece_len(size, call->offset - call->at));
    if (got < 0) {
        fail(client, call, DORY_FAULT_LOCAL);
        return false;
    }
    call->running_crc32 = client->options.crc32(call->running_crc32, scratch, (size_t)got);
    call->at += (uint64_t)got;
    if (call->at < call->offset) {
        return true;
    }
    end_check(client, call);
    return false;
}

/* ---- What comes in ---- */

/* The server has said its last about a call of which not all was sent. */
static void on_refused_early(struct dory_client *client, struct dory_call *call)
{
    if (call->phase == DORY_CALL_CHECKING || call->filesize - call->at > DORY_MAX_REST) {
        client->fault = DORY_FAULT_ABANDONED;
    }
}

static void on_final(struct dory_client *client, struct dory_call *call)
{
    const struct dory_call_kind *kind = dory_call_kind(call->command);

    call->status = client->answer.status;
    if (call->status == DORY_OK && kind->finish != NULL) {
        call->fault = kind->finish(call, &client->answer);
    }
    if (call->fault == DORY_FAULT_PROTOCOL) {
        client->fault = call->fault;
        return;
    }
    call->answered = true;
    if (call->phase == DORY_CALL_WAITING) {
        on_sent(client);
    } else if (call->phase == DORY_CALL_SENT) {
        deliver(client, &client->answer);
    } else {
        on_refused_early(client, call);
    }
}

/* An answer, or a part of one, is there with all of its data. */
static void on_part_end(struct dory_client *client)
{
    struct dory_call *call = client->first;

    if (client->answer.status == DORY_CONTINUE) {
        on_continue(client, call);
    } else if (client->answer.status != DORY_MORE) {
        on_final(client, call);
    }
}

static enum dory_fault judge_continue(const struct dory_call *call, const struct dory_answer *answer)
{
    bool complete = dory_answer_has(answer, DORY_ANSWER_OFFSET) && dory_answer_has(answer, DORY_ANSWER_PREFIX_CRC32);

    return call->phase == DORY_CALL_WAITING && complete && answer->offset <= call->filesize ? DORY_FAULT_NONE
                                                                                            : DORY_FAULT_PROTOCOL;
}

/* Judges the header of an answer to `call`. */
static enum dory_fault judge_part(struct dory_call *call, const struct dory_answer *answer)
{
    const struct dory_call_kind *kind = dory_call_kind(call->command);

    if (answer->status == DORY_CONTINUE) {
        return judge_continue(call, answer);
    }
    if (answer->status < 0 || kind->part == NULL) {
        return DORY_FAULT_NONE;
    }
    return kind->part(call, answer);
}

static void on_part(struct dory_client *client, struct dory_call *call)
{
    enum dory_fault fault = judge_part(call, &client->answer);

    if (fault != DORY_FAULT_NONE) {
        fail(client, call, fault);
        return;
    }
    if (call->events->part != NULL) {
        call->events->part(call->ctx, call, &client->answer);
    }
    client->data_left = client->answer.data_size;
    if (client->data_left == 0) {
        on_part_end(client);
    }
}

/* An answer without an id: the last that the server says. */
static void on_farewell(struct dory_client *client)
{
    if (client->answer.status == DORY_BUSY) {
        client->fault = DORY_FAULT_BUSY;
    } else if (client->answer.status == DORY_BAD_HEADER) {
        fail(client, client->first, DORY_FAULT_BAD_HEADER);
    } else {
        fail(client, client->first, DORY_FAULT_PROTOCOL);
    }
}

/* Decodes the header that has arrived. Returns whether it is an answer at all. */
static bool decode(struct dory_client *client)
{
    struct dory_answer *answer = &client->answer;
    struct dory_found found;

    if (dory_header_decode(client->options.header, client->frame.header_len, client->options.tokens, &known_fields,
                           answer, &found) != DORY_OK) {
        return false;
    }
    answer->present = found.present;
    if (found.wrong != 0 || !dory_answer_has(answer, DORY_ANSWER_STATUS) ||
        !dory_answer_has(answer, DORY_ANSWER_DATA_SIZE)) {
        return false;
    }
    if (dory_status_find(answer->status_name.ptr, (unsigned)answer->status_name.len, &answer->status) != 0) {
        answer->status = DORY_UNSUPPORTED;
    }
    return true;
}

static void on_header(struct dory_client *client)
{
    struct dory_call *call = client->first;
    bool understood = decode(client);

    dory_frame_reset(&client->frame);
    if (understood && !dory_answer_has(&client->answer, DORY_ANSWER_ID)) {
        on_farewell(client);
    } else if (!understood || call == NULL || call->phase == DORY_CALL_QUEUED || client->answer.id != call->id) {
        fail(client, call, DORY_FAULT_PROTOCOL);
    } else {
        on_part(client, call);
    }
}

static size_t feed_header(struct dory_client *client, const uint8_t *data, size_t len)
{
    struct dory_call *call = client->first;
    size_t taken;
    int status;

    if (call != NULL && call->answered) {
        /* More after a refusal: nothing that we could understand, but the refusal stands. */
        client->fault = DORY_FAULT_PROTOCOL;
        return len;
    }
    taken = client->frame.have;
    status = dory_frame_feed(&client->frame, client->options.header, client->options.header_size, data, len);
    taken = client->frame.have - taken;
    if (status == DORY_OK) {
        on_header(client);
    } else if (status != DORY_MORE) {
        fail(client, call, DORY_FAULT_PROTOCOL);
    }
    return taken;
}

/* Hands data of an answer to whom they are for. Returns how many bytes were taken, or -1. */
static int32_t pass_data(struct dory_client *client, struct dory_call *call, const uint8_t *data, size_t len)
{
    int32_t taken = (int32_t)len;

    /* What comes with a failure is no part of a file. */
    if (call->events->write == NULL || client->answer.status < 0 || client->answer.status == DORY_CONTINUE) {
        return taken;
    }
    taken = call->events->write(call->ctx, call, data, len);
    if (taken > 0) {
        call->received += (uint64_t)taken;
        if (call->check) {
            call->running_crc32 = client->options.crc32(call->running_crc32, data, (size_t)taken);
        }
    }
    return taken;
}

static size_t feed_data(struct dory_client *client, const uint8_t *data, size_t len)
{
    struct dory_call *call = client->first;
    int32_t taken;

    taken = pass_data(client, call, data, piece_len(len, client->data_left));
    if (taken < 0) {
        fail(client, call, DORY_FAULT_LOCAL);
        return 0;
    }
    client->data_left -= (uint64_t)taken;
    if (client->data_left == 0) {
        on_part_end(client);
    }
    return (size_t)taken;
}

size_t dory_client_feed(struct dory_client *client, const uint8_t *data, size_t len)
{
    size_t taken = 0;

    while (taken < len && client->fault == DORY_FAULT_NONE) {
        bool in_data = client->data_left > 0;
        size_t step = (in_data ? feed_data : feed_header)(client, data + taken, len - taken);

        if (step == 0) {
            break;
        }
        taken += step;
    }
    return client->fault == DORY_FAULT_NONE ? taken : len;
}

/* ---- Beginning and end ---- */

void dory_client_init(struct dory_client *client, const struct dory_client_options *options)
{
    *client = (struct dory_client){.options = *options};
}

void dory_client_end(struct dory_client *client)
{
    if (client->fault == DORY_FAULT_NONE) {
        client->fault = DORY_FAULT_LOST;
    }
    client->sending = NULL;
    while (client->first != NULL) {
        struct dory_call *call = client->first;
        bool answered = call->answered || call->fault == DORY_FAULT_BAD_HEADER;

        if (!answered && call->fault == DORY_FAULT_NONE) {
            call->fault = DORY_FAULT_LOST;
        }
        deliver(client, answered ? &client->answer : NULL);
    }
}

size_t dory_client_plain_put(void *buf, size_t size, const char *name, uint64_t filesize)
{
    struct dory_encoder encoder;

    dory_header_begin(&encoder, buf, size);
    dory_header_text(&encoder, "cmd", "put", 3);
    dory_header_text(&encoder, "filename", name, strlen(name));
    dory_header_number(&encoder, "filesize", filesize);
    return dory_header_end(&encoder);
}
