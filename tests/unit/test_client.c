/* SPDX-License-Identifier: MIT */
/*
 * The client session against transcripts. Each is played whole, byte by byte, and split at every position, and must
 * come to the same end each time.
 *
 * A transcript is text: an answer a line, `{header}` or `{header}|data`. In data, `~` stands for a newline. The lengths
 * ahead of the headers are put in here. What came as a command's standard error is noted in capitals.
 */
#include "unit.h"

#include <ctype.h>
#include <stdlib.h>

#include "../../core/client.h"
#include "../../core/commands.h"

#define STREAM_SIZE 16384U
#define CALLS 4U

struct test_call {
    struct dory_call call;
    struct world *world;
    const char *file;  /* what put sends */
    const char *known; /* a beginning whose CRC-32 is known */
    bool read_fails;   /* at the second half of the file */
    bool read_dawdles; /* says "later" every other time */
    bool write_fails;
    size_t write_piece;     /* takes so many bytes at most; 0: all */
    struct test_call *then; /* is started by done() */
    size_t data_len;
    char data[512];
};

struct world {
    struct dory_client client;
    struct test_call calls[CALLS];
    char log[4096];
    size_t sent_len;
    uint8_t sent[STREAM_SIZE];
    size_t out_size; /* of the buffer for dory_client_output() */
    unsigned turn;
};

/* How to play a transcript. */
struct way {
    size_t split; /* the first piece ends here */
    size_t piece; /* the others are so long */
    size_t out_size;
};

struct play {
    void (*start)(struct world *world);
    const char *in[4]; /* what arrives; between two of them, what there is to send is sent */
    const char *sent;  /* in the form of a transcript, too; NULL: not looked at */
    const char *log;
    enum dory_fault fault; /* of the client, before dory_client_end() */
};

static struct dory_tokens tokens;

/* ---- Transcripts ---- */

/* Appends the messages of `text` to `stream`. Returns its new length. */
static size_t write_stream(uint8_t *stream, size_t len, const char *text)
{
    while (*text != '\0') {
        size_t line_len = strcspn(text, "\n");
        size_t header_len = strcspn(text, "|\n");

        assert_true(len + line_len + DORY_FRAME_PREFIX < STREAM_SIZE);
        dory_frame_prefix(stream + len, (uint32_t)header_len);
        len += DORY_FRAME_PREFIX;
        memcpy(stream + len, text, header_len);
        len += header_len;
        for (size_t i = header_len + 1; i < line_len; i++) {
            stream[len++] = (uint8_t)(text[i] == '~' ? '\n' : text[i]);
        }
        text += line_len + (text[line_len] == '\n');
    }
    return len;
}

/* ---- Events ---- */

__attribute__((format(printf, 2, 3))) static void note(struct world *world, const char *format, ...)
{
    size_t len = strlen(world->log);
    va_list args;

    va_start(args, format);
    vsnprintf(world->log + len, sizeof world->log - len, format, args);
    va_end(args);
}

static int32_t on_read(void *ctx, struct dory_call *call, uint64_t off, uint8_t *dst, size_t len)
{
    const struct test_call *test = (const struct test_call *)call;
    size_t file_len = (size_t)call->filesize;

    (void)ctx;
    assert_true(len > 0 && off < file_len && len <= file_len - off);
    if (test->read_dawdles && test->world->turn++ % 2 == 0) {
        return 0;
    }
    if (test->read_fails && off + len > file_len / 2) {
        return -1;
    }
    memcpy(dst, test->file + off, len);
    return (int32_t)len;
}

static uint64_t on_known(void *ctx, struct dory_call *call, uint64_t off, uint32_t *crc32)
{
    const struct test_call *test = (const struct test_call *)call;
    size_t known_len = test->known != NULL ? strlen(test->known) : 0;

    (void)ctx;
    if (known_len == 0 || known_len > off) {
        return 0;
    }
    *crc32 = dory_crc32(0, test->known, known_len);
    return known_len;
}

static int32_t on_write(void *ctx, struct dory_call *call, const uint8_t *data, size_t len)
{
    struct test_call *test = (struct test_call *)call;

    (void)ctx;
    assert_true(len > 0);
    if (test->write_fails) {
        return -1;
    }
    if (test->write_piece > 0) {
        if (test->world->turn++ % 2 == 0) {
            return 0;
        }
        len = len < test->write_piece ? len : test->write_piece;
    }
    assert_true(test->data_len + len < sizeof test->data);
    for (size_t i = 0; i < len; i++) {
        test->data[test->data_len + i] = (char)(call->stream == 2 ? toupper(data[i]) : data[i]);
    }
    test->data_len += len;
    return (int32_t)len;
}

static void on_part(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    struct test_call *test = (struct test_call *)call;

    (void)ctx;
    note(test->world, "%u %s\n", (unsigned)call->id, dory_status_name(answer->status));
}

static const char *fault_name(enum dory_fault fault)
{
    static const char *const names[] = {
        "none", "lost", "busy", "bad_header", "protocol", "mismatch", "other_beginning", "local", "abandoned"};

    return names[-fault];
}

static void on_done(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    struct test_call *test = (struct test_call *)call;
    struct world *world = test->world;

    (void)ctx;
    if (call->fault != DORY_FAULT_NONE) {
        note(world, "%u done: fault %s", (unsigned)call->id, fault_name(call->fault));
    } else {
        assert_non_null(answer);
        note(world, "%u done: %.*s", (unsigned)call->id, (int)answer->status_name.len, answer->status_name.ptr);
        assert_int_equal(call->status, answer->status);
    }
    if (call->command == DORY_RUN && call->fault == DORY_FAULT_NONE && call->status == DORY_OK) {
        note(world, " exit %u", call->exit);
    }
    if (answer != NULL && dory_answer_has(answer, DORY_ANSWER_MESSAGE)) {
        note(world, " '%s'", answer->message.ptr);
    }
    if (test->data_len > 0) {
        test->data[test->data_len] = '\0';
        note(world, " [%s]", test->data);
        if (call->fault == DORY_FAULT_NONE) {
            assert_int_equal(call->received, test->data_len);
        }
    }
    note(world, "\n");
    if (test->then != NULL) {
        dory_client_start(&world->client, &test->then->call);
        test->then = NULL;
    }
}

static const struct dory_call_events events = {on_read, on_known, on_write, on_part, on_done};
static const struct dory_call_events few_events = {.read = on_read, .done = on_done};

static struct test_call *begin(struct world *world, enum dory_call_command command, const char *name)
{
    struct test_call *test = world->calls;

    while (test->world != NULL) {
        test++;
        assert_true(test < world->calls + CALLS);
    }
    test->world = world;
    test->call = (struct dory_call){.command = command, .events = &events, .name = name};
    return test;
}

static struct test_call *start(struct world *world, enum dory_call_command command, const char *name)
{
    struct test_call *test = begin(world, command, name);

    dory_client_start(&world->client, &test->call);
    return test;
}

static struct test_call *begin_put(struct world *world, const char *name, const char *file)
{
    struct test_call *test = begin(world, DORY_PUT, name);

    test->file = file;
    test->call.filesize = strlen(file);
    test->call.crc32 = dory_crc32(0, file, strlen(file));
    test->call.has_crc32 = true;
    return test;
}

static struct test_call *start_put(struct world *world, const char *name, const char *file)
{
    struct test_call *test = begin_put(world, name, file);

    dory_client_start(&world->client, &test->call);
    return test;
}

static struct test_call *start_resume(struct world *world, const char *name, const char *file)
{
    struct test_call *test = begin_put(world, name, file);

    test->call.resume = true;
    dory_client_start(&world->client, &test->call);
    return test;
}

static struct test_call *start_get(struct world *world, const char *name)
{
    struct test_call *test = begin(world, DORY_GET, name);

    test->call.check = true;
    dory_client_start(&world->client, &test->call);
    return test;
}

/* ---- Playing ---- */

static void record(struct world *world, const void *data, size_t len)
{
    assert_true(len <= STREAM_SIZE - world->sent_len);
    memcpy(world->sent + world->sent_len, data, len);
    world->sent_len += len;
}

/* Sends up to three bytes of a body that is the caller's. Returns whether it did. */
static bool send_body(struct world *world)
{
    struct dory_call *call;
    uint64_t off;
    uint64_t left = dory_client_body(&world->client, &call, &off);
    size_t len = left < 3 ? (size_t)left : 3;

    if (left == 0) {
        return false;
    }
    record(world, ((struct test_call *)call)->file + off, len);
    dory_client_body_sent(&world->client, len);
    return true;
}

