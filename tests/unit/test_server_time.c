/* SPDX-License-Identifier: MIT */
/* The server session: time, and who makes room. Each test is run at three times, two of which see the clock wrap. */
#include "rig.h"

#define CRC_WORLD "'crc32':'0d4a1185'"
#define OK_1 "{'id':1,'status':'ok','data_size':0}"
#define MORE_1 "{'id':1,'status':'more','data_size':0}"
#define TIMEOUT_1 "{'id':1,'status':'timeout','data_size':0}"
#define PUT_WORLD "{'cmd':'put','id':1,'filename':'a','filesize':11," CRC_WORLD "}"
#define PUT_LARGE "{'cmd':'put','id':1,'filename':'a','filesize':1000000," CRC_WORLD "}"

static uint32_t start_ms;

static void begin(struct rig *rig)
{
    rig_begin(rig);
    rig->now_ms = start_ms;
    rig->turn_ms = 0;
    dory_server_begin(&rig->server, start_ms);
    rig_begin_session(rig, &rig->session, 0);
}

static unsigned wants(const struct rig *rig)
{
    return dory_session_wants(&rig->session);
}

static void expect_evictable(const struct rig *rig, int32_t ms)
{
    assert_int_equal(dory_session_evictable_ms(&rig->session, rig->now_ms), ms);
}

/* --- header and idle --- */

static void a_header_that_is_not_complete_after_10_s_closes(void **state)
{
    static struct rig rig;

    (void)state;
    for (size_t len = 1; len < 40; len++) {
        static struct bytes request;

        begin(&rig);
        request.len = 0;
        add_header(&request, "{'cmd':'get','id':1,'filename':'nowhere'}");
        rig_wait(&rig, 60000);
        assert_int_equal(rig_feed(&rig, request.data, len), len);
        rig_wait(&rig, 9999);
        assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
        rig_wait(&rig, 1);
        assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
        assert_int_equal(rig_feed_once(&rig, request.data + len, request.len - len), 0);
        rig_expect(&rig, NULL);
        rig_end(&rig);
    }
}

static void a_header_that_trickles_is_not_waited_for_longer(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    for (unsigned s = 0; s < 10; s++) {
        assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
        assert_int_equal(rig_feed(&rig, s == 0 ? "\x40" : s < 4 ? "\0" : " ", 1), 1);
        rig_wait(&rig, 1000);
    }
    assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
    rig_end(&rig);
}

static void a_connection_idle_for_120_s_closes(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_wait(&rig, 119999);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_ask(&rig, "{'cmd':'boot','id':1}");
    rig_wait(&rig, 119999);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_wait(&rig, 1);
    assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
    rig_end(&rig);
}

static void the_time_of_a_connection_begins_when_it_does(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_end(&rig);
    rig.now_ms += 500000; /* nobody was there */
    rig_begin_session(&rig, &rig.session, 0);
    expect_evictable(&rig, 0);
    rig_wait(&rig, 119999);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_wait(&rig, 1);
    assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
    rig_end(&rig);
}

static void a_connection_is_not_idle_while_an_answer_or_a_commit_is_on_its_way(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig.store_rests = true;
    rig.store->faults.commit_polls = 1000000;
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':0}");
    rig_wait(&rig, 200000);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT | DORY_WANTS_STORE);
    rig.store->writers[0].polls = 0;
    rig.output_piece = 0;
    rig_wait(&rig, 20000);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT | DORY_WANTS_OUTPUT);
    rig.output_piece = SIZE_MAX;
    rig_settle(&rig);
    rig_wait(&rig, 119500);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_wait(&rig, 500);
    assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
    rig_end(&rig);
}

/* --- bodies --- */

static void a_body_silent_for_30_s_is_timeout_and_its_partial_kept(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig.server.limits.min_rate = 0;
    rig_ask(&rig, PUT_WORLD);
    rig_wait(&rig, 29999);
    rig_body(&rig, "hello");
    rig_wait(&rig, 29999);
    rig_expect(&rig, NULL);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_wait(&rig, 1);
    rig_expect(&rig, TIMEOUT_1);
    assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
    assert_true(memory_partial(rig.store, "a") == 5);
    rig_end(&rig);
}

