/* SPDX-License-Identifier: MIT */
/* The server session: puts and deletes, resume, and a store that fails. */
#include "talk.h"

#define CRC_HELLO "'crc32':'3610a686'"
#define CRC_WORLD "'crc32':'0d4a1185'"
#define WORLD "hello world"
#define WORLD_LEN 11U

#define OK_1 "{'id':1,'status':'ok','data_size':0}"
#define OK_2 "{'id':2,'status':'ok','data_size':0}"
#define PUT_2 "{'cmd':'put','id':2,'filename':'z','filesize':1}"
#define PUT_WORLD "{'cmd':'put','id':1,'filename':'a','filesize':11," CRC_WORLD "}"
#define RESUME_WORLD "{'cmd':'put','id':1,'filename':'a','filesize':11," CRC_WORLD ",'resume':true}"

static void an_old_file(struct rig *rig)
{
    memory_add(rig->store, "a", "old", 3);
}

static void verify_old_file(struct rig *rig)
{
    assert_file(rig, "a", "old");
}

static void verify_old_file_and_z(struct rig *rig)
{
    assert_file(rig, "a", "old");
    assert_file(rig, "z", "Z");
}

static void verify_hello_and_z(struct rig *rig)
{
    assert_file(rig, "a", "hello");
    assert_file(rig, "z", "Z");
}

static void verify_world_and_z(struct rig *rig)
{
    assert_file(rig, "a", WORLD);
    assert_file(rig, "z", "Z");
}

static void verify_empty_and_z(struct rig *rig)
{
    assert_file(rig, "a", "");
    assert_file(rig, "z", "Z");
}

static struct talk *talk_about_a(void (*verify)(struct rig *rig))
{
    struct talk *talk = talk_new();

    talk->prepare = an_old_file;
    talk->verify = verify;
    return talk;
}

/* Another put: the stream is in step. */
static void and_then_z(struct talk *talk)
{
    ask_with(talk, PUT_2, "Z");
    expect(talk, OK_2);
    hold(talk);
}

static void assert_partial(struct rig *rig, const char *name, uint64_t stored)
{
    assert_true(memory_partial(rig->store, name) == stored);
}

/* --- puts that succeed --- */