/* Sends all there is to send. */
static void send_all(struct world *world)
{
    unsigned idle = 0;

    while (idle < 3) {
        uint8_t scratch[7];
        uint8_t *out = guard_copy("", 0);
        size_t len;
        bool worked = dory_client_work(&world->client, scratch, sizeof scratch);

        out -= world->out_size;
        len = dory_client_output(&world->client, out, world->out_size);
        assert_true(len <= world->out_size);
        record(world, out, len);
        idle = len > 0 || worked || send_body(world) ? 0 : idle + 1;
    }
}

static void feed_piece(struct world *world, const uint8_t *data, size_t len)
{
    unsigned idle = 0;

    while (len > 0 && idle < 3) {
        size_t taken = dory_client_feed(&world->client, guard_copy(data, len), len);

        assert_true(taken <= len);
        data += taken;
        len -= taken;
        idle = taken == 0 ? idle + 1 : 0;
    }
    assert_int_equal(len, 0);
}

/* Feeds one segment, cut as the way says; `at` is where in the whole it begins. */
static void feed(struct world *world, const uint8_t *data, size_t len, size_t at, const struct way *way)
{
    size_t done = 0;

    while (done < len) {
        size_t piece = at + done < way->split ? way->split - at - done : way->piece;

        piece = piece < len - done ? piece : len - done;
        feed_piece(world, data + done, piece);
        done += piece;
    }
}

static void init(struct world *world)
{
    static char *end;
    struct dory_client_options options = {.header_size = DORY_MAX_ANSWER, .tokens = &tokens, .crc32 = dory_crc32};

    end = end != NULL ? end : (char *)guard_make(DORY_MAX_ANSWER);
    options.header = end - DORY_MAX_ANSWER;
    memset(world, 0, sizeof *world);
    dory_client_init(&world->client, &options);
}

static void play_one(const struct play *play, struct world *world, const struct way *way)
{
    uint8_t stream[STREAM_SIZE];
    size_t at = 0;

    init(world);
    world->out_size = way->out_size;
    play->start(world);
    send_all(world);
    for (size_t i = 0; i < COUNT_OF(play->in) && play->in[i] != NULL; i++) {
        size_t len = write_stream(stream, 0, play->in[i]);

        feed(world, stream, len, at, way);
        at += len;
        send_all(world);
    }
    assert_string_equal(fault_name(world->client.fault), fault_name(play->fault));
    dory_client_end(&world->client);
    assert_null(world->client.first);
    assert_string_equal(world->log, play->log);
}

static void check_sent(const struct world *world, const char *text)
{
    uint8_t expected[STREAM_SIZE];
    size_t len = write_stream(expected, 0, text);

    assert_memory_equal(world->sent, expected, world->sent_len < len ? world->sent_len : len);
    assert_int_equal(world->sent_len, len);
}

/* Plays in every way. */
static void check(const struct play *play)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];
    size_t len = 0;

    for (size_t i = 0; i < COUNT_OF(play->in) && play->in[i] != NULL; i++) {
        len = write_stream(stream, len, play->in[i]);
    }
    for (size_t split = 0; split <= len; split++) {
        struct way way = {.split = split, .piece = split == 0 ? 1 : len, .out_size = split % 2 == 0 ? 8192 : 1000};

        play_one(play, &world, &way);
        if (play->sent != NULL) {
            check_sent(&world, play->sent);
        }
    }
}

/* Plays up to each byte, then the connection ends: the log must be a beginning of the right one and "lost". */
static void check_cut(const struct play *play)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];
    size_t len = write_stream(stream, 0, play->in[0]);

    assert_null(play->in[1]);
    for (size_t cut = 0; cut < len; cut++) {
        init(&world);
        world.out_size = 8192;
        play->start(&world);
        send_all(&world);
        feed_piece(&world, stream, cut);
        send_all(&world);
        assert_int_equal(world.client.fault, DORY_FAULT_NONE);
        dory_client_end(&world.client);
        assert_int_equal(world.client.fault, DORY_FAULT_LOST);
        assert_non_null(strstr(world.log, "done: fault lost"));
    }
}

/* ---- What is asked ---- */

static void start_info(struct world *world)
{
    start(world, DORY_INFO, NULL);
}

static void info_is_asked_and_answered(void **state)
{
    static const struct play play = {
        .start = start_info,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"dory\":1,\"name\":\"board-7\",\"max_header\":512}"},
        .sent = "{\"cmd\":\"info\",\"id\":1}",
        .log = "1 ok\n1 done: ok\n",
    };

    (void)state;
    check(&play);
    check_cut(&play);
}

static void the_fields_of_an_answer_are_told(void **state)
{
    static struct world world;
    static const char answer[] =
        "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"dory\":1,\"name\":\"n\",\"server\":\"s\","
        "\"board\":\"b\",\"firmware\":\"f\",\"max_header\":512,\"max_name\":64,\"max_file\":9007199254740991,"
        "\"free\":5,\"sessions\":6,\"writers\":7,\"uptime_ms\":8}";
    const struct dory_answer *told = &world.client.answer;
    uint8_t stream[STREAM_SIZE];

    (void)state;
    init(&world);
    world.out_size = 8192;
    start_info(&world);
    send_all(&world);
    feed_piece(&world, stream, write_stream(stream, 0, answer));
    assert_string_equal(world.log, "1 ok\n1 done: ok\n");
    assert_string_equal(told->name.ptr, "n");
    assert_string_equal(told->server.ptr, "s");
    assert_string_equal(told->board.ptr, "b");
    assert_string_equal(told->firmware.ptr, "f");
    assert_int_equal(told->dory, 1);
    assert_int_equal(told->max_header, 512);
    assert_int_equal(told->max_name, 64);
    assert_true(told->max_file == DORY_MAX_NUMBER);
    assert_int_equal(told->free, 5);
    assert_int_equal(told->sessions, 6);
    assert_int_equal(told->writers, 7);
    assert_int_equal(told->uptime_ms, 8);
    assert_false(dory_answer_has(told, DORY_ANSWER_CRC32));
}

/* With fewer tokens than DORY_INFO_TOKENS the longest answer is none that a client understands. */
static void the_firmware_of_a_server_with_slots_is_told(void **state)
{
    static struct world world;
    static const char answer[] =
        "{\"id\":1,\"status\":\"ok\",\"max_file\":1,\"free\":2,\"writers\":3,\"dory\":1,\"name\":\"n\",\"server\":"
        "\"s\","
        "\"board\":\"b\",\"firmware\":\"1.2.3\",\"max_header\":512,\"max_name\":64,\"sessions\":4,\"uptime_ms\":5,"
        "\"image\":\"0011\",\"confirmed\":true,\"boot_id\":\"89abcdef\",\"slot\":\"fallback\",\"data_size\":0}";
    const struct dory_answer *told = &world.client.answer;
    uint8_t stream[STREAM_SIZE];

    (void)state;
    init(&world);
    world.out_size = 8192;
    start_info(&world);
    send_all(&world);
    feed_piece(&world, stream, write_stream(stream, 0, answer));
    if (DORY_MAX_TOKENS < DORY_INFO_TOKENS) {
        assert_int_equal(world.client.fault, DORY_FAULT_PROTOCOL);
        return;
    }
    assert_string_equal(world.log, "1 ok\n1 done: ok\n");
    assert_string_equal(told->image.ptr, "0011");
    assert_true(told->confirmed);
    assert_string_equal(told->boot_id.ptr, "89abcdef");
    assert_string_equal(told->slot.ptr, "fallback");
    assert_int_equal(tokens.parser.toknext, DORY_INFO_TOKENS);
    for (int field = DORY_ANSWER_IMAGE; field <= DORY_ANSWER_SLOT; field++) {
        assert_true(dory_answer_has(told, (enum dory_answer_field)field));
    }
}