static void a_silent_body_without_id_just_closes(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    memory_add(rig.store, "a", "old", 3);
    rig_ask(&rig, "{'cmd':'put','filename':'a','filesize':11}");
    rig_body(&rig, "hello");
    rig_wait(&rig, 30000);
    rig_expect(&rig, NULL);
    assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
    assert_int_equal(rig.refusals, 1);
    assert_int_equal(rig.refused, DORY_TIMEOUT);
    rig_end(&rig);
    assert_file(&rig, "a", "old");
}

static void a_body_that_is_skipped_may_not_be_silent_for_30_s_either(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig.server.limits.min_rate = 0;
    rig_ask(&rig, "{'cmd':'frobnicate','id':1,'data_size':20}");
    rig_expect(&rig, "{'id':1,'status':'unknown_cmd','data_size':0}");
    rig_wait(&rig, 29999);
    rig_body(&rig, "hello");
    rig_wait(&rig, 29999);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_wait(&rig, 1);
    assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
    rig_expect(&rig, NULL); /* one final answer an id */
    rig_end(&rig);
}

/* Feeds `bytes` bytes each second for `seconds`. */
static void trickle(struct rig *rig, unsigned bytes, unsigned seconds)
{
    static uint8_t zeros[1024];

    for (unsigned s = 0; s < seconds; s++) {
        (void)rig_feed(rig, zeros, bytes);
        rig_wait(rig, 1000);
    }
}

static void a_body_slower_than_256_bytes_a_second_over_30_s_is_timeout(void **state)
{
    static const char *const requests[] = {PUT_LARGE, "{'cmd':'put','filename':'a','filesize':1000000}",
                                           "{'cmd':'put','filename':'..','filesize':1000000}"};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        begin(&rig);
        rig_ask(&rig, requests[i]);
        trickle(&rig, 256, 60);
        assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
        trickle(&rig, 1024, 30);
        trickle(&rig, 255, 29); /* what came before its stretch doesn't count */
        assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
        rig_expect(&rig, NULL);
        trickle(&rig, 255, 1);
        rig_expect(&rig, i == 0 ? TIMEOUT_1 : NULL);
        assert_int_equal(wants(&rig), DORY_WANTS_CLOSE);
        rig_end(&rig);
    }
}

static void what_came_of_the_last_body_does_not_count_for_the_next(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_ask(&rig, "{'cmd':'put','filename':'b','filesize':20480}");
    trickle(&rig, 1024, 20);
    rig_ask(&rig, PUT_LARGE);
    trickle(&rig, 100, 29);
    rig_expect(&rig, NULL);
    trickle(&rig, 100, 1);
    rig_expect(&rig, TIMEOUT_1);
    rig_end(&rig);
}

static void without_a_minimum_any_rate_will_do(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig.server.limits.min_rate = 0;
    rig_ask(&rig, PUT_LARGE);
    for (unsigned i = 0; i < 20; i++) {
        trickle(&rig, 1, 1);
        rig_wait(&rig, 28000);
    }
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_end(&rig);
}

static void a_body_faster_than_any_counter_is_not_late(void **state)
{
    static uint8_t zeros[GUARD_ROOM];
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':1099511627776}");
    for (unsigned i = 0; i < 66000; i++) { /* over 4 GiB within one stretch */
        assert_int_equal(dory_session_feed(&rig.session, zeros, sizeof zeros, rig.now_ms), sizeof zeros);
    }
    trickle(&rig, 1, 31);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_end(&rig);
}

static void a_store_that_is_slow_is_not_the_peers_fault(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_ask(&rig, PUT_WORLD);
    rig.store->faults.later_every = 1;
    for (unsigned s = 0; s < 100; s++) {
        assert_int_equal(rig_feed_once(&rig, "hello", 5), 0);
        assert_int_equal(wants(&rig) & ~(unsigned)DORY_WANTS_OUTPUT, DORY_WANTS_STORE);
        assert_int_equal(dory_session_evictable_ms(&rig.session, rig.now_ms), -1);
        rig_wait(&rig, 1000);
    }
    rig.store->faults.later_every = 0;
    rig.output.len = 0;
    rig_body(&rig, "hello world");
    rig_expect(&rig, OK_1);
    rig_end(&rig);
}

