/* SPDX-License-Identifier: MIT */
/* The server session: requests that read, requests that are refused, and the stream that stays in step. */
#include "talk.h"

#define VERSION_1 "'version':'0000000000000001'"
#define VERSION_2 "'version':'0000000000000002'"
#define BAD_HEADER "{'status':'bad_header','data_size':0}"
#define STAT_A "{'cmd':'stat','id':9,'filename':'a'}"
#define STAT_A_OK "{'id':9,'status':'ok','filesize':5," VERSION_1 ",'data_size':0}"
#define INFO_OK \
    "{'id':1,'status':'ok','max_file':1000,'free':490,'writers':40,'dory':1,'name':'rig','server':'" DORY_VERSION \
    "','board':'test','firmware':'1.2.3','max_header':512,'max_name':64,'sessions':4,'uptime_ms':0,'data_size':0}"

/* a: 5 bytes, version 1; b/c: 10 bytes, version 2; empty: version 3. */
static void three_files(struct rig *rig)
{
    memory_add(rig->store, "a", "hello", 5);
    memory_add(rig->store, "b/c", "0123456789", 10);
    memory_add(rig->store, "empty", "", 0);
}

static void verify_three_files(struct rig *rig)
{
    assert_file(rig, "a", "hello");
    assert_file(rig, "b/c", "0123456789");
    assert_file(rig, "empty", "");
}

static struct talk *talk_about_files(void)
{
    struct talk *talk = talk_new();

    talk->prepare = three_files;
    talk->verify = verify_three_files;
    return talk;
}

/* One request, one answer, and another to see that the stream is in step. */
static void hold_one(const char *request, const char *body, const char *answer)
{
    struct talk *talk = talk_about_files();

    ask_with(talk, request, body);
    ask(talk, STAT_A);
    if (answer != NULL) {
        expect(talk, answer);
    }
    expect(talk, STAT_A_OK);
    hold(talk);
}

/* --- info --- */

static void small_room(struct rig *rig)
{
    three_files(rig);
    rig->store->max_file = 1000;
    rig->store->capacity = 505;
    rig->server.max_header = 512;
    rig->server.max_name = 64;
    rig->turn_ms = 0;
}

static void info_tells_what_the_server_is_and_takes(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    talk->prepare = small_room;
    ask(talk, "{'cmd':'info','id':1}");
    expect(talk, INFO_OK);
    hold(talk);
}

static void no_room(struct rig *rig)
{
    three_files(rig);
    rig->store->faults.room = DORY_IO_ERROR;
}

static void info_of_a_store_that_fails_is_io_error(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    talk->prepare = no_room;
    ask(talk, "{'cmd':'info','id':1}");
    ask(talk, STAT_A);
    expect(talk, "{'id':1,'status':'io_error','data_size':0}");
    expect(talk, STAT_A_OK);
    hold(talk);
}

/* Every number and text as long as it can be, with the smallest header limit: there still is an answer, of 512 bytes at most. */
static void the_longest_info_is_answered_within_the_smallest_limits(void **state)
{
    static const unsigned names[] = {16, 64, DORY_MAX_NAME};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (int widest = 0; widest < 2; widest++) {
            rig_begin(&rig);
            dory_session_end(&rig.session);
            rig.server.name = "0123456789abcdef0123456789abcdef";
            rig.server.board = rig.server.name + 16;
            rig.server.firmware = rig.server.name;
            rig.server.max_name = (uint16_t)names[i];
            rig.server.max_header = (uint16_t)(widest != 0 ? 32768 : 2 * names[i] + 128);
            rig.server.sessions = UINT32_MAX;
            rig.server.uptime_ms = DORY_MAX_NUMBER;
            rig.store->max_file = DORY_MAX_NUMBER;
            rig.store->capacity = UINT64_MAX;
            rig.store->max_writers = UINT32_MAX;
            rig_begin_session(&rig, &rig.session, 0);
            rig_ask(&rig, "{'cmd':'info','id':9007199254740991}");
            check_answers(&rig.output);
            assert_true(rig.output.len > 340);
            rig_end(&rig);
        }
    }
}

static void uptime_goes_on_when_the_clock_wraps(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.now_ms = 0xfffffff0;
    dory_server_begin(&rig.server, rig.now_ms);
    rig_begin_session(&rig, &rig.session, 0);
    rig.now_ms += 0x20;
    rig_ask(&rig, "{'cmd':'info','id':1}");
    assert_true(rig_has(&rig, "'uptime_ms':32,"));
    rig_end(&rig);
    assert_true(rig.server.uptime_ms == 32);
}

/* --- get --- */

#define GET_A "{'id':1,'status':'ok','filesize':5,'offset':0," VERSION_1 ",'data_size':5}"

static void a_get_gives_the_bytes_of_a_file(void **state)
{
    struct talk *talk = talk_about_files();

    (void)state;
    ask(talk, "{'cmd':'get','id':1,'filename':'a'}");
    ask(talk, "{'cmd':'get','id':2,'filename':'b/c','check':false}");
    ask(talk, "{'cmd':'get','id':3,'filename':'empty'}");
    ask(talk, STAT_A);
    expect_with(talk, GET_A, "hello");
    expect_with(talk, "{'id':2,'status':'ok','filesize':10,'offset':0," VERSION_2 ",'data_size':10}", "0123456789");
    expect(talk, "{'id':3,'status':'ok','filesize':0,'offset':0,'version':'0000000000000003','data_size':0}");
    expect(talk, STAT_A_OK);
    hold(talk);
}