static void check_bad_info(const char *in)
{
    const struct play play = {
        .start = start_info,
        .in = {in},
        .log = "1 done: fault protocol\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    check(&play);
}

static void firmware_of_another_type_is_no_answer(void **state)
{
    (void)state;
    check_bad_info("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"confirmed\":1}");
    check_bad_info("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"confirmed\":\"true\"}");
    check_bad_info("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"image\":true}");
    check_bad_info("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"boot_id\":7}");
    check_bad_info("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"slot\":null}");
}

static void start_four(struct world *world)
{
    start_put(world, "a", "hello");
    start(world, DORY_STAT, "b")->call.check = true;
    start(world, DORY_DELETE, "c \"d\"");
    start(world, DORY_LIST, "pre");
}

static void requests_are_pipelined_and_answered_in_order(void **state)
{
    static const struct play play = {
        .start = start_four,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n"
               "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":3,\"version\":\"x\",\"crc32\":\"352441c2\"}\n"
               "{\"id\":3,\"status\":\"not_found\",\"data_size\":0,\"message\":\"gone\"}\n"
               "{\"id\":4,\"status\":\"more\",\"data_size\":6}|line1~\n"
               "{\"id\":4,\"status\":\"more\",\"data_size\":0}\n"
               "{\"id\":4,\"status\":\"ok\",\"data_size\":6}|line2~"},
        .sent = "{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":5,\"crc32\":\"3610a686\"}|hello\n"
                "{\"cmd\":\"stat\",\"id\":2,\"filename\":\"b\",\"check\":true}\n"
                "{\"cmd\":\"delete\",\"id\":3,\"filename\":\"c \\\"d\\\"\"}\n"
                "{\"cmd\":\"list\",\"id\":4,\"prefix\":\"pre\"}",
        .log = "1 ok\n1 done: ok\n2 ok\n2 done: ok\n3 not_found\n3 done: not_found 'gone'\n4 more\n4 more\n4 ok\n"
               "4 done: ok [line1\nline2\n]\n",
    };

    (void)state;
    check(&play);
    check_cut(&play);
}

static void start_list_and_stat(struct world *world)
{
    start(world, DORY_LIST, NULL);
    start(world, DORY_STAT, "b");
}

static void fields_that_are_not_wanted_are_not_sent(void **state)
{
    static const struct play play = {
        .start = start_list_and_stat,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n"
               "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}"},
        .sent = "{\"cmd\":\"list\",\"id\":1}\n{\"cmd\":\"stat\",\"id\":2,\"filename\":\"b\"}",
        .log = "1 ok\n1 done: ok\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&play);
}

static void start_chain(struct world *world)
{
    start(world, DORY_DELETE, "a")->then = begin(world, DORY_DELETE, "b");
}

static void done_may_start_another_call(void **state)
{
    static const struct play play = {
        .start = start_chain,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}", "{\"id\":2,\"status\":\"ok\",\"data_size\":0}"},
        .sent = "{\"cmd\":\"delete\",\"id\":1,\"filename\":\"a\"}\n{\"cmd\":\"delete\",\"id\":2,\"filename\":\"b\"}",
        .log = "1 ok\n1 done: ok\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&play);
}

static void start_deaf_list(struct world *world)
{
    struct test_call *list = begin(world, DORY_LIST, NULL);

    list->call.events = &few_events;
    dory_client_start(&world->client, &list->call);
}

static void data_that_nobody_wants_are_passed_over(void **state)
{
    static const struct play play = {
        .start = start_deaf_list,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":6}|line1~\n{\"id\":1,\"status\":\"ok\",\"data_size\":0}"},
        .log = "1 done: ok\n",
    };

    (void)state;
    check(&play);
}

static void data_of_a_failure_are_not_taken_for_the_file(void **state)
{
    static const struct play play = {
        .start = start_list_and_stat,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":3}|abc\n{\"id\":1,\"status\":\"io_error\",\"data_size\":3}|"
               "xyz\n"
               "{\"id\":2,\"status\":\"not_found\",\"data_size\":2}|no"},
        .log = "1 more\n1 io_error\n1 done: io_error [abc]\n2 not_found\n2 done: not_found\n",
    };

    (void)state;
    check(&play);
}

static void a_status_of_the_future_is_a_refusal(void **state)
{
    static const struct play play = {
        .start = start_info,
        .in = {"{\"id\":1,\"status\":\"on_fire\",\"data_size\":0,\"message\":\"run\"}"},
        .log = "1 unsupported\n1 done: on_fire 'run'\n",
    };
    static struct world world;
    const struct way way = {.split = 0, .piece = 100, .out_size = 8192};

    (void)state;
    play_one(&play, &world, &way);
    assert_int_equal(world.calls[0].call.status, DORY_UNSUPPORTED);
}

static void a_stat_without_what_was_asked_for_is_no_answer(void **state)
{
    static const struct play no_crc32 = {
        .start = start_four,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":"
               "3}"},
        .log = "1 ok\n1 done: ok\n2 ok\n2 done: fault protocol\n3 done: fault lost\n4 done: fault lost\n",
        .fault = DORY_FAULT_PROTOCOL,
    };
    static const struct play no_size = {
        .start = start_four,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n"
               "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"crc32\":\"00000000\"}"},
        .log = "1 ok\n1 done: ok\n2 ok\n2 done: fault protocol\n3 done: fault lost\n4 done: fault lost\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    (void)state;
    check(&no_crc32);
    check(&no_size);
}

/* ---- get ---- */

static void start_one_get(struct world *world)
{
    start_get(world, "f");
}

#define HELLO_PART \
    "{\"id\":1,\"status\":\"more\",\"data_size\":5,\"filesize\":5,\"offset\":0,\"version\":\"v\"}|hello\n"
#define HELLO_END "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"crc32\":\"3610a686\"}"

static void a_get_is_compared_with_its_crc32(void **state)
{
    static const struct play play = {
        .start = start_one_get,
        .in = {HELLO_PART HELLO_END},
        .sent = "{\"cmd\":\"get\",\"id\":1,\"filename\":\"f\",\"check\":true}",
        .log = "1 more\n1 ok\n1 done: ok [hello]\n",
    };

    (void)state;
    check(&play);
    check_cut(&play);
}

static void a_get_may_come_in_parts_with_pauses(void **state)
{
    static const struct play play = {
        .start = start_one_get,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":0}\n"
               "{\"id\":1,\"status\":\"more\",\"data_size\":2,\"filesize\":5,\"offset\":0,\"version\":\"v\"}|he\n"
               "{\"id\":1,\"status\":\"more\",\"data_size\":0}\n"
               "{\"id\":1,\"status\":\"more\",\"data_size\":2}|ll\n"
               "{\"id\":1,\"status\":\"ok\",\"data_size\":1,\"crc32\":\"3610a686\"}|o"},
        .log = "1 more\n1 more\n1 more\n1 more\n1 ok\n1 done: ok [hello]\n",
    };

    (void)state;
    check(&play);
}

static void an_empty_file_is_got(void **state)
{
    static const struct play play = {
        .start = start_one_get,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":0,\"filesize\":0,\"offset\":0,\"version\":\"v\"}\n"
               "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"crc32\":\"00000000\"}"},
        .log = "1 more\n1 ok\n1 done: ok\n",
    };

    (void)state;
    check(&play);
}

static void start_get_of_a_middle(struct world *world)
{
    struct test_call *get = begin(world, DORY_GET, "f");

    get->call.offset = 1;
    get->call.length = 3;
    get->call.if_version = "v";
    dory_client_start(&world->client, &get->call);
}

static void a_get_of_a_middle_brings_just_that(void **state)
{
    static const struct play play = {
        .start = start_get_of_a_middle,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":3,\"filesize\":5,\"offset\":1,\"version\":\"v\"}|ell"},
        .sent = "{\"cmd\":\"get\",\"id\":1,\"filename\":\"f\",\"offset\":1,\"length\":3,\"if_version\":\"v\"}",
        .log = "1 ok\n1 done: ok [ell]\n",
    };
    static const struct play to_the_end = {
        .start = start_get_of_a_middle,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":2,\"filesize\":3,\"offset\":1,\"version\":\"v\"}|el"},
        .log = "1 ok\n1 done: ok [el]\n",
    };
    static const struct play changed = {
        .start = start_get_of_a_middle,
        .in = {"{\"id\":1,\"status\":\"changed\",\"data_size\":0}"},
        .log = "1 changed\n1 done: changed\n",
    };

    (void)state;
    check(&play);
    check(&to_the_end);
    check(&changed);
}

static void a_get_whose_bytes_differ_is_a_mismatch(void **state)
{
    static const struct play other = {
        .start = start_one_get,
        .in = {HELLO_PART "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"crc32\":\"3610a687\"}"},
        .log = "1 more\n1 ok\n1 done: fault mismatch [hello]\n",
    };
    static const struct play few = {
        .start = start_one_get,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":5,\"filesize\":6,\"offset\":0,\"version\":\"v\"}|"
               "hello\n" HELLO_END},
        .log = "1 more\n1 ok\n1 done: fault mismatch [hello]\n",
    };

    (void)state;
    check(&other);
    check(&few);
}

static void start_get_and_stat(struct world *world)
{
    start_get(world, "f");
    start(world, DORY_STAT, "g");
}

