/* SPDX-License-Identifier: MIT */
/* The server session: requests that are pipelined, and the order of their answers. */
#include "talk.h"

#define CRC_HELLO "'crc32':'3610a686'"
#define OK(id) "{'id':" #id ",'status':'ok','data_size':0}"
#define PUT_A(id) "{'cmd':'put','id':" #id ",'filename':'a','filesize':5}"
#define GET_A(id) "{'cmd':'get','id':" #id ",'filename':'a'}"

/* A rig whose store answers "later" to commits until commits_end(). */
static void begin_with_slow_commits(struct rig *rig)
{
    rig_begin(rig);
    rig->store_rests = true;
    rig->store->faults.commit_polls = 1000000;
}

static void commits_end(struct rig *rig)
{
    for (unsigned i = 0; i < MEMORY_WRITERS; i++) {
        rig->store->writers[i].polls = 0;
    }
    rig->store->faults.commit_polls = 0;
    rig->store_rests = false;
    rig_settle(rig);
}

static unsigned writers_in_use(const struct rig *rig)
{
    unsigned used = 0;

    for (unsigned i = 0; i < MEMORY_WRITERS; i++) {
        used += rig->store->writers[i].content.used ? 1 : 0;
    }
    return used;
}

static void every_kind_of_request_is_answered_in_its_turn(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    ask_with(talk, PUT_A(1), "hello");
    ask_with(talk, "{'cmd':'put','filename':'b','filesize':2}", "bb");
    ask_with(talk, "{'cmd':'put','id':2,'filename':'c','filesize':5," CRC_HELLO "}", "jello");
    ask(talk, "{'cmd':'frobnicate','id':3}");
    ask_with(talk, "{'cmd':'put','id':4,'filename':'..','filesize':2}", "xx");
    ask_with(talk, "{'cmd':'put','id':5,'filename':'c','filesize':5," CRC_HELLO "}", "hello");
    ask(talk, GET_A(6));
    ask(talk, "{'cmd':'delete','id':7,'filename':'b'}");
    ask(talk, "{'cmd':'list','id':8,'prefix':'b'}");
    ask(talk, "{'cmd':'stat','id':9,'filename':'c','check':true}");
    ask_with(talk, PUT_A(10), "HELLO");
    ask_with(talk, PUT_A(10), "world");
    ask(talk, GET_A(10));
    ask(talk, "{'cmd':'boot','id':0}");
    expect(talk, OK(1));
    expect(talk, "{'id':2,'status':'corrupt','data_size':0}");
    expect(talk, "{'id':3,'status':'unknown_cmd','data_size':0}");
    expect(talk, "{'id':4,'status':'bad_name','data_size':0}");
    expect(talk, OK(5));
    expect_with(talk, "{'id':6,'status':'ok','filesize':5,'offset':0,'version':'0000000000000001','data_size':5}",
                "hello");
    expect(talk, OK(7));
    expect(talk, OK(8));
    expect(talk, "{'id':9,'status':'ok','filesize':5,'version':'0000000000000003','crc32':'3610a686','data_size':0}");
    expect(talk, OK(10));
    expect(talk, OK(10));
    expect_with(talk, "{'id':10,'status':'ok','filesize':5,'offset':0,'version':'0000000000000005','data_size':5}",
                "world");
    expect(talk, "{'id':0,'status':'unsupported','data_size':0}");
    hold(talk);
}

