/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes whole server sessions: two connections to one server over a store in memory. The input is a script of steps:
 * bytes that arrive, headers, turns, the clock, faults of the store, ends of connections.
 *
 * What must hold, whatever the script says:
 *  - every answer is well formed, and no half answer stands before an orderly close;
 *  - a session always wants something, and comes to its end when its peer hangs up;
 *  - answers come in the order of the requests; a request has at most one final answer, exactly one when everything
 *    went in order; none after `bad_header`;
 *  - the bytes of a get are of one version of the file;
 *  - after the end of the sessions nobody holds anything of the store.
 *
 * Implementation notes
 *
 * The requests whose answers are counted are made here (KIND_REQUEST), with ids that nothing else in the script has. Each
 * such put writes one letter over and over, so a mixture of versions is easy to see.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/server.h"
#include "../unit/answers.h"
#include "../unit/memory_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A step of a script: the low four bits of its first byte; the high ones are a number for it. */
enum kind {
    KIND_BYTES,   /* n, then n bytes that arrive */
    KIND_HEADER,  /* n, then n bytes of a header, whose prefix is made here */
    KIND_REQUEST, /* one of the requests below, with a body of as many bytes as it says */
    KIND_CLOCK,   /* the clock goes on by 2^(2 * number) ms */
    KIND_RUN,
    KIND_OUTPUT, /* at most so many bytes leave */
    KIND_FAULT,  /* n: the store gets another fault */
    KIND_HANG_UP,
    KIND_OTHER, /* the following steps are about the other connection */
    KIND_AGAIN, /* the connection is lost, and there is a new one */
    KIND_SETTLE,
    KIND_PARTIAL, /* what was fed so far goes no further than that: the next feed is of so many bytes at most */
    KIND_COUNT
};

/* Headers, where %llu is the id. */
static const char *const requests[16] = {
    "{\"cmd\":\"put\",\"id\":%llu,\"filename\":\"a\",\"filesize\":9}",
    "{\"cmd\":\"put\",\"id\":%llu,\"filename\":\"b\",\"filesize\":200,\"crc32\":\"00000000\"}",
    "{\"cmd\":\"put\",\"id\":%llu,\"filename\":\"a/b\",\"filesize\":3}",
    "{\"cmd\":\"put\",\"id\":%llu,\"filename\":\"a\",\"filesize\":0,\"crc32\":\"00000000\",\"resume\":true}",
    "{\"cmd\":\"put\",\"id\":%llu,\"filename\":\"..\",\"filesize\":40}",
    "{\"cmd\":\"put\",\"id\":%llu,\"filename\":\"b\",\"filesize\":70}",
    "{\"cmd\":\"get\",\"id\":%llu,\"filename\":\"a\"}",
    "{\"cmd\":\"get\",\"id\":%llu,\"filename\":\"b\",\"check\":true,\"offset\":1}",
    "{\"cmd\":\"stat\",\"id\":%llu,\"filename\":\"a\"}",
    "{\"cmd\":\"stat\",\"id\":%llu,\"filename\":\"b\",\"check\":true}",
    "{\"cmd\":\"list\",\"id\":%llu}",
    "{\"cmd\":\"delete\",\"id\":%llu,\"filename\":\"a\"}",
    "{\"cmd\":\"info\",\"id\":%llu}",
    "{\"cmd\":\"boot\",\"id\":%llu,\"mode\":\"test\",\"image\":\"x\",\"data_size\":5}",
    "{\"cmd\":\"nothing\",\"id\":%llu,\"data_size\":2}",
    "{\"cmd\":\"get\",\"id\":%llu,\"filename\":\"a\",\"offset\":-1}",
};
static const uint16_t body_sizes[16] = {9, 200, 3, 0, 40, 70, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0};

/* Ids of the requests made here; nothing else may have such. */
#define FIRST_ID 7777000000ULL
#define ID_DIGITS "77770"

#define QUEUE_ROOM 65536U
#define ROUNDS 200000U

/* Reads answers as they come. */
struct reader {
    uint8_t header[DORY_FRAME_PREFIX + DORY_MAX_ANSWER];
    size_t have;
    uint64_t body_left;
    bool is_content; /* the body is of a file */
    int letter;      /* of the file; -1: none seen */
    bool fatal;
    uint64_t last_id; /* of the last answer to a request made here */
    bool last_final;
    uint32_t finals;
};

struct peer {
    struct dory_session session;
    uint8_t *buf;
    struct reader reader;
    uint8_t queue[QUEUE_ROOM]; /* what the network holds */
    size_t queued;
    size_t fed;
    uint64_t next_id;
    uint32_t asked;
    bool orderly; /* all that was sent is requests made here */
    bool ended;   /* input */
};