static void a_store_asked_again_only_after_long_is_not_the_peers_fault(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_ask(&rig, PUT_LARGE);
    rig.store->faults.later_every = 1;
    assert_int_equal(rig_feed_once(&rig, "hello", 5), 0);
    rig.now_ms += 40000;
    dory_session_run(&rig.session, rig.now_ms);
    rig.store->faults.later_every = 0;
    rig_wait(&rig, 29999);
    assert_int_equal(wants(&rig) & DORY_WANTS_INPUT, DORY_WANTS_INPUT);
    assert_false(rig_has(&rig, "'timeout'"));
    rig_wait(&rig, 1);
    assert_true(rig_has(&rig, "'timeout'"));
    rig_end(&rig);
}

/* --- output --- */

static void output_that_does_not_move_for_30_s_gives_the_connection_up(void **state)
{
    static const char *const requests[] = {"{'cmd':'get','id':1,'filename':'a'}",
                                           "{'cmd':'get','id':1,'filename':'b'}",
                                           "{'cmd':'stat','id':1,'filename':'a'}",
                                           "{'cmd':'list','id':1}",
                                           "{'cmd':'info','id':1}",
                                           "[]"};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        begin(&rig);
        memory_add(rig.store, "a", "hello", 5);
        rig_wait(&rig, 50000);
        rig.output_piece = 0;
        rig_ask(&rig, requests[i]);
        rig_wait(&rig, 29999);
        assert_int_equal(wants(&rig) & ~(unsigned)DORY_WANTS_INPUT, DORY_WANTS_OUTPUT);
        rig_wait(&rig, 1);
        assert_int_equal(wants(&rig), DORY_WANTS_RESET);
        rig_expect(&rig, NULL);
        rig_end(&rig);
    }
}

static void output_that_moves_by_a_byte_is_waited_for(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    memory_add(rig.store, "a", "hello", 5);
    rig.output_piece = 0;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'a','check':true}");
    for (unsigned i = 0; i < 60; i++) {
        rig_wait(&rig, 29999);
        assert_int_equal(wants(&rig), DORY_WANTS_OUTPUT);
        rig.output_piece = 1;
        assert_true(rig_send(&rig));
        rig.output_piece = 0;
    }
    rig_wait(&rig, 30000);
    assert_int_equal(wants(&rig), DORY_WANTS_RESET);
    rig_end(&rig);
}

/* What the session has given may still be moving, in the network below it. */
static void output_that_still_moves_below_is_waited_for(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    memory_add(rig.store, "a", "hello", 5);
    rig.output_piece = 0;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'a'}");
    for (unsigned n = 0; n < 5; n++) {
        rig_wait(&rig, 29999);
        assert_int_equal(wants(&rig), DORY_WANTS_OUTPUT);
        dory_session_sent(&rig.session, NULL, 0, rig.now_ms);
    }
    rig_wait(&rig, 30000);
    assert_int_equal(wants(&rig), DORY_WANTS_RESET);
    rig_end(&rig);
}

static void output_that_stops_in_the_middle_of_a_file_gives_the_connection_up(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    memory_add(rig.store, "a", NULL, 1000000);
    rig.output_piece = 0;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'a'}");
    rig.output_piece = 500;
    for (unsigned i = 0; i < 5; i++) {
        assert_true(rig_send(&rig));
    }
    rig.output_piece = 0;
    rig_wait(&rig, 29999);
    assert_int_equal(wants(&rig), DORY_WANTS_OUTPUT);
    rig_wait(&rig, 1);
    assert_int_equal(wants(&rig), DORY_WANTS_RESET);
    assert_true(memory_is_quiet(rig.store)); /* the file is closed already */
    rig_end(&rig);
}

static void a_file_that_the_store_is_slow_to_read_is_not_the_peers_fault(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    memory_add(rig.store, "a", "hello", 5);
    rig.store_rests = true;
    rig_ask(&rig, "{'cmd':'stat','id':1,'filename':'b'}");
    rig.output.len = 0;
    rig.store->faults.later_every = 1;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'a'}");
    assert_int_equal(wants(&rig), DORY_WANTS_STORE);
    rig_wait(&rig, 100000);
    assert_int_equal(wants(&rig), DORY_WANTS_STORE);
    rig.store->faults.later_every = 0;
    rig.store_rests = false;
    rig.output_piece = 0;
    rig_wait(&rig, 29000);
    assert_int_equal(wants(&rig), DORY_WANTS_OUTPUT);
    rig.output_piece = SIZE_MAX;
    rig_settle(&rig);
    assert_memory_equal(rig.output.data + rig.output.len - 5, "hello", 5);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    rig_end(&rig);
}

