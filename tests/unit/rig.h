/* SPDX-License-Identifier: MIT */
/*
 * A server session in a rig: memory instead of disk and network, a clock that the test turns. Its buffer ends at a guard
 * page, and so does every piece of input.
 *
 * Tests about bytes describe a talk (talk.h). Tests about time or several sessions use the rig itself.
 */
#ifndef RIG_H
#define RIG_H

#include "unit.h"

#include "../../core/server.h"
#include "answers.h"
#include "memory_store.h"

/* Room for what a test asks or is answered. */
#define BYTES_ROOM 60000U

/* The header limit that the design gives this configuration. */
#define RIG_MAX_HEADER (DORY_MAX_NAME > 64 ? 4096U : 512U)

/* More rounds than any test needs: a session that doesn't come to rest is stuck. */
#define RIG_ROUNDS 1000000U

struct bytes {
    size_t len;
    uint8_t data[BYTES_ROOM];
};

struct rig {
    struct dory_server server;
    struct dory_session session;
    struct memory_store *store;
    uint32_t now_ms;
    uint32_t turn_ms;    /* the clock goes on so much with each turn */
    bool store_rests;    /* a store that says "later" is not asked again but by rig_wait() */
    size_t output_piece; /* most bytes that leave at once; 0: the peer doesn't read */
    unsigned refusals;   /* calls of server.refused() */
    enum dory_status refused;
    char refused_name[DORY_MAX_NAME + 1];
    struct bytes output;
};

/* --- bytes --- */

static inline void add_bytes(struct bytes *bytes, const void *data, size_t len)
{
    assert_true(len <= BYTES_ROOM - bytes->len);
    if (len > 0) {
        memcpy(bytes->data + bytes->len, data, len);
    }
    bytes->len += len;
}

/* Adds a header with its prefix. So that JSON is easy to read in C, ' stands for ". */
static inline void add_header(struct bytes *bytes, const char *json)
{
    size_t len = strlen(json);
    uint8_t prefix[DORY_FRAME_PREFIX];

    dory_frame_prefix(prefix, (uint32_t)len);
    add_bytes(bytes, prefix, sizeof prefix);
    add_bytes(bytes, json, len);
    for (size_t i = bytes->len - len; i < bytes->len; i++) {
        bytes->data[i] = bytes->data[i] == '\'' ? '"' : bytes->data[i];
    }
}

static inline void add_text(struct bytes *bytes, const char *text)
{
    add_bytes(bytes, text, strlen(text));
}

/* --- the rig --- */

static inline void rig_refused(void *ctx, const char *name, enum dory_status status)
{
    struct rig *rig = (struct rig *)ctx;

    rig->refusals++;
    rig->refused = status;
    memcpy(rig->refused_name, name, strlen(name) + 1);
}

/* Where sessions' buffers end, for as many sessions as a test has. */
static inline uint8_t *rig_buffer(const struct rig *rig, unsigned which)
{
    static uint8_t *ends[4];

    assert_true(which < COUNT_OF(ends));
    if (ends[which] == NULL) {
        ends[which] = guard_make(70000);
    }
    return ends[which] - dory_session_buffer_size(&rig->server);
}

/* Begins a session of the rig's server, with the buffer `which`. */
static inline void rig_begin_session(struct rig *rig, struct dory_session *session, unsigned which)
{
    memset(session, 0xa5, sizeof *session);
    dory_session_begin(session, &rig->server, rig->now_ms);
    assert_true(dory_session_rests(session));
    dory_session_lend(session, rig_buffer(rig, which));
}

/* A server over an empty store, and a session, at time 0. */
static inline void rig_begin(struct rig *rig)
{
    static struct memory_store store;

    memory_begin(&store);
    rig->server = (struct dory_server){
        .store = &memory_functions,
        .store_ctx = &store,
        .crc32 = dory_crc32,
        .name = "rig",
        .board = "test",
        .firmware = "1.2.3",
        .sessions = 4,
        .max_header = RIG_MAX_HEADER,
        .max_name = DORY_MAX_NAME,
        .limits = DORY_LIMITS,
        .refused = rig_refused,
        .refused_ctx = rig,
    };
    rig->store = &store;
    rig->now_ms = 0;
    dory_server_begin(&rig->server, 0);
    rig->turn_ms = 1;
    rig->store_rests = false;
    rig->output_piece = SIZE_MAX;
    rig->refusals = 0;
    rig->output.len = 0;
    rig_begin_session(rig, &rig->session, 0);
}

/* A second session of the rig's server and store; its own server is not used. */
static inline void rig_begin_other(struct rig *rig, struct rig *other)
{
    *other = *rig;
    other->output.len = 0;
    rig_begin_session(rig, &other->session, 1);
}

/* Lets one piece of output leave. Returns whether there was one. */
static inline bool rig_send(struct rig *rig)
{
    static uint8_t scratch[4096];
    const uint8_t *data = NULL;
    size_t piece = rig->output_piece < sizeof scratch ? rig->output_piece : sizeof scratch;
    size_t len;

    if (rig->output_piece == 0) {
        return false;
    }
    memset(scratch, 0xa5, sizeof scratch);
    len = dory_session_output(&rig->session, scratch, piece, &data, rig->now_ms);
    if (len == 0) {
        return false;
    }
    len = len < piece ? len : piece;
    add_bytes(&rig->output, data, len);
    dory_session_sent(&rig->session, data, len, rig->now_ms);
    return true;
}

