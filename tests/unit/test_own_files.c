/* SPDX-License-Identifier: MIT */
/* A device's own read-only files in front of a store, as a server's peer sees them. */
#include "rig.h"

#include "../../port/log_ring.h"
#include "../../port/own_files.h"

#define LOG_SIZE 4096U

static struct log_ring ring;
static char text[LOG_SIZE];

static const char licence[] = "Do what you like.\n";

static const struct own_file files[] = {
    {"log", log_ring_open, log_ring_read, &ring},
    {"licence.txt", own_text_open, own_text_read, licence},
};

static struct own_files own;
static struct rig rig;

static int begin(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof ring);
    assert_false(log_ring_begin(&ring, text, LOG_SIZE, 0x12345677));
    log_ring_write(&ring, "one\ntwo\n", 8);
    rig_begin(&rig);
    own = (struct own_files){
        .files = files, .count = COUNT_OF(files), .store = rig.server.store, .store_ctx = rig.server.store_ctx};
    rig.server.store = &own_files;
    rig.server.store_ctx = &own;
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

/* Expects one answer, and data behind it. */
static void expect_with(const char *json, const char *data)
{
    static struct bytes expected;

    expected.len = 0;
    add_header(&expected, json);
    add_text(&expected, data);
    assert_bytes_equal(&rig.output, &expected);
    rig.output.len = 0;
}

static void get_and_stat_tell_the_log(void **state)
{
    (void)state;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'log'}");
    expect_with("{'id':1,'status':'ok','filesize':8,'offset':0,'version':'1234567700000008','data_size':8}",
                "one\ntwo\n");
    rig_ask(&rig, "{'cmd':'stat','id':2,'filename':'log','check':true}");
    rig_expect(&rig,
               "{'id':2,'status':'ok','filesize':8,'version':'1234567700000008','crc32':'12ba0be6','data_size':0}");
    rig_ask(&rig, "{'cmd':'get','id':3,'filename':'log','offset':4}");
    expect_with("{'id':3,'status':'ok','filesize':8,'offset':4,'version':'1234567700000008','data_size':4}", "two\n");
}

static void the_version_changes_as_the_log_grows(void **state)
{
    (void)state;
    log_ring_write(&ring, "three\n", 6);
    rig_ask(&rig, "{'cmd':'stat','id':1,'filename':'log'}");
    rig_expect(&rig, "{'id':1,'status':'ok','filesize':14,'version':'123456770000000e','data_size':0}");
    rig_ask(&rig, "{'cmd':'get','id':2,'filename':'log','if_version':'1234567700000008'}");
    rig_expect(&rig, "{'id':2,'status':'changed','data_size':0}");
}

static void a_log_that_grows_while_it_is_sent_is_sent_as_it_was(void **state)
{
    (void)state;
    rig.output_piece = 0;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'log'}");
    for (unsigned i = 0; i < 100; i++) {
        log_ring_write(&ring, "more\n", 5);
    }
    rig.output_piece = 1;
    rig_settle(&rig);
    expect_with("{'id':1,'status':'ok','filesize':8,'offset':0,'version':'1234567700000008','data_size':8}",
                "one\ntwo\n");
}

static void a_log_that_is_overwritten_while_it_is_sent_breaks_the_connection_and_never_lies(void **state)
{
    (void)state;
    rig.output_piece = 0;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'log'}");
    for (unsigned i = 0; i < LOG_SIZE; i++) {
        log_ring_write(&ring, "more\n", 5);
    }
    rig.output_piece = SIZE_MAX;
    while (!rig_wants(&rig, DORY_WANTS_RESET) && rig_turn(&rig)) {
    }
    assert_true(rig_wants(&rig, DORY_WANTS_RESET));
    rig_expect(&rig, "{'id':1,'status':'ok','filesize':8,'offset':0,'version':'1234567700000008','data_size':8}");
}

static void a_text_is_a_file_with_a_version_of_its_own(void **state)
{
    struct dory_file file;

    (void)state;
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'licence.txt','offset':3,'length':4}");
    expect_with("{'id':1,'status':'ok','filesize':18,'offset':3,'version':'00000001247c000a','data_size':4}", "what");
    own_text_open("other", &file);
    assert_int_equal(file.size, 5);
    assert_true(file.version != 0);
}