/* --- more --- */

/* A request that takes long: the store says later, or its commit does. */
struct slow {
    const char *request;
    const char *body;
    const char *answer;
};

static const struct slow slow_requests[] = {
    {"{'cmd':'stat','id':1,'filename':'b','check':true}", "",
     "{'id':1,'status':'ok','filesize':5,'version':'0000000000000001','crc32':'3610a686','data_size':0}"},
    {"{'cmd':'list','id':1,'prefix':'x'}", "", OK_1},
    {"{'cmd':'put','id':1,'filename':'a','filesize':11," CRC_WORLD ",'resume':true}", "",
     "{'id':1,'status':'continue','offset':6,'prefix_crc32':'ed81f9f6','data_size':0}"},
    {"{'cmd':'put','id':1,'filename':'x','filesize':0}", "", OK_1},
    {"{'cmd':'delete','id':1,'filename':'b'}", "", OK_1},
};

static void begin_slow(struct rig *rig)
{
    begin(rig);
    memory_add(rig->store, "b", "hello", 5);
    memory_add_partial(rig->store, "a", "hello ", 6, 11, 0x0d4a1185);
    rig->store->faults.later_every = 1;
    rig->store->faults.commit_polls = 1000000;
    rig->store_rests = true;
}

static void end_slow(struct rig *rig)
{
    rig->store->faults.later_every = 0;
    for (unsigned i = 0; i < MEMORY_WRITERS; i++) {
        rig->store->writers[i].polls = 0;
    }
    rig->store_rests = false;
    rig_settle(rig);
}

static void a_request_that_takes_long_is_told_more_every_5_s(void **state)
{
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(slow_requests); i++) {
        begin_slow(&rig);
        rig_ask(&rig, slow_requests[i].request);
        for (unsigned n = 0; n < 20; n++) {
            rig_wait(&rig, 4999);
            rig_expect(&rig, NULL);
            rig_wait(&rig, 1);
            rig_expect(&rig, MORE_1);
        }
        end_slow(&rig);
        rig_expect(&rig, slow_requests[i].answer);
        rig_end(&rig);
    }
}

/* Found by reading: after a pause the first `more` came at once. */
static void the_first_more_comes_5_s_after_the_request_however_long_the_pause_before(void **state)
{
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(slow_requests); i++) {
        begin_slow(&rig);
        rig_wait(&rig, 60000);
        rig_ask(&rig, slow_requests[i].request);
        rig_wait(&rig, 4999);
        rig_expect(&rig, NULL);
        rig_wait(&rig, 1);
        rig_expect(&rig, MORE_1);
        end_slow(&rig);
        rig_expect(&rig, slow_requests[i].answer);
        rig_end(&rig);
    }
}

static void the_first_more_comes_5_s_after_the_last_byte_of_the_body(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig.store_rests = true;
    rig.store->faults.commit_polls = 1000000;
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':2}");
    rig_wait(&rig, 20000);
    rig_body(&rig, "xy");
    rig_wait(&rig, 4999);
    rig_expect(&rig, NULL);
    rig_wait(&rig, 1);
    rig_expect(&rig, MORE_1);
    rig_end(&rig);
}

/* Design, section 2: "while a request takes long (re-reading, checking, erasing)". */
static void a_put_whose_store_erases_for_long_is_told_more(void **state)
{
    static struct rig rig;

    (void)state;
    begin_slow(&rig);
    rig_ask(&rig, PUT_WORLD);
    for (unsigned s = 0; s < 12; s++) {
        assert_int_equal(rig_feed_once(&rig, "hello world", 11), 0);
        rig_wait(&rig, 1000);
    }
    assert_int_equal(rig_feed_once(&rig, "hello world", 11), 0);
    assert_true(rig_has(&rig, "'id':1,'status':'more'"));
    end_slow(&rig);
    rig.store->faults.commit_polls = 0;
    rig.output.len = 0;
    rig_body(&rig, "hello world");
    rig_expect(&rig, OK_1);
    rig_end(&rig);
}