static void after_a_mismatch_the_stream_goes_on(void **state)
{
    static const struct play play = {
        .start = start_get_and_stat,
        .in = {HELLO_PART "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"crc32\":\"00000000\"}\n"
                          "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}"},
        .log = "1 more\n1 ok\n1 done: fault mismatch [hello]\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&play);
}

static void check_bad_get(const char *in)
{
    struct play play = {
        .start = start_one_get,
        .in = {in},
        .log = "1 done: fault protocol\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    check(&play);
}

static void a_get_answered_with_nonsense_is_a_fault(void **state)
{
    (void)state;
    check_bad_get("{\"id\":1,\"status\":\"more\",\"data_size\":5}|hello");                /* of what size? */
    check_bad_get("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"crc32\":\"00000000\"}"); /* of nothing */
    check_bad_get("{\"id\":1,\"status\":\"more\",\"data_size\":5,\"filesize\":5}|hello"); /* from where on? */
    check_bad_get("{\"id\":1,\"status\":\"more\",\"data_size\":4,\"filesize\":5,\"offset\":1}|ello");
    check_bad_get("{\"id\":1,\"status\":\"more\",\"data_size\":6,\"filesize\":5,\"offset\":0}|hello!");
    check_bad_get("{\"id\":1,\"status\":\"continue\",\"data_size\":0,\"offset\":0,\"prefix_crc32\":\"00000000\"}");
}

static void a_get_whose_offset_is_behind_the_end_is_a_fault(void **state)
{
    static const struct play play = {
        .start = start_get_of_a_middle,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"filesize\":0,\"offset\":1,\"version\":\"v\"}"},
        .log = "1 done: fault protocol\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    (void)state;
    check(&play);
}

static void a_check_without_crc32_is_a_fault(void **state)
{
    static const struct play play = {
        .start = start_one_get,
        .in = {HELLO_PART "{\"id\":1,\"status\":\"ok\",\"data_size\":0}"},
        .log = "1 more\n1 ok\n1 done: fault protocol [hello]\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    (void)state;
    check(&play);
}

static void start_slow_get(struct world *world)
{
    start_get(world, "f")->write_piece = 2;
}

static void a_sink_that_is_slow_pushes_back(void **state)
{
    static const struct play play = {
        .start = start_slow_get,
        .in = {HELLO_PART HELLO_END},
        .log = "1 more\n1 ok\n1 done: ok [hello]\n",
    };

    (void)state;
    check(&play);
}

static void start_get_to_full_disk(struct world *world)
{
    start_get(world, "f")->write_fails = true;
    start(world, DORY_STAT, "g");
}

static void a_sink_that_fails_ends_the_session(void **state)
{
    static const struct play play = {
        .start = start_get_to_full_disk,
        .in = {HELLO_PART HELLO_END},
        .log = "1 more\n1 done: fault local\n2 done: fault lost\n",
        .fault = DORY_FAULT_LOCAL,
    };

    (void)state;
    check(&play);
}

/* ---- run ---- */

static void start_run(struct world *world)
{
    start(world, DORY_RUN, "say \"hi\"");
    start(world, DORY_STAT, "f");
}

#define STAT_END "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}"

static void a_run_brings_both_outputs_and_the_exit_status(void **state)
{
    static const struct play play = {
        .start = start_run,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":4,\"stream\":1}|out~\n"
               "{\"id\":1,\"status\":\"more\",\"data_size\":4,\"stream\":2}|err~\n"
               "{\"id\":1,\"status\":\"more\",\"data_size\":3,\"stream\":1}|end\n"
               "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"exit\":7}\n" STAT_END},
        .sent = "{\"cmd\":\"run\",\"id\":1,\"line\":\"say \\\"hi\\\"\"}\n"
                "{\"cmd\":\"stat\",\"id\":2,\"filename\":\"f\"}",
        .log = "1 more\n1 more\n1 more\n1 ok\n1 done: ok exit 7 [out\nERR\nend]\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&play);
    check_cut(&play);
}

static void a_run_may_be_silent_and_end_with_output(void **state)
{
    static const struct play silent = {
        .start = start_run,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":0}\n{\"id\":1,\"status\":\"more\",\"data_size\":0}\n"
               "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"exit\":255}\n" STAT_END},
        .log = "1 more\n1 more\n1 ok\n1 done: ok exit 255\n2 ok\n2 done: ok\n",
    };
    static const struct play at_once = {
        .start = start_run,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":3,\"stream\":2,\"exit\":0}|err\n" STAT_END},
        .log = "1 ok\n1 done: ok exit 0 [ERR]\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&silent);
    check(&at_once);
}

static void a_run_that_the_server_ends_keeps_what_came(void **state)
{
    static const struct play play = {
        .start = start_run,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":3,\"stream\":1}|out\n"
               "{\"id\":1,\"status\":\"timeout\",\"data_size\":0,\"message\":\"60 s\"}\n" STAT_END},
        .log = "1 more\n1 timeout\n1 done: timeout '60 s' [out]\n2 ok\n2 done: ok\n",
    };
    static const struct play refused = {
        .start = start_run,
        .in = {"{\"id\":1,\"status\":\"forbidden\",\"data_size\":0}\n" STAT_END},
        .log = "1 forbidden\n1 done: forbidden\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&play);
    check(&refused);
}

static void start_slow_run(struct world *world)
{
    start(world, DORY_RUN, "x")->write_piece = 2;
}

static void a_run_goes_at_the_pace_of_who_reads_it(void **state)
{
    static const struct play play = {
        .start = start_slow_run,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":5,\"stream\":1}|hello\n"
               "{\"id\":1,\"status\":\"more\",\"data_size\":5,\"stream\":2}|world\n"
               "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"exit\":0}"},
        .log = "1 more\n1 more\n1 ok\n1 done: ok exit 0 [helloWORLD]\n",
    };

    (void)state;
    check(&play);
}

static void check_bad_run(const char *in)
{
    struct play play = {
        .start = start_run,
        .in = {in},
        .log = "1 done: fault protocol\n2 done: fault lost\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    check(&play);
}

static void a_run_answered_with_nonsense_is_a_fault(void **state)
{
    (void)state;
    check_bad_run("{\"id\":1,\"status\":\"more\",\"data_size\":3}|out"); /* of which output? */
    check_bad_run("{\"id\":1,\"status\":\"more\",\"data_size\":3,\"stream\":0}|out");
    check_bad_run("{\"id\":1,\"status\":\"more\",\"data_size\":3,\"stream\":3}|out");
    check_bad_run("{\"id\":1,\"status\":\"more\",\"data_size\":3,\"stream\":257}|out");
    check_bad_run("{\"id\":1,\"status\":\"more\",\"data_size\":3,\"stream\":\"1\"}|out");
    check_bad_run("{\"id\":1,\"status\":\"ok\",\"data_size\":3,\"exit\":0}|out");
    check_bad_run("{\"id\":1,\"status\":\"ok\",\"data_size\":0}"); /* with which status? */
    check_bad_run("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"exit\":256}");
    check_bad_run("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"exit\":-1}");
    check_bad_run("{\"id\":1,\"status\":\"continue\",\"data_size\":0,\"offset\":0,\"prefix_crc32\":\"00000000\"}");
}

/* ---- boot ---- */

static void start_boots(struct world *world)
{
    static const enum dory_boot_mode modes[] = {DORY_BOOT_TEST, DORY_BOOT_PERMANENT, DORY_BOOT_CONFIRM};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct test_call *boot = begin(world, DORY_BOOT, "00ff");

        boot->call.mode = modes[i];
        dory_client_start(&world->client, &boot->call);
    }
}

static void a_boot_names_its_mode_and_image(void **state)
{
    static const struct play play = {
        .start = start_boots,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":0}\n{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n"
               "{\"id\":2,\"status\":\"changed\",\"data_size\":0}\n{\"id\":3,\"status\":\"ok\",\"data_size\":0}"},
        .sent = "{\"cmd\":\"boot\",\"id\":1,\"mode\":\"test\",\"image\":\"00ff\"}\n"
                "{\"cmd\":\"boot\",\"id\":2,\"mode\":\"permanent\",\"image\":\"00ff\"}\n"
                "{\"cmd\":\"boot\",\"id\":3,\"mode\":\"confirm\",\"image\":\"00ff\"}",
        .log = "1 more\n1 ok\n1 done: ok\n2 changed\n2 done: changed\n3 ok\n3 done: ok\n",
    };

    (void)state;
    check(&play);
    check_cut(&play);
}