static void a_put_replaces_the_file(void **state)
{
    struct talk *talk = talk_about_a(verify_hello_and_z);

    (void)state;
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':5}", "hello");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void a_put_whose_crc32_is_right_replaces_the_file(void **state)
{
    struct talk *talk = talk_about_a(verify_hello_and_z);

    (void)state;
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':5,'resume':false," CRC_HELLO "}", "hello");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void a_put_of_no_bytes_makes_an_empty_file(void **state)
{
    struct talk *talk = talk_about_a(verify_empty_and_z);

    (void)state;
    ask(talk, "{'cmd':'put','id':1,'filename':'a','filesize':0,'crc32':'00000000'}");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void puts_without_id_are_done_without_answers(void **state)
{
    struct talk *talk = talk_about_a(verify_hello_and_z);

    (void)state;
    ask_with(talk, "{'cmd':'put','filename':'a','filesize':3}", "new");
    ask(talk, "{'cmd':'put','filename':'a','filesize':0}");
    ask_with(talk, "{'cmd':'put','filename':'z','filesize':1}", "Z");
    ask_with(talk, "{'cmd':'put','filename':'a','filesize':5}", "hello");
    hold(talk);
}

static void the_data_size_of_a_put_does_not_count(void **state)
{
    struct talk *talk = talk_about_a(verify_hello_and_z);

    (void)state;
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':5,'data_size':999}", "hello");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void a_put_may_have_the_longest_name_and_id(void **state)
{
    static struct rig rig;
    char name[DORY_MAX_NAME + 1];
    char request[DORY_MAX_NAME + 160];

    (void)state;
    memset(name, 'n', sizeof name);
    name[DORY_MAX_NAME] = '\0';
    rig_begin(&rig);
    (void)snprintf(request, sizeof request,
                   "{'cmd':'put','id':9007199254740991,'filename':'%s','filesize':11,'resume':true," CRC_WORLD "}",
                   name);
    rig_ask(&rig, request);
    rig_expect(&rig, "{'id':9007199254740991,'status':'continue','offset':0,'prefix_crc32':'00000000','data_size':0}");
    rig_body(&rig, WORLD);
    rig_expect(&rig, "{'id':9007199254740991,'status':'ok','data_size':0}");
    assert_file(&rig, name, WORLD);
    rig_end(&rig);
}

/* --- puts that are refused --- */

static void a_put_whose_crc32_is_wrong_leaves_the_old_file(void **state)
{
    struct talk *talk = talk_about_a(verify_old_file_and_z);

    (void)state;
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':5," CRC_HELLO "}", "hellO");
    expect(talk, "{'id':1,'status':'corrupt','data_size':0}");
    and_then_z(talk);
}

static void a_corrupt_put_leaves_no_partial(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig_ask(&rig, PUT_WORLD);
    rig_body(&rig, "hello_world");
    rig_expect(&rig, "{'id':1,'status':'corrupt','data_size':0}");
    assert_partial(&rig, "a", 0);
    rig_end(&rig);
}

static void an_empty_put_whose_crc32_is_wrong_is_corrupt(void **state)
{
    struct talk *talk = talk_about_a(verify_old_file_and_z);

    (void)state;
    ask(talk, "{'cmd':'put','id':1,'filename':'a','filesize':0," CRC_HELLO "}");
    expect(talk, "{'id':1,'status':'corrupt','data_size':0}");
    and_then_z(talk);
}

static void a_small_store(struct rig *rig)
{
    an_old_file(rig);
    rig->store->max_file = 20;
    rig->store->capacity = 14;
}

static void a_put_that_can_not_be_taken_is_refused_and_its_body_skipped(void **state)
{
    static const struct {
        const char *request;
        const char *body;
        const char *answer;
    } cases[] = {
        {"{'cmd':'put','id':1,'filename':'b','filesize':21}", "012345678901234567890",
         "{'id':1,'status':'too_large','data_size':0}"},
        {"{'cmd':'put','id':1,'filename':'b','filesize':12}", "012345678901",
         "{'id':1,'status':'no_space','data_size':0}"},
        {"{'cmd':'put','id':1,'filename':'a/b','filesize':2}", "xy", "{'id':1,'status':'bad_name','data_size':0}"},
        {"{'cmd':'put','id':1,'filename':'../b','filesize':2}", "xy", "{'id':1,'status':'bad_name','data_size':0}"},
        {"{'cmd':'put','id':1,'filesize':2}", "xy", "{'id':1,'status':'bad_request','data_size':0}"},
        {"{'cmd':'put','filename':'b','filesize':12}", "012345678901", NULL},
        {"{'cmd':'put','filename':'../b','filesize':2}", "xy", NULL},
        {"{'cmd':'put','filesize':2}", "xy", NULL},
        {"{'cmd':'put','filename':'b','filesize':2,'crc32':1}", "xy", NULL},
        {"{'cmd':'put','filename':'a','filesize':2,'crc32':'00000000'}", "xy", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct talk *talk = talk_about_a(verify_old_file_and_z);

        talk->prepare = a_small_store;
        ask_with(talk, cases[i].request, cases[i].body);
        if (cases[i].answer != NULL) {
            expect(talk, cases[i].answer);
        }
        and_then_z(talk);
    }
}

static void resume_without_id_or_crc32_is_bad_request_and_has_no_body(void **state)
{
    struct talk *talk = talk_about_a(verify_old_file_and_z);

    (void)state;
    ask(talk, "{'cmd':'put','id':1,'filename':'a','filesize':5,'resume':true}");
    ask(talk, "{'cmd':'put','filename':'a','filesize':5,'resume':true," CRC_HELLO "}");
    ask(talk, "{'cmd':'put','id':1,'filename':'a','filesize':5,'resume':true,'crc32':7}");
    expect(talk, "{'id':1,'status':'bad_request','data_size':0}");
    expect(talk, "{'id':1,'status':'bad_request','data_size':0}");
    and_then_z(talk);
}

static void a_read_only_store(struct rig *rig)
{
    an_old_file(rig);
    rig->store->read_only = true;
}

static void a_read_only_store_forbids_changes(void **state)
{
    struct talk *talk = talk_about_a(verify_old_file);

    (void)state;
    talk->prepare = a_read_only_store;
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':5}", "hello");
    ask_with(talk, "{'cmd':'put','filename':'a','filesize':5}", "hello");
    ask(talk, "{'cmd':'delete','id':2,'filename':'a'}");
    ask(talk, RESUME_WORLD);
    expect(talk, "{'id':1,'status':'forbidden','data_size':0}");
    expect(talk, "{'id':2,'status':'forbidden','data_size':0}");
    expect(talk, "{'id':1,'status':'forbidden','data_size':0}");
    hold(talk);
}

static void the_server_is_told_of_failures_that_no_answer_reports(void **state)
{
    static const struct {
        const char *request;
        const char *body;
        enum dory_status status;
        const char *name;
    } cases[] = {
        {"{'cmd':'put','filename':'b','filesize':12}", "012345678901", DORY_NO_SPACE, "b"},
        {"{'cmd':'put','filename':'a/b','filesize':2}", "xy", DORY_BAD_NAME, "a/b"},
        {"{'cmd':'put','filename':'..','filesize':2}", "xy", DORY_BAD_NAME, ""},
        {"{'cmd':'put','filesize':2}", "xy", DORY_BAD_REQUEST, ""},
        {"{'cmd':'put','filename':'b','filesize':2," CRC_HELLO "}", "xy", DORY_CORRUPT, "b"},
        {"{'cmd':'frobnicate'}", "", DORY_UNKNOWN_CMD, ""},
    };
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_begin(&rig);
        a_small_store(&rig);
        rig_ask(&rig, cases[i].request);
        rig_body(&rig, cases[i].body);
        assert_int_equal(rig.refusals, 1);
        assert_int_equal(rig.refused, cases[i].status);
        assert_string_equal(rig.refused_name, cases[i].name);
        rig_ask(&rig, PUT_2);
        rig_body(&rig, "Z");
        rig_ask(&rig, "{'cmd':'put','filename':'b','filesize':0}");
        rig_ask(&rig, "{'cmd':'delete','filename':'a'}");
        assert_int_equal(rig.refusals, 1);
        rig.server.refused = NULL;
        rig_ask(&rig, cases[i].request);
        rig_body(&rig, cases[i].body);
        rig_expect(&rig, OK_2);
        rig_end(&rig);
    }
}

/* --- a store that fails after every byte --- */

static void a_write_that_fails_after_any_byte_leaves_the_old_file(void **state)
{
    static const int failures[] = {DORY_NO_SPACE, DORY_IO_ERROR};
    static const char *const requests[] = {PUT_WORLD, "{'cmd':'put','filename':'a','filesize':11}"};
    static struct rig rig;
    static struct bytes stream;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(failures) * COUNT_OF(requests); i++) {
        int failure = failures[i / COUNT_OF(requests)];
        bool has_id = i % COUNT_OF(requests) == 0;

        for (uint64_t after = 0; after < WORLD_LEN; after++) {
            rig_begin(&rig);
            an_old_file(&rig);
            rig.store->faults.write = failure;
            rig.store->faults.write_bytes = after;
            stream.len = 0;
            add_header(&stream, requests[i % COUNT_OF(requests)]);
            add_text(&stream, WORLD);
            add_header(&stream, "{'cmd':'stat','id':2,'filename':'a'}");
            assert_int_equal(rig_feed(&rig, stream.data, stream.len), stream.len);
            rig_settle(&rig);
            stream.len = 0;
            if (has_id) {
                add_header(&stream, failure == DORY_NO_SPACE ? "{'id':1,'status':'no_space','data_size':0}"
                                                             : "{'id':1,'status':'io_error','data_size':0}");
            } else {
                assert_int_equal(rig.refusals, 1);
                assert_int_equal(rig.refused, failure);
                assert_string_equal(rig.refused_name, "a");
            }
            if (has_id && after > 0) {
                char answer[128];

                (void)snprintf(
                    answer, sizeof answer,
                    "{'id':2,'status':'ok','filesize':3,'version':'0000000000000001','partial':%u,'data_size':0}",
                    (unsigned)after);
                add_header(&stream, answer);
            } else {
                add_header(&stream, "{'id':2,'status':'ok','filesize':3,'version':'0000000000000001','data_size':0}");
            }
            assert_bytes_equal(&rig.output, &stream);
            assert_file(&rig, "a", "old");
            rig_end(&rig);
        }
    }
}

static void a_write_that_fails(struct rig *rig)
{
    an_old_file(rig);
    rig->store->faults.write = DORY_NO_SPACE;
    rig->store->faults.write_bytes = 4;
}

static void the_stream_stays_in_step_behind_a_write_that_fails(void **state)
{
    struct talk *talk = talk_about_a(verify_old_file);

    (void)state;
    talk->prepare = a_write_that_fails;
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':11}", WORLD);
    ask(talk, "{'cmd':'put','id':2,'filename':'y','filesize':0}");
    ask_with(talk, "{'cmd':'put','id':3,'filename':'a','filesize':3}", "new");
    ask(talk, "{'cmd':'stat','id':4,'filename':'x'}");
    expect(talk, "{'id':1,'status':'no_space','data_size':0}");
    expect(talk, OK_2);
    expect(talk, "{'id':3,'status':'no_space','data_size':0}");
    expect(talk, "{'id':4,'status':'not_found','data_size':0}");
    hold(talk);
}

static void a_commit_that_fails_leaves_the_old_file(void **state)
{
    static const unsigned polls[] = {0, 3};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(polls); i++) {
        rig_begin(&rig);
        an_old_file(&rig);
        rig.store->faults.commit = DORY_IO_ERROR;
        rig.store->faults.commit_polls = polls[i];
        rig_ask(&rig, PUT_WORLD);
        rig_body(&rig, WORLD);
        rig_expect(&rig, "{'id':1,'status':'io_error','data_size':0}");
        rig_ask(&rig, "{'cmd':'put','filename':'a','filesize':3}");
        rig_body(&rig, "abc");
        assert_int_equal(rig.refusals, 1);
        assert_int_equal(rig.refused, DORY_IO_ERROR);
        rig_ask(&rig, "{'cmd':'delete','id':2,'filename':'a'}");
        rig_expect(&rig, "{'id':2,'status':'io_error','data_size':0}");
        assert_file(&rig, "a", "old");
        rig_end(&rig);
    }
}

static void a_put_that_the_store_refuses_has_its_status(void **state)
{
    static const struct {
        int status;
        const char *answer;
    } cases[] = {{DORY_IO_ERROR, "{'id':1,'status':'io_error','data_size':0}"},
                 {DORY_BUSY, "{'id':1,'status':'busy','data_size':0}"},
                 {DORY_BAD_IMAGE, "{'id':1,'status':'bad_image','data_size':0}"}};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_begin(&rig);
        rig.store->faults.put = cases[i].status;
        rig_ask(&rig, PUT_WORLD);
        rig_body(&rig, WORLD);
        rig_expect(&rig, cases[i].answer);
        rig_ask(&rig, RESUME_WORLD);
        rig_expect(&rig, cases[i].answer);
        rig.store->faults.put = 0;
        rig_ask(&rig, PUT_2);
        rig_body(&rig, "Z");
        rig_expect(&rig, OK_2);
        rig_end(&rig);
    }
}

/* --- delete --- */

static void verify_nothing(struct rig *rig)
{
    assert_file(rig, "a", NULL);
}

static void a_delete_removes_the_file(void **state)
{
    struct talk *talk = talk_about_a(verify_nothing);

    (void)state;
    ask(talk, "{'cmd':'delete','id':1,'filename':'a'}");
    ask(talk, "{'cmd':'delete','id':2,'filename':'a'}");
    ask(talk, "{'cmd':'stat','id':3,'filename':'a'}");
    expect(talk, OK_1);
    expect(talk, "{'id':2,'status':'not_found','data_size':0}");
    expect(talk, "{'id':3,'status':'not_found','data_size':0}");
    hold(talk);
}

static void a_delete_of_what_is_no_file_is_bad_name(void **state)
{
    struct talk *talk = talk_about_a(verify_old_file_and_z);

    (void)state;
    ask(talk, "{'cmd':'delete','id':1,'filename':'a/b'}");
    ask_with(talk, "{'cmd':'delete','id':1,'filename':'a/','data_size':4}", "body");
    expect(talk, "{'id':1,'status':'bad_name','data_size':0}");
    expect(talk, "{'id':1,'status':'bad_name','data_size':0}");
    and_then_z(talk);
}

static void a_delete_skips_the_body_it_has(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    talk->prepare = an_old_file;
    ask_with(talk, "{'cmd':'delete','id':1,'filename':'a','data_size':4}", "body");
    ask(talk, "{'cmd':'stat','id':2,'filename':'a'}");
    expect(talk, OK_1);
    expect(talk, "{'id':2,'status':'not_found','data_size':0}");
    hold(talk);
}

static void a_delete_or_put_of_a_name_that_another_session_writes_is_busy(void **state)
{
    static struct rig rig;
    static struct rig other;

    (void)state;
    rig_begin(&rig);
    an_old_file(&rig);
    rig_begin_other(&rig, &other);
    rig_ask(&rig, PUT_WORLD);
    rig_ask(&other, "{'cmd':'delete','id':1,'filename':'a'}");
    rig_expect(&other, "{'id':1,'status':'busy','data_size':0}");
    rig_ask(&other, PUT_WORLD);
    rig_body(&other, WORLD);
    rig_expect(&other, "{'id':1,'status':'busy','data_size':0}");
    rig_body(&rig, WORLD);
    rig_expect(&rig, OK_1);
    rig_ask(&other, "{'cmd':'delete','id':2,'filename':'a'}");
    rig_expect(&other, OK_2);
    dory_session_end(&other.session);
    rig_end(&rig);
}

static void a_delete_that_the_store_refuses_has_its_status(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.store->faults.remove = DORY_IO_ERROR;
    rig_ask(&rig, "{'cmd':'delete','id':1,'filename':'a'}");
    rig_expect(&rig, "{'id':1,'status':'io_error','data_size':0}");
    rig_end(&rig);
}

/* --- what breaks off, and goes on --- */

static void a_put_broken_off_keeps_a_partial_only_with_crc32(void **state)
{
    static const char *const requests[] = {PUT_WORLD, "{'cmd':'put','filename':'a','filesize':11," CRC_WORLD "}",
                                           "{'cmd':'put','id':1,'filename':'a','filesize':11}",
                                           "{'cmd':'put','filename':'a','filesize':11}"};
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        for (size_t len = 0; len < WORLD_LEN; len++) {
            for (int ends_input = 0; ends_input < 2; ends_input++) {
                rig_begin(&rig);
                an_old_file(&rig);
                rig_ask(&rig, requests[i]);
                assert_int_equal(rig_feed(&rig, WORLD, len), len);
                if (ends_input != 0) {
                    dory_session_end_input(&rig.session, rig.now_ms);
                    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_CLOSE);
                }
                rig_end(&rig);
                rig_expect(&rig, NULL);
                assert_file(&rig, "a", "old");
                assert_partial(&rig, "a", i < 2 ? len : 0);
            }
        }
    }
}

