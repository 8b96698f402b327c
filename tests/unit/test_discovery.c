/* SPDX-License-Identifier: MIT */
/* Discovery: which datagrams are answered, with what, and how many. */
#include "unit.h"

#include "../../core/server.h"
#include "../../port/discovery_ask.h"
#include "../../port/posix/net_posix.h"
#include "../../port/posix/net_udp_posix.h"
#include "memory_store.h"

#define LIMIT 1024U /* of headers */

static struct memory_store store;
static struct dory_server server;
static struct service service;
static struct discovery discovery;
static uint8_t *scratch; /* ends at a guard page */
static uint32_t now_ms;
static char text[LIMIT + 1]; /* of the last answer's header */

static int set_up(void **state)
{
    (void)state;
    memory_begin(&store);
    server = (struct dory_server){.store = &memory_functions,
                                  .store_ctx = &store,
                                  .crc32 = dory_crc32,
                                  .name = "test-bench",
                                  .board = "linux",
                                  .firmware = "1.2.3",
                                  .sessions = 1,
                                  .max_header = LIMIT,
                                  .max_name = 64,
                                  .limits = DORY_LIMITS};
    dory_server_begin(&server, 0);
    scratch = scratch != NULL ? scratch : guard_make(LIMIT) - LIMIT;
    service = (struct service){.server = &server, .scratch = scratch, .scratch_len = LIMIT};
    discovery = (struct discovery){.service = &service};
    now_ms = 100000;
    return 0;
}

/* Asks with `len` bytes, which end at a guard page. Returns the length of the answer; its header is in `text`. */
static size_t ask_bytes(const void *bytes, size_t len)
{
    size_t answer_len = discovery_answer(&discovery, guard_copy(bytes, len), len, now_ms);

    assert_true(answer_len <= len);
    assert_true(answer_len <= DISCOVERY_LEN);
    if (answer_len > 0) {
        memcpy(text, scratch + DORY_FRAME_PREFIX, answer_len - DORY_FRAME_PREFIX);
        text[answer_len - DORY_FRAME_PREFIX] = '\0';
        assert_int_equal(scratch[0] | scratch[1] << 8 | scratch[2] << 16 | scratch[3] << 24,
                         answer_len - DORY_FRAME_PREFIX);
    }
    return answer_len;
}

/* Makes a datagram of `len` bytes: the members of `header`, and an unknown key for the rest. */
static void make(uint8_t *datagram, const char *members, size_t len)
{
    size_t at = DORY_FRAME_PREFIX;

    dory_frame_prefix(datagram, (uint32_t)(len - DORY_FRAME_PREFIX));
    at += (size_t)sprintf((char *)datagram + at, "{%s,\"pad\":\"", members);
    assert_true(at + 2 <= len);
    memset(datagram + at, 'x', len - 2 - at);
    memcpy(datagram + len - 2, "\"}", 2);
}

static size_t ask(const char *members, size_t len)
{
    uint8_t datagram[2 * LIMIT];

    make(datagram, members, len);
    return ask_bytes(datagram, len);
}

static void check_counts(uint32_t answered, uint32_t ignored, uint32_t held_back)
{
    assert_int_equal(discovery.answered, answered);
    assert_int_equal(discovery.ignored, ignored);
    assert_int_equal(discovery.held_back, held_back);
}

static void a_question_is_answered_with_what_finds_a_device(void **state)
{
    char expected[256];
    struct dory_room room = {.free = 0};

    (void)state;
    assert_int_equal(memory_functions.room(&store, &room), DORY_OK);
    snprintf(expected, sizeof expected,
             "{\"id\":7,\"status\":\"ok\",\"name\":\"test-bench\",\"board\":\"linux\",\"firmware\":\"1.2.3\","
             "\"free\":%llu,\"data_size\":0}",
             (unsigned long long)room.free);
    assert_int_equal(ask("\"cmd\":\"info\",\"id\":7", DISCOVERY_LEN), strlen(expected) + DORY_FRAME_PREFIX);
    assert_string_equal(text, expected);
    assert_true(ask("\"id\":9007199254740991,\"c\\u006dd\":\"inf\\u006f\",\"data_size\":0", 600) > 0);
    assert_non_null(strstr(text, "{\"id\":9007199254740991,\"status\":\"ok\","));
    assert_true(ask("\"cmd\":\"info\",\"id\":0,\"deep\":{\"cmd\":\"put\",\"id\":[1,{}]}", LIMIT + DORY_FRAME_PREFIX) >
                0);
    check_counts(3, 0, 0);
}