/* A device's limit is 512 bytes, so what a line may have depends on each of them. */
static void the_length_of_a_request_is_known_before_it_is_sent(void **state)
{
    static struct world world;
    static const char line[] = "say \"\x01\xc3\xa9\\\"";
    struct dory_call *call;

    (void)state;
    for (uint64_t last_id = 0; last_id < 1000; last_id = 10 * last_id + 9) {
        init(&world);
        world.out_size = 8192;
        world.client.last_id = last_id;
        call = &start(&world, DORY_RUN, line)->call;
        assert_int_equal(call->phase, DORY_CALL_QUEUED);
        send_all(&world);
        assert_int_equal(call->phase, DORY_CALL_SENT);
        assert_int_equal(dory_client_request_len(call, last_id + 1), world.sent_len - DORY_FRAME_PREFIX);
    }
}

/* ---- put ---- */

static void start_puts_without_crc32(struct world *world)
{
    struct test_call *put = begin_put(world, "a", "hello");

    put->call.has_crc32 = false;
    dory_client_start(&world->client, &put->call);
    start_put(world, "b", "");
}

static void a_put_needs_no_crc32_and_no_bytes(void **state)
{
    static const struct play play = {
        .start = start_puts_without_crc32,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n{\"id\":2,\"status\":\"ok\",\"data_size\":0}"},
        .sent = "{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":5}|hello\n"
                "{\"cmd\":\"put\",\"id\":2,\"filename\":\"b\",\"filesize\":0,\"crc32\":\"00000000\"}",
        .log = "1 ok\n1 done: ok\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&play);
    check_cut(&play);
}

static void start_put_by_caller(struct world *world)
{
    struct test_call *put = begin_put(world, "a", "hello world");

    put->call.body_by_caller = true;
    dory_client_start(&world->client, &put->call);
    start(world, DORY_STAT, "b");
}

static void a_body_may_be_sent_by_the_caller(void **state)
{
    static const struct play play = {
        .start = start_put_by_caller,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":0}\n{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n"
               "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":3}"},
        .sent = "{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":11,\"crc32\":\"0d4a1185\"}|hello world\n"
                "{\"cmd\":\"stat\",\"id\":2,\"filename\":\"b\"}",
        .log = "1 more\n1 ok\n1 done: ok\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&play);
}

static void start_dawdling_put(struct world *world)
{
    start_put(world, "a", "hello")->read_dawdles = true;
}

static void a_file_may_say_later(void **state)
{
    static const struct play play = {
        .start = start_dawdling_put,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}"},
        .sent = "{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":5,\"crc32\":\"3610a686\"}|hello",
        .log = "1 ok\n1 done: ok\n",
    };

    (void)state;
    check(&play);
}

static void start_failing_put(struct world *world)
{
    start_put(world, "a", "hello")->read_fails = true;
    start_put(world, "b", "");
}

static void a_file_that_fails_ends_the_session(void **state)
{
    static const struct play play = {
        .start = start_failing_put,
        .in = {NULL},
        .log = "1 done: fault local\n2 done: fault lost\n",
        .fault = DORY_FAULT_LOCAL,
    };

    (void)state;
    check(&play);
}

static void a_callers_body_that_fails_ends_the_session(void **state)
{
    static struct world world;
    struct dory_call *call;
    uint8_t out[1024];
    uint64_t off;

    (void)state;
    init(&world);
    start_put_by_caller(&world);
    assert_true(dory_client_output(&world.client, out, sizeof out) > 0);
    assert_false(dory_client_sent_all(&world.client));
    dory_client_body_failed(&world.client);
    assert_int_equal(world.client.fault, DORY_FAULT_LOCAL);
    assert_int_equal(dory_client_body(&world.client, &call, &off), 0);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 done: fault local\n2 done: fault lost\n");
}

static void a_put_answered_ok_before_its_bytes_is_a_fault(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];
    uint8_t out[1024];

    (void)state;
    init(&world);
    start_put_by_caller(&world);
    assert_true(dory_client_output(&world.client, out, sizeof out) > 0);
    feed_piece(&world, stream, write_stream(stream, 0, "{\"id\":1,\"status\":\"more\",\"data_size\":0}"));
    assert_int_equal(world.client.fault, DORY_FAULT_NONE);
    feed_piece(&world, stream, write_stream(stream, 0, "{\"id\":1,\"status\":\"ok\",\"data_size\":0}"));
    assert_int_equal(world.client.fault, DORY_FAULT_PROTOCOL);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 more\n1 done: fault protocol\n2 done: fault lost\n");
}

static void a_put_refused_early_is_sent_to_its_end(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];

    (void)state;
    for (size_t sent = 0; sent < 11; sent++) {
        uint8_t out[1024];
        size_t len;

        init(&world);
        world.out_size = 8192;
        start_put_by_caller(&world);
        len = dory_client_output(&world.client, out, sizeof out);
        record(&world, out, len);
        record(&world, "hello world", sent);
        dory_client_body_sent(&world.client, sent);
        feed_piece(&world, stream,
                   write_stream(stream, 0, "{\"id\":1,\"status\":\"no_space\",\"data_size\":0,\"message\":\"full\"}"));
        assert_string_equal(world.log, "1 no_space\n");
        send_all(&world);
        assert_string_equal(world.log, "1 no_space\n1 done: no_space 'full'\n");
        feed_piece(&world, stream,
                   write_stream(stream, 0, "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":3}"));
        assert_string_equal(world.log, "1 no_space\n1 done: no_space 'full'\n2 ok\n2 done: ok\n");
        check_sent(&world, "{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":11,\"crc32\":\"0d4a1185\"}|hello "
                           "world\n{\"cmd\":\"stat\",\"id\":2,\"filename\":\"b\"}");
    }
}

/* A put by the caller that was refused when `sent` of its `size` bytes were out. */
static void refuse(struct world *world, uint64_t size, uint64_t sent)
{
    uint8_t stream[STREAM_SIZE];
    uint8_t out[1024];
    struct test_call *put;

    init(world);
    put = begin_put(world, "a", "");
    put->call.filesize = size;
    put->call.body_by_caller = true;
    dory_client_start(&world->client, &put->call);
    start(world, DORY_STAT, "b");
    assert_true(dory_client_output(&world->client, out, sizeof out) > 0);
    dory_client_body_sent(&world->client, sent);
    feed_piece(world, stream,
               write_stream(stream, 0, "{\"id\":1,\"status\":\"too_large\",\"data_size\":0,\"message\":\"no\"}"));
}

static void a_put_refused_with_much_left_is_abandoned(void **state)
{
    static struct world world;

    (void)state;
    refuse(&world, 10 + DORY_MAX_REST, 10);
    assert_int_equal(world.client.fault, DORY_FAULT_NONE);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 too_large\n1 done: too_large 'no'\n2 done: fault lost\n");

    refuse(&world, 10 + DORY_MAX_REST, 9);
    assert_int_equal(world.client.fault, DORY_FAULT_ABANDONED);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 too_large\n1 done: too_large 'no'\n2 done: fault lost\n");
}

static void what_follows_an_early_refusal_does_not_change_it(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];

    (void)state;
    refuse(&world, 100, 10);
    feed_piece(&world, stream, write_stream(stream, 0, "{\"id\":1,\"status\":\"ok\",\"data_size\":0}"));
    assert_int_equal(world.client.fault, DORY_FAULT_PROTOCOL);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 too_large\n1 done: too_large 'no'\n2 done: fault lost\n");
}

static void a_file_that_fails_after_an_early_refusal_does_not_change_it(void **state)
{
    static struct world world;

    (void)state;
    refuse(&world, 100, 10);
    dory_client_body_failed(&world.client);
    assert_int_equal(world.client.fault, DORY_FAULT_LOCAL);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 too_large\n1 done: too_large 'no'\n2 done: fault lost\n");
}

/* ---- put with resume ---- */

#define RESUME_SENT \
    "{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":11,\"crc32\":\"0d4a1185\",\"resume\":true}"
#define STAT_SENT "\n{\"cmd\":\"stat\",\"id\":2,\"filename\":\"b\"}"
#define CONTINUE(offset, crc32) \
    "{\"id\":1,\"status\":\"continue\",\"data_size\":0,\"offset\":" offset ",\"prefix_crc32\":\"" crc32 "\"}"
#define OK_AND_STAT \
    "{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":3}"
#define RESUME_LOG "1 continue\n1 ok\n1 done: ok\n2 ok\n2 done: ok\n"

static void start_one_resume(struct world *world)
{
    start_resume(world, "a", "hello world");
    start(world, DORY_STAT, "b");
}