static void put_and_delete_of_an_own_name_are_forbidden_and_the_body_is_skipped(void **state)
{
    (void)state;
    rig_request(&rig, "{'cmd':'put','id':1,'filename':'log','filesize':4}");
    rig_body(&rig, "evil");
    rig_expect(&rig, "{'id':1,'status':'forbidden','data_size':0}");
    rig_ask(&rig, "{'cmd':'delete','id':2,'filename':'licence.txt'}");
    rig_expect(&rig, "{'id':2,'status':'forbidden','data_size':0}");
    rig_request(&rig, "{'cmd':'put','id':3,'filename':'log/x','filesize':4}");
    rig_body(&rig, "evil");
    rig_expect(&rig, "{'id':3,'status':'bad_name','data_size':0}");
    rig_ask(&rig, "{'cmd':'put','id':4,'filename':'log','filesize':4,'crc32':'00000000','resume':true}");
    rig_expect(&rig, "{'id':4,'status':'forbidden','data_size':0}");
    rig_ask(&rig, "{'cmd':'get','id':5,'filename':'log'}");
    expect_with("{'id':5,'status':'ok','filesize':8,'offset':0,'version':'1234567700000008','data_size':8}",
                "one\ntwo\n");
    assert_file(&rig, "log", NULL);
}

static void names_that_only_begin_alike_are_the_stores(void **state)
{
    (void)state;
    rig_request(&rig, "{'cmd':'put','id':1,'filename':'log2','filesize':4}");
    rig_body(&rig, "data");
    rig_expect(&rig, "{'id':1,'status':'ok','data_size':0}");
    assert_file(&rig, "log2", "data");
    rig_request(&rig, "{'cmd':'put','id':2,'filename':'lo','filesize':4}");
    rig_body(&rig, "data");
    rig_expect(&rig, "{'id':2,'status':'ok','data_size':0}");
    rig_ask(&rig, "{'cmd':'get','id':3,'filename':'lo','length':2}");
    assert_memory_equal(rig.output.data + rig.output.len - 2, "da", 2);
    rig.output.len = 0;
    rig_ask(&rig, "{'cmd':'delete','id':4,'filename':'log2'}");
    rig_expect(&rig, "{'id':4,'status':'ok','data_size':0}");
    assert_file(&rig, "log2", NULL);
    rig_ask(&rig, "{'cmd':'get','id':5,'filename':'log2'}");
    rig_expect(&rig, "{'id':5,'status':'not_found','data_size':0}");
}

static void list_tells_the_stores_files_and_our_own(void **state)
{
    (void)state;
    memory_add(rig.store, "a", "1", 1);
    memory_add(rig.store, "log2", "22", 2);
    rig_ask(&rig, "{'cmd':'list','id':1}");
    assert_true(rig_has(&rig, "{'filename':'a','filesize':1}\n{'filename':'log2','filesize':2}\n"
                              "{'filename':'log','filesize':8}\n{'filename':'licence.txt','filesize':18}\n"));
    rig.output.len = 0;
    rig_ask(&rig, "{'cmd':'list','id':2,'prefix':'log'}");
    assert_true(rig_has(&rig, "{'filename':'log2','filesize':2}\n{'filename':'log','filesize':8}\n"));
    assert_false(rig_has(&rig, "licence.txt"));
    rig.output.len = 0;
    rig_ask(&rig, "{'cmd':'list','id':3,'prefix':'none'}");
    rig_expect(&rig, "{'id':3,'status':'ok','data_size':0}");
}

static void a_file_of_the_store_that_has_our_name_is_hidden(void **state)
{
    (void)state;
    memory_add(rig.store, "log", "old", 3);
    memory_add(rig.store, "z", "1", 1);
    rig_ask(&rig, "{'cmd':'list','id':1,'prefix':'l'}");
    assert_true(rig_has(&rig, "{'filename':'log','filesize':8}"));
    assert_false(rig_has(&rig, "{'filename':'log','filesize':3}"));
    rig.output.len = 0;
    rig_ask(&rig, "{'cmd':'get','id':2,'filename':'log'}");
    expect_with("{'id':2,'status':'ok','filesize':8,'offset':0,'version':'1234567700000008','data_size':8}",
                "one\ntwo\n");
}