static void a_put_broken_off_at_any_byte_resumes_there(void **state)
{
    static struct rig rig;
    char answer[128];

    (void)state;
    for (size_t len = 0; len < WORLD_LEN; len++) {
        rig_begin(&rig);
        an_old_file(&rig);
        rig_ask(&rig, PUT_WORLD);
        assert_int_equal(rig_feed(&rig, WORLD, len), len);
        rig_end(&rig);
        rig_begin_session(&rig, &rig.session, 1);
        rig_ask(&rig, RESUME_WORLD);
        (void)snprintf(answer, sizeof answer,
                       "{'id':1,'status':'continue','offset':%u,'prefix_crc32':'%08x','data_size':0}", (unsigned)len,
                       (unsigned)dory_crc32(0, WORLD, len));
        rig_expect(&rig, answer);
        assert_file(&rig, "a", "old");
        assert_int_equal(rig_feed(&rig, &WORLD[len], WORLD_LEN - len), WORLD_LEN - len);
        rig_settle(&rig);
        rig_expect(&rig, OK_1);
        assert_file(&rig, "a", WORLD);
        assert_partial(&rig, "a", 0);
        rig_end(&rig);
    }
}

static void a_partial_of_world(struct rig *rig)
{
    an_old_file(rig);
    memory_add_partial(rig->store, "a", "hello ", 6, WORLD_LEN, 0x0d4a1185);
}