static void start_knowing_resume(struct world *world)
{
    start_resume(world, "a", "hello world")->known = "hello";
    start(world, DORY_STAT, "b");
}

static void start_resume_without_known(struct world *world)
{
    struct test_call *put = begin_put(world, "a", "hello world");

    put->call.events = &few_events;
    put->call.resume = true;
    put->call.body_by_caller = true;
    put->read_dawdles = true;
    dory_client_start(&world->client, &put->call);
    start(world, DORY_STAT, "b");
}

static void a_put_waits_for_its_continue(void **state)
{
    static const struct play play = {
        .start = start_one_resume,
        .in = {"{\"id\":1,\"status\":\"more\",\"data_size\":0}"},
        .sent = RESUME_SENT,
        .log = "1 more\n1 done: fault lost\n2 done: fault lost\n",
    };

    (void)state;
    check(&play);
}

static void data_of_a_continue_are_passed_over(void **state)
{
    static const struct play play = {
        .start = start_one_resume,
        .in = {"{\"id\":1,\"status\":\"continue\",\"data_size\":3,\"offset\":8,\"prefix_crc32\":\"7a2d6005\"}|abc",
               OK_AND_STAT},
        .sent = RESUME_SENT "|rld" STAT_SENT,
        .log = RESUME_LOG,
    };

    (void)state;
    check(&play);
}

static void a_put_goes_on_behind_an_equal_beginning(void **state)
{
    static const struct play from_0 = {
        .start = start_one_resume,
        .in = {CONTINUE("0", "00000000"), OK_AND_STAT},
        .sent = RESUME_SENT "|hello world" STAT_SENT,
        .log = RESUME_LOG,
    };
    static const struct play from_8 = {
        .start = start_one_resume,
        .in = {CONTINUE("8", "7a2d6005"), OK_AND_STAT},
        .sent = RESUME_SENT "|rld" STAT_SENT,
        .log = RESUME_LOG,
    };
    static const struct play slowly = {
        .start = start_resume_without_known,
        .in = {CONTINUE("8", "7a2d6005"), OK_AND_STAT},
        .sent = RESUME_SENT "|rld" STAT_SENT,
        .log = "1 done: ok\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&from_0);
    check(&from_8);
    check(&slowly);
}

static void what_is_known_of_a_beginning_is_not_read(void **state)
{
    static const struct play all = {
        .start = start_knowing_resume,
        .in = {CONTINUE("5", "3610a686"), OK_AND_STAT},
        .sent = RESUME_SENT "| world" STAT_SENT,
        .log = RESUME_LOG,
    };
    static const struct play some = {
        .start = start_knowing_resume,
        .in = {CONTINUE("8", "7a2d6005"), OK_AND_STAT},
        .sent = RESUME_SENT "|rld" STAT_SENT,
        .log = RESUME_LOG,
    };

    (void)state;
    check(&all);
    check(&some);
}

static void a_put_with_another_beginning_ends_the_session(void **state)
{
    static const struct play read = {
        .start = start_one_resume,
        .in = {CONTINUE("8", "7a2d6006")},
        .sent = RESUME_SENT,
        .log = "1 continue\n1 done: fault other_beginning\n2 done: fault lost\n",
        .fault = DORY_FAULT_OTHER_BEGINNING,
    };
    static const struct play known = {
        .start = start_knowing_resume,
        .in = {CONTINUE("5", "3610a687")},
        .sent = RESUME_SENT,
        .log = "1 continue\n1 done: fault other_beginning\n2 done: fault lost\n",
        .fault = DORY_FAULT_OTHER_BEGINNING,
    };

    (void)state;
    check(&read);
    check(&known);
}

static void a_put_of_which_the_server_has_all_is_just_answered(void **state)
{
    static const struct play play = {
        .start = start_one_resume,
        .in = {CONTINUE("11", "00000000") "\n{\"id\":1,\"status\":\"ok\",\"data_size\":0}",
               "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":3}"},
        .sent = RESUME_SENT STAT_SENT,
        .log = RESUME_LOG,
    };

    (void)state;
    check(&play);
}

static void a_put_with_resume_may_be_answered_at_once(void **state)
{
    static const struct play refused = {
        .start = start_one_resume,
        .in = {"{\"id\":1,\"status\":\"busy\",\"data_size\":0}",
               "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":3}"},
        .sent = RESUME_SENT STAT_SENT,
        .log = "1 busy\n1 done: busy\n2 ok\n2 done: ok\n",
    };
    static const struct play done = {
        .start = start_one_resume,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}",
               "{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":3}"},
        .sent = RESUME_SENT STAT_SENT,
        .log = "1 ok\n1 done: ok\n2 ok\n2 done: ok\n",
    };

    (void)state;
    check(&refused);
    check(&done);
}

static void check_bad_continue(const char *in)
{
    struct play play = {
        .start = start_one_resume,
        .in = {in},
        .sent = RESUME_SENT,
        .log = "1 done: fault protocol\n2 done: fault lost\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    check(&play);
}

static void a_continue_that_makes_no_sense_is_a_fault(void **state)
{
    (void)state;
    check_bad_continue(CONTINUE("12", "00000000"));
    check_bad_continue("{\"id\":1,\"status\":\"continue\",\"data_size\":0,\"offset\":1}");
    check_bad_continue("{\"id\":1,\"status\":\"continue\",\"data_size\":0,\"prefix_crc32\":\"00000000\"}");
}

static void a_second_continue_is_a_fault(void **state)
{
    static const struct play play = {
        .start = start_one_resume,
        .in = {CONTINUE("8", "7a2d6005"), CONTINUE("8", "7a2d6005")},
        .log = "1 continue\n1 done: fault protocol\n2 done: fault lost\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    (void)state;
    check(&play);
}

/* The beginning of a put with resume is being checked, for whatever reason in no hurry. */
static void begin_check(struct world *world, struct test_call *put)
{
    uint8_t stream[STREAM_SIZE];
    uint8_t out[1024];

    put->call.resume = true;
    dory_client_start(&world->client, &put->call);
    start(world, DORY_STAT, "b");
    assert_true(dory_client_output(&world->client, out, sizeof out) > 0);
    feed_piece(world, stream, write_stream(stream, 0, CONTINUE("8", "7a2d6005")));
    assert_int_equal(world->client.fault, DORY_FAULT_NONE);
}

static void an_answer_during_the_check_ends_the_session(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];

    (void)state;
    init(&world);
    begin_check(&world, begin_put(&world, "a", "hello world"));
    feed_piece(&world, stream, write_stream(stream, 0, "{\"id\":1,\"status\":\"timeout\",\"data_size\":0}"));
    assert_int_equal(world.client.fault, DORY_FAULT_ABANDONED);
    assert_false(dory_client_work(&world.client, stream, sizeof stream));
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 continue\n1 timeout\n1 done: timeout\n2 done: fault lost\n");

    init(&world);
    begin_check(&world, begin_put(&world, "a", "hello world"));
    feed_piece(&world, stream, write_stream(stream, 0, "{\"id\":1,\"status\":\"ok\",\"data_size\":0}"));
    assert_int_equal(world.client.fault, DORY_FAULT_PROTOCOL);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 continue\n1 done: fault protocol\n2 done: fault lost\n");
}

static void a_check_sends_nothing_and_offers_no_body(void **state)
{
    static struct world world;
    struct test_call *put;
    struct dory_call *call;
    uint8_t scratch[64];
    uint64_t off;

    (void)state;
    init(&world);
    put = begin_put(&world, "a", "hello world");
    put->call.body_by_caller = true;
    begin_check(&world, put);
    assert_int_equal(dory_client_output(&world.client, scratch, sizeof scratch), 0);
    assert_int_equal(dory_client_body(&world.client, &call, &off), 0);
    assert_true(dory_client_work(&world.client, scratch, 3));
    assert_true(dory_client_work(&world.client, scratch, 3));
    assert_false(dory_client_work(&world.client, scratch, 3));
    assert_int_equal(dory_client_body(&world.client, &call, &off), 3);
    assert_ptr_equal(call, &put->call);
    assert_int_equal(off, 8);
    dory_client_end(&world.client);
    assert_int_equal(dory_client_body(&world.client, &call, &off), 0);
}

static void a_check_that_can_not_read_ends_the_session(void **state)
{
    static struct world world;
    uint8_t scratch[64];

    (void)state;
    init(&world);
    begin_check(&world, begin_put(&world, "a", "hello world"));
    world.calls[0].read_fails = true;
    assert_false(dory_client_work(&world.client, scratch, sizeof scratch));
    assert_int_equal(world.client.fault, DORY_FAULT_LOCAL);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 continue\n1 done: fault local\n2 done: fault lost\n");
}

/* ---- What is no answer ---- */

static void start_stats(struct world *world)
{
    start(world, DORY_STAT, "a");
    start(world, DORY_STAT, "b");
}

static void check_no_answer(const char *in)
{
    struct play play = {
        .start = start_stats,
        .in = {in},
        .log = "1 done: fault protocol\n2 done: fault lost\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    check(&play);
}

static void what_is_no_answer_is_a_fault(void **state)
{
    (void)state;
    check_no_answer("{\"id\":2,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}"); /* not its turn */
    check_no_answer("{\"id\":3,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}");
    check_no_answer("{\"id\":0,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}");
    check_no_answer("{\"status\":\"ok\",\"data_size\":0,\"filesize\":0}");
    check_no_answer("{\"status\":\"not_found\",\"data_size\":0}");
    check_no_answer("{\"id\":1,\"data_size\":0}");
    check_no_answer("{\"id\":1,\"status\":\"ok\",\"filesize\":0}");
    check_no_answer("{\"id\":\"1\",\"status\":\"ok\",\"data_size\":0,\"filesize\":0}");
    check_no_answer("{\"id\":1,\"status\":0,\"data_size\":0,\"filesize\":0}");
    check_no_answer("{\"id\":1,\"status\":\"ok\",\"data_size\":-1,\"filesize\":0}");
    check_no_answer("{\"id\":1,\"id\":1,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}");
    check_no_answer("[]");
    check_no_answer("{}");
    check_no_answer("{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}}");
    check_no_answer("{\"id\":1,\"status\":\"continue\",\"data_size\":0,\"offset\":0,\"prefix_crc32\":\"00000000\"}");
}

static void an_answer_behind_the_last_one_is_a_fault(void **state)
{
    static const struct play play = {
        .start = start_info,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n{\"id\":2,\"status\":\"ok\",\"data_size\":0}"},
        .log = "1 ok\n1 done: ok\n",
        .fault = DORY_FAULT_PROTOCOL,
    };

    (void)state;
    check(&play);
}

static void an_answer_before_its_request_is_a_fault(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];

    (void)state;
    init(&world);
    start_info(&world);
    feed_piece(&world, stream, write_stream(stream, 0, "{\"id\":1,\"status\":\"ok\",\"data_size\":0}"));
    assert_int_equal(world.client.fault, DORY_FAULT_PROTOCOL);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 done: fault protocol\n");
}

static void a_header_of_a_bad_length_is_a_fault(void **state)
{
    static const uint32_t lengths[] = {0, 1, DORY_MAX_ANSWER + 1, 0x7fffffff, 0xffffffff};
    static struct world world;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        uint8_t prefix[DORY_FRAME_PREFIX];

        init(&world);
        start_stats(&world);
        world.out_size = 8192;
        send_all(&world);
        dory_frame_prefix(prefix, lengths[i]);
        feed_piece(&world, prefix, sizeof prefix);
        assert_int_equal(world.client.fault, DORY_FAULT_PROTOCOL);
        dory_client_end(&world.client);
        assert_string_equal(world.log, "1 done: fault protocol\n2 done: fault lost\n");
    }
}