static void a_get_gives_a_stretch_cut_at_the_end_of_the_file(void **state)
{
    static const struct {
        const char *fields;
        const char *offset;
        const char *size;
        const char *body;
    } cases[] = {
        {"'offset':3", "3", "7", "3456789"},
        {"'offset':10", "10", "0", ""},
        {"'length':4", "0", "4", "0123"},
        {"'length':0", "0", "0", ""},
        {"'length':10", "0", "10", "0123456789"},
        {"'length':11", "0", "10", "0123456789"},
        {"'offset':2,'length':3", "2", "3", "234"},
        {"'offset':9,'length':9007199254740991", "9", "1", "9"},
        {"'offset':10,'length':9007199254740991", "10", "0", ""},
        {"'length':1,'offset':9", "9", "1", "9"},
        {"'length':4,'offset':8", "8", "2", "89"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct talk *talk = talk_about_files();
        char request[128];
        char answer[160];

        (void)snprintf(request, sizeof request, "{'cmd':'get','id':1,'filename':'b/c',%s}", cases[i].fields);
        (void)snprintf(answer, sizeof answer, "{'id':1,'status':'ok','filesize':10,'offset':%s,%s,'data_size':%s}",
                       cases[i].offset, VERSION_2, cases[i].size);
        ask(talk, request);
        ask(talk, STAT_A);
        expect_with(talk, answer, cases[i].body);
        expect(talk, STAT_A_OK);
        hold(talk);
    }
}

static void a_get_with_check_tells_the_crc32_of_what_it_sent(void **state)
{
    struct talk *talk = talk_about_files();

    (void)state;
    ask(talk, "{'cmd':'get','id':1,'filename':'a','check':true}");
    ask(talk, "{'cmd':'get','id':2,'filename':'b/c','check':true,'offset':1,'length':8}");
    ask(talk, "{'cmd':'get','id':3,'filename':'empty','check':true}");
    expect_with(talk, "{'id':1,'status':'more','filesize':5,'offset':0," VERSION_1 ",'data_size':5}", "hello");
    expect(talk, "{'id':1,'status':'ok','crc32':'3610a686','data_size':0}");
    expect_with(talk, "{'id':2,'status':'more','filesize':10,'offset':1," VERSION_2 ",'data_size':8}", "12345678");
    expect(talk, "{'id':2,'status':'ok','crc32':'9ae0daaf','data_size':0}");
    expect(talk, "{'id':3,'status':'more','filesize':0,'offset':0,'version':'0000000000000003','data_size':0}");
    expect(talk, "{'id':3,'status':'ok','crc32':'00000000','data_size':0}");
    hold(talk);
}

static void a_get_whose_if_version_differs_is_changed(void **state)
{
    struct talk *talk = talk_about_files();

    (void)state;
    ask(talk, "{'cmd':'get','id':1,'filename':'a','if_version':'0000000000000001'}");
    ask(talk, "{'cmd':'get','id':2,'filename':'a','if_version':'0000000000000002'}");
    ask(talk, "{'cmd':'get','id':3,'filename':'a','if_version':'1'}");
    ask(talk, "{'cmd':'get','id':4,'filename':'a','if_version':'','offset':99}");
    ask(talk, "{'cmd':'get','id':5,'filename':'b/d','if_version':'0000000000000001'}");
    expect_with(talk, GET_A, "hello");
    expect(talk, "{'id':2,'status':'changed','data_size':0}");
    expect(talk, "{'id':3,'status':'changed','data_size':0}");
    expect(talk, "{'id':4,'status':'changed','data_size':0}");
    expect(talk, "{'id':5,'status':'not_found','data_size':0}");
    hold(talk);
}

static void a_get_that_can_not_be_served_says_why(void **state)
{
    (void)state;
    hold_one("{'cmd':'get','id':1,'filename':'b'}", "", "{'id':1,'status':'bad_name','data_size':0}");
    hold_one("{'cmd':'get','id':1,'filename':'a/b'}", "", "{'id':1,'status':'bad_name','data_size':0}");
    hold_one("{'cmd':'get','id':1,'filename':'x'}", "", "{'id':1,'status':'not_found','data_size':0}");
    hold_one("{'cmd':'get','id':1,'filename':'a','offset':6}", "", "{'id':1,'status':'bad_request','data_size':0}");
    hold_one("{'cmd':'get','id':1,'filename':'a','offset':9007199254740991}", "",
             "{'id':1,'status':'bad_request','data_size':0}");
    hold_one("{'cmd':'get','id':1,'filename':'a','data_size':7,'offset':6}", "ignored",
             "{'id':1,'status':'bad_request','data_size':0}");
}

static void hidden_files(struct rig *rig)
{
    three_files(rig);
    rig->store->hides = true;
}

static void a_hidden_file_is_not_given_but_told_of(void **state)
{
    struct talk *talk = talk_about_files();

    (void)state;
    talk->prepare = hidden_files;
    ask(talk, "{'cmd':'get','id':1,'filename':'a'}");
    ask(talk, "{'cmd':'get','id':2,'filename':'a','offset':99,'if_version':'1'}");
    ask(talk, "{'cmd':'get','id':3,'filename':'a','check':true}");
    ask(talk, "{'cmd':'stat','id':4,'filename':'a','check':true}");
    ask(talk, "{'cmd':'get','id':5,'filename':'x'}");
    expect(talk, "{'id':1,'status':'forbidden','data_size':0}");
    expect(talk, "{'id':2,'status':'forbidden','data_size':0}");
    expect(talk, "{'id':3,'status':'forbidden','data_size':0}");
    expect(talk, "{'id':4,'status':'ok','filesize':5,'version':'0000000000000001','crc32':'3610a686','data_size':0}");
    expect(talk, "{'id':5,'status':'not_found','data_size':0}");
    hold(talk);
}

static void a_store_whose_open_fails_is_passed_on(void **state)
{
    static const struct {
        int status;
        const char *answer;
    } cases[] = {{DORY_IO_ERROR, "{'id':1,'status':'io_error','data_size':0}"},
                 {DORY_BUSY, "{'id':1,'status':'busy','data_size':0}"},
                 {DORY_BAD_NAME, "{'id':1,'status':'bad_name','data_size':0}"},
                 {DORY_FORBIDDEN, "{'id':1,'status':'forbidden','data_size':0}"}};
    static const char *const requests[] = {"{'cmd':'get','id':1,'filename':'a'}",
                                           "{'cmd':'stat','id':1,'filename':'a'}",
                                           "{'cmd':'stat','id':1,'filename':'a','check':true}"};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t j = 0; j < COUNT_OF(requests); j++) {
            rig_begin(&rig);
            three_files(&rig);
            rig.store->faults.open = cases[i].status;
            rig_ask(&rig, requests[j]);
            rig_expect(&rig, cases[i].answer);
            rig.store->faults.open = 0;
            rig_ask(&rig, STAT_A);
            rig_expect(&rig, STAT_A_OK);
            rig_end(&rig);
        }
    }
}

