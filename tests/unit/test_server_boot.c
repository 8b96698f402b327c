/* SPDX-License-Identifier: MIT */
/* The server session: `boot`, and what `info` tells of firmware, over a provider that follows a script. */
#include "script_firmware.h"
#include "talk.h"

#define STAT "{'cmd':'stat','id':9,'filename':'none'}"
#define STAT_ANSWER "{'id':9,'status':'not_found','data_size':0}"
#define BOOT "{'cmd':'boot','id':1,'mode':'test','image':'" IMAGE_B "'}"
#define BOOT_OK "{'id':1,'status':'ok','data_size':0}"

static struct script_firmware script;

static void use_script(struct rig *rig)
{
    script_firmware_use(&script, &rig->server);
}

static void it_was_asked_once(struct rig *rig)
{
    (void)rig;
    assert_int_equal(script.ended, 1);
}

static void it_was_not_asked(struct rig *rig)
{
    (void)rig;
    assert_int_equal(script.calls, 0);
}

static struct talk *talk_about_firmware(int result, unsigned later)
{
    struct talk *talk = talk_new();

    script = (struct script_firmware){.result = result, .later = later};
    talk->prepare = use_script;
    talk->verify = it_was_asked_once;
    return talk;
}

/* --- boot --- */

static void a_boot_asks_for_its_mode_and_image(void **state)
{
    static const char *const modes[] = {"test", "permanent", "confirm"};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(modes); i++) {
        struct talk *talk = talk_about_firmware(DORY_OK, 0);
        char request[160];

        (void)snprintf(request, sizeof request, "{'image':'" IMAGE_B "','mode':'%s','id':1,'cmd':'boot'}", modes[i]);
        ask(talk, request);
        ask(talk, STAT);
        expect(talk, BOOT_OK);
        expect(talk, STAT_ANSWER);
        hold(talk);
        assert_int_equal(script.mode, i);
        assert_string_equal(script.image, IMAGE_B);
    }
}

static void why_a_boot_is_refused_is_the_answer(void **state)
{
    static const int results[] = {DORY_CHANGED,       DORY_NOT_FOUND, DORY_BUSY,    DORY_BAD_IMAGE,
                                  DORY_BAD_SIGNATURE, DORY_FORBIDDEN, DORY_IO_ERROR};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        struct talk *talk = talk_about_firmware(results[i], 2);
        char answer[64];

        ask(talk, BOOT);
        ask(talk, STAT);
        (void)snprintf(answer, sizeof answer, "{'id':1,'status':'%s','data_size':0}",
                       dory_status_name((enum dory_status)results[i]));
        expect(talk, answer);
        expect(talk, STAT_ANSWER);
        hold(talk);
    }
}

static void a_boot_that_takes_time_is_asked_for_again_with_the_same_words(void **state)
{
    struct talk *talk = talk_about_firmware(DORY_OK, 7);

    (void)state;
    ask_with(talk, "{'cmd':'boot','id':1,'mode':'permanent','image':'" IMAGE_B "','data_size':4,'prefix':'x'}", "body");
    ask(talk, STAT);
    expect(talk, BOOT_OK);
    expect(talk, STAT_ANSWER);
    hold(talk);
    assert_int_equal(script.calls, 8);
    assert_int_equal(script.mode, DORY_BOOT_PERMANENT);
}

static void a_boot_that_takes_time_gives_a_sign_of_life_every_five_seconds(void **state)
{
    static struct rig rig;

    (void)state;
    script = (struct script_firmware){.result = DORY_OK, .later = 1000};
    rig_begin(&rig);
    use_script(&rig);
    rig.store_rests = true;
    rig_ask(&rig, BOOT);
    assert_int_equal(dory_session_wants(&rig.session), DORY_WANTS_STORE);
    assert_int_equal(dory_session_evictable_ms(&rig.session, rig.now_ms), -1);
    rig_wait(&rig, 4500);
    rig_expect(&rig, NULL);
    rig_wait(&rig, 500);
    rig_expect(&rig, "{'id':1,'status':'more','data_size':0}");
    rig_wait(&rig, 5000);
    rig_expect(&rig, "{'id':1,'status':'more','data_size':0}");
    script.later = 0;
    rig_wait(&rig, 500);
    rig_expect(&rig, BOOT_OK);
    assert_int_equal(script.ended, 1);
    rig_end(&rig);
}