static void so_many_puts_may_wait_for_the_disk_and_no_more(void **state)
{
    static struct rig rig;
    static struct bytes stream;
    static struct bytes expected;
    size_t taken;

    (void)state;
    begin_with_slow_commits(&rig);
    stream.len = 0;
    expected.len = 0;
    for (unsigned i = 0; i < MEMORY_WRITERS - 1; i++) {
        char json[96];

        (void)snprintf(json, sizeof json, "{'cmd':'put','id':%u,'filename':'f%u','filesize':2}", i, i);
        add_header(&stream, json);
        add_text(&stream, "xy");
        (void)snprintf(json, sizeof json, "{'id':%u,'status':'ok','data_size':0}", i);
        add_header(&expected, json);
    }
    taken = rig_feed(&rig, stream.data, stream.len);
    assert_true(taken < stream.len);
    assert_int_equal(writers_in_use(&rig), DORY_MAX_COMMITS);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_STORE);
    rig_wait(&rig, 4000);
    assert_int_equal(writers_in_use(&rig), DORY_MAX_COMMITS);
    rig_expect(&rig, NULL);
    commits_end(&rig);
    assert_int_equal(rig_feed(&rig, stream.data + taken, stream.len - taken), stream.len - taken);
    rig_settle(&rig);
    assert_bytes_equal(&rig.output, &expected);
    rig_end(&rig);
}

#if DORY_MAX_COMMITS > 1

static void a_change_that_is_done_at_once_is_answered_after_those_before_it(void **state)
{
    static struct rig rig;
    static struct bytes expected;

    (void)state;
    begin_with_slow_commits(&rig);
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    rig.store->faults.commit_polls = 0;
    rig_ask(&rig, "{'cmd':'put','id':2,'filename':'b','filesize':0}");
    assert_file(&rig, "b", "");
    rig_expect(&rig, NULL);
    commits_end(&rig);
    expected.len = 0;
    add_header(&expected, OK(1));
    add_header(&expected, OK(2));
    assert_bytes_equal(&rig.output, &expected);
    rig_end(&rig);
}

static void a_put_may_be_received_while_an_earlier_one_is_synced(void **state)
{
    static struct rig rig;
    static struct bytes expected;

    (void)state;
    begin_with_slow_commits(&rig);
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    rig_ask(&rig, "{'cmd':'put','id':2,'filename':'b','filesize':4}");
    rig_body(&rig, "12");
    rig.store->writers[0].polls = 0;
    rig_wait(&rig, 1);
    rig_expect(&rig, OK(1)); /* in the middle of the next body */
    rig_body(&rig, "34");
    commits_end(&rig);
    expected.len = 0;
    add_header(&expected, OK(2));
    assert_bytes_equal(&rig.output, &expected);
    assert_file(&rig, "b", "1234");
    rig_end(&rig);
}

#endif

static void an_answer_waits_for_changes_before_it(void **state)
{
    static const struct {
        const char *request;
        const char *body;
        const char *answer;
    } cases[] = {
        {"{'cmd':'put','id':2,'filename':'../x','filesize':2}", "xy", "{'id':2,'status':'bad_name','data_size':0}"},
        {"{'cmd':'put','id':2,'filename':'x','filesize':5," CRC_HELLO "}", "jello",
         "{'id':2,'status':'corrupt','data_size':0}"},
        {"{'cmd':'frobnicate','id':2}", "", "{'id':2,'status':'unknown_cmd','data_size':0}"},
        {"{'cmd':'stat','id':2,'filename':'a'}", "",
         "{'id':2,'status':'ok','filesize':5,'version':'0000000000000001','data_size':0}"},
        {"{'cmd':'get','id':2,'filename':'nowhere'}", "", "{'id':2,'status':'not_found','data_size':0}"},
        {"{'cmd':'list','id':2,'prefix':'x'}", "", OK(2)},
        {"{'cmd':'delete','id':2,'filename':'a'}", "", OK(2)},
        {"{'cmd':'delete','id':2,'filename':'b'}", "", "{'id':2,'status':'not_found','data_size':0}"},
        {"{'cmd':'put','id':2,'filename':'a','filesize':3}", "new", OK(2)},
        {"{'cmd':'put','id':2,'filename':'a','filesize':0,'crc32':'00000001','resume':true}", "",
         "{'id':2,'status':'continue','offset':0,'prefix_crc32':'00000000','data_size':0}"},
        {"{'cmd':'boot','id':2}", "", "{'id':2,'status':'unsupported','data_size':0}"},
        {"[]", "", "{'status':'bad_header','data_size':0}"},
    };
    static struct rig rig;
    static struct bytes expected;
    static struct bytes stream;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t taken;

        begin_with_slow_commits(&rig);
        rig_ask(&rig, PUT_A(1));
        rig_body(&rig, "hello");
        stream.len = 0;
        add_header(&stream, cases[i].request);
        add_text(&stream, cases[i].body);
        taken = rig_feed(&rig, stream.data, stream.len);
        rig_settle(&rig);
        rig_wait(&rig, 4000);
        rig_expect(&rig, NULL);
        commits_end(&rig);
        taken += rig_feed(&rig, stream.data + taken, stream.len - taken);
        assert_int_equal(taken, stream.len);
        rig_settle(&rig);
        expected.len = 0;
        add_header(&expected, OK(1));
        add_header(&expected, cases[i].answer);
        assert_true(rig.output.len >= expected.len);
        rig.output.len = strstr(cases[i].answer, "continue") != NULL ? expected.len : rig.output.len;
        assert_bytes_equal(&rig.output, &expected);
        rig_end(&rig);
    }
}