/* The connection is given up with what it has sent, and every byte of that is of the version that was opened. */
static void a_get_whose_reads_fail_gives_the_connection_up(void **state)
{
    static const int failures[] = {DORY_CHANGED, DORY_IO_ERROR};
    static struct rig rig;
    static struct bytes expected;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        for (uint64_t from = 0; from < 10; from++) {
            rig_begin(&rig);
            three_files(&rig);
            rig.store->faults.read = failures[i];
            rig.store->faults.read_from = from;
            rig_ask(&rig, "{'cmd':'get','id':2,'filename':'b/c'}");
            expected.len = 0;
            add_header(&expected, "{'id':2,'status':'ok','filesize':10,'offset':0," VERSION_2 ",'data_size':10}");
            add_bytes(&expected, "0123456789", (size_t)from);
            assert_bytes_equal(&rig.output, &expected);
            assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_RESET);
            assert_int_equal(dory_session_evictable_ms(&rig.session, rig.now_ms), -1);
            rig_wait(&rig, 200000);
            assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_RESET);
            rig_end(&rig);
        }
    }
}

static void a_file_replaced_while_it_is_sent_is_never_a_mixture(void **state)
{
    static struct rig rig;

    (void)state;
    for (unsigned sent = 0; sent < 10; sent++) {
        rig_begin(&rig);
        three_files(&rig);
        rig.output_piece = 0;
        rig_ask(&rig, "{'cmd':'get','id':2,'filename':'b/c'}");
        rig.output_piece = 1;
        while (rig.output.len < 4 || rig.output.data[rig.output.len - 1] != '}') {
            assert_true(rig_send(&rig));
        }
        for (unsigned i = 0; i < sent; i++) {
            assert_true(rig_send(&rig));
        }
        memory_add(rig.store, "b/c", "abcdefghij", 10);
        rig_settle(&rig);
        assert_memory_equal(rig.output.data + rig.output.len - sent, "0123456789", sent);
        assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_RESET);
        rig_end(&rig);
    }
}

static void a_get_beyond_4_gib_gives_the_right_bytes(void **state)
{
    static struct rig rig;
    const uint64_t off = UINT64_C(0x1fffffff0);

    (void)state;
    rig_begin(&rig);
    memory_add(rig.store, "large", NULL, UINT64_C(1) << 40);
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'large','offset':8589934576,'length':40}");
    assert_true(rig.output.len > 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(rig.output.data[rig.output.len - 40 + i], memory_pattern(off + i));
    }
    check_answers(&rig.output);
    rig_end(&rig);
}

/* --- stat --- */

static void a_partial_of_x(struct rig *rig)
{
    three_files(rig);
    memory_add_partial(rig->store, "x", "par", 3, 7, 0x12345678);
    memory_add_partial(rig->store, "a", "he", 2, 8, 0x12345678);
}

static void a_stat_tells_size_version_and_crc32(void **state)
{
    struct talk *talk = talk_about_files();

    (void)state;
    ask(talk, "{'cmd':'stat','id':1,'filename':'b/c'}");
    ask(talk, "{'cmd':'stat','id':2,'filename':'b/c','check':true}");
    ask(talk, "{'cmd':'stat','id':3,'filename':'empty','check':true}");
    ask(talk, "{'cmd':'stat','id':4,'filename':'x','check':true}");
    ask(talk, "{'cmd':'stat','id':5,'filename':'b','check':false}");
    expect(talk, "{'id':1,'status':'ok','filesize':10," VERSION_2 ",'data_size':0}");
    expect(talk, "{'id':2,'status':'ok','filesize':10," VERSION_2 ",'crc32':'a684c7c6','data_size':0}");
    expect(talk, "{'id':3,'status':'ok','filesize':0,'version':'0000000000000003','crc32':'00000000','data_size':0}");
    expect(talk, "{'id':4,'status':'not_found','data_size':0}");
    expect(talk, "{'id':5,'status':'bad_name','data_size':0}");
    hold(talk);
}

static void a_stat_tells_what_can_be_resumed(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    talk->prepare = a_partial_of_x;
    ask(talk, "{'cmd':'stat','id':1,'filename':'x'}");
    ask(talk, "{'cmd':'stat','id':2,'filename':'a'}");
    ask(talk, "{'cmd':'stat','id':3,'filename':'a','check':true}");
    ask(talk, "{'cmd':'stat','id':4,'filename':'y'}");
    expect(talk, "{'id':1,'status':'not_found','partial':3,'data_size':0}");
    expect(talk, "{'id':2,'status':'ok','filesize':5," VERSION_1 ",'partial':2,'data_size':0}");
    expect(talk, "{'id':3,'status':'ok','filesize':5," VERSION_1 ",'crc32':'3610a686','partial':2,'data_size':0}");
    expect(talk, "{'id':4,'status':'not_found','data_size':0}");
    hold(talk);
}

static void a_stat_whose_reads_fail_says_so(void **state)
{
    static struct rig rig;

    (void)state;
    for (uint64_t from = 0; from < 10; from++) {
        rig_begin(&rig);
        three_files(&rig);
        rig.store->faults.read = from % 2 == 0 ? DORY_IO_ERROR : DORY_CHANGED;
        rig.store->faults.read_from = from;
        rig_ask(&rig, "{'cmd':'stat','id':1,'filename':'b/c','check':true}");
        rig_expect(&rig, from % 2 == 0 ? "{'id':1,'status':'io_error','data_size':0}"
                                       : "{'id':1,'status':'changed','data_size':0}");
        rig_ask(&rig, STAT_A);
        rig_expect(&rig, STAT_A_OK);
        rig_end(&rig);
    }
}