/* Whatever byte is changed: no crash, and each call gets one end. */
static void garbage_never_leaves_a_call_without_end(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];
    size_t len = write_stream(stream, 0, HELLO_PART HELLO_END);

    (void)state;
    for (size_t at = 0; at < len; at++) {
        uint8_t right = stream[at];

        for (unsigned bit = 0; bit < 8; bit++) {
            const char *done;

            stream[at] = (uint8_t)(right ^ 1U << bit);
            init(&world);
            world.out_size = 8192;
            start_one_get(&world);
            send_all(&world);
            feed_piece(&world, stream, len);
            dory_client_end(&world.client);
            done = strstr(world.log, "1 done: ");
            assert_non_null(done);
            assert_null(strstr(done + 3, "done: "));
        }
        stream[at] = right;
    }
}

static void after_a_fault_nothing_is_sent_or_understood(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];
    uint8_t out[1024];

    (void)state;
    init(&world);
    world.out_size = 8192;
    start_stats(&world);
    send_all(&world);
    feed_piece(&world, stream, write_stream(stream, 0, "{}"));
    start(&world, DORY_STAT, "c");
    assert_int_equal(dory_client_output(&world.client, out, sizeof out), 0);
    assert_false(dory_client_work(&world.client, out, sizeof out));
    feed_piece(&world, stream, write_stream(stream, 0, "{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}"));
    assert_string_equal(world.log, "");
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 done: fault protocol\n2 done: fault lost\n3 done: fault lost\n");
}

static void a_session_without_calls_has_nothing_to_say(void **state)
{
    static struct world world;
    struct dory_call *call;
    uint8_t out[1024];
    uint64_t off;

    (void)state;
    init(&world);
    assert_int_equal(dory_client_output(&world.client, out, sizeof out), 0);
    assert_int_equal(dory_client_body(&world.client, &call, &off), 0);
    assert_false(dory_client_work(&world.client, out, sizeof out));
    assert_true(dory_client_sent_all(&world.client));
    dory_client_end(&world.client);
    assert_int_equal(world.client.fault, DORY_FAULT_LOST);
}

/* ---- Answers without an id ---- */

static void busy_is_about_the_connection(void **state)
{
    static const struct play play = {
        .start = start_stats,
        .in = {"{\"status\":\"busy\",\"data_size\":0,\"message\":\"later\"}"},
        .log = "1 done: fault lost\n2 done: fault lost\n",
        .fault = DORY_FAULT_BUSY,
    };
    static struct world world;
    const struct way way = {.split = 0, .piece = 100, .out_size = 8192};

    (void)state;
    check(&play);
    play_one(&play, &world, &way);
    assert_string_equal(world.client.answer.message.ptr, "later");
}

static void busy_may_come_before_anything_was_sent(void **state)
{
    static struct world world;
    uint8_t stream[STREAM_SIZE];

    (void)state;
    init(&world);
    feed_piece(&world, stream, write_stream(stream, 0, "{\"status\":\"busy\",\"data_size\":0}"));
    assert_int_equal(world.client.fault, DORY_FAULT_BUSY);
}

static void bad_header_is_about_the_first_call_that_has_no_answer(void **state)
{
    static const struct play play = {
        .start = start_stats,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0,\"filesize\":0}\n"
               "{\"status\":\"bad_header\",\"data_size\":0,\"message\":\"what?\"}"},
        .log = "1 ok\n1 done: ok\n2 done: fault bad_header 'what?'\n",
        .fault = DORY_FAULT_BAD_HEADER,
    };
    static const struct play without_call = {
        .start = start_info,
        .in = {"{\"id\":1,\"status\":\"ok\",\"data_size\":0}\n{\"status\":\"bad_header\",\"data_size\":0}"},
        .log = "1 ok\n1 done: ok\n",
        .fault = DORY_FAULT_BAD_HEADER,
    };

    (void)state;
    check(&play);
    check(&without_call);
}

/* ---- Room ---- */

static void a_header_that_does_not_fit_waits_for_an_empty_buffer(void **state)
{
    static struct world world;
    uint8_t out[64];

    (void)state;
    init(&world);
    start_stats(&world);
    assert_int_equal(dory_client_output(&world.client, out, sizeof out), 4 + 36);
    assert_int_equal(dory_client_output(&world.client, out, sizeof out), 4 + 36);
    assert_int_equal(dory_client_output(&world.client, out, sizeof out), 0);
    assert_true(dory_client_sent_all(&world.client));
}

static void a_buffer_may_be_filled_to_its_last_byte(void **state)
{
    static struct world world;
    uint8_t out[100];

    (void)state;
    for (size_t size = 80; size <= sizeof out; size++) {
        size_t piece;

        init(&world);
        start_put(&world, "a", "hello world hello world");
        start_stats(&world);
        do {
            piece = dory_client_output(&world.client, out, size);
            record(&world, out, piece);
        } while (piece > 0);
        assert_true(dory_client_sent_all(&world.client));
        check_sent(&world, "{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":23,\"crc32\":\"eae2ce3b\"}|hello "
                           "world hello world\n{\"cmd\":\"stat\",\"id\":2,\"filename\":\"a\"}\n"
                           "{\"cmd\":\"stat\",\"id\":3,\"filename\":\"b\"}");
    }
}