static void an_answer_of_the_longest_texts_is_no_longer_than_the_shortest_question(void **state)
{
    static const char quotes[] = "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"";

    (void)state;
    server.name = server.board = server.firmware = quotes;
    store.capacity = UINT64_MAX;
    assert_true(ask("\"cmd\":\"info\",\"id\":9007199254740991", DISCOVERY_LEN) > 250);
    assert_non_null(strstr(text, ",\"free\":9007199254740991,\"data_size\":0}"));
}

static void a_question_of_less_than_512_bytes_is_ignored(void **state)
{
    uint8_t datagram[DISCOVERY_LEN];

    (void)state;
    for (uint32_t len = 0; len < DISCOVERY_LEN; len++) {
        if (len < 50) {
            make(datagram, "\"cmd\":\"info\",\"id\":7", 50);
            assert_int_equal(ask_bytes(datagram, len), 0);
        } else {
            assert_int_equal(ask("\"cmd\":\"info\",\"id\":7", len), 0);
        }
        check_counts(0, len + 1, 0);
    }
}

static void what_is_no_question_is_ignored_and_counted(void **state)
{
    static const char *const wrong[] = {
        "\"cmd\":\"info\"",          /* nobody wants an answer */
        "\"id\":7",                  /* to what? */
        "\"cmd\":\"stat\",\"id\":7", /* this is not for datagrams */
        "\"cmd\":\"put\",\"filename\":\"f\",\"filesize\":0,\"id\":7",
        "\"cmd\":\"INFO\",\"id\":7",
        "\"cmd\":\"info\\u0000\",\"id\":7",
        "\"cmd\":5,\"id\":7",
        "\"cmd\":\"info\",\"id\":\"7\"",
        "\"cmd\":\"info\",\"id\":-7",
        "\"cmd\":\"info\",\"id\":7.0",
        "\"cmd\":\"info\",\"id\":9007199254740992",
        "\"cmd\":\"info\",\"id\":7,\"id\":7",
        "\"cmd\":\"info\",\"cmd\":\"info\",\"id\":7",
        "\"cmd\":\"info\",\"id\":7,\"data_size\":1", /* a body */
        "\"cmd\":\"info\",\"id\":7,\"data_size\":null",
        "\"cmd\":\"info\",\"id\":7,,\"x\":1",
        "\"cmd\":\"info\",\"id\":7}{\"x\":1",
        "\"id\":7,\"status\":\"ok\",\"name\":\"answer\"", /* an answer: two servers must not talk for ever */
        "\"cmd\":\"info\",\"id\":7,\"\xff\":1",
        "\"cmd\":\"info\",\"id\":7,\"t\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };

    (void)state;
    for (uint32_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(ask(wrong[i], 600), 0);
        check_counts(0, i + 1, 0);
    }
    assert_true(ask("\"cmd\":\"info\",\"id\":7", 600) > 0); /* none of them cost anything */
}

static void a_datagram_that_is_not_exactly_one_message_is_ignored(void **state)
{
    uint8_t datagram[2 * LIMIT];

    (void)state;
    make(datagram, "\"cmd\":\"info\",\"id\":7", 600);
    assert_int_equal(ask_bytes(datagram, 599), 0);
    datagram[600] = ' ';
    assert_int_equal(ask_bytes(datagram, 601), 0);
    make(datagram + 600, "\"cmd\":\"info\",\"id\":8", 400);
    assert_int_equal(ask_bytes(datagram, 1000), 0);
    dory_frame_prefix(datagram, UINT32_MAX);
    assert_int_equal(ask_bytes(datagram, 600), 0);
    dory_frame_prefix(datagram, 0);
    assert_int_equal(ask_bytes(datagram, 600), 0);
    make(datagram, "\"cmd\":\"info\",\"id\":7", LIMIT + DORY_FRAME_PREFIX + 1); /* a header that is too long */
    assert_int_equal(ask_bytes(datagram, LIMIT + DORY_FRAME_PREFIX + 1), 0);
    check_counts(0, 6, 0);
}

static void the_longest_header_is_the_servers_or_what_fits_in_the_scratch(void **state)
{
    uint8_t datagram[LIMIT];

    (void)state;
    server.max_header = 600;
    assert_true(ask("\"cmd\":\"info\",\"id\":7", 604) > 0);
    assert_int_equal(ask("\"cmd\":\"info\",\"id\":7", 605), 0);
    server.max_header = LIMIT;
    service.scratch = scratch + LIMIT - DISCOVERY_LEN;
    service.scratch_len = DISCOVERY_LEN;
    make(datagram, "\"cmd\":\"info\",\"id\":7", 517);
    assert_true(discovery_answer(&discovery, datagram, 517, now_ms) == 0);
    make(datagram, "\"cmd\":\"info\",\"id\":7", 516);
    assert_true(discovery_answer(&discovery, datagram, 516, now_ms) > 0);
}

static void a_server_without_storage_is_found_all_the_same(void **state)
{
    (void)state;
    store.faults.room = DORY_IO_ERROR;
    assert_true(ask("\"cmd\":\"info\",\"id\":7", 600) > 0);
    assert_string_equal(text, "{\"id\":7,\"status\":\"ok\",\"name\":\"test-bench\",\"board\":\"linux\","
                              "\"firmware\":\"1.2.3\",\"data_size\":0}");
}

static unsigned ask_often(unsigned times)
{
    unsigned answered = 0;

    for (unsigned i = 0; i < times; i++) {
        answered += ask("\"cmd\":\"info\",\"id\":7", 600) > 0;
    }
    return answered;
}

static void only_so_many_answers_a_second_are_sent(void **state)
{
    (void)state;
    assert_int_equal(ask_often(100), DISCOVERY_RATE);
    check_counts(DISCOVERY_RATE, 0, 100 - DISCOVERY_RATE);
    now_ms += 1000 / DISCOVERY_RATE - 1;
    assert_int_equal(ask_often(100), 0);
    now_ms += 1;
    assert_int_equal(ask_often(100), 1);
    now_ms += 1000 / DISCOVERY_RATE * 7 / 2;
    assert_int_equal(ask_often(100), 3);
    now_ms += 1000 / DISCOVERY_RATE / 2; /* the other half was not forgotten */
    assert_int_equal(ask_often(100), 1);
    now_ms = UINT32_MAX - 5000; /* a pause saves no more than a second's; soon the clock passes zero */
    assert_int_equal(ask_often(100), DISCOVERY_RATE);
    for (unsigned i = 0; i < 10000; i++) {
        now_ms++;
        (void)ask("\"cmd\":\"info\",\"id\":7", 600);
    }
    assert_int_equal(discovery.answered, 2 * DISCOVERY_RATE + 5 + 10 * DISCOVERY_RATE);
}

static void what_is_ignored_takes_nobodys_turn(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(ask("\"cmd\":\"info\"", 600), 0);
    }
    assert_int_equal(ask_often(100), DISCOVERY_RATE);
}