/* Gives the session one turn of whatever it wants but input. Returns whether there was something to do. */
static inline bool rig_turn(struct rig *rig)
{
    unsigned wants = dory_session_wants(&rig->session);

    assert_true(wants != 0);
    if ((wants & DORY_WANTS_TURN) != 0 || ((wants & DORY_WANTS_STORE) != 0 && !rig->store_rests)) {
        rig->now_ms += rig->turn_ms;
        dory_session_run(&rig->session, rig->now_ms);
        wants = dory_session_wants(&rig->session);
        if ((wants & DORY_WANTS_OUTPUT) != 0) {
            (void)rig_send(rig);
        }
        return true;
    }
    return (wants & DORY_WANTS_OUTPUT) != 0 && (rig_send(rig) || dory_session_wants(&rig->session) != wants);
}

/* Goes on until only input, a peer that reads, or time can help. */
static inline void rig_settle(struct rig *rig)
{
    unsigned rounds = 0;

    while (rig_turn(rig)) {
        rounds++;
        assert_true(rounds < RIG_ROUNDS);
    }
}

/* Feeds what is taken now of a piece that ends at a guard page. */
static inline size_t rig_feed_once(struct rig *rig, const void *data, size_t len)
{
    size_t piece = len < GUARD_ROOM ? len : GUARD_ROOM;
    size_t taken = dory_session_feed(&rig->session, (const uint8_t *)guard_copy(data, piece), piece, rig->now_ms);

    assert_true(taken <= piece);
    (void)guard_copy(NULL, 0); /* what was lent is gone */
    return taken;
}

/* Feeds all of it, giving turns only when nothing else helps. Returns how many bytes a session that closes has taken. */
static inline size_t rig_feed(struct rig *rig, const void *data, size_t len)
{
    size_t taken = 0;
    unsigned rounds = 0;

    while (taken < len) {
        size_t piece = 0;

        if ((dory_session_wants(&rig->session) & DORY_WANTS_INPUT) != 0) {
            piece = rig_feed_once(rig, (const uint8_t *)data + taken, len - taken);
        }
        taken += piece;
        if (piece == 0 && !rig_turn(rig)) {
            break;
        }
        rounds++;
        assert_true(rounds < RIG_ROUNDS);
    }
    return taken;
}

/* Feeds a request; ' stands for ". */
static inline void rig_request(struct rig *rig, const char *json)
{
    static struct bytes request;

    request.len = 0;
    add_header(&request, json);
    assert_int_equal(rig_feed(rig, request.data, request.len), request.len);
}

/* Feeds a request and settles. */
static inline void rig_ask(struct rig *rig, const char *json)
{
    rig_request(rig, json);
    rig_settle(rig);
}

static inline void rig_body(struct rig *rig, const char *body)
{
    assert_int_equal(rig_feed(rig, body, strlen(body)), strlen(body));
    rig_settle(rig);
}

/* Time goes on, in steps as a port would make them; nothing else happens but that output leaves. */
static inline void rig_wait(struct rig *rig, uint32_t ms)
{
    while (ms > 0) {
        uint32_t step = ms < 500 ? ms : 500;

        rig->now_ms += step;
        ms -= step;
        dory_session_run(&rig->session, rig->now_ms);
        while (rig_send(rig)) {
        }
    }
}

static inline void assert_bytes_equal(const struct bytes *is, const struct bytes *expected)
{
    if (is->len != expected->len || memcmp(is->data, expected->data, is->len) != 0) {
        print_message("expected %zu bytes: %.*s\n", expected->len, (int)expected->len, (const char *)expected->data);
        print_message("answered %zu bytes: %.*s\n", is->len, (int)is->len, (const char *)is->data);
        fail();
    }
}

/* Expects that since the last time exactly this was answered: one header, and nothing else. NULL: nothing. */
static inline void rig_expect(struct rig *rig, const char *json)
{
    static struct bytes expected;

    expected.len = 0;
    if (json != NULL) {
        add_header(&expected, json);
    }
    assert_bytes_equal(&rig->output, &expected);
    rig->output.len = 0;
}

/* Whether the output has that text; ' stands for ". */
static inline bool rig_has(struct rig *rig, const char *text)
{
    static struct bytes wanted;

    wanted.len = 0;
    add_header(&wanted, text);
    return rig->output.len > DORY_FRAME_PREFIX &&
           memmem(rig->output.data, rig->output.len, wanted.data + DORY_FRAME_PREFIX, wanted.len - DORY_FRAME_PREFIX) !=
               NULL;
}

static inline bool rig_wants(const struct rig *rig, unsigned wants)
{
    return (dory_session_wants(&rig->session) & wants) == wants;
}

/* Ends the session: the store holds nothing for it any more. */
static inline void rig_end(struct rig *rig)
{
    dory_session_end(&rig->session);
    assert_true(memory_is_quiet(rig->store));
}

static inline void assert_file(struct rig *rig, const char *name, const char *content)
{
    const struct memory_content *file = memory_file(rig->store, name);

    if (content == NULL) {
        assert_null(file);
        return;
    }
    assert_non_null(file);
    assert_int_equal(file->size, strlen(content));
    assert_int_equal(file->stored, strlen(content));
    assert_memory_equal(file->data, content, strlen(content));
}

#endif