static int32_t on_huge_read(void *ctx, struct dory_call *call, uint64_t off, uint8_t *dst, size_t len)
{
    (void)ctx;
    (void)call;
    (void)dst;
    assert_int_equal(off, 0);
    assert_int_equal(len, INT32_MAX);
    return 0;
}

static int32_t on_huge_write(void *ctx, struct dory_call *call, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)call;
    (void)data;
    assert_int_equal(len, INT32_MAX);
    return 0;
}

/* Nothing reads or writes what is said to be there. */
static void a_piece_is_never_longer_than_an_event_can_say(void **state)
{
    static const struct dory_call_events huge = {.read = on_huge_read, .write = on_huge_write, .done = on_done};
    static struct world world;
    uint8_t stream[STREAM_SIZE];
    uint8_t out[1024];
    struct test_call *put;
    size_t len;

    (void)state;
    init(&world);
    put = begin_put(&world, "a", "");
    put->call.filesize = UINT64_C(1) << 40;
    put->call.events = &huge;
    dory_client_start(&world.client, &put->call);
    assert_true(dory_client_output(&world.client, out, SIZE_MAX) > 0);

    init(&world);
    world.out_size = 8192;
    start_one_get(&world);
    world.calls[0].call.events = &huge;
    send_all(&world);
    len = write_stream(
        stream, 0,
        "{\"id\":1,\"status\":\"more\",\"data_size\":1099511627776,\"filesize\":1099511627776,\"offset\":0}");
    assert_int_equal(dory_client_feed(&world.client, stream, UINT64_C(1) << 40), len);
}

static void a_header_that_never_fits_is_a_fault(void **state)
{
    static struct world world;
    uint8_t out[39];

    (void)state;
    init(&world);
    start_stats(&world);
    assert_int_equal(dory_client_output(&world.client, out, sizeof out), 0);
    assert_int_equal(world.client.fault, DORY_FAULT_LOCAL);
    dory_client_end(&world.client);
    assert_string_equal(world.log, "1 done: fault local\n2 done: fault lost\n");
}

static void the_longest_request_fits(void **state)
{
    static struct world world;
    uint8_t out[DORY_MAX_REQUEST];
    char name[DORY_MAX_NAME + 1];
    struct test_call *put;

    (void)state;
    memset(name, '"', DORY_MAX_NAME);
    name[DORY_MAX_NAME] = '\0';
    init(&world);
    world.client.last_id = DORY_MAX_NUMBER - 1;
    put = begin_put(&world, name, "");
    put->call.filesize = DORY_MAX_NUMBER;
    put->call.resume = true;
    dory_client_start(&world.client, &put->call);
    assert_true(dory_client_output(&world.client, out, sizeof out) > 2 * DORY_MAX_NAME);
}

static void a_plain_put_has_no_id(void **state)
{
    uint8_t expected[STREAM_SIZE];
    uint8_t buf[128];
    size_t len = write_stream(expected, 0, "{\"cmd\":\"put\",\"filename\":\"a.txt\",\"filesize\":4294967297}");

    (void)state;
    assert_int_equal(dory_client_plain_put(buf, sizeof buf, "a.txt", (UINT64_C(1) << 32) + 1), len);
    assert_memory_equal(buf, expected, len);
    assert_int_equal(dory_client_plain_put(buf, len, "a.txt", (UINT64_C(1) << 32) + 1), len);
    assert_int_equal(dory_client_plain_put(buf, len - 1, "a.txt", (UINT64_C(1) << 32) + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_is_asked_and_answered),
        cmocka_unit_test(the_fields_of_an_answer_are_told),
        cmocka_unit_test(the_firmware_of_a_server_with_slots_is_told),
        cmocka_unit_test(firmware_of_another_type_is_no_answer),
        cmocka_unit_test(requests_are_pipelined_and_answered_in_order),
        cmocka_unit_test(fields_that_are_not_wanted_are_not_sent),
        cmocka_unit_test(done_may_start_another_call),
        cmocka_unit_test(data_that_nobody_wants_are_passed_over),
        cmocka_unit_test(data_of_a_failure_are_not_taken_for_the_file),
        cmocka_unit_test(a_status_of_the_future_is_a_refusal),
        cmocka_unit_test(a_stat_without_what_was_asked_for_is_no_answer),
        cmocka_unit_test(a_get_is_compared_with_its_crc32),
        cmocka_unit_test(a_get_may_come_in_parts_with_pauses),
        cmocka_unit_test(an_empty_file_is_got),
        cmocka_unit_test(a_get_of_a_middle_brings_just_that),
        cmocka_unit_test(a_get_whose_bytes_differ_is_a_mismatch),
        cmocka_unit_test(after_a_mismatch_the_stream_goes_on),
        cmocka_unit_test(a_get_answered_with_nonsense_is_a_fault),
        cmocka_unit_test(a_get_whose_offset_is_behind_the_end_is_a_fault),
        cmocka_unit_test(a_check_without_crc32_is_a_fault),
        cmocka_unit_test(a_sink_that_is_slow_pushes_back),
        cmocka_unit_test(a_sink_that_fails_ends_the_session),
        cmocka_unit_test(a_run_brings_both_outputs_and_the_exit_status),
        cmocka_unit_test(a_run_may_be_silent_and_end_with_output),
        cmocka_unit_test(a_run_that_the_server_ends_keeps_what_came),
        cmocka_unit_test(a_run_goes_at_the_pace_of_who_reads_it),
        cmocka_unit_test(a_run_answered_with_nonsense_is_a_fault),
        cmocka_unit_test(a_boot_names_its_mode_and_image),
        cmocka_unit_test(the_length_of_a_request_is_known_before_it_is_sent),
        cmocka_unit_test(a_put_needs_no_crc32_and_no_bytes),
        cmocka_unit_test(a_body_may_be_sent_by_the_caller),
        cmocka_unit_test(a_file_may_say_later),
        cmocka_unit_test(a_file_that_fails_ends_the_session),
        cmocka_unit_test(a_callers_body_that_fails_ends_the_session),
        cmocka_unit_test(a_put_answered_ok_before_its_bytes_is_a_fault),
        cmocka_unit_test(a_put_refused_early_is_sent_to_its_end),
        cmocka_unit_test(a_put_refused_with_much_left_is_abandoned),
        cmocka_unit_test(what_follows_an_early_refusal_does_not_change_it),
        cmocka_unit_test(a_file_that_fails_after_an_early_refusal_does_not_change_it),
        cmocka_unit_test(a_put_waits_for_its_continue),
        cmocka_unit_test(data_of_a_continue_are_passed_over),
        cmocka_unit_test(a_put_goes_on_behind_an_equal_beginning),
        cmocka_unit_test(what_is_known_of_a_beginning_is_not_read),
        cmocka_unit_test(a_put_with_another_beginning_ends_the_session),
        cmocka_unit_test(a_put_of_which_the_server_has_all_is_just_answered),
        cmocka_unit_test(a_put_with_resume_may_be_answered_at_once),
        cmocka_unit_test(a_continue_that_makes_no_sense_is_a_fault),
        cmocka_unit_test(a_second_continue_is_a_fault),
        cmocka_unit_test(an_answer_during_the_check_ends_the_session),
        cmocka_unit_test(a_check_sends_nothing_and_offers_no_body),
        cmocka_unit_test(a_check_that_can_not_read_ends_the_session),
        cmocka_unit_test(what_is_no_answer_is_a_fault),
        cmocka_unit_test(an_answer_behind_the_last_one_is_a_fault),
        cmocka_unit_test(an_answer_before_its_request_is_a_fault),
        cmocka_unit_test(a_header_of_a_bad_length_is_a_fault),
        cmocka_unit_test(garbage_never_leaves_a_call_without_end),
        cmocka_unit_test(after_a_fault_nothing_is_sent_or_understood),
        cmocka_unit_test(a_session_without_calls_has_nothing_to_say),
        cmocka_unit_test(busy_is_about_the_connection),
        cmocka_unit_test(busy_may_come_before_anything_was_sent),
        cmocka_unit_test(bad_header_is_about_the_first_call_that_has_no_answer),
        cmocka_unit_test(a_header_that_does_not_fit_waits_for_an_empty_buffer),
        cmocka_unit_test(a_buffer_may_be_filled_to_its_last_byte),
        cmocka_unit_test(a_piece_is_never_longer_than_an_event_can_say),
        cmocka_unit_test(a_header_that_never_fits_is_a_fault),
        cmocka_unit_test(the_longest_request_fits),
        cmocka_unit_test(a_plain_put_has_no_id),
    };

    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