static void a_listing_that_is_given_up_anywhere_is_given_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct dory_listing listing;
        struct dory_entry entry;

        if (i < 5) {
            memory_add(rig.store, (const char *[]){"a", "b", "c", "d", "e"}[i], "1", 1);
        }
        assert_int_equal(own_files.list(&own, "", &listing), DORY_OK);
        for (unsigned k = 0; k < i; k++) {
            (void)own_files.next(&own, &listing, &entry);
        }
        own_files.end_list(&own, &listing);
        assert_true(memory_is_quiet(rig.store));
    }
}

static void a_failure_of_the_store_is_passed_on_and_ours_are_there_without_it(void **state)
{
    (void)state;
    rig.store->faults = (struct memory_faults){.open = DORY_IO_ERROR, .put = DORY_IO_ERROR, .list = DORY_IO_ERROR};
    rig_ask(&rig, "{'cmd':'get','id':1,'filename':'f'}");
    rig_expect(&rig, "{'id':1,'status':'io_error','data_size':0}");
    rig_ask(&rig, "{'cmd':'list','id':2}");
    rig_expect(&rig, "{'id':2,'status':'io_error','data_size':0}");
    rig_ask(&rig, "{'cmd':'get','id':3,'filename':'log'}");
    expect_with("{'id':3,'status':'ok','filesize':8,'offset':0,'version':'1234567700000008','data_size':8}",
                "one\ntwo\n");
    rig.store->faults = (struct memory_faults){.next = DORY_IO_ERROR};
    memory_add(rig.store, "a", "1", 1);
    memory_add(rig.store, "b", "1", 1);
    rig_ask(&rig, "{'cmd':'list','id':4}");
    assert_true(rig_has(&rig, "'status':'io_error'"));
    rig.output.len = 0;
}

static void a_put_goes_to_the_store_and_resumes_there(void **state)
{
    (void)state;
    memory_add_partial(rig.store, "f", "data", 2, 4, 0xadf3f363);
    rig_ask(&rig, "{'cmd':'stat','id':1,'filename':'f'}");
    rig_expect(&rig, "{'id':1,'status':'not_found','partial':2,'data_size':0}");
    rig_ask(&rig, "{'cmd':'put','id':2,'filename':'f','filesize':4,'crc32':'adf3f363','resume':true}");
    assert_true(rig_has(&rig, "'status':'continue','offset':2"));
    rig.output.len = 0;
    rig_body(&rig, "ta");
    rig_expect(&rig, "{'id':2,'status':'ok','data_size':0}");
    assert_file(&rig, "f", "data");
    rig_ask(&rig, "{'cmd':'info','id':3}");
    assert_true(rig_has(&rig, "'status':'ok'"));
    rig.output.len = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(get_and_stat_tell_the_log, begin, end),
        cmocka_unit_test_setup_teardown(the_version_changes_as_the_log_grows, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_grows_while_it_is_sent_is_sent_as_it_was, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_is_overwritten_while_it_is_sent_breaks_the_connection_and_never_lies,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_text_is_a_file_with_a_version_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(put_and_delete_of_an_own_name_are_forbidden_and_the_body_is_skipped, begin,
                                        end),
        cmocka_unit_test_setup_teardown(names_that_only_begin_alike_are_the_stores, begin, end),
        cmocka_unit_test_setup_teardown(list_tells_the_stores_files_and_our_own, begin, end),
        cmocka_unit_test_setup_teardown(a_file_of_the_store_that_has_our_name_is_hidden, begin, end),
        cmocka_unit_test_setup_teardown(a_listing_that_is_given_up_anywhere_is_given_back, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_of_the_store_is_passed_on_and_ours_are_there_without_it, begin, end),
        cmocka_unit_test_setup_teardown(a_put_goes_to_the_store_and_resumes_there, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
