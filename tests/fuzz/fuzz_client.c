/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes a client session, whatever a server says to it. The input is a script of steps: calls that are started, bytes
 * and answers that arrive, output that leaves, faults of the caller's files.
 *
 * What must hold, whatever the script says:
 *  - each call ends once, in the order in which they were started, and has a final answer unless a fault says why not;
 *  - what leaves is the requests in that order, each put with the bytes of its file from where the server said on;
 *  - files are read and written within their bounds only;
 *  - a get that is a success brought as many bytes as it said, with the CRC-32 that it said; a put, sent all of its; a
 *    run, has an exit status, and all its output is of one of two streams;
 *  - after a fault nothing is sent or understood any more.
 *
 * Implementation notes
 *
 * Ids count from 1, so a call's id tells its place in `calls`. Every file has the same bytes, letters in a circle; one is
 * larger than what is still sent of a refused put, but its bytes are counted only, as with sendfile().
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/client.h"
#include "../../core/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A step of a script: the low four bits of its first byte; the high ones are a number for it. */
enum kind {
    KIND_CALL,   /* one of the calls below */
    KIND_BYTES,  /* n, then n bytes that arrive */
    KIND_ANSWER, /* n, then n bytes of an answer's header, whose prefix is made here */
    KIND_REPLY,  /* one of the answers below, to the first call that has no end */
    KIND_SEND,   /* what there is, of a body that is the caller's at most 2^number bytes */
    KIND_WORK,   /* with room for so many bytes, and one */
    KIND_FAULT,  /* n: of the caller's */
    KIND_FOLLOW, /* the end of a call starts this one */
    KIND_LIMIT,  /* at most so many bytes are fed at once; 0: all */
    KIND_SETTLE,
    KIND_COUNT
};

#define SMALL 11U
#define LARGE (3U * DORY_MAX_REST)

static const struct dory_call templates[16] = {
    {.command = DORY_INFO},
    {.command = DORY_PUT, .name = "a", .filesize = SMALL, .crc32 = 0xce570f9f, .has_crc32 = true},
    {.command = DORY_PUT, .name = "a", .filesize = SMALL},
    {.command = DORY_PUT, .name = "a", .filesize = 0},
    {.command = DORY_PUT, .name = "a", .filesize = SMALL, .has_crc32 = true, .resume = true},
    {.command = DORY_PUT, .name = "a", .filesize = SMALL, .has_crc32 = true, .resume = true, .body_by_caller = true},
    {.command = DORY_PUT, .name = "a", .filesize = LARGE, .body_by_caller = true},
    {.command = DORY_PUT, .name = "a", .filesize = LARGE, .has_crc32 = true, .resume = true, .body_by_caller = true},
    {.command = DORY_GET, .name = "a", .check = true},
    {.command = DORY_GET, .name = "a", .if_version = "v", .offset = 2},
    {.command = DORY_GET, .name = "a", .length = 3, .check = true},
    {.command = DORY_STAT, .name = "a"},
    {.command = DORY_STAT, .name = "a", .check = true},
    {.command = DORY_LIST},
    {.command = DORY_RUN, .name = "say \"a\""},
    {.command = DORY_DELETE, .name = "a"},
};

