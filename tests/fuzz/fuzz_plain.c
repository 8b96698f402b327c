/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the sized and headed services: three connections with room for two, over a net and commands that are made up
 * here. The input is a script of steps: bytes that arrive, rounds, the clock, room to send, ends of connections.
 *
 * What must hold, whatever the script says:
 *  - no command has CR, LF or NUL within, or more than 1,024 bytes, or is no UTF-8;
 *  - a connection runs one command at a time, and the next one begins when the answer before has left;
 *  - each answer is exactly the output of its command: standard output, standard error, what dory has to say;
 *  - nothing is sent on a connection that was closed; a command is ended once;
 *  - when the connections are gone nothing runs and nothing is spooled.
 *
 * Implementation notes
 *
 * What a command writes follows from its line, so the expected answer is made by itself, simply, when the command starts.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/status.h"
#include "../../core/text.h"
#include "../../port/plain_commands.h"
#include "../../port/spool_ram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A step of a script: the low four bits of its first byte; the high ones are a number for it. */
enum kind {
    KIND_BYTES, /* n, then n bytes that arrive */
    KIND_FILL,  /* a letter as often as 80 times the number */
    KIND_TICK,
    KIND_CLOCK,    /* the clock goes on by 2^(2 * number) ms */
    KIND_WRITABLE, /* so many bytes may leave, squared; 15: any number */
    KIND_END,
    KIND_LOST,
    KIND_OTHER, /* the following steps are about the next connection */
    KIND_SETTLE,
    KIND_COUNT
};

#define PEERS 3U
#define CONNS 2U
#define PIECES 8U
#define OUTPUT 2048U /* the most that a command writes */

struct net_conn {
    void *user;
    bool open;
    bool blocked;
    size_t room;
    uint8_t queue[4096]; /* what has arrived and was not taken */
    size_t queued;
    bool input_ended;
    bool told_end;
    uint8_t got[OUTPUT + 256]; /* of the answer that is arriving */
    size_t got_len;
};

/* A command, told apart by its place in conns. */
struct work {
    bool runs;
    bool unanswered;
    uint8_t seed[4];
    unsigned piece;
    size_t off;
    unsigned delay;
    char expected[OUTPUT + 256];
    size_t expected_len;
};

static struct net_conn peers[PEERS];
static struct plain_conn conns[CONNS];
static struct work works[CONNS];
static struct plain_commands plain;
static struct spool_ram ram;
static uint32_t now_ms;

/* --- answers --- */