static void a_resume_goes_on_behind_the_partial(void **state)
{
    struct talk *talk = talk_about_a(verify_world_and_z);

    (void)state;
    talk->prepare = a_partial_of_world;
    ask_with(talk, RESUME_WORLD, "world");
    expect(talk, "{'id':1,'status':'continue','offset':6,'prefix_crc32':'ed81f9f6','data_size':0}");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void a_resume_without_a_partial_begins_at_0(void **state)
{
    struct talk *talk = talk_about_a(verify_world_and_z);

    (void)state;
    ask_with(talk, RESUME_WORLD, WORLD);
    expect(talk, "{'id':1,'status':'continue','offset':0,'prefix_crc32':'00000000','data_size':0}");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void a_resume_of_an_empty_file_is_done_at_once(void **state)
{
    struct talk *talk = talk_about_a(verify_empty_and_z);

    (void)state;
    ask(talk, "{'cmd':'put','id':1,'filename':'a','filesize':0,'crc32':'00000000','resume':true}");
    expect(talk, "{'id':1,'status':'continue','offset':0,'prefix_crc32':'00000000','data_size':0}");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void a_whole_partial(struct rig *rig)
{
    an_old_file(rig);
    memory_add_partial(rig->store, "a", WORLD, WORLD_LEN, WORLD_LEN, 0x0d4a1185);
}

static void a_partial_that_is_whole_needs_no_further_byte(void **state)
{
    struct talk *talk = talk_about_a(verify_world_and_z);

    (void)state;
    talk->prepare = a_whole_partial;
    ask(talk, RESUME_WORLD);
    expect(talk, "{'id':1,'status':'continue','offset':11,'prefix_crc32':'0d4a1185','data_size':0}");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void other_partials(struct rig *rig)
{
    an_old_file(rig);
    memory_add_partial(rig->store, "a", "hello ", 6, WORLD_LEN + 1, 0x0d4a1185);
    memory_add_partial(rig->store, "b", "hello ", 6, WORLD_LEN, 0x0d4a1186);
}

static void only_a_partial_of_the_same_name_size_and_crc32_is_resumed(void **state)
{
    struct talk *talk = talk_about_a(verify_world_and_z);

    (void)state;
    talk->prepare = other_partials;
    ask_with(talk, RESUME_WORLD, WORLD);
    ask_with(talk, "{'cmd':'put','id':1,'filename':'b','filesize':11," CRC_WORLD ",'resume':true}", WORLD);
    ask_with(talk, "{'cmd':'put','id':1,'filename':'c','filesize':11," CRC_WORLD ",'resume':true}", WORLD);
    for (int i = 0; i < 3; i++) {
        expect(talk, "{'id':1,'status':'continue','offset':0,'prefix_crc32':'00000000','data_size':0}");
        expect(talk, OK_1);
    }
    and_then_z(talk);
}

static void a_tampered_partial(struct rig *rig)
{
    an_old_file(rig);
    memory_add_partial(rig->store, "a", "hellO ", 6, WORLD_LEN, 0x0d4a1185);
}

static void a_tampered_partial_is_corrupt_and_the_next_try_begins_at_0(void **state)
{
    struct talk *talk = talk_about_a(verify_world_and_z);

    (void)state;
    talk->prepare = a_tampered_partial;
    ask_with(talk, RESUME_WORLD, "world");
    ask_with(talk, RESUME_WORLD, WORLD);
    expect(talk, "{'id':1,'status':'continue','offset':6,'prefix_crc32':'7805dd54','data_size':0}");
    expect(talk, "{'id':1,'status':'corrupt','data_size':0}");
    expect(talk, "{'id':1,'status':'continue','offset':0,'prefix_crc32':'00000000','data_size':0}");
    expect(talk, OK_1);
    and_then_z(talk);
}

static void a_client_with_another_beginning_sees_it_and_starts_over(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    a_partial_of_world(&rig);
    rig_ask(&rig, RESUME_WORLD);
    rig_expect(&rig, "{'id':1,'status':'continue','offset':6,'prefix_crc32':'ed81f9f6','data_size':0}");
    dory_session_end_input(&rig.session, rig.now_ms);
    rig_end(&rig);
    assert_partial(&rig, "a", 6);
    rig_begin_session(&rig, &rig.session, 0);
    rig_ask(&rig, PUT_WORLD);
    assert_partial(&rig, "a", 0);
    rig_body(&rig, WORLD);
    rig_expect(&rig, OK_1);
    rig_end(&rig);
}

static void a_partial_that_can_not_be_read_back_is_given_up(void **state)
{
    static struct rig rig;

    (void)state;
    for (uint64_t from = 0; from < 6; from++) {
        rig_begin(&rig);
        a_partial_of_world(&rig);
        rig.store->faults.reread = DORY_IO_ERROR;
        rig.store->faults.reread_from = from;
        rig_ask(&rig, RESUME_WORLD);
        rig_expect(&rig, "{'id':1,'status':'io_error','data_size':0}");
        assert_partial(&rig, "a", 0);
        rig_ask(&rig, RESUME_WORLD);
        rig_expect(&rig, "{'id':1,'status':'continue','offset':0,'prefix_crc32':'00000000','data_size':0}");
        rig_end(&rig);
        assert_file(&rig, "a", "old");
    }
}

static void a_session_that_ends_while_it_reads_back_keeps_the_partial(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.store_rests = true;
    a_partial_of_world(&rig);
    rig.store->faults.later_every = 1;
    rig_ask(&rig, RESUME_WORLD);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_STORE);
    rig_end(&rig);
    assert_partial(&rig, "a", 6);
}

static void a_large_partial_is_read_back_in_slices(void **state)
{
    static uint8_t content[DORY_SLICE * 3 + 10];
    static struct rig rig;
    char request[160];
    unsigned turns = 0;

    (void)state;
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = memory_pattern(i);
    }
    rig_begin(&rig);
    memory_add_partial(rig.store, "large", NULL, sizeof content - 10, sizeof content,
                       dory_crc32(0, content, sizeof content));
    (void)snprintf(request, sizeof request,
                   "{'cmd':'put','id':1,'filename':'large','filesize':%u,'crc32':'%08x','resume':true}",
                   (unsigned)sizeof content, (unsigned)dory_crc32(0, content, sizeof content));
    rig_request(&rig, request);
    while (rig_wants(&rig, DORY_WANTS_TURN)) {
        dory_session_run(&rig.session, rig.now_ms);
        turns++;
    }
    assert_in_range(turns, 2, 3);
    rig_settle(&rig);
    (void)snprintf(request, sizeof request,
                   "{'id':1,'status':'continue','offset':%u,'prefix_crc32':'%08x','data_size':0}",
                   (unsigned)sizeof content - 10, (unsigned)dory_crc32(0, content, sizeof content - 10));
    rig_expect(&rig, request);
    assert_int_equal(rig_feed(&rig, content + sizeof content - 10, 10), 10);
    rig_settle(&rig);
    rig_expect(&rig, OK_1);
    assert_true(memory_file(rig.store, "large")->size == sizeof content);
    rig_end(&rig);
}

/* --- the ghost of a dropped link --- */

static void a_put_that_resumes_takes_over_from_its_ghost(void **state)
{
    static struct rig ghost;
    static struct rig rig;

    (void)state;
    for (size_t len = 0; len < WORLD_LEN; len++) {
        rig_begin(&ghost);
        an_old_file(&ghost);
        rig_ask(&ghost, PUT_WORLD);
        assert_int_equal(rig_feed(&ghost, WORLD, len), len);
        rig_begin_other(&ghost, &rig);
        rig_ask(&rig, RESUME_WORLD);
        assert_int_equal(dory_session_wants(&ghost.session), DORY_WANTS_RESET);
        assert_int_equal(rig_feed_once(&ghost, "w", 1), 0);
        assert_true(rig_has(&rig, "'status':'continue'"));
        rig.output.len = 0;
        assert_int_equal(rig_feed(&rig, &WORLD[len], WORLD_LEN - len), WORLD_LEN - len);
        rig_settle(&rig);
        rig_expect(&rig, OK_1);
        rig_expect(&ghost, NULL);
        dory_session_end(&ghost.session);
        rig_end(&rig);
        assert_file(&rig, "a", WORLD);
    }
}

static void a_ghost_that_itself_resumes_is_taken_over_too(void **state)
{
    static struct rig ghost;
    static struct rig rig;

    (void)state;
    rig_begin(&ghost);
    a_partial_of_world(&ghost);
    ghost.store_rests = true;
    ghost.store->faults.later_every = 1;
    rig_ask(&ghost, RESUME_WORLD); /* it is reading back */
    ghost.store->faults.later_every = 0;
    rig_begin_other(&ghost, &rig);
    rig_ask(&rig, RESUME_WORLD);
    rig_expect(&rig, "{'id':1,'status':'continue','offset':6,'prefix_crc32':'ed81f9f6','data_size':0}");
    assert_int_equal(dory_session_wants(&ghost.session), DORY_WANTS_RESET);
    dory_session_end(&ghost.session);
    rig_end(&rig);
    assert_partial(&rig, "a", 6);
}

static void only_a_put_of_that_very_file_is_a_ghost(void **state)
{
    static const char *const others[] = {
        "{'cmd':'put','id':1,'filename':'a','filesize':11}",
        "{'cmd':'put','id':1,'filename':'a','filesize':12," CRC_WORLD "}",
        "{'cmd':'put','id':1,'filename':'a','filesize':11,'crc32':'0d4a1184'}",
    };
    static struct rig rig;
    static struct rig other;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        rig_begin(&other);
        rig_ask(&other, others[i]);
        rig_begin_other(&other, &rig);
        rig_ask(&rig, RESUME_WORLD);
        rig_expect(&rig, "{'id':1,'status':'busy','data_size':0}");
        assert_int_equal(dory_session_wants(&other.session), DORY_WANTS_INPUT);
        dory_session_end(&rig.session);
        rig_end(&other);
    }
}

static void a_put_without_resume_takes_nothing_over(void **state)
{
    static struct rig rig;
    static struct rig other;

    (void)state;
    rig_begin(&other);
    rig_ask(&other, PUT_WORLD);
    rig_begin_other(&other, &rig);
    rig_ask(&rig, PUT_WORLD);
    rig_body(&rig, WORLD);
    rig_expect(&rig, "{'id':1,'status':'busy','data_size':0}");
    rig_body(&other, WORLD);
    rig_expect(&other, OK_1);
    dory_session_end(&rig.session);
    rig_end(&other);
}

static void a_put_that_is_being_synced_is_no_ghost(void **state)
{
    static struct rig rig;
    static struct rig other;

    (void)state;
    rig_begin(&other);
    other.store_rests = true;
    other.store->faults.commit_polls = 1000;
    rig_ask(&other, PUT_WORLD);
    rig_body(&other, WORLD);
    rig_begin_other(&other, &rig);
    rig_ask(&rig, RESUME_WORLD);
    rig_expect(&rig, "{'id':1,'status':'busy','data_size':0}");
    assert_int_equal(dory_session_wants(&other.session), DORY_WANTS_INPUT | DORY_WANTS_STORE);
    dory_session_end(&rig.session);
    rig_end(&other);
    assert_file(&other, "a", WORLD);
}

static void all_writers_taken_is_busy_and_nobody_a_ghost(void **state)
{
    static struct rig rig;
    static struct rig other;

    (void)state;
    rig_begin(&other);
    other.store->max_writers = 1;
    rig_ask(&other, PUT_WORLD);
    rig_begin_other(&other, &rig);
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'b','filesize':11," CRC_WORLD ",'resume':true}");
    rig_expect(&rig, "{'id':1,'status':'busy','data_size':0}");
    assert_int_equal(dory_session_wants(&other.session), DORY_WANTS_INPUT);
    dory_session_end(&rig.session);
    rig_end(&other);
}