/* Headers of answers, where %llu is the id. */
static const char *const replies[16] = {
    "{\"id\":%llu,\"status\":\"ok\",\"data_size\":0,\"exit\":3}",
    "{\"id\":%llu,\"status\":\"ok\",\"data_size\":0,\"filesize\":5,\"version\":\"v\",\"crc32\":\"19f85109\"}",
    "{\"id\":%llu,\"status\":\"ok\",\"data_size\":0,\"crc32\":\"19f85109\"}",
    "{\"id\":%llu,\"status\":\"more\",\"data_size\":5,\"filesize\":5,\"offset\":0,\"stream\":1}",
    "{\"id\":%llu,\"status\":\"more\",\"data_size\":3,\"filesize\":5,\"offset\":2,\"version\":\"v\"}",
    "{\"id\":%llu,\"status\":\"more\",\"data_size\":3,\"filesize\":5,\"offset\":0}",
    "{\"id\":%llu,\"status\":\"more\",\"data_size\":2,\"stream\":2}",
    "{\"id\":%llu,\"status\":\"more\",\"data_size\":0}",
    "{\"id\":%llu,\"status\":\"continue\",\"data_size\":0,\"offset\":0,\"prefix_crc32\":\"00000000\"}",
    "{\"id\":%llu,\"status\":\"continue\",\"data_size\":0,\"offset\":4,\"prefix_crc32\":\"ed82cd11\"}",
    "{\"id\":%llu,\"status\":\"continue\",\"data_size\":0,\"offset\":11,\"prefix_crc32\":\"ce570f9f\"}",
    "{\"id\":%llu,\"status\":\"no_space\",\"data_size\":1,\"message\":\"full\"}",
    "{\"id\":%llu,\"status\":\"on_fire\",\"data_size\":0}",
    "{\"i\":%llu,\"status\":\"busy\",\"data_size\":0}",
    "{\"i\":%llu,\"status\":\"bad_header\",\"data_size\":0}",
    "{\"i\":%llu,\"status\":\"ok\",\"data_size\":0}",
};
static const uint8_t body_sizes[16] = {[3] = 5, [4] = 3, [5] = 3, [6] = 2, [11] = 1};

#define CALLS 24U
#define QUEUE_ROOM 65536U
#define ROUNDS 20000U

/* Reads requests as they leave. */
struct reader {
    struct dory_frame frame;
    char header[DORY_MAX_REQUEST];
    size_t asked; /* requests so far */
    uint64_t body_at;
    uint64_t body_left;
    uint32_t prefix_crc32; /* what the server says of the bytes before the body */
    bool trusted;          /* that was compared, or there is nothing to compare */
};

struct faults {
    unsigned read;        /* 1: fails */
    unsigned read_later;  /* every so many reads; 0: never */
    unsigned write;       /* 1: fails */
    unsigned write_later; /* every so many writes; 0: never */
    unsigned piece;       /* so many bytes are read or written at most; 0: all */
    bool body;            /* of the caller's fails */
};

struct script {
    const uint8_t *at;
    const uint8_t *end;
};

struct request {
    uint64_t id;
    uint64_t filesize;
    bool resume;
};

static struct dory_client client;
static struct dory_tokens tokens;
static char *answer_header;
static struct dory_call calls[CALLS];
static uint32_t written_crc32[CALLS];
static uint64_t written[CALLS];
static size_t started;
static size_t ended;
static unsigned follow; /* the template of the call that the end of one starts; 0: none */
static bool ending;
static struct reader reader;
static struct faults faults;
static unsigned reads;
static unsigned writes;
static uint8_t queue[QUEUE_ROOM]; /* what the network holds */
static size_t queued;
static size_t fed;
static size_t feed_limit;

static void start(unsigned which);

/* --- files --- */

static uint8_t letter(uint64_t off)
{
    return (uint8_t)('a' + off % 26);
}