struct script {
    const uint8_t *at;
    const uint8_t *end;
};

static struct memory_store store;
static struct dory_server server;
static struct peer peers[2];
static uint32_t now_ms;
static size_t feed_limit;
static bool uniform; /* every file was written here */

/* --- answers --- */

static void on_answer(struct reader *reader, const struct answer *answer)
{
    assert(!reader->fatal);
    reader->fatal = answer->status == DORY_BAD_HEADER;
    reader->body_left = answer->data_size;
    reader->is_content = answer->has_offset;
    reader->letter = -1;
    if (!answer->has_id || answer->id < FIRST_ID) {
        return;
    }
    assert(answer->id > reader->last_id || (answer->id == reader->last_id && !reader->last_final));
    reader->last_id = answer->id;
    reader->last_final = answer_is_final(answer);
    reader->finals += reader->last_final ? 1 : 0;
}

static void read_header_byte(struct reader *reader, uint8_t byte)
{
    size_t len = 0;

    reader->header[reader->have++] = byte;
    if (reader->have < DORY_FRAME_PREFIX) {
        return;
    }
    for (unsigned i = 0; i < DORY_FRAME_PREFIX; i++) {
        len |= (size_t)reader->header[i] << (8 * i);
    }
    assert(len >= DORY_MIN_HEADER && len <= DORY_MAX_ANSWER);
    if (reader->have == DORY_FRAME_PREFIX + len) {
        const struct answer answer = answer_decode(reader->header + DORY_FRAME_PREFIX, len);

        reader->have = 0;
        on_answer(reader, &answer);
    }
}

static void read_answers(struct reader *reader, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (reader->body_left == 0) {
            read_header_byte(reader, data[i]);
            continue;
        }
        assert(!reader->is_content || !uniform || reader->letter < 0 || reader->letter == data[i]);
        reader->letter = data[i];
        reader->body_left--;
    }
}

/* --- connections --- */

static unsigned wants(const struct peer *peer)
{
    unsigned wanted = dory_session_wants(&peer->session);

    assert(wanted != 0);
    return wanted;
}

static void connect_peer(struct peer *peer)
{
    size_t size = dory_session_buffer_size(&server);

    peer->buf = (uint8_t *)malloc(size);
    assert(peer->buf != NULL);
    memset(peer->buf, 0xa5, size);
    memset(&peer->session, 0xa5, sizeof peer->session);
    dory_session_begin(&peer->session, &server, now_ms);
    dory_session_lend(&peer->session, peer->buf);
    peer->reader = (struct reader){.have = 0};
    peer->queued = 0;
    peer->fed = 0;
    peer->next_id = FIRST_ID;
    peer->asked = 0;
    peer->orderly = true;
    peer->ended = false;
}

static void disconnect_peer(struct peer *peer)
{
    dory_session_end(&peer->session);
    free(peer->buf);
}

/* Takes the buffer away and lends another one when the session says that it needs none. */
static void change_buffer(struct peer *peer)
{
    size_t size = dory_session_buffer_size(&server);

    if (dory_session_rests(&peer->session)) {
        dory_session_lend(&peer->session, NULL);
        free(peer->buf);
        peer->buf = (uint8_t *)malloc(size);
        assert(peer->buf != NULL);
        memset(peer->buf, 0x5a, size);
        dory_session_lend(&peer->session, peer->buf);
    }
}

/* Feeds what is queued, in a piece that is gone afterwards. Returns whether any of it was taken. */
static bool feed(struct peer *peer)
{
    size_t len = peer->queued - peer->fed;
    uint8_t *piece;
    size_t taken;

    len = len < feed_limit ? len : feed_limit;
    if (len == 0 || (wants(peer) & DORY_WANTS_INPUT) == 0) {
        return false;
    }
    piece = (uint8_t *)malloc(len);
    assert(piece != NULL);
    memcpy(piece, peer->queue + peer->fed, len);
    taken = dory_session_feed(&peer->session, piece, len, now_ms);
    assert(taken <= len);
    free(piece);
    peer->fed += taken;
    (void)wants(peer);
    return taken > 0;
}

/* Lets at most `most` bytes leave. Returns whether any did. */
static bool send_output(struct peer *peer, size_t most)
{
    uint8_t *scratch = (uint8_t *)malloc(most);
    const uint8_t *data = NULL;
    size_t len;

    assert(scratch != NULL);
    len = dory_session_output(&peer->session, scratch, most, &data, now_ms);
    len = len < most ? len : most;
    if (len > 0) {
        read_answers(&peer->reader, data, len);
        dory_session_sent(&peer->session, data, len, now_ms);
    }
    (void)wants(peer);
    free(scratch);
    return len > 0;
}