/* ---- The side that asks ---- */

static bool read_bytes(struct discovery_found *found, const void *bytes, size_t len, uint64_t id)
{
    static struct dory_tokens tokens;

    return discovery_read(found, guard_copy(bytes, len), len, id, &tokens);
}

static bool read_text(struct discovery_found *found, const char *header, uint64_t id)
{
    uint8_t datagram[2 * DISCOVERY_LEN];
    size_t len = strlen(header);

    dory_frame_prefix(datagram, (uint32_t)len);
    memcpy(datagram + DORY_FRAME_PREFIX, header, len);
    return read_bytes(found, datagram, DORY_FRAME_PREFIX + len, id);
}

static void a_question_is_as_long_as_it_must_be_and_its_answer_is_understood(void **state)
{
    static const uint64_t ids[] = {0, 7, 123456, DORY_MAX_NUMBER};
    struct discovery_found found;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        uint8_t *datagram = guard_make(DISCOVERY_LEN) - DISCOVERY_LEN;
        size_t len;

        discovery_ask(datagram, ids[i]);
        len = ask_bytes(datagram, DISCOVERY_LEN);
        assert_true(len > 0);
        assert_true(read_bytes(&found, scratch, len, ids[i]));
        assert_string_equal(found.name.ptr, "test-bench");
        assert_string_equal(found.board.ptr, "linux");
        assert_string_equal(found.firmware.ptr, "1.2.3");
        assert_true(found.has_free);
        assert_true(found.free > 0);
        assert_false(read_bytes(&found, scratch, len, ids[i] + 1));
        for (size_t cut = 0; cut < len; cut++) {
            assert_false(read_bytes(&found, scratch, cut, ids[i]));
        }
    }
}

static void an_answer_may_tell_less_or_more(void **state)
{
    struct discovery_found found;

    (void)state;
    assert_true(read_text(&found, "{\"more\":[1],\"name\":\"a\\u0000\\u001b\",\"status\":\"ok\",\"id\":7}", 7));
    assert_int_equal(found.name.len, 3);
    assert_memory_equal(found.name.ptr, "a\0\x1b", 3);
    assert_int_equal(found.board.len, 0);
    assert_int_equal(found.firmware.len, 0);
    assert_false(found.has_free);
}