static uint32_t number_at(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

/* The length of an answer's head, and of what follows; false when it has not arrived yet. */
static bool measure(const struct net_conn *peer, size_t *head, size_t *len)
{
    char header[40];

    if (peer->got_len < 4) {
        return false;
    }
    *head = 4;
    *len = number_at(peer->got);
    if (plain.form == PLAIN_SIZED) {
        return true;
    }
    *head = 4 + *len;
    assert(*head <= 4 + 40);
    if (peer->got_len < *head) {
        return false;
    }
    assert(memcmp(peer->got + 4, "{\"data_size\": ", 14) == 0);
    *len = strtoul((const char *)peer->got + 4 + 14, NULL, 10);
    (void)snprintf(header, sizeof header, "{\"data_size\": %zu}", *len);
    assert(strlen(header) == *head - 4 && memcmp(header, peer->got + 4, *head - 4) == 0);
    return true;
}

static void check_answer(const struct net_conn *peer, const uint8_t *body, size_t len)
{
    static const char no_text[] = "dory: bad_request: This is no command line.\n";
    static const char no_room[] = "dory: busy: Too many are served at once; try again later.\n";
    const struct plain_conn *conn = peer->user;
    struct work *work = conn != NULL ? &works[conn - conns] : NULL;

    if (conn == NULL) {
        assert(len == strlen(no_room) && memcmp(body, no_room, len) == 0);
    } else if (work->unanswered) {
        assert(!work->runs);
        assert(len == work->expected_len && memcmp(body, work->expected, len) == 0);
        work->unanswered = false;
    } else {
        assert(len == 0 || (len == strlen(no_text) && memcmp(body, no_text, len) == 0));
    }
}

static void take_answer(struct net_conn *peer, uint8_t byte)
{
    size_t head;
    size_t len;

    assert(peer->got_len < sizeof peer->got);
    peer->got[peer->got_len++] = byte;
    if (measure(peer, &head, &len) && peer->got_len == head + len) {
        check_answer(peer, peer->got + head, len);
        peer->got_len = 0;
    }
}

/* --- the net --- */

uint32_t net_now_ms(void)
{
    return now_ms;
}

size_t net_send(struct net_conn *conn, const void *data, size_t len)
{
    size_t taken = len < conn->room ? len : conn->room;

    assert(conn->open && len > 0);
    for (size_t i = 0; i < taken; i++) {
        take_answer(conn, ((const uint8_t *)data)[i]);
    }
    conn->room -= conn->room == SIZE_MAX ? 0 : taken;
    conn->blocked = taken < len;
    return taken;
}

uint32_t net_unsent(const struct net_conn *conn)
{
    assert(conn->open);
    return 0;
}

void net_resume(struct net_conn *conn)
{
    assert(conn->open);
}

void net_close(struct net_conn *conn)
{
    assert(conn->open);
    conn->open = false;
}

void net_reset(struct net_conn *conn)
{
    net_close(conn);
}

void net_set_user(struct net_conn *conn, void *user)
{
    conn->user = user;
}

void *net_user(const struct net_conn *conn)
{
    return conn->user;
}

/* --- commands --- */

static enum dory_stream stream_of(const struct work *work, unsigned piece)
{
    return (work->seed[1] >> piece & 1) != 0 ? DORY_STDERR : DORY_STDOUT;
}

static size_t length_of(const struct work *work, unsigned piece)
{
    return (work->seed[2] + piece * 37U) % (OUTPUT / PIECES);
}

static char byte_of(unsigned piece, size_t off)
{
    return off % 7 == 6 ? '\n' : (char)('a' + (piece + off) % 26);
}

static int failure_of(const struct work *work)
{
    static const int ends[] = {DORY_OK, DORY_OK, DORY_TIMEOUT, DORY_TOO_LARGE};

    return ends[work->seed[3] % 4];
}

static void expect(struct work *work, const char *text)
{
    size_t len = strlen(text);

    assert(len < sizeof work->expected - work->expected_len);
    memcpy(work->expected + work->expected_len, text, len);
    work->expected_len += len;
}

/* What of the output, in the order in which it comes, there is room for; the pieces of one stream. */
static void expect_stream(struct work *work, enum dory_stream stream)
{
    size_t room = ram.size;

    for (unsigned piece = 0; piece < work->seed[0] % PIECES; piece++) {
        for (size_t off = 0; off < length_of(work, piece) && room > 0; off++, room--) {
            if (stream_of(work, piece) == stream) {
                work->expected[work->expected_len++] = byte_of(piece, off);
            }
        }
    }
}

static void expect_rest(struct work *work)
{
    size_t total = 0;
    char notice[64];
    bool in_line = work->expected_len > 0 && work->expected[work->expected_len - 1] != '\n';

    for (unsigned piece = 0; piece < work->seed[0] % PIECES; piece++) {
        total += length_of(work, piece);
    }
    if (in_line && (total > ram.size || failure_of(work) < 0)) {
        expect(work, "\n");
    }
    if (total > ram.size) {
        (void)snprintf(notice, sizeof notice, "[cut: %zu more bytes]\n", total - ram.size);
        expect(work, notice);
    }
    if (failure_of(work) == DORY_TIMEOUT) {
        expect(work, "dory: timeout: The command took too long, and was ended.\n");
    } else if (failure_of(work) == DORY_TOO_LARGE) {
        expect(work, "dory: too_large: The command is too long, or wrote too much and was ended.\n");
    }
}

static struct work *work_of(const struct dory_command *command)
{
    unsigned i = 0;

    while (&conns[i].command != command) {
        i++;
        assert(i < CONNS);
    }
    return &works[i];
}

static int start(void *ctx, const char *line, struct dory_command *command)
{
    struct work *work = work_of(command);
    size_t len = strlen(line);

    (void)ctx;
    assert(len > 0 && len <= PLAIN_MAX_COMMAND && strpbrk(line, "\r\n") == NULL);
    assert(dory_utf8_check(line, len));
    assert(!work->runs && !work->unanswered);
    if (line[0] == '!') {
        work->unanswered = true;
        work->expected_len = 0;
        expect(work, "dory: forbidden: No commands are allowed here.\n");
        return DORY_FORBIDDEN;
    }
    *work = (struct work){.runs = true, .unanswered = true, .delay = (unsigned)(len % 4)};
    memcpy(work->seed, line, len < sizeof work->seed ? len : sizeof work->seed);
    expect_stream(work, DORY_STDOUT);
    expect_stream(work, DORY_STDERR);
    expect_rest(work);
    return DORY_OK;
}

static int32_t output(void *ctx, struct dory_command *command, uint8_t *dst, size_t len)
{
    struct work *work = work_of(command);
    size_t given = 0;

    (void)ctx;
    assert(work->runs && len > 0 && !command->ended);
    while (work->piece < work->seed[0] % PIECES && work->off == length_of(work, work->piece)) {
        work->piece++;
        work->off = 0;
        if (work->delay > 0) {
            work->delay--;
            return 0;
        }
    }
    if (work->piece == work->seed[0] % PIECES) {
        command->ended = failure_of(work) == DORY_OK;
        return failure_of(work);
    }
    command->stream = stream_of(work, work->piece);
    for (; given < len && work->off < length_of(work, work->piece); given++) {
        dst[given] = (uint8_t)byte_of(work->piece, work->off++);
    }
    return (int32_t)given;
}

static void end(void *ctx, struct dory_command *command)
{
    (void)ctx;
    assert(work_of(command)->runs);
    work_of(command)->runs = false;
}

static const struct dory_commands commands = {.start = start, .output = output, .end = end};

/* --- steps --- */

/* A connection that came to its end is followed by a new one. */
static void open_if_gone(struct net_conn *peer)
{
    if (!peer->open) {
        *peer = (struct net_conn){.open = true, .room = SIZE_MAX};
        plain_commands_events.opened(&plain, peer, false);
        if (peer->user != NULL) {
            works[(struct plain_conn *)peer->user - conns].unanswered = false;
        }
    }
}

static void feed(struct net_conn *peer)
{
    size_t taken = 0;

    if (peer->open && peer->queued > 0) {
        taken = plain_commands_events.received(&plain, peer, peer->queue, peer->queued);
        assert(taken <= peer->queued);
        peer->queued -= taken;
        memmove(peer->queue, peer->queue + taken, peer->queued);
    }
    if (peer->open && peer->queued == 0 && peer->input_ended && !peer->told_end) {
        peer->told_end = true;
        plain_commands_events.ended(&plain, peer);
    }
}

static void arrive(struct net_conn *peer, const uint8_t *data, size_t len)
{
    open_if_gone(peer);
    if (peer->open && !peer->input_ended && len <= sizeof peer->queue - peer->queued) {
        memcpy(peer->queue + peer->queued, data, len);
        peer->queued += len;
        feed(peer);
    }
}

/* A command is the connection's: an evicted or closed one has none. */
static void tick(void)
{
    (void)plain_commands_events.tick(&plain, now_ms);
    for (unsigned i = 0; i < CONNS; i++) {
        assert(conns[i].conn != NULL || !works[i].runs);
        if (conns[i].conn == NULL) {
            works[i].unanswered = false;
        }
    }
}

static void lose(struct net_conn *peer)
{
    if (peer->open) {
        peer->open = false;
        plain_commands_events.closed(&plain, peer, "reset");
        tick();
    }
}

static void let_leave(struct net_conn *peer, size_t room)
{
    peer->room = room;
    if (peer->open && peer->blocked) {
        peer->blocked = false;
        plain_commands_events.writable(&plain, peer);
    }
}

static void settle(void)
{
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < PEERS; i++) {
            let_leave(&peers[i], SIZE_MAX);
        }
        tick();
    }
}