/* --- bodies that are too much --- */

static uint8_t zeros[65536];

static void feed_zeros(struct rig *rig, uint64_t len)
{
    while (len > 0) {
        size_t piece = len < sizeof zeros ? (size_t)len : sizeof zeros;

        assert_int_equal(rig_feed(rig, zeros, piece), piece);
        len -= piece;
    }
}

static void a_refused_put_with_more_than_a_mib_to_come_is_answered_and_closed(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.store->max_file = 10;
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':1048577}");
    rig_expect(&rig, "{'id':1,'status':'too_large','data_size':0}");
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_CLOSE);
    assert_int_equal(rig_feed(&rig, zeros, 10), 0);
    rig_end(&rig);
}

static void a_refused_put_with_a_mib_to_come_is_skipped(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.store->max_file = 10;
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':1048576}");
    rig_expect(&rig, "{'id':1,'status':'too_large','data_size':0}");
    feed_zeros(&rig, 1048576);
    rig_ask(&rig, PUT_2);
    rig_body(&rig, "Z");
    rig_expect(&rig, OK_2);
    rig_end(&rig);
}

static void a_body_without_id_is_skipped_however_long(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig.store->max_file = 10;
    rig_ask(&rig, "{'cmd':'put','filename':'a','filesize':3000000}");
    feed_zeros(&rig, 3000000);
    rig_ask(&rig, "{'cmd':'info','data_size':2000000}");
    feed_zeros(&rig, 2000000);
    rig_ask(&rig, PUT_2);
    rig_body(&rig, "Z");
    rig_expect(&rig, OK_2);
    rig_end(&rig);
}