/* One turn of whatever the session wants. Returns false when only time or the peer can help. */
static bool turn(struct peer *peer)
{
    unsigned wanted = wants(peer);
    bool moved = false;

    if ((wanted & (DORY_WANTS_TURN | DORY_WANTS_STORE)) != 0) {
        dory_session_run(&peer->session, now_ms);
        moved = (wanted & DORY_WANTS_TURN) != 0;
    }
    moved = feed(peer) || moved;
    moved = ((wants(peer) & DORY_WANTS_OUTPUT) != 0 && send_output(peer, 300)) || moved;
    change_buffer(peer);
    return moved;
}

static void settle(struct peer *peer)
{
    unsigned rounds = 0;

    while (turn(peer)) {
        rounds++;
        assert(rounds < ROUNDS);
    }
}

static bool is_over(const struct peer *peer)
{
    return (wants(peer) & (DORY_WANTS_CLOSE | DORY_WANTS_RESET)) != 0;
}

static void hang_up(struct peer *peer)
{
    if (!peer->ended && peer->fed == peer->queued) {
        dory_session_end_input(&peer->session, now_ms);
        peer->ended = true;
    }
    (void)wants(peer);
}

/* The peer sends what it still has and hangs up; the session comes to its end. */
static void finish(struct peer *peer)
{
    unsigned rounds = 0;

    while (!is_over(peer)) {
        settle(peer);
        hang_up(peer);
        now_ms += 100;
        dory_session_run(&peer->session, now_ms);
        rounds++;
        assert(rounds < ROUNDS);
    }
    if ((wants(peer) & DORY_WANTS_CLOSE) != 0) {
        assert(peer->reader.have == 0 && peer->reader.body_left == 0);
        assert(!peer->orderly || peer->reader.finals == peer->asked);
    }
}

/* --- steps --- */

static void queue(struct peer *peer, const void *data, size_t len)
{
    if (!peer->ended && len <= QUEUE_ROOM - peer->queued) {
        memcpy(peer->queue + peer->queued, data, len);
        peer->queued += len;
    }
}