/* The provider hears nothing more of it. */
static void a_connection_that_goes_leaves_its_boot(void **state)
{
    static struct rig rig;
    unsigned calls;

    (void)state;
    script = (struct script_firmware){.result = DORY_OK, .later = 1000};
    rig_begin(&rig);
    use_script(&rig);
    rig.store_rests = true;
    rig_ask(&rig, BOOT);
    calls = script.calls;
    rig_end(&rig);
    assert_true(calls > 0 && script.calls == calls);
}

static void a_boot_waits_for_the_answers_before_it(void **state)
{
    struct talk *talk = talk_about_firmware(DORY_OK, 3);

    (void)state;
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':3}", "abc");
    ask(talk, "{'cmd':'boot','id':2,'mode':'confirm','image':'" IMAGE_A "'}");
    ask(talk, STAT);
    expect(talk, BOOT_OK);
    expect(talk, "{'id':2,'status':'ok','data_size':0}");
    expect(talk, STAT_ANSWER);
    hold(talk);
}

static void an_image_is_any_text_without_a_nul(void **state)
{
    struct talk *talk = talk_about_firmware(DORY_CHANGED, 0);

    (void)state;
    ask(talk, "{'cmd':'boot','id':1,'mode':'test','image':'\\u00e9\\u0001\\/','line':'x','filename':'y'}");
    expect(talk, "{'id':1,'status':'changed','data_size':0}");
    hold(talk);
    assert_string_equal(script.image, "\xc3\xa9\x01/");
    ask(talk_about_firmware(DORY_CHANGED, 0), "{'cmd':'boot','id':1,'mode':'test','image':''}");
    expect(talk, "{'id':1,'status':'changed','data_size':0}");
    hold(talk);
    assert_string_equal(script.image, "");
}

static void what_does_not_say_mode_and_image_is_bad_request(void **state)
{
    static const char *const requests[] = {
        "{'cmd':'boot','id':1,'data_size':2}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'test'}",
        "{'cmd':'boot','id':1,'data_size':2,'image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'','image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'Test','image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'tes','image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'test\\u0000','image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'revert','image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':0,'image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':null,'image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':['test'],'image':'00'}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'test','image':0}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'test','image':true}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'test','image':{}}",
        "{'cmd':'boot','id':1,'data_size':2,'mode':'test','image':'00\\u0000'}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct talk *talk = talk_about_firmware(DORY_OK, 0);

        talk->verify = it_was_not_asked;
        ask_with(talk, requests[i], "xy");
        ask(talk, STAT);
        expect(talk, "{'id':1,'status':'bad_request','data_size':0}");
        expect(talk, STAT_ANSWER);
        hold(talk);
    }
}

static void without_an_id_nothing_is_booted(void **state)
{
    struct talk *talk = talk_about_firmware(DORY_OK, 0);

    (void)state;
    talk->verify = it_was_not_asked;
    ask_with(talk, "{'cmd':'boot','mode':'test','image':'" IMAGE_B "','data_size':2}", "xy");
    ask(talk, STAT);
    expect(talk, STAT_ANSWER);
    hold(talk);
}

static void without_a_provider_boot_is_unsupported(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    ask(talk, BOOT);
    ask(talk, "{'cmd':'boot','id':2}");
    ask(talk, STAT);
    expect(talk, "{'id':1,'status':'unsupported','data_size':0}");
    expect(talk, "{'id':2,'status':'unsupported','data_size':0}");
    expect(talk, STAT_ANSWER);
    hold(talk);
}

/* --- info --- */

/* Not as a talk: this answer has more tokens than a device's own decoder may take. */
static void hold_info(const char *answer)
{
    static const size_t output_pieces[] = {SIZE_MAX, 7, 1};
    static struct rig rig;

    for (size_t i = 0; i < COUNT_OF(output_pieces); i++) {
        struct dory_running running = script.running;

        rig_begin(&rig);
        rig.store->max_file = 1000;
        rig.store->capacity = 500;
        rig.server.max_header = 512;
        rig.server.max_name = 64;
        use_script(&rig);
        script.running = running;
        rig.output_piece = output_pieces[i];
        rig_ask(&rig, "{'cmd':'info','id':1}");
        rig_expect(&rig, answer);
        rig_ask(&rig, STAT);
        rig_expect(&rig, STAT_ANSWER);
        rig_end(&rig);
    }
}