static void a_check_lets_others_run_after_each_slice(void **state)
{
    static struct rig rig;
    static uint8_t content[DORY_SLICE * 3];
    char answer[160];
    unsigned turns = 0;

    (void)state;
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = memory_pattern(i);
    }
    rig_begin(&rig);
    rig.store_rests = true;
    memory_add(rig.store, "large", NULL, sizeof content);
    rig_request(&rig, "{'cmd':'stat','id':1,'filename':'large','check':true}");
    while (rig_wants(&rig, DORY_WANTS_TURN)) {
        dory_session_run(&rig.session, rig.now_ms);
        turns++;
    }
    assert_in_range(turns, 2, 3);
    rig_settle(&rig);
    (void)snprintf(answer, sizeof answer,
                   "{'id':1,'status':'ok','filesize':%u," VERSION_1 ",'crc32':'%08x','data_size':0}",
                   (unsigned)sizeof content, (unsigned)dory_crc32(0, content, sizeof content));
    rig_expect(&rig, answer);
    rig_end(&rig);
}

/* --- list --- */

static void a_list_has_a_line_for_each_file(void **state)
{
    struct talk *talk = talk_about_files();

    (void)state;
    talk->is_brisk = true;
    ask(talk, "{'cmd':'list','id':1}");
    expect_with(talk, "{'id':1,'status':'ok','data_size':97}",
                "{\"filename\":\"a\",\"filesize\":5}\n{\"filename\":\"b/c\",\"filesize\":10}\n"
                "{\"filename\":\"empty\",\"filesize\":0}\n");
    hold(talk);
}

static void a_list_has_only_names_with_the_prefix(void **state)
{
    struct talk *talk = talk_about_files();

    (void)state;
    talk->is_brisk = true;
    ask(talk, "{'cmd':'list','id':1,'prefix':'b'}");
    ask(talk, "{'cmd':'list','id':2,'prefix':'b/c'}");
    ask(talk, "{'cmd':'list','id':3,'prefix':'b/cd'}");
    ask(talk, "{'cmd':'list','id':4,'prefix':'..'}");
    ask(talk, "{'cmd':'list','id':5,'prefix':'e\\u006d'}");
    expect_with(talk, "{'id':1,'status':'ok','data_size':33}", "{\"filename\":\"b/c\",\"filesize\":10}\n");
    expect_with(talk, "{'id':2,'status':'ok','data_size':33}", "{\"filename\":\"b/c\",\"filesize\":10}\n");
    expect(talk, "{'id':3,'status':'ok','data_size':0}");
    expect(talk, "{'id':4,'status':'ok','data_size':0}");
    expect_with(talk, "{'id':5,'status':'ok','data_size':34}", "{\"filename\":\"empty\",\"filesize\":0}\n");
    hold(talk);
}

static void a_list_of_an_empty_store_is_empty(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    ask(talk, "{'cmd':'list','id':1,'prefix':''}");
    expect(talk, "{'id':1,'status':'ok','data_size':0}");
    hold(talk);
}

static void a_prefix_that_no_name_can_begin_with_lists_nothing(void **state)
{
    char request[DORY_MAX_NAME + 64];
    char name[DORY_MAX_NAME + 2];

    (void)state;
    hold_one("{'cmd':'list','id':1,'prefix':'\\u0000'}", "", "{'id':1,'status':'ok','data_size':0}");
    hold_one("{'cmd':'list','id':1,'prefix':'b\\u0000'}", "", "{'id':1,'status':'ok','data_size':0}");
    hold_one("{'cmd':'list','id':1,'prefix':'/'}", "", "{'id':1,'status':'ok','data_size':0}");
    for (size_t len = DORY_MAX_NAME; len <= DORY_MAX_NAME + 1; len++) {
        memset(name, 'b', sizeof name);
        name[len] = '\0';
        (void)snprintf(request, sizeof request, "{'cmd':'list','id':1,'prefix':'%s'}", name);
        hold_one(request, "", "{'id':1,'status':'ok','data_size':0}");
    }
}

/* Reads the parts of the one list in `stream` and collects their bodies. Returns the final status. */
static enum dory_status read_list(const struct bytes *stream, struct bytes *lines, unsigned *parts)
{
    struct answer answer = {.status = DORY_MORE};
    size_t at = 0;

    lines->len = 0;
    *parts = 0;
    while (answer.status == DORY_MORE && answer_next(stream->data, stream->len, &at, &answer)) {
        add_bytes(lines, stream->data + at - answer.data_size, (size_t)answer.data_size);
        assert_true(answer.id == 1);
        (*parts)++;
    }
    assert_int_equal(at, stream->len);
    return answer.status;
}

/* 40 files with the longest names, of quotes, which take twice the room. */
static void many_files(struct rig *rig, unsigned max_name)
{
    char name[DORY_MAX_NAME + 1];

    memset(name, '"', sizeof name);
    name[max_name] = '\0';
    for (unsigned i = 0; i < 40; i++) {
        name[0] = (char)('0' + i / 10);
        name[1] = (char)('0' + i % 10);
        memory_add(rig->store, name, NULL, DORY_MAX_NUMBER);
    }
}

static void a_long_list_comes_in_parts_within_any_limits(void **state)
{
    static const unsigned names[] = {16, 64, DORY_MAX_NAME};
    static struct rig rig;
    static struct bytes lines;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (int dawdles = 0; dawdles < 2; dawdles++) {
            unsigned parts;

            rig_begin(&rig);
            dory_session_end(&rig.session);
            rig.server.max_name = (uint16_t)names[i];
            rig.server.max_header = (uint16_t)(2 * names[i] + 128);
            rig_begin_session(&rig, &rig.session, 0);
            many_files(&rig, names[i]);
            rig.store->faults.later_every = dawdles != 0 ? 2 : 0;
            rig_ask(&rig, "{'cmd':'list','id':1}");
            assert_int_equal(read_list(&rig.output, &lines, &parts), DORY_OK);
            assert_int_equal(lines.len, 40 * (2 + 2 * (names[i] - 2) + 44));
            assert_true(parts > 1);
            rig_end(&rig);
        }
    }
}