static void any_answered_request_with_more_than_a_mib_to_skip_is_closed(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    an_old_file(&rig);
    rig_ask(&rig, "{'cmd':'stat','id':1,'filename':'a','data_size':9007199254740991}");
    rig_expect(&rig, "{'id':1,'status':'ok','filesize':3,'version':'0000000000000001','data_size':0}");
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_CLOSE);
    rig_end(&rig);
}

static void a_large_put_counts_in_64_bits(void **state)
{
    static struct rig rig;

    (void)state;
    rig_begin(&rig);
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':4294967301," CRC_WORLD "}");
    feed_zeros(&rig, 70000);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_INPUT);
    rig_expect(&rig, NULL);
    rig_end(&rig);
    assert_partial(&rig, "a", 70000);
    rig_begin_session(&rig, &rig.session, 0);
    memory_begin(rig.store);
    memory_add_partial(rig.store, "a", NULL, UINT64_C(4294967300), UINT64_C(4294967301), 0x0d4a1185);
    rig.store->faults.reread = DORY_IO_ERROR; /* nobody wants to wait for 4 GiB */
    rig.store->faults.reread_from = 100;
    rig_ask(&rig, "{'cmd':'put','id':1,'filename':'a','filesize':4294967301," CRC_WORLD ",'resume':true}");
    rig_expect(&rig, "{'id':1,'status':'io_error','data_size':0}");
    rig_end(&rig);
}