static void nobody_without_id_is_told_more(void **state)
{
    static struct rig rig;

    (void)state;
    begin_slow(&rig);
    rig_ask(&rig, "{'cmd':'put','filename':'x','filesize':0}");
    rig_wait(&rig, 60000);
    end_slow(&rig);
    rig_expect(&rig, NULL);
    rig_end(&rig);
    assert_file(&rig, "x", "");
}

static void no_more_is_added_while_the_last_one_is_unread(void **state)
{
    static struct rig rig;

    (void)state;
    begin_slow(&rig);
    rig.output_piece = 0;
    rig_ask(&rig, slow_requests[0].request);
    rig_wait(&rig, 29000);
    rig.output_piece = SIZE_MAX;
    rig_wait(&rig, 1);
    rig_expect(&rig, MORE_1);
    rig_end(&rig);
}

static void a_file_that_is_being_sent_is_never_interrupted_by_more(void **state)
{
    static struct rig rig;

    (void)state;
    begin_slow(&rig);
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'b'}");
    rig_wait(&rig, 60000);
    rig_expect(&rig, "{'id':1,'status':'ok','filesize':5,'offset':0,'version':'0000000000000001','data_size':5}");
    rig_end(&rig);
}

/* --- a name that is being written --- */

static void a_put_without_id_waits_unread_for_the_name(void **state)
{
    static struct rig rig;
    static struct rig other;

    (void)state;
    begin(&other);
    rig_ask(&other, "{'cmd':'put','id':1,'filename':'a','filesize':2}");
    rig_begin_other(&other, &rig);
    rig.store_rests = true;
    rig_ask(&rig, "{'cmd':'put','filename':'a','filesize':3}");
    assert_int_equal(rig_feed(&rig, "new", 3), 0);
    assert_int_equal(wants(&rig), DORY_WANTS_STORE);
    rig_wait(&rig, 9999);
    assert_int_equal(wants(&rig), DORY_WANTS_STORE);
    assert_int_equal(dory_session_evictable_ms(&rig.session, rig.now_ms), -1);
    other.now_ms = rig.now_ms;
    rig_body(&other, "xy");
    rig_expect(&other, OK_1);
    rig.store_rests = false;
    rig_body(&rig, "new");
    rig_expect(&rig, NULL);
    assert_file(&rig, "a", "new");
    assert_int_equal(rig.refusals, 0);
    dory_session_end(&rig.session);
    rig_end(&other);
}

static void a_put_without_id_gives_up_after_10_s_and_is_skipped(void **state)
{
    static struct rig rig;
    static struct rig other;

    (void)state;
    begin(&other);
    rig_ask(&other, "{'cmd':'put','id':1,'filename':'a','filesize':2}");
    rig_begin_other(&other, &rig);
    rig.store_rests = true;
    rig_ask(&rig, "{'cmd':'put','filename':'a','filesize':3}");
    rig_wait(&rig, 10000);
    assert_int_equal(wants(&rig), DORY_WANTS_INPUT);
    assert_int_equal(other.refusals, 1);
    assert_int_equal(other.refused, DORY_BUSY);
    assert_string_equal(other.refused_name, "a");
    rig_body(&rig, "new");
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'b','filesize':0}");
    rig_expect(&rig, OK_1);
    other.now_ms = rig.now_ms;
    rig_body(&other, "xy");
    assert_file(&rig, "a", "xy");
    dory_session_end(&rig.session);
    rig_end(&other);
}