static void names_that_could_not_be_asked_for_are_not_listed(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.server.max_name = 16;
    memory_add(rig.store, "0123456789abcdef", "", 0);
    memory_add(rig.store, "0123456789abcdefg", "", 0);
    memory_add(rig.store, "back\\slash", "", 0);
    memory_add(rig.store, "new\nline", "", 0);
    memory_add(rig.store, "latin1 \xe9", "", 0);
    memory_add(rig.store, ".dory/x", "", 0);
    rig_ask(&rig, "{'cmd':'list','id':1}");
    assert_int_equal(rig.output.data[rig.output.len - 1], '\n');
    rig.output.len -= strlen("{\"filename\":\"0123456789abcdef\",\"filesize\":0}\n");
    rig_expect(&rig, "{'id':1,'status':'ok','data_size':45}");
    rig_end(&rig);
}

static void a_list_that_fails_says_so(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    three_files(&rig);
    rig.store->faults.list = DORY_BUSY;
    rig_ask(&rig, "{'cmd':'list','id':1}");
    rig_expect(&rig, "{'id':1,'status':'busy','data_size':0}");
    rig.store->faults = (struct memory_faults){.next = DORY_IO_ERROR};
    rig_ask(&rig, "{'cmd':'list','id':2}");
    rig_expect(&rig, "{'id':2,'status':'io_error','data_size':0}");
    rig.store->faults = (struct memory_faults){.next = 0};
    rig_ask(&rig, STAT_A);
    rig_expect(&rig, STAT_A_OK);
    rig_end(&rig);
}

/* Found by reading: a store that was slow was asked again at once, over and over. */
static void a_list_whose_store_says_later_waits_for_the_store(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.store_rests = true;
    rig.store->faults.later_every = 1;
    rig_ask(&rig, "{'cmd':'list','id':1}");
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_STORE);
    rig.store->faults.later_every = 0;
    rig_wait(&rig, 1);
    rig_expect(&rig, "{'id':1,'status':'ok','data_size':0}");
    rig_end(&rig);
}

/* --- requests that are skipped or refused --- */

static void an_unknown_command_is_told_and_its_body_skipped(void **state)
{
    (void)state;
    hold_one("{'cmd':'frobnicate','id':1,'data_size':12}", "{\"cmd\":\"put\"",
             "{'id':1,'status':'unknown_cmd','data_size':0}");
    hold_one("{'cmd':'','id':1}", "", "{'id':1,'status':'unknown_cmd','data_size':0}");
    hold_one("{'cmd':'pu','id':1}", "", "{'id':1,'status':'unknown_cmd','data_size':0}");
    hold_one("{'cmd':'PUT','id':1,'filesize':99,'data_size':2}", "xy", "{'id':1,'status':'unknown_cmd','data_size':0}");
    hold_one("{'cmd':'get\\u0000','id':1}", "", "{'id':1,'status':'unknown_cmd','data_size':0}");
}

static void run_and_boot_are_unsupported(void **state)
{
    (void)state;
    hold_one("{'cmd':'run','id':1,'line':'version'}", "", "{'id':1,'status':'unsupported','data_size':0}");
    hold_one("{'cmd':'run','id':1,'line':'cat','data_size':5}", "stdin",
             "{'id':1,'status':'unsupported','data_size':0}");
    hold_one("{'cmd':'boot','id':1,'mode':'test','image':'00'}", "", "{'id':1,'status':'unsupported','data_size':0}");
}

static void requests_without_id_are_skipped_unless_they_put(void **state)
{
    static const char *const requests[] = {
        "{'cmd':'info'}",
        "{'cmd':'get','filename':'a'}",
        "{'cmd':'get','filename':'nowhere'}",
        "{'cmd':'get','filename':'../a'}",
        "{'cmd':'get'}",
        "{'cmd':'stat','filename':'a','check':1}",
        "{'cmd':'list','prefix':7}",
        "{'cmd':'delete','filename':'a'}",
        "{'cmd':'run','line':'x'}",
        "{'cmd':'boot'}",
        "{'cmd':'frobnicate'}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        char with_body[96];

        hold_one(requests[i], "", NULL);
        (void)snprintf(with_body, sizeof with_body, "{'data_size':4,%s", requests[i] + 1);
        hold_one(with_body, "body", NULL);
    }
}

static void a_field_that_is_wrong_is_bad_request_and_the_body_skipped(void **state)
{
    static const char *const requests[] = {
        "{'cmd':'get','id':1,'data_size':2}",
        "{'cmd':'stat','id':1,'data_size':2}",
        "{'cmd':'delete','id':1,'data_size':2}",
        "{'cmd':'put','id':1,'filesize':2}",
        "{'cmd':'put','id':1,'filename':'x','filesize':2,'crc32':'3610A686'}",
        "{'cmd':'put','id':1,'filename':'x','filesize':2,'crc32':'3610a68'}",
        "{'cmd':'put','id':1,'filename':'x','filesize':2,'crc32':123}",
        "{'cmd':'put','id':1,'filename':'x','filesize':2,'crc32':null}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'offset':-1}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'offset':'0'}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'offset':9007199254740992}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'length':1.0}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'length':null}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'if_version':1}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'if_version':null}",
        "{'cmd':'get','id':1,'filename':'a','data_size':2,'check':'true'}",
        "{'cmd':'stat','id':1,'filename':'a','data_size':2,'check':1}",
        "{'cmd':'stat','id':1,'filename':'a','data_size':2,'check':null}",
        "{'cmd':'list','id':1,'data_size':2,'prefix':1}",
        "{'cmd':'list','id':1,'data_size':2,'prefix':null}",
        "{'cmd':'list','id':1,'data_size':2,'prefix':['a']}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        hold_one(requests[i], "xy", "{'id':1,'status':'bad_request','data_size':0}");
    }
}