static void what_is_no_answer_is_not_believed(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"id\":8,\"status\":\"ok\",\"name\":\"a\"}",
        "{\"status\":\"ok\",\"name\":\"a\"}",
        "{\"id\":7,\"name\":\"a\"}",
        "{\"id\":7,\"status\":\"ok\"}",
        "{\"id\":7,\"status\":\"busy\",\"name\":\"a\"}",
        "{\"id\":7,\"status\":\"ok\",\"name\":5}",
        "{\"id\":7,\"status\":\"ok\",\"name\":\"a\",\"free\":-1}",
        "{\"id\":7,\"status\":\"ok\",\"name\":\"a\",\"board\":[]}",
        "{\"id\":7,\"status\":\"ok\",\"name\":\"a\",\"data_size\":9}",
        "{\"id\":7,\"status\":\"ok\",\"name\":\"a\",\"name\":\"b\"}",
        "{\"id\":7,\"status\":\"ok\",\"name\":\"\xff\"}",
        "{\"id\":7,\"status\":\"ok\",\"name\":\"a\"",
    };
    struct discovery_found found;
    char longest[2 * DISCOVERY_LEN];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(read_text(&found, wrong[i], 7));
    }
    for (int len = (int)DISCOVERY_LEN - 50; len < (int)DISCOVERY_LEN + 50; len++) {
        int spaces = len - (int)DORY_FRAME_PREFIX - (int)strlen("{\"id\":7,\"status\":\"ok\",\"name\":\"a\"}");

        snprintf(longest, sizeof longest, "{\"id\":7,\"status\":\"ok\",\"name\":\"a\"%*s}", spaces, "");
        assert_int_equal(read_text(&found, longest, 7), len <= (int)DISCOVERY_LEN);
    }
}

/* ---- Over a net ---- */

static struct net *net;
static size_t received_len;

static void on_answer(void *app, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data, size_t len)
{
    (void)app;
    (void)udp;
    (void)peer;
    assert_true(len > 100);
    assert_memory_equal(data + DORY_FRAME_PREFIX, "{\"id\":7,\"status\":\"ok\",\"name\":\"test-bench\"", 41);
    received_len = len;
    net_stop(net);
}

static uint32_t on_tick(void *app, uint32_t tick_ms)
{
    uint32_t deadline_ms = *(uint32_t *)app;

    assert_true((int32_t)(tick_ms - deadline_ms) < 0);
    return 10;
}

static void a_question_over_a_net_is_answered_to_who_asked(void **state)
{
    static const struct net_events events = {.tick = on_tick};
    uint32_t deadline_ms = net_now_ms() + 10000;
    struct net_options options = {.events = &events, .app = &deadline_ms};
    uint8_t datagram[DISCOVERY_LEN];
    char name[NET_PEER_NAME_LEN], error[128];
    struct net_udp *asker;
    struct net_peer peer;

    (void)state;
    net = net_new(&options);
    assert_non_null(net);
    assert_non_null(net_udp_open(net, "127.0.0.1:0", discovery_received, &discovery, name, sizeof name));
    assert_true(net_peer_resolve(&peer, "127.0.0.1", strchr(name, ':') + 1, error, sizeof error));
    asker = net_udp_open(net, "127.0.0.1:0", on_answer, NULL, name, sizeof name);
    assert_non_null(asker);
    make(datagram, "\"cmd\":\"info\",\"id\":7", sizeof datagram);
    assert_true(net_udp_send(asker, &peer, datagram, sizeof datagram - 1)); /* ignored */
    assert_true(net_udp_send(asker, &peer, datagram, sizeof datagram));
    assert_int_equal(net_run(net), 0);
    assert_true(received_len > 0);
    check_counts(1, 1, 0);
    net_free(net);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_question_is_answered_with_what_finds_a_device),
        TEST(an_answer_of_the_longest_texts_is_no_longer_than_the_shortest_question),
        TEST(a_question_of_less_than_512_bytes_is_ignored),
        TEST(what_is_no_question_is_ignored_and_counted),
        TEST(a_datagram_that_is_not_exactly_one_message_is_ignored),
        TEST(the_longest_header_is_the_servers_or_what_fits_in_the_scratch),
        TEST(a_server_without_storage_is_found_all_the_same),
        TEST(only_so_many_answers_a_second_are_sent),
        TEST(what_is_ignored_takes_nobodys_turn),
        TEST(a_question_is_as_long_as_it_must_be_and_its_answer_is_understood),
        TEST(an_answer_may_tell_less_or_more),
        TEST(what_is_no_answer_is_not_believed),
        TEST(a_question_over_a_net_is_answered_to_who_asked),
    };

    return cmocka_run_group_tests_name("discovery", tests, NULL, NULL);
}