static void the_10_s_for_the_name_begin_when_the_clients_own_puts_are_done(void **state)
{
    static struct rig rig;
    static struct rig other;

    if (DORY_MAX_COMMITS == 1) {
        skip();
    }
    (void)state;
    begin(&other);
    rig_ask(&other, "{'cmd':'put','id':1,'filename':'a','filesize':2}");
    rig_begin_other(&other, &rig);
    rig.store_rests = true;
    rig.store->faults.commit_polls = 1000000;
    rig_ask(&rig, "{'cmd':'put','filename':'b','filesize':0}");
    rig_ask(&rig, "{'cmd':'put','filename':'a','filesize':0}");
    rig_wait(&rig, 20000);
    rig.store->writers[1].polls = 0;
    rig_wait(&rig, 1);
    rig_wait(&rig, 9999);
    assert_file(&rig, "b", "");
    assert_int_equal(other.refusals, 0);
    assert_int_equal(wants(&rig), DORY_WANTS_STORE);
    rig_wait(&rig, 1);
    assert_int_equal(other.refusals, 1);
    assert_int_equal(other.refused, DORY_BUSY);
    dory_session_end(&rig.session);
    rig_end(&other);
}

/* Found by reading: a request that waited for 10 s because an earlier answer was unread was told `busy`. */
static void a_request_behind_an_unread_answer_is_not_busy(void **state)
{
    static const char *const requests[] = {"{'cmd':'get','id':2,'filename':'a','check':true}",
                                           "{'cmd':'stat','id':2,'filename':'a'}", "{'cmd':'list','id':2}"};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        begin(&rig);
        memory_add(rig.store, "a", "hello", 5);
        rig.output_piece = 0;
        rig_ask(&rig, "{'cmd':'boot','id':1}");
        rig_ask(&rig, requests[i]);
        rig_wait(&rig, 25000);
        rig.output_piece = SIZE_MAX;
        rig_settle(&rig);
        assert_false(rig_has(&rig, "'busy'"));
        assert_true(rig_has(&rig, "'id':2,'status':'ok'"));
        rig_end(&rig);
    }
}

static void a_request_behind_a_long_commit_is_not_busy(void **state)
{
    static struct rig rig;

    (void)state;
    begin_slow(&rig);
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':0}");
    rig_ask(&rig, "{'cmd':'put','id':2,'filename':'a','filesize':0}");
    rig_wait(&rig, 60000);
    rig.store->faults.commit_polls = 0;
    rig.output.len = 0;
    end_slow(&rig);
    assert_true(rig_has(&rig, "'id':2,'status':'ok'"));
    rig_end(&rig);
}

/* --- who makes room --- */

static void a_session_without_a_complete_header_makes_room(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    expect_evictable(&rig, 0);
    rig_wait(&rig, 7000);
    expect_evictable(&rig, 7000);
    assert_int_equal(rig_feed(&rig, "\x20", 1), 1);
    rig_wait(&rig, 3000);
    expect_evictable(&rig, 3000);
    rig_end(&rig);
    begin(&rig);
    rig_ask(&rig, "{'cmd':'boot','id':1}");
    rig_wait(&rig, 11000);
    expect_evictable(&rig, 11000);
    rig_end(&rig);
}

static void a_session_that_skips_makes_room(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_ask(&rig, "{'cmd':'frobnicate','data_size':100}");
    expect_evictable(&rig, 0);
    rig_wait(&rig, 2000);
    expect_evictable(&rig, 2000);
    rig_body(&rig, "0123456789");
    rig_wait(&rig, 700);
    expect_evictable(&rig, 700);
    rig_end(&rig);
}

static void a_session_whose_body_is_silent_for_5_s_makes_room(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig_ask(&rig, PUT_WORLD);
    rig_wait(&rig, 4999);
    expect_evictable(&rig, -1);
    rig_wait(&rig, 1);
    expect_evictable(&rig, 5000);
    rig_body(&rig, "hello");
    expect_evictable(&rig, -1);
    rig_wait(&rig, 6000);
    expect_evictable(&rig, 6000);
    rig_end(&rig);
    assert_true(memory_partial(rig.store, "a") == 5);
}

static void a_session_at_work_does_not_make_room(void **state)
{
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(slow_requests); i++) {
        begin_slow(&rig);
        rig_ask(&rig, slow_requests[i].request);
        rig_wait(&rig, 60000);
        expect_evictable(&rig, -1);
        rig_end(&rig);
    }
}

static void a_session_with_an_unread_answer_does_not_make_room(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig.output_piece = 0;
    rig_ask(&rig, "{'cmd':'boot','id':1}");
    rig_wait(&rig, 20000);
    expect_evictable(&rig, -1);
    rig_wait(&rig, 20000);
    expect_evictable(&rig, -1);
    rig_end(&rig);
}