static void unknown_keys_may_have_any_value_even_twice(void **state)
{
    (void)state;
    hold_one("{'x':1,'x':[{'id':2}],'cmd':'stat','id':1,'y':{'cmd':'put','filesize':-1},'filename':'empty','x':null}",
             "", "{'id':1,'status':'ok','filesize':0,'version':'0000000000000003','data_size':0}");
}

static void keys_and_commands_are_compared_unescaped(void **state)
{
    (void)state;
    hold_one("{'\\u0063md':'st\\u0061t','\\u0069d':1,'filenam\\u0065':'\\u0065mpty'}", "",
             "{'id':1,'status':'ok','filesize':0,'version':'0000000000000003','data_size':0}");
}

static void each_name_that_is_refused_is_bad_name(void **state)
{
    static const char *const names[] = {
        "",        ".",        "..",     "/",       "/a",      "a/",        "a//b",     "./a",
        "../a",    "a/..",     "b/../a", "b/./c",   ".dory",   ".dory/x",   "b/.doryx", "a\\\\b",
        "\\u0000", "a\\u0000", "a\\n",   "\\u001f", "\\u007f", "x\\u007fy", "..\\\\a",  "b/\\u0009",
    };
    static const char *const formats[] = {
        "{'cmd':'put','id':1,'filename':'%s','filesize':2}",
        "{'cmd':'get','id':1,'filename':'%s','data_size':2}",
        "{'cmd':'stat','id':1,'filename':'%s','data_size':2}",
        "{'cmd':'delete','id':1,'filename':'%s','data_size':2}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (size_t j = 0; j < COUNT_OF(formats); j++) {
            char request[96];

            (void)snprintf(request, sizeof request, formats[j], names[i]);
            hold_one(request, "xy", "{'id':1,'status':'bad_name','data_size':0}");
        }
    }
}

static void a_name_has_at_most_as_many_bytes_as_the_limit(void **state)
{
    char name[DORY_MAX_NAME + 2];
    char request[DORY_MAX_NAME + 64];

    (void)state;
    memset(name, 'n', sizeof name);
    name[DORY_MAX_NAME] = '\0';
    (void)snprintf(request, sizeof request, "{'cmd':'stat','id':1,'filename':'%s'}", name);
    hold_one(request, "", "{'id':1,'status':'not_found','data_size':0}");
    name[DORY_MAX_NAME] = 'n';
    name[DORY_MAX_NAME + 1] = '\0';
    (void)snprintf(request, sizeof request, "{'cmd':'stat','id':1,'filename':'%s'}", name);
    hold_one(request, "", "{'id':1,'status':'bad_name','data_size':0}");
}

/* --- what is fatal --- */

/* A request that can't be understood, behind one that can. Then nothing is. */
static void hold_fatal(const void *bytes, size_t len)
{
    struct talk *talk = talk_about_files();

    ask(talk, STAT_A);
    add_bytes(&talk->request, bytes, len);
    ask(talk, STAT_A);
    expect(talk, STAT_A_OK);
    expect(talk, BAD_HEADER);
    talk->closes = true;
    talk->lets_go = true;
    hold(talk);
}

static void hold_fatal_json(const char *json)
{
    static struct bytes bytes;

    bytes.len = 0;
    add_header(&bytes, json);
    hold_fatal(bytes.data, bytes.len);
}

static void a_bad_length_is_fatal(void **state)
{
    static const uint32_t lengths[] = {0, 1, RIG_MAX_HEADER + 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x74757022};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        uint8_t prefix[DORY_FRAME_PREFIX];

        dory_frame_prefix(prefix, lengths[i]);
        hold_fatal(prefix, sizeof prefix);
    }
}

static void a_header_of_the_longest_length_is_taken(void **state)
{
    struct talk *talk = talk_about_files();
    char json[RIG_MAX_HEADER + 1];
    int len = snprintf(json, sizeof json, "{'cmd':'stat','id':9,'filename':'a','padding':'");

    (void)state;
    memset(json + len, 'x', RIG_MAX_HEADER - (size_t)len);
    memcpy(json + RIG_MAX_HEADER - 2, "'}", 3);
    ask(talk, json);
    ask(talk, STAT_A);
    expect(talk, STAT_A_OK);
    expect(talk, STAT_A_OK);
    hold(talk);
}

static void a_header_that_is_no_json_object_is_fatal(void **state)
{
    static const char *const headers[] = {
        "[]",
        "['cmd','stat']",
        "'cmd'",
        "12",
        "{}x",
        "{'cmd':'stat','id':1,'filename':'a'}\n\n}",
        "{'cmd':'stat','id':1,'filename':'a',}",
        "{'cmd':'stat','id':1,'filename':'\\ud800'}",
        "{'cmd':'stat','id':1,'filename':'\\udea3\\ud83d'}",
        "{'cmd':'stat','id':1,'filename':'\xc0\xaf'}",
        "{'cmd':'stat','id':1,'filename':'\xed\xa0\x80'}",
        "{'cmd':'stat','id':1,'filename':'\xf4\x90\x80\x80'}",
        "{'cmd':'stat','id':1,'filename':'\xc3'}",
        "{'cmd':'stat','id':1,'filename':'a\tb'}",
        "{'cmd':'stat','id':1,'filename':'a'",
        "{'cmd':'stat' 'id':1,'filename':'a'}",
        "{cmd:'stat','id':1,'filename':'a'}",
        "{'cmd':'stat','id':01,'filename':'a'}",
        "{'cmd':'stat','id':+1,'filename':'a'}",
        "{'cmd':'stat','id':1,'filename':'a','x':tru}",
        "\xef\xbb\xbf{'cmd':'stat','id':1,'filename':'a'}",
        "  ",
    };
    static const char with_nul[] = "\x03\0\0\0{}\0";
    static const char with_nul_inside[] = "\x24\0\0\0{\"cmd\":\"stat\",\"id\":1,\"filename\":\"\0\"}";

    (void)state;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        hold_fatal_json(headers[i]);
    }
    hold_fatal(with_nul, 7);
    hold_fatal(with_nul_inside, sizeof with_nul_inside - 1);
}