/* The design: a second put of a name is busy; but this client's own first one isn't somebody else's. */
static void two_puts_of_one_name_on_one_connection_are_done_one_after_another(void **state)
{
    static struct rig rig;

    (void)state;
    begin_with_slow_commits(&rig);
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    rig_ask(&rig, PUT_A(2));
    assert_int_equal(rig_feed(&rig, "HELLO", 5), 0);
    rig_wait(&rig, 4000);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_STORE);
    rig_expect(&rig, NULL);
    commits_end(&rig);
    rig_expect(&rig, OK(1));
    assert_file(&rig, "a", "hello");
    rig_body(&rig, "HELLO");
    rig_expect(&rig, OK(2));
    assert_file(&rig, "a", "HELLO");
    rig_end(&rig);
}

static void input_that_ends_behind_puts_lets_them_be_finished_and_answered(void **state)
{
    static struct rig rig;

    (void)state;
    begin_with_slow_commits(&rig);
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    dory_session_end_input(&rig.session, rig.now_ms);
    rig_wait(&rig, 4000);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_STORE);
    commits_end(&rig);
    rig_expect(&rig, OK(1));
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_CLOSE);
    rig_end(&rig);
    assert_file(&rig, "a", "hello");
}

static void input_that_ends_while_a_put_waits_for_its_turn_gives_that_one_up(void **state)
{
    static struct rig rig;

    (void)state;
    begin_with_slow_commits(&rig);
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    rig_ask(&rig, PUT_A(2)); /* its body never comes */
    dory_session_end_input(&rig.session, rig.now_ms);
    commits_end(&rig);
    rig_expect(&rig, OK(1));
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_CLOSE);
    rig_end(&rig);
    assert_file(&rig, "a", "hello");
}

static void puts_that_were_whole_are_published_when_the_connection_is_lost(void **state)
{
    static struct rig rig;

    (void)state;
    begin_with_slow_commits(&rig);
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    rig_ask(&rig, "{'cmd':'put','filename':'b','filesize':2}");
    if (DORY_MAX_COMMITS > 1) {
        rig_body(&rig, "bb");
    }
    rig_end(&rig);
    assert_file(&rig, "a", "hello");
    assert_file(&rig, "b", DORY_MAX_COMMITS > 1 ? "bb" : NULL);
}

/* server.h, dory_session_end(): "a put that was whole is still published". */
static void a_whole_put_is_published_though_an_earlier_answer_was_never_read(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.output_piece = 0;
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    assert_file(&rig, "a", "hello");
    rig_request(&rig, "{'cmd':'put','id':2,'filename':'b','filesize':2}");
    assert_int_equal(rig_feed(&rig, "bb", 2), 2);
    rig_settle(&rig);
    rig_end(&rig);
    assert_file(&rig, "b", "bb");
}