/* Nobody looks at these bytes: they can't be read. */
static void a_body_of_5_gib_in_the_largest_pieces_is_taken(void **state)
{
    static const char *const requests[] = {"{'cmd':'put','filename':'..','filesize':5368709120}",
                                           "{'cmd':'put','filename':'a','filesize':5368709120}"};
    static struct rig rig;
    uint8_t *bytes;

    (void)state;
    bytes = (uint8_t *)mmap(NULL, INT32_MAX, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(bytes != MAP_FAILED);
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        uint64_t left = UINT64_C(5368709120);

        rig_begin(&rig);
        rig_ask(&rig, requests[i]);
        while (left > 0) {
            size_t piece = left < INT32_MAX ? (size_t)left : INT32_MAX;

            assert_true(dory_session_feed(&rig.session, bytes, piece, rig.now_ms) == piece);
            left -= piece;
        }
        rig_ask(&rig, PUT_2);
        rig_body(&rig, "Z");
        rig_expect(&rig, OK_2);
        rig_end(&rig);
    }
    assert_true(memory_file(rig.store, "a")->size == UINT64_C(5368709120));
    assert_int_equal(munmap(bytes, INT32_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_replaces_the_file),
        cmocka_unit_test(a_put_whose_crc32_is_right_replaces_the_file),
        cmocka_unit_test(a_put_of_no_bytes_makes_an_empty_file),
        cmocka_unit_test(puts_without_id_are_done_without_answers),
        cmocka_unit_test(the_data_size_of_a_put_does_not_count),
        cmocka_unit_test(a_put_may_have_the_longest_name_and_id),
        cmocka_unit_test(a_put_whose_crc32_is_wrong_leaves_the_old_file),
        cmocka_unit_test(a_corrupt_put_leaves_no_partial),
        cmocka_unit_test(an_empty_put_whose_crc32_is_wrong_is_corrupt),
        cmocka_unit_test(a_put_that_can_not_be_taken_is_refused_and_its_body_skipped),
        cmocka_unit_test(resume_without_id_or_crc32_is_bad_request_and_has_no_body),
        cmocka_unit_test(a_read_only_store_forbids_changes),
        cmocka_unit_test(the_server_is_told_of_failures_that_no_answer_reports),
        cmocka_unit_test(a_write_that_fails_after_any_byte_leaves_the_old_file),
        cmocka_unit_test(the_stream_stays_in_step_behind_a_write_that_fails),
        cmocka_unit_test(a_commit_that_fails_leaves_the_old_file),
        cmocka_unit_test(a_put_that_the_store_refuses_has_its_status),
        cmocka_unit_test(a_delete_removes_the_file),
        cmocka_unit_test(a_delete_of_what_is_no_file_is_bad_name),
        cmocka_unit_test(a_delete_skips_the_body_it_has),
        cmocka_unit_test(a_delete_or_put_of_a_name_that_another_session_writes_is_busy),
        cmocka_unit_test(a_delete_that_the_store_refuses_has_its_status),
        cmocka_unit_test(a_put_broken_off_keeps_a_partial_only_with_crc32),
        cmocka_unit_test(a_put_broken_off_at_any_byte_resumes_there),
        cmocka_unit_test(a_resume_goes_on_behind_the_partial),
        cmocka_unit_test(a_resume_without_a_partial_begins_at_0),
        cmocka_unit_test(a_resume_of_an_empty_file_is_done_at_once),
        cmocka_unit_test(a_partial_that_is_whole_needs_no_further_byte),
        cmocka_unit_test(only_a_partial_of_the_same_name_size_and_crc32_is_resumed),
        cmocka_unit_test(a_tampered_partial_is_corrupt_and_the_next_try_begins_at_0),
        cmocka_unit_test(a_client_with_another_beginning_sees_it_and_starts_over),
        cmocka_unit_test(a_partial_that_can_not_be_read_back_is_given_up),
        cmocka_unit_test(a_session_that_ends_while_it_reads_back_keeps_the_partial),
        cmocka_unit_test(a_large_partial_is_read_back_in_slices),
        cmocka_unit_test(a_put_that_resumes_takes_over_from_its_ghost),
        cmocka_unit_test(a_ghost_that_itself_resumes_is_taken_over_too),
        cmocka_unit_test(only_a_put_of_that_very_file_is_a_ghost),
        cmocka_unit_test(a_put_without_resume_takes_nothing_over),
        cmocka_unit_test(a_put_that_is_being_synced_is_no_ghost),
        cmocka_unit_test(all_writers_taken_is_busy_and_nobody_a_ghost),
        cmocka_unit_test(a_refused_put_with_more_than_a_mib_to_come_is_answered_and_closed),
        cmocka_unit_test(a_refused_put_with_a_mib_to_come_is_skipped),
        cmocka_unit_test(a_body_without_id_is_skipped_however_long),
        cmocka_unit_test(any_answered_request_with_more_than_a_mib_to_skip_is_closed),
        cmocka_unit_test(a_large_put_counts_in_64_bits),
        cmocka_unit_test(a_body_of_5_gib_in_the_largest_pieces_is_taken),
    };

    return cmocka_run_group_tests_name("server: put", tests, NULL, NULL);
}