static uint8_t next_byte(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

/* Bytes of the script, with their count before them. */
static size_t next_bytes(struct script *script, const uint8_t **data)
{
    size_t len = next_byte(script);

    len = len < (size_t)(script->end - script->at) ? len : (size_t)(script->end - script->at);
    *data = script->at;
    script->at += len;
    return len;
}

static void on_bytes(struct peer *peer, struct script *script, bool with_prefix)
{
    const uint8_t *data;
    size_t len = next_bytes(script, &data);
    uint8_t prefix[DORY_FRAME_PREFIX];

    peer->orderly = false;
    uniform = false;
    if (with_prefix) {
        dory_frame_prefix(prefix, (uint32_t)len);
        queue(peer, prefix, sizeof prefix);
    }
    queue(peer, data, len);
}

static void on_request(struct peer *peer, unsigned which)
{
    char header[128];
    uint8_t prefix[DORY_FRAME_PREFIX];
    uint8_t body[256];
    int len = snprintf(header, sizeof header, requests[which], (unsigned long long)(peer->next_id + 1));

    if (peer->ended || QUEUE_ROOM - peer->queued < 512) {
        return;
    }
    peer->next_id++;
    peer->asked++;
    dory_frame_prefix(prefix, (uint32_t)len);
    queue(peer, prefix, sizeof prefix);
    queue(peer, header, (size_t)len);
    memset(body, (int)('A' + peer->next_id % 26), sizeof body);
    queue(peer, body, body_sizes[which]);
}

static void on_fault(unsigned which, unsigned n)
{
    static const int failures[] = {DORY_NO_SPACE, DORY_IO_ERROR, DORY_CHANGED, DORY_BUSY};
    struct memory_faults *faults = &store.faults;
    int failure = failures[n % 4];

    switch (which) {
    case 0:
        *faults = (struct memory_faults){.open = 0};
        break;
    case 1:
        faults->write = failure;
        faults->write_bytes = store.written + n;
        break;
    case 2:
        faults->read = failure;
        faults->read_from = n / 4;
        break;
    case 3:
        faults->reread = DORY_IO_ERROR;
        faults->reread_from = n;
        break;
    case 4:
        faults->commit = failure;
        break;
    case 5:
        faults->commit_polls = n % 32;
        break;
    case 6:
        faults->later_every = n % 8;
        break;
    case 7:
        faults->piece = n;
        break;
    case 8:
        faults->open = failure;
        break;
    case 9:
        faults->put = failure;
        break;
    case 10:
        faults->remove = failure;
        break;
    case 11:
        faults->list = failure;
        break;
    case 12:
        faults->next = failure;
        break;
    case 13:
        faults->room = failure;
        break;
    case 14:
        store.max_writers = 1 + n % MEMORY_WRITERS;
        break;
    default:
        store.capacity = n * 16U;
        break;
    }
}

/* Steps that take a byte of the clock may make a peer late, whose requests are then not all answered. */
static void pass_time(unsigned number)
{
    now_ms += 1U << (2 * number);
    peers[0].orderly = peers[0].orderly && number < 5;
    peers[1].orderly = peers[1].orderly && number < 5;
}

static void step(struct script *script, struct peer **peer)
{
    uint8_t first = next_byte(script);
    unsigned number = first >> 4;

    switch ((enum kind)((first & 15U) % KIND_COUNT)) {
    case KIND_BYTES:
        on_bytes(*peer, script, false);
        break;
    case KIND_HEADER:
        on_bytes(*peer, script, true);
        break;
    case KIND_REQUEST:
        on_request(*peer, number);
        break;
    case KIND_CLOCK:
        pass_time(number);
        break;
    case KIND_RUN:
        dory_session_run(&(*peer)->session, now_ms);
        break;
    case KIND_OUTPUT:
        (void)send_output(*peer, 1 + number * number);
        break;
    case KIND_FAULT:
        on_fault(number, next_byte(script));
        break;
    case KIND_HANG_UP:
        hang_up(*peer);
        break;
    case KIND_OTHER:
        *peer = *peer == &peers[0] ? &peers[1] : &peers[0];
        break;
    case KIND_AGAIN:
        disconnect_peer(*peer);
        connect_peer(*peer);
        break;
    case KIND_SETTLE:
        settle(*peer);
        break;
    case KIND_PARTIAL:
        feed_limit = number == 0 ? SIZE_MAX : number;
        break;
    case KIND_COUNT:
        break;
    }
    (void)feed(*peer);
    (void)wants(*peer);
    (void)dory_session_evictable_ms(&(*peer)->session, now_ms);
    change_buffer(*peer);
}

static void refused(void *ctx, const char *name, enum dory_status status)
{
    (void)ctx;
    assert(strlen(name) <= DORY_MAX_NAME && status < 0);
}

/* Later and failures are those of the store's commits. */
static int boot(void *ctx, enum dory_boot_mode mode, const char *image)
{
    (void)ctx;
    assert(mode == DORY_BOOT_TEST || mode == DORY_BOOT_PERMANENT || mode == DORY_BOOT_CONFIRM);
    assert(dory_utf8_check(image, strlen(image)));
    return memory_is_later(&store) ? DORY_MORE : store.faults.commit;
}

static const struct dory_firmware firmware = {.boot = boot};
static const struct dory_running running = {
    .image = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    .boot_id = "0123456789abcdef",
    .slot = "fallback",
};

static void begin(uint8_t choices)
{
    memory_begin(&store);
    store.hides = (choices & 16U) != 0;
    server = (struct dory_server){
        .store = &memory_functions,
        .store_ctx = &store,
        .boots = (choices & 8U) != 0 ? &firmware : NULL,
        .running = &running,
        .crc32 = dory_crc32,
        .name = "fuzz",
        .board = "none",
        .firmware = "",
        .sessions = 2,
        .max_header = (choices & 1U) != 0 ? 2 * DORY_MAX_NAME + 128 : 4096,
        .max_name = DORY_MAX_NAME,
        .limits = DORY_LIMITS,
        .refused = (choices & 2U) != 0 ? refused : NULL,
    };
    now_ms = (choices & 4U) != 0 ? 0xfffff000U : 0;
    feed_limit = SIZE_MAX;
    uniform = true;
    dory_server_begin(&server, now_ms);
    connect_peer(&peers[0]);
    connect_peer(&peers[1]);
}

static bool contains(const uint8_t *data, size_t size, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i + len <= size; i++) {
        if (memcmp(data + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + size};
    struct peer *peer = &peers[0];

    if (contains(data, size, ID_DIGITS)) {
        return 0;
    }
    begin(next_byte(&script));
    while (script.at < script.end) {
        step(&script, &peer);
    }
    store.faults.later_every = 0;
    finish(&peers[0]);
    finish(&peers[1]);
    disconnect_peer(&peers[0]);
    disconnect_peer(&peers[1]);
    assert(memory_is_quiet(&store));
    return 0;
}