static void a_put_is_taken_while_the_answer_before_it_is_unread(void **state)
{
    static struct rig rig;
    static struct bytes expected;

    (void)state;
    rig_begin(&rig);
    rig.output_piece = 0;
    rig_ask(&rig, PUT_A(1));
    rig_body(&rig, "hello");
    rig_ask(&rig, "{'cmd':'put','id':2,'filename':'b','filesize':2}");
    rig_body(&rig, "bb");
    rig.output_piece = 5;
    rig_settle(&rig);
    expected.len = 0;
    add_header(&expected, OK(1));
    add_header(&expected, OK(2));
    assert_bytes_equal(&rig.output, &expected);
    rig_end(&rig);
}

static void a_client_that_sends_a_thousand_gets_and_only_then_reads_is_served(void **state)
{
    static struct rig rig;
    static struct bytes expected;
    size_t taken = 0;
    uint8_t message[64];
    size_t len;

    (void)state;
    rig_begin(&rig);
    memory_add(rig.store, "a", "hello", 5);
    expected.len = 0;
    add_header(&expected, GET_A(1));
    len = expected.len;
    memcpy(message, expected.data, len);
    expected.len = 0;
    add_header(&expected, "{'id':1,'status':'ok','filesize':5,'offset':0,'version':'0000000000000001','data_size':5}");
    add_text(&expected, "hello");
    rig.output_piece = 0;
    for (unsigned i = 0; i < 1000;) {
        size_t piece = rig_feed(&rig, message + taken, len - taken);

        taken += piece;
        if (taken == len) {
            taken = 0;
            i++;
        }
        if (piece == 0) { /* what more there is stays in the network */
            assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_OUTPUT);
            rig.output_piece = SIZE_MAX;
            rig_settle(&rig);
            rig.output_piece = 0;
            assert_bytes_equal(&rig.output, &expected);
            rig.output.len = 0;
        }
    }
    rig.output_piece = SIZE_MAX;
    rig_settle(&rig);
    assert_bytes_equal(&rig.output, &expected);
    rig_end(&rig);
}

static void failures_of_pending_puts_without_id_are_told(void **state)
{
    static struct rig rig;

    (void)state;
    begin_with_slow_commits(&rig);
    rig_ask(&rig, "{'cmd':'put','filename':'a','filesize':2}");
    rig_body(&rig, "xy");
    rig.store->faults.commit = DORY_NO_SPACE;
    commits_end(&rig);
    rig_expect(&rig, NULL);
    assert_int_equal(rig.refusals, 1);
    assert_int_equal(rig.refused, DORY_NO_SPACE);
    rig_end(&rig);
    assert_file(&rig, "a", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_request_is_answered_in_its_turn),
        cmocka_unit_test(so_many_puts_may_wait_for_the_disk_and_no_more),
#if DORY_MAX_COMMITS > 1
        cmocka_unit_test(a_change_that_is_done_at_once_is_answered_after_those_before_it),
        cmocka_unit_test(a_put_may_be_received_while_an_earlier_one_is_synced),
#endif
        cmocka_unit_test(an_answer_waits_for_changes_before_it),
        cmocka_unit_test(two_puts_of_one_name_on_one_connection_are_done_one_after_another),
        cmocka_unit_test(input_that_ends_behind_puts_lets_them_be_finished_and_answered),
        cmocka_unit_test(input_that_ends_while_a_put_waits_for_its_turn_gives_that_one_up),
        cmocka_unit_test(puts_that_were_whole_are_published_when_the_connection_is_lost),
        cmocka_unit_test(a_whole_put_is_published_though_an_earlier_answer_was_never_read),
        cmocka_unit_test(a_put_is_taken_while_the_answer_before_it_is_unread),
        cmocka_unit_test(a_client_that_sends_a_thousand_gets_and_only_then_reads_is_served),
        cmocka_unit_test(failures_of_pending_puts_without_id_are_told),
    };

    return cmocka_run_group_tests_name("server: order", tests, NULL, NULL);
}