static void the_wait_that_is_told_fits_its_type(void **state)
{
    static struct rig rig;

    (void)state;
    begin(&rig);
    rig.now_ms += 0x90000000U; /* a clock that nobody asked for weeks */
    expect_evictable(&rig, INT32_MAX);
    rig_end(&rig);
}

static int at_0(void **state)
{
    (void)state;
    start_ms = 0;
    return 0;
}

static int at_the_sign(void **state)
{
    (void)state;
    start_ms = 0x7fffffffU - 3000;
    return 0;
}

static int at_the_wrap(void **state)
{
    (void)state;
    start_ms = 0xffffffffU - 3000;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_that_is_not_complete_after_10_s_closes),
        cmocka_unit_test(a_header_that_trickles_is_not_waited_for_longer),
        cmocka_unit_test(a_connection_idle_for_120_s_closes),
        cmocka_unit_test(the_time_of_a_connection_begins_when_it_does),
        cmocka_unit_test(a_connection_is_not_idle_while_an_answer_or_a_commit_is_on_its_way),
        cmocka_unit_test(a_body_silent_for_30_s_is_timeout_and_its_partial_kept),
        cmocka_unit_test(a_silent_body_without_id_just_closes),
        cmocka_unit_test(a_body_that_is_skipped_may_not_be_silent_for_30_s_either),
        cmocka_unit_test(a_body_slower_than_256_bytes_a_second_over_30_s_is_timeout),
        cmocka_unit_test(what_came_of_the_last_body_does_not_count_for_the_next),
        cmocka_unit_test(without_a_minimum_any_rate_will_do),
        cmocka_unit_test(a_body_faster_than_any_counter_is_not_late),
        cmocka_unit_test(a_store_that_is_slow_is_not_the_peers_fault),
        cmocka_unit_test(a_store_asked_again_only_after_long_is_not_the_peers_fault),
        cmocka_unit_test(output_that_does_not_move_for_30_s_gives_the_connection_up),
        cmocka_unit_test(output_that_moves_by_a_byte_is_waited_for),
        cmocka_unit_test(output_that_still_moves_below_is_waited_for),
        cmocka_unit_test(output_that_stops_in_the_middle_of_a_file_gives_the_connection_up),
        cmocka_unit_test(a_file_that_the_store_is_slow_to_read_is_not_the_peers_fault),
        cmocka_unit_test(a_request_that_takes_long_is_told_more_every_5_s),
        cmocka_unit_test(the_first_more_comes_5_s_after_the_request_however_long_the_pause_before),
        cmocka_unit_test(the_first_more_comes_5_s_after_the_last_byte_of_the_body),
        cmocka_unit_test(a_put_whose_store_erases_for_long_is_told_more),
        cmocka_unit_test(nobody_without_id_is_told_more),
        cmocka_unit_test(no_more_is_added_while_the_last_one_is_unread),
        cmocka_unit_test(a_file_that_is_being_sent_is_never_interrupted_by_more),
        cmocka_unit_test(a_put_without_id_waits_unread_for_the_name),
        cmocka_unit_test(a_put_without_id_gives_up_after_10_s_and_is_skipped),
        cmocka_unit_test(the_10_s_for_the_name_begin_when_the_clients_own_puts_are_done),
        cmocka_unit_test(a_request_behind_an_unread_answer_is_not_busy),
        cmocka_unit_test(a_request_behind_a_long_commit_is_not_busy),
        cmocka_unit_test(a_session_without_a_complete_header_makes_room),
        cmocka_unit_test(a_session_that_skips_makes_room),
        cmocka_unit_test(a_session_whose_body_is_silent_for_5_s_makes_room),
        cmocka_unit_test(a_session_at_work_does_not_make_room),
        cmocka_unit_test(a_session_with_an_unread_answer_does_not_make_room),
        cmocka_unit_test(the_wait_that_is_told_fits_its_type),
    };
    int failed = cmocka_run_group_tests_name("server: time", tests, at_0, NULL);

    failed += cmocka_run_group_tests_name("server: time, at the sign bit", tests, at_the_sign, NULL);
    failed += cmocka_run_group_tests_name("server: time, at the wrap", tests, at_the_wrap, NULL);
    return failed;
}