static void nesting_or_tokens_beyond_the_limit_are_fatal(void **state)
{
    static char json[DORY_MAX_TOKENS * 4 + 64];
    size_t len = (size_t)snprintf(json, sizeof json, "{'cmd':'stat','id':1,'filename':'a','x':");

    (void)state;
    memset(json + len, '[', DORY_MAX_TOKENS);
    memset(json + len + DORY_MAX_TOKENS, ']', DORY_MAX_TOKENS);
    json[len + 2U * DORY_MAX_TOKENS] = '}';
    json[len + 2U * DORY_MAX_TOKENS + 1] = '\0';
    hold_fatal_json(json);
    json[len++] = '[';
    for (unsigned i = 0; i < DORY_MAX_TOKENS; i++) {
        len += (size_t)snprintf(json + len, sizeof json - len, "%s0", i > 0 ? "," : "");
    }
    (void)snprintf(json + len, sizeof json - len, "]}");
    hold_fatal_json(json);
}

static void fields_that_leave_the_stream_out_of_step_are_fatal(void **state)
{
    static const char *const headers[] = {
        "{}",
        "{'id':1}",
        "{'id':1,'filename':'a'}",
        "{'cmd':1}",
        "{'cmd':null,'id':1}",
        "{'cmd':['stat'],'id':1}",
        "{'cmd':'stat','id':-1,'filename':'a'}",
        "{'cmd':'stat','id':'1','filename':'a'}",
        "{'cmd':'stat','id':null,'filename':'a'}",
        "{'cmd':'stat','id':1.0,'filename':'a'}",
        "{'cmd':'stat','id':9007199254740992,'filename':'a'}",
        "{'cmd':'stat','id':1,'filename':1}",
        "{'cmd':'stat','id':1,'filename':null}",
        "{'cmd':'stat','id':1,'filename':['a']}",
        "{'cmd':'stat','id':1,'filename':'a','data_size':-1}",
        "{'cmd':'stat','id':1,'filename':'a','data_size':'2'}",
        "{'cmd':'frobnicate','id':1,'data_size':null}",
        "{'cmd':'put','id':1,'filename':'x'}",
        "{'cmd':'put','filename':'x'}",
        "{'cmd':'put','id':1,'filename':'x','filesize':-1}",
        "{'cmd':'put','id':1,'filename':'x','filesize':1.5}",
        "{'cmd':'put','id':1,'filename':'x','filesize':1e3}",
        "{'cmd':'put','id':1,'filename':'x','filesize':'12'}",
        "{'cmd':'put','id':1,'filename':'x','filesize':9007199254740992}",
        "{'cmd':'put','id':1,'filename':'x','filesize':null}",
        "{'cmd':'put','id':1,'filename':'x','filesize':[2]}",
        "{'cmd':'put','id':1,'filename':'x','filesize':2,'resume':null}",
        "{'cmd':'put','id':1,'filename':'x','filesize':2,'resume':1}",
        "{'cmd':'put','id':1,'filename':'x','filesize':2,'resume':'true'}",
        "{'cmd':'stat','id':1,'filename':'a','filesize':'x'}",
        "{'cmd':'stat','id':1,'filename':'a','resume':0}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        hold_fatal_json(headers[i]);
    }
}

static void a_known_key_twice_is_fatal(void **state)
{
    static const char *const keys[] = {"'cmd':'stat'",  "'id':1",          "'filename':'a'", "'filesize':1",
                                       "'data_size':0", "'resume':false",  "'crc32':''",     "'offset':0",
                                       "'length':0",    "'if_version':''", "'check':false",  "'prefix':''"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        char json[128];

        (void)snprintf(json, sizeof json, "{'cmd':'stat','id':1,'filename':'a',%s%s%s}", keys[i], i < 3 ? "" : ",",
                       i < 3 ? "" : keys[i]);
        hold_fatal_json(json);
    }
    hold_fatal_json("{'cmd':'stat','id':1,'filename':'a','i\\u0064':1}");
    hold_fatal_json("{'cmd':'stat','id':1,'\\u0066ilename':'a','filename':'a'}");
    hold_fatal_json("{'cmd':'stat','id':1,'filename':'a','offset':-1,'offset':0}");
}

/* --- the end of input --- */

static void input_that_ends_inside_a_message_ends_it_without_an_answer(void **state)
{
    static const char *const requests[] = {"{'cmd':'stat','id':1,'filename':'a'}", "{'cmd':'frobnicate','data_size':4}",
                                           "{'cmd':'put','id':1,'filename':'a','filesize':4}",
                                           "{'cmd':'put','filename':'a','filesize':4}"};
    static struct rig rig;
    static struct bytes stream;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        stream.len = 0;
        add_header(&stream, requests[i]);
        add_text(&stream, i > 0 ? "body" : "");
        for (size_t len = 0; len < stream.len; len++) {
            rig_begin(&rig);
            three_files(&rig);
            assert_int_equal(rig_feed(&rig, stream.data, len), len);
            dory_session_end_input(&rig.session, rig.now_ms);
            rig_settle(&rig);
            assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_CLOSE);
            rig_expect(&rig, NULL);
            rig_end(&rig);
            verify_three_files(&rig);
        }
    }
}

static void a_connection_without_a_request_just_closes(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_INPUT);
    dory_session_end_input(&rig.session, rig.now_ms);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_CLOSE);
    assert_int_equal(rig_feed_once(&rig, "abcd", 4), 0);
    rig_end(&rig);
}

/* --- buffers --- */