static size_t least(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

static bool is_due(unsigned every, unsigned *count)
{
    return every > 0 && (*count)++ % every == 0;
}

static int32_t on_read(void *ctx, struct dory_call *call, uint64_t off, uint8_t *dst, size_t len)
{
    (void)ctx;
    assert(call->command == DORY_PUT && len > 0 && off < call->filesize && len <= call->filesize - off);
    if (faults.read != 0) {
        return -1;
    }
    if (is_due(faults.read_later, &reads)) {
        return 0;
    }
    len = faults.piece > 0 ? least(len, faults.piece) : len;
    for (size_t i = 0; i < len; i++) {
        dst[i] = letter(off + i);
    }
    return (int32_t)len;
}

/* All but the last two bytes, of a file that is small. */
static uint64_t on_known(void *ctx, struct dory_call *call, uint64_t off, uint32_t *crc32)
{
    uint8_t beginning[SMALL];

    (void)ctx;
    assert(call->resume && off < call->filesize);
    if (off < 2 || off > sizeof beginning) {
        return 0;
    }
    for (size_t i = 0; i < off; i++) {
        beginning[i] = letter(i);
    }
    *crc32 = dory_crc32(0, beginning, (size_t)off - 2);
    return off - 2;
}

/* Bytes that a get is to bring, once filesize is known. */
static uint64_t wanted(const struct dory_call *call)
{
    uint64_t whole = call->filesize - call->offset;

    return call->length > 0 && call->length < whole ? call->length : whole;
}

static int32_t on_write(void *ctx, struct dory_call *call, const uint8_t *data, size_t len)
{
    (void)ctx;
    assert(len > 0 && (call->command != DORY_GET || len <= wanted(call) - call->received));
    assert(call->command != DORY_RUN || call->stream == 1 || call->stream == 2);
    if (faults.write != 0) {
        return -1;
    }
    if (is_due(faults.write_later, &writes)) {
        return 0;
    }
    len = faults.piece > 0 ? least(len, faults.piece) : len;
    written[call - calls] += len;
    written_crc32[call - calls] = dory_crc32(written_crc32[call - calls], data, len);
    return (int32_t)len;
}

/* --- calls --- */

static void check_text(const struct dory_answer *answer, enum dory_answer_field field, struct dory_text text)
{
    assert(!dory_answer_has(answer, field) || text.ptr[text.len] == '\0');
}

static void check_answer(const struct dory_answer *answer)
{
    assert(dory_answer_has(answer, DORY_ANSWER_STATUS) && dory_answer_has(answer, DORY_ANSWER_DATA_SIZE));
    check_text(answer, DORY_ANSWER_STATUS, answer->status_name);
    check_text(answer, DORY_ANSWER_MESSAGE, answer->message);
    check_text(answer, DORY_ANSWER_VERSION, answer->version);
    check_text(answer, DORY_ANSWER_NAME, answer->name);
    check_text(answer, DORY_ANSWER_SERVER, answer->server);
    check_text(answer, DORY_ANSWER_BOARD, answer->board);
    check_text(answer, DORY_ANSWER_FIRMWARE, answer->firmware);
}

static void on_part(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    (void)ctx;
    assert(call == &calls[ended] && answer->id == call->id);
    check_answer(answer);
    if (answer->status == DORY_CONTINUE) {
        assert(call->resume && answer->offset <= call->filesize && reader.body_left == 0);
        reader.body_at = answer->offset;
        reader.body_left = call->filesize - answer->offset;
        reader.prefix_crc32 = answer->prefix_crc32;
        reader.trusted = false;
    }
}

static void check_success(const struct dory_call *call, const struct dory_answer *answer)
{
    size_t which = (size_t)(call - calls);

    assert(call->phase == DORY_CALL_SENT && call->received == written[which]);
    if (call->command == DORY_GET) {
        assert(call->received == wanted(call));
        assert(!call->check || answer->crc32 == written_crc32[which]);
    } else if (call->command == DORY_RUN) {
        assert(dory_answer_has(answer, DORY_ANSWER_EXIT) && answer->exit == call->exit);
    }
}

static void on_done(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    bool answered = call->fault == DORY_FAULT_NONE || call->fault == DORY_FAULT_MISMATCH;

    (void)ctx;
    assert(ended < started && call == &calls[ended]);
    ended++;
    assert((answer != NULL) == (answered || call->fault == DORY_FAULT_BAD_HEADER));
    if (answer != NULL) {
        check_answer(answer);
    }
    if (answered) {
        assert(answer->id == call->id && answer->status != DORY_MORE && answer->status != DORY_CONTINUE);
    }
    if (call->fault == DORY_FAULT_NONE && call->status == DORY_OK) {
        check_success(call, answer);
    }
    if (follow != 0 && !ending) {
        start(follow);
    }
}

static void start(unsigned which)
{
    static const struct dory_call_events events = {on_read, on_known, on_write, on_part, on_done};

    if (started < CALLS) {
        calls[started] = templates[which];
        calls[started].events = &events;
        written[started] = 0;
        written_crc32[started] = 0;
        dory_client_start(&client, &calls[started]);
        started++;
    }
}

/* --- what leaves --- */

static void on_request(void)
{
    static const struct dory_field fields[] = {
        {DORY_FIELD_NUMBER, offsetof(struct request, id)},
        {DORY_FIELD_NUMBER, offsetof(struct request, filesize)},
        {DORY_FIELD_BOOL, offsetof(struct request, resume)},
    };
    static const struct dory_fields known = {"id\0filesize\0resume\0", fields};
    static struct dory_tokens request_tokens;
    struct request request = {.id = 0};
    struct dory_found found;
    int result = dory_header_decode(reader.header, reader.frame.header_len, &request_tokens, &known, &request, &found);
    const struct dory_call *call = &calls[reader.asked];

    assert(result == DORY_OK && found.wrong == 0);
    assert(reader.asked < started && request.id == reader.asked + 1);
    reader.asked++;
    dory_frame_reset(&reader.frame);
    if (call->command == DORY_PUT) {
        assert(request.filesize == call->filesize && request.resume == call->resume);
        reader.body_at = 0;
        reader.body_left = request.resume ? 0 : request.filesize;
        reader.trusted = true;
    }
}

/* A put goes on only behind a beginning that is ours. */
static void check_beginning(void)
{
    uint32_t crc32 = 0;

    if (!reader.trusted) {
        for (uint64_t off = 0; off < reader.body_at; off++) {
            uint8_t byte = letter(off);

            crc32 = dory_crc32(crc32, &byte, 1);
        }
        assert(crc32 == reader.prefix_crc32);
        reader.trusted = true;
    }
}

/* Takes bytes of a request's header. Returns how many. */
static size_t read_header(const uint8_t *data, size_t len)
{
    uint32_t before = reader.frame.have;
    int result = dory_frame_feed(&reader.frame, reader.header, sizeof reader.header, data, len);
    size_t taken = reader.frame.have - before;

    if (result == DORY_OK) {
        on_request();
    } else {
        assert(result == DORY_MORE && taken == len);
    }
    return taken;
}

static void read_requests(const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (at < len) {
        if (reader.body_left > 0) {
            check_beginning();
            assert(data[at] == letter(reader.body_at));
            at++;
            reader.body_at++;
            reader.body_left--;
        } else {
            at += read_header(data + at, len - at);
        }
    }
}

/* Sends of a body that is the caller's. Returns whether there was one. */
static bool send_body(uint64_t most)
{
    struct dory_call *call = NULL;
    uint64_t off = 0;
    uint64_t len = dory_client_body(&client, &call, &off);

    if (len == 0) {
        return false;
    }
    assert(client.fault == DORY_FAULT_NONE && call->body_by_caller && off + len == call->filesize);
    assert(off == reader.body_at && len == reader.body_left);
    check_beginning();
    if (faults.body) {
        dory_client_body_failed(&client);
        return true;
    }
    len = least(len, most);
    reader.body_at += len;
    reader.body_left -= len;
    dory_client_body_sent(&client, len);
    return true;
}

/* Returns whether anything left. */
static bool send_some(uint64_t most)
{
    uint8_t *buf;
    size_t len;
    bool over = client.fault != DORY_FAULT_NONE;

    if (send_body(most)) {
        return true;
    }
    buf = (uint8_t *)malloc(DORY_MAX_REQUEST);
    assert(buf != NULL);
    len = dory_client_output(&client, buf, DORY_MAX_REQUEST);
    assert(len <= DORY_MAX_REQUEST && (len == 0 || !over));
    read_requests(buf, len);
    free(buf);
    return len > 0;
}

static bool work(size_t size)
{
    uint8_t *scratch = (uint8_t *)malloc(size);
    bool more;

    assert(scratch != NULL);
    more = dory_client_work(&client, scratch, size);
    free(scratch);
    return more;
}

/* --- what arrives --- */

static void arrive(const void *data, size_t len)
{
    if (len <= QUEUE_ROOM - queued) {
        memcpy(queue + queued, data, len);
        queued += len;
    }
}

static void answer_arrives(const void *header, size_t len)
{
    uint8_t prefix[DORY_FRAME_PREFIX];

    dory_frame_prefix(prefix, (uint32_t)len);
    arrive(prefix, sizeof prefix);
    arrive(header, len);
}

static void reply_arrives(unsigned which)
{
    char header[128];
    int len = snprintf(header, sizeof header, replies[which], (unsigned long long)(ended + 1));

    assert(len > 0 && (size_t)len < sizeof header);
    answer_arrives(header, (size_t)len);
    arrive("AAAAA", body_sizes[which]);
}

/* Feeds what is queued, in a piece that is gone afterwards. Returns whether any of it was taken. */
static bool feed(void)
{
    size_t len = least(queued - fed, feed_limit);
    uint8_t *piece;
    size_t taken;

    if (len == 0) {
        return false;
    }
    piece = (uint8_t *)malloc(len);
    assert(piece != NULL);
    memcpy(piece, queue + fed, len);
    taken = dory_client_feed(&client, piece, len);
    assert(taken <= len && (taken == len || client.fault == DORY_FAULT_NONE));
    free(piece);
    fed += taken;
    return taken > 0;
}

/* --- steps --- */

static uint8_t next_byte(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

/* Bytes of the script, with their count before them. */
static size_t next_bytes(struct script *script, const uint8_t **data)
{
    size_t len = next_byte(script);

    len = least(len, (uint64_t)(script->end - script->at));
    *data = script->at;
    script->at += len;
    return len;
}

static void on_fault(unsigned which, unsigned n)
{
    switch (which % 6) {
    case 0:
        faults = (struct faults){.read = 0};
        break;
    case 1:
        faults.read = n % 2;
        faults.body = n % 3 == 1;
        break;
    case 2:
        faults.read_later = n == 1 ? 0 : n;
        break;
    case 3:
        faults.write = n % 2;
        break;
    case 4:
        faults.write_later = n == 1 ? 0 : n;
        break;
    default:
        faults.piece = n;
        break;
    }
}

/* Until nothing moves; what may be put off is put off at most every other time. */
static void settle(void)
{
    unsigned rounds = 0;

    for (unsigned idle = 0; idle < 2; idle++) {
        while (work(4096) || send_some(UINT64_MAX) || feed()) {
            idle = 0;
            rounds++;
            assert(rounds < ROUNDS);
        }
    }
}

static void step(struct script *script)
{
    uint8_t first = next_byte(script);
    unsigned number = first >> 4;
    const uint8_t *data;
    size_t len;

    switch ((enum kind)((first & 15U) % KIND_COUNT)) {
    case KIND_CALL:
        start(number);
        break;
    case KIND_BYTES:
        len = next_bytes(script, &data);
        arrive(data, len);
        break;
    case KIND_ANSWER:
        len = next_bytes(script, &data);
        answer_arrives(data, len);
        break;
    case KIND_REPLY:
        reply_arrives(number);
        break;
    case KIND_SEND:
        (void)send_some(UINT64_C(1) << number);
        break;
    case KIND_WORK:
        (void)work(number + 1);
        break;
    case KIND_FAULT:
        on_fault(number, next_byte(script));
        break;
    case KIND_FOLLOW:
        follow = number;
        break;
    case KIND_LIMIT:
        feed_limit = number == 0 ? SIZE_MAX : number;
        break;
    case KIND_SETTLE:
        settle();
        break;
    case KIND_COUNT:
        break;
    }
    (void)feed();
}

static void begin(void)
{
    const struct dory_client_options options = {
        .header = (char *)malloc(DORY_MAX_ANSWER),
        .header_size = DORY_MAX_ANSWER,
        .tokens = &tokens,
        .crc32 = dory_crc32,
    };

    assert(options.header != NULL);
    answer_header = options.header;
    memset(&client, 0xa5, sizeof client);
    dory_client_init(&client, &options);
    started = 0;
    ended = 0;
    follow = 0;
    ending = false;
    reader = (struct reader){.asked = 0};
    faults = (struct faults){.read = 0};
    reads = 0;
    writes = 0;
    queued = 0;
    fed = 0;
    feed_limit = SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + size};

    begin();
    while (script.at < script.end) {
        step(&script);
    }
    settle();
    if (client.fault == DORY_FAULT_NONE && dory_client_sent_all(&client)) {
        assert(reader.asked == started && reader.body_left == 0 && reader.frame.have == 0);
    }
    ending = true;
    dory_client_end(&client);
    assert(ended == started && client.fault != DORY_FAULT_NONE);
    free(answer_header);
    return 0;
}