static void info_tells_of_the_firmware_that_runs(void **state)
{
    (void)state;
    script.running = (struct dory_running){.image = IMAGE_B, .boot_id = "0123456789abcdef", .slot = "fallback"};
    hold_info("{'id':1,'status':'ok','max_file':1000,'free':500,'writers':40,'dory':1,'name':'rig','server':'0.1.0',"
              "'board':'test','firmware':'1.2.3','max_header':512,'max_name':64,'sessions':4,'uptime_ms':0,"
              "'image':'" IMAGE_B "','confirmed':false,'boot_id':'0123456789abcdef','slot':'fallback','data_size':0}");
    script.running.confirmed = true;
    script.running.slot = "empty";
    hold_info("{'id':1,'status':'ok','max_file':1000,'free':500,'writers':40,'dory':1,'name':'rig','server':'0.1.0',"
              "'board':'test','firmware':'1.2.3','max_header':512,'max_name':64,'sessions':4,'uptime_ms':0,"
              "'image':'" IMAGE_B "','confirmed':true,'boot_id':'0123456789abcdef','slot':'empty','data_size':0}");
}

/* Every number and text as long as it can be. Returns the bytes of the answer, prefix included. */
static size_t longest_info(uint32_t max_name, uint32_t max_header)
{
    static struct rig rig;
    static const char text[] = IMAGE_A;
    const char *end = text + DORY_IMAGE_DIGITS;
    size_t len;

    rig_begin(&rig);
    dory_session_end(&rig.session);
    use_script(&rig);
    script.running.boot_id = end - DORY_BOOT_ID_DIGITS;
    script.running.slot = "fallback";
    script.running.confirmed = false;
    rig.server.name = end - DORY_MAX_TOLD;
    rig.server.board = end - 16;
    rig.server.firmware = rig.server.name;
    rig.server.max_name = max_name;
    rig.server.max_header = max_header;
    rig.server.sessions = UINT32_MAX;
    rig.server.uptime_ms = DORY_MAX_NUMBER;
    rig.store->max_file = DORY_MAX_NUMBER;
    rig.store->capacity = UINT64_MAX;
    rig.store->max_writers = UINT32_MAX;
    rig_begin_session(&rig, &rig.session, 0);
    rig_ask(&rig, "{'cmd':'info','id':9007199254740991}");
    len = rig.output.len;
    assert_int_equal(rig.output.data[0] + 256U * rig.output.data[1], len - DORY_FRAME_PREFIX);
    assert_true(
        rig_has(&rig, "{'id':9007199254740991,'status':'ok','max_file':9007199254740991,'free':9007199254740991,"));
    assert_int_equal(rig.output.data[len - 1], '}');
    rig_end(&rig);
    return len;
}

/* The buffer ends at a guard page; and a device gives 512 bytes to it, as to the header of any answer. */
static void the_longest_info_fits_the_smallest_buffer(void **state)
{
    static struct rig rig;
    size_t len = longest_info(64, 512);

    (void)state;
    rig_begin(&rig);
    rig.server.max_name = 64;
    rig.server.max_header = 256;
    assert_int_equal(dory_session_buffer_size(&rig.server), len + 1);
    assert_true(len + 1 <= 512);
    assert_int_equal(longest_info(64, 256), len);
    assert_int_equal(longest_info(16, 160), len);
    assert_true(longest_info(DORY_MAX_NAME, 65536) <= DORY_MAX_ANSWER + DORY_FRAME_PREFIX);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_asks_for_its_mode_and_image),
        cmocka_unit_test(why_a_boot_is_refused_is_the_answer),
        cmocka_unit_test(a_boot_that_takes_time_is_asked_for_again_with_the_same_words),
        cmocka_unit_test(a_boot_that_takes_time_gives_a_sign_of_life_every_five_seconds),
        cmocka_unit_test(a_connection_that_goes_leaves_its_boot),
        cmocka_unit_test(a_boot_waits_for_the_answers_before_it),
        cmocka_unit_test(an_image_is_any_text_without_a_nul),
        cmocka_unit_test(what_does_not_say_mode_and_image_is_bad_request),
        cmocka_unit_test(without_an_id_nothing_is_booted),
        cmocka_unit_test(without_a_provider_boot_is_unsupported),
        cmocka_unit_test(info_tells_of_the_firmware_that_runs),
        cmocka_unit_test(the_longest_info_fits_the_smallest_buffer),
    };

    return cmocka_run_group_tests_name("server: boot", tests, NULL, NULL);
}