static void a_session_at_rest_needs_no_buffer(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    three_files(&rig);
    dory_session_lend(&rig.session, NULL);
    rig_wait(&rig, 1000);
    assert_true(dory_session_rests(&rig.session));
    dory_session_lend(&rig.session, rig_buffer(&rig, 1));
    rig.output_piece = 0;
    assert_int_equal(rig_feed(&rig, "\x24", 1), 1);
    assert_false(dory_session_rests(&rig.session));
    assert_int_equal(rig_feed(&rig, "\0\0\0{\"cmd\":\"stat\",\"id\":9,\"filename\":\"a\"}", 39), 39);
    assert_false(dory_session_rests(&rig.session)); /* the answer is in the buffer */
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_OUTPUT);
    assert_int_equal(rig_feed_once(&rig, "x", 1), 0);
    rig.output_piece = 1;
    while (rig_send(&rig)) {
    }
    assert_true(dory_session_rests(&rig.session));
    dory_session_lend(&rig.session, NULL);
    rig_expect(&rig, STAT_A_OK);
    rig_end(&rig);
}

static void a_session_with_a_request_in_hand_needs_its_buffer(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':2}");
    assert_false(dory_session_rests(&rig.session));
    rig_body(&rig, "x");
    assert_false(dory_session_rests(&rig.session));
    rig_body(&rig, "y");
    assert_true(dory_session_rests(&rig.session));
    rig_end(&rig);
}

static void short_answers_need_no_buffer(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.output_piece = 0;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'x'}");
    assert_true(dory_session_rests(&rig.session));
    dory_session_lend(&rig.session, NULL);
    rig.output_piece = 3;
    rig_settle(&rig);
    rig_expect(&rig, "{'id':1,'status':'not_found','data_size':0}");
    rig_end(&rig);
}

static void a_connection_without_a_session_is_told_busy(void **state)
{
    uint8_t *buf = guard_make(DORY_SHORT_ANSWER) - DORY_SHORT_ANSWER;
    static struct bytes expected;
    size_t len = dory_server_busy(buf);

    (void)state;
    add_header(&expected, "{'status':'busy','data_size':0}");
    assert_int_equal(len, expected.len);
    assert_memory_equal(buf, expected.data, len);
}

static void the_longest_short_answer_fits(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.store->faults.list = DORY_BAD_SIGNATURE;
    rig_ask(&rig, "{'cmd':'list','id':9007199254740991}");
    rig_expect(&rig, "{'id':9007199254740991,'status':'bad_signature','data_size':0}");
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_tells_what_the_server_is_and_takes),
        cmocka_unit_test(info_of_a_store_that_fails_is_io_error),
        cmocka_unit_test(the_longest_info_is_answered_within_the_smallest_limits),
        cmocka_unit_test(uptime_goes_on_when_the_clock_wraps),
        cmocka_unit_test(a_get_gives_the_bytes_of_a_file),
        cmocka_unit_test(a_get_gives_a_stretch_cut_at_the_end_of_the_file),
        cmocka_unit_test(a_get_with_check_tells_the_crc32_of_what_it_sent),
        cmocka_unit_test(a_get_whose_if_version_differs_is_changed),
        cmocka_unit_test(a_get_that_can_not_be_served_says_why),
        cmocka_unit_test(a_hidden_file_is_not_given_but_told_of),
        cmocka_unit_test(a_store_whose_open_fails_is_passed_on),
        cmocka_unit_test(a_get_whose_reads_fail_gives_the_connection_up),
        cmocka_unit_test(a_file_replaced_while_it_is_sent_is_never_a_mixture),
        cmocka_unit_test(a_get_beyond_4_gib_gives_the_right_bytes),
        cmocka_unit_test(a_stat_tells_size_version_and_crc32),
        cmocka_unit_test(a_stat_tells_what_can_be_resumed),
        cmocka_unit_test(a_stat_whose_reads_fail_says_so),
        cmocka_unit_test(a_check_lets_others_run_after_each_slice),
        cmocka_unit_test(a_list_has_a_line_for_each_file),
        cmocka_unit_test(a_list_has_only_names_with_the_prefix),
        cmocka_unit_test(a_list_of_an_empty_store_is_empty),
        cmocka_unit_test(a_prefix_that_no_name_can_begin_with_lists_nothing),
        cmocka_unit_test(a_long_list_comes_in_parts_within_any_limits),
        cmocka_unit_test(names_that_could_not_be_asked_for_are_not_listed),
        cmocka_unit_test(a_list_that_fails_says_so),
        cmocka_unit_test(a_list_whose_store_says_later_waits_for_the_store),
        cmocka_unit_test(an_unknown_command_is_told_and_its_body_skipped),
        cmocka_unit_test(run_and_boot_are_unsupported),
        cmocka_unit_test(requests_without_id_are_skipped_unless_they_put),
        cmocka_unit_test(a_field_that_is_wrong_is_bad_request_and_the_body_skipped),
        cmocka_unit_test(unknown_keys_may_have_any_value_even_twice),
        cmocka_unit_test(keys_and_commands_are_compared_unescaped),
        cmocka_unit_test(each_name_that_is_refused_is_bad_name),
        cmocka_unit_test(a_name_has_at_most_as_many_bytes_as_the_limit),
        cmocka_unit_test(a_bad_length_is_fatal),
        cmocka_unit_test(a_header_of_the_longest_length_is_taken),
        cmocka_unit_test(a_header_that_is_no_json_object_is_fatal),
        cmocka_unit_test(nesting_or_tokens_beyond_the_limit_are_fatal),
        cmocka_unit_test(fields_that_leave_the_stream_out_of_step_are_fatal),
        cmocka_unit_test(a_known_key_twice_is_fatal),
        cmocka_unit_test(input_that_ends_inside_a_message_ends_it_without_an_answer),
        cmocka_unit_test(a_connection_without_a_request_just_closes),
        cmocka_unit_test(a_session_at_rest_needs_no_buffer),
        cmocka_unit_test(a_session_with_a_request_in_hand_needs_its_buffer),
        cmocka_unit_test(short_answers_need_no_buffer),
        cmocka_unit_test(a_connection_without_a_session_is_told_busy),
        cmocka_unit_test(the_longest_short_answer_fits),
    };

    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