static void step(const uint8_t **at, const uint8_t *limit, unsigned *which)
{
    struct net_conn *peer = &peers[*which];
    uint8_t first = *(*at)++;
    unsigned number = first >> 4;
    uint8_t fill[15 * 80];
    size_t len;

    switch ((enum kind)((first & 15U) % KIND_COUNT)) {
    case KIND_BYTES:
        len = *at < limit ? *(*at)++ : 0;
        len = len < (size_t)(limit - *at) ? len : (size_t)(limit - *at);
        arrive(peer, *at, len);
        *at += len;
        break;
    case KIND_FILL:
        memset(fill, 'f', sizeof fill);
        arrive(peer, fill, number * 80);
        break;
    case KIND_TICK:
        tick();
        break;
    case KIND_CLOCK:
        now_ms += 1U << (2 * number);
        tick();
        break;
    case KIND_WRITABLE:
        let_leave(peer, number == 15 ? SIZE_MAX : (size_t)number * number);
        break;
    case KIND_END:
        peer->input_ended = peer->open;
        feed(peer);
        break;
    case KIND_LOST:
        lose(peer);
        break;
    case KIND_OTHER:
        *which = (*which + 1) % PEERS;
        break;
    case KIND_SETTLE:
        settle();
        break;
    case KIND_COUNT:
        break;
    }
}

/* The first byte: the form, the room of the spool, the size of the scratch memory. */
static void begin(uint8_t choices)
{
    static struct spool_ram_place places[CONNS];
    static uint8_t bytes[CONNS * OUTPUT];
    static uint8_t scratch[300];

    memset(peers, 0, sizeof peers);
    memset(conns, 0, sizeof conns);
    memset(works, 0, sizeof works);
    memset(places, 0, sizeof places);
    now_ms = UINT32_MAX - 1000;
    ram =
        (struct spool_ram){.places = places, .bytes = bytes, .size = (choices & 2) != 0 ? OUTPUT : (choices >> 3) * 9U};
    plain = (struct plain_commands){
        .form = (choices & 1) != 0 ? PLAIN_HEADED : PLAIN_SIZED,
        .commands = &commands,
        .spool = &spool_ram,
        .spool_ctx = &ram,
        .conns = conns,
        .conn_count = CONNS,
        .scratch = scratch,
        .scratch_len = (choices & 4) != 0 ? sizeof scratch : 1,
        .poll_ms = 10,
        .idle_ms = 120000,
        .output_ms = 30000,
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *limit = data + size;
    unsigned which = 0;

    if (size == 0) {
        return 0;
    }
    begin(*data++);
    while (data < limit) {
        step(&data, limit, &which);
    }
    settle();
    for (unsigned i = 0; i < CONNS; i++) {
        assert(conns[i].conn == NULL || (!works[i].runs && !works[i].unanswered));
    }
    if (size % 2 == 0) {
        plain_commands_end(&plain);
    }
    for (unsigned i = 0; i < PEERS; i++) {
        lose(&peers[i]);
    }
    assert(plain.active == 0);
    for (unsigned i = 0; i < CONNS; i++) {
        assert(!works[i].runs && ram.places[i].out_len + ram.places[i].err_len == 0);
    }
    return 0;
}
