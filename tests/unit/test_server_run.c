/* SPDX-License-Identifier: MIT */
/* The server session: `run`, over a provider that follows a script. */
#include "script_commands.h"
#include "talk.h"

#define INFO "{'cmd':'stat','id':9,'filename':'none'}"
#define INFO_ANSWER "{'id':9,'status':'not_found','data_size':0}"
#define RUN "{'cmd':'run','id':1,'line':'x'}"

static struct script script;

static void use_script(struct rig *rig)
{
    const struct script begun = {.lines = script.lines, .count = script.count, .start = script.start};

    script = begun;
    memset(script_runs, 0, sizeof script_runs);
    rig->server.commands = &script_commands;
    rig->server.commands_ctx = &script;
}

static void every_command_has_ended(struct rig *rig)
{
    (void)rig;
    assert_true(script_is_quiet(&script));
}

static void nothing_was_started(struct rig *rig)
{
    (void)rig;
    assert_int_equal(script.starts, 0);
}

#define USE(...) use_lines((const struct script_line[]){__VA_ARGS__}, COUNT_OF(((struct script_line[]){__VA_ARGS__})))

static void use_lines(const struct script_line *lines, unsigned count)
{
    static struct script_line kept[16];

    assert_true(count <= COUNT_OF(kept));
    memcpy(kept, lines, count * sizeof *lines);
    script = (struct script){.lines = kept, .count = count};
}

static struct talk *talk_about_commands(void)
{
    struct talk *talk = talk_new();

    talk->prepare = use_script;
    talk->verify = every_command_has_ended;
    return talk;
}

static void run_rig(struct rig *rig)
{
    rig_begin(rig);
    use_script(rig);
}

/* --- what comes back --- */

static void output_comes_in_parts_that_tell_their_stream(void **state)
{
    struct talk *talk = talk_about_commands();

    (void)state;
    USE(SAYS("one\n"), RESTS, COMPLAINS("two\n"), SAYS("three"), RESTS, RESTS, EXITS(0));
    ask(talk, RUN);
    ask(talk, INFO);
    expect_with(talk, "{'id':1,'status':'more','stream':1,'data_size':4}", "one\n");
    expect_with(talk, "{'id':1,'status':'more','stream':2,'data_size':4}", "two\n");
    expect_with(talk, "{'id':1,'status':'more','stream':1,'data_size':5}", "three");
    expect(talk, "{'id':1,'status':'ok','exit':0,'data_size':0}");
    expect(talk, INFO_ANSWER);
    hold(talk);
}

static void a_command_without_output_tells_its_exit_status_alone(void **state)
{
    static const unsigned exits[] = {0, 1, 127, 137, 255};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(exits); i++) {
        struct talk *talk = talk_about_commands();
        char answer[64];

        USE(EXITS(exits[i]));
        ask(talk, RUN);
        (void)snprintf(answer, sizeof answer, "{'id':1,'status':'ok','exit':%u,'data_size':0}", exits[i]);
        expect(talk, answer);
        hold(talk);
    }
}

static void output_larger_than_the_buffer_comes_in_several_parts(void **state)
{
    static struct rig rig;
    static char much[20001];
    struct answer answer;
    size_t at = 0;
    size_t total = 0;

    (void)state;
    memset(much, 'x', sizeof much - 1);
    USE(SAYS(much), EXITS(3));
    run_rig(&rig);
    rig_ask(&rig, RUN);
    while (answer_next(rig.output.data, rig.output.len, &at, &answer)) {
        total += (size_t)answer.data_size;
        assert_int_equal(answer.status, total == sizeof much - 1 && answer.data_size == 0 ? DORY_OK : DORY_MORE);
    }
    assert_int_equal(total, sizeof much - 1);
    assert_int_equal(at, rig.output.len);
    rig_end(&rig);
    assert_true(script_is_quiet(&script));
}

static void a_part_with_the_largest_id_fits(void **state)
{
    static struct rig rig;
    static char much[20001];

    (void)state;
    memset(much, 'x', sizeof much - 1);
    USE(SAYS(much), EXITS(255));
    run_rig(&rig);
    rig_ask(&rig, "{'cmd':'run','id':9007199254740991,'line':'x'}");
    check_answers(&rig.output);
    assert_true(rig_has(&rig, "{'id':9007199254740991,'status':'ok','exit':255,'data_size':0}"));
    rig_end(&rig);
}

static void a_failure_on_the_way_follows_what_came_before_it(void **state)
{
    struct talk *talk = talk_about_commands();

    (void)state;
    USE(SAYS("some"), BREAKS(DORY_TIMEOUT));
    ask(talk, RUN);
    ask(talk, INFO);
    expect_with(talk, "{'id':1,'status':'more','stream':1,'data_size':4}", "some");
    expect(talk, "{'id':1,'status':'timeout','data_size':0}");
    expect(talk, INFO_ANSWER);
    hold(talk);
}

/* --- what is not started --- */

static void without_a_provider_run_is_unsupported(void **state)
{
    struct talk *talk = talk_new();

    (void)state;
    ask(talk, RUN);
    expect(talk, "{'id':1,'status':'unsupported','data_size':0}");
    hold(talk);
}

static void why_a_command_does_not_start_is_the_answer(void **state)
{
    static const enum dory_status failures[] = {DORY_FORBIDDEN, DORY_BAD_REQUEST, DORY_BUSY, DORY_IO_ERROR};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        struct talk *talk = talk_about_commands();
        char answer[64];

        USE(EXITS(0));
        script.start = failures[i];
        ask(talk, RUN);
        ask(talk, INFO);
        (void)snprintf(answer, sizeof answer, "{'id':1,'status':'%s','data_size':0}", dory_status_name(failures[i]));
        expect(talk, answer);
        expect(talk, INFO_ANSWER);
        hold(talk);
    }
}

static void without_a_line_that_is_text_nothing_starts(void **state)
{
    static const char *const requests[] = {
        "{'cmd':'run','id':1,'data_size':2}",
        "{'cmd':'run','id':1,'data_size':2,'line':1}",
        "{'cmd':'run','id':1,'data_size':2,'line':null}",
        "{'cmd':'run','id':1,'data_size':2,'line':['x']}",
        "{'cmd':'run','id':1,'data_size':2,'line':'a\\u0000b'}",
        "{'cmd':'run','id':1,'data_size':2,'line':'\\u0000'}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct talk *talk = talk_about_commands();

        USE(EXITS(0));
        talk->verify = nothing_was_started;
        ask_with(talk, requests[i], "xy");
        ask(talk, INFO);
        expect(talk, "{'id':1,'status':'bad_request','data_size':0}");
        expect(talk, INFO_ANSWER);
        hold(talk);
    }
}

static void without_an_id_nothing_starts(void **state)
{
    struct talk *talk = talk_about_commands();

    (void)state;
    USE(EXITS(0));
    talk->verify = nothing_was_started;
    ask_with(talk, "{'cmd':'run','line':'x','data_size':2}", "xy");
    ask(talk, INFO);
    expect(talk, INFO_ANSWER);
    hold(talk);
}

/* --- the line --- */

static void the_line_arrives_as_it_was_meant(void **state)
{
    static const char *const lines[][2] = {
        {"", ""},
        {"version", "version"},
        {"  echo  a ", "  echo  a "},
        {"say \\'hello world\\'", "say \"hello world\""}, /* \' stands for \\" */
        {"a\\\\b\\/c", "a\\b/c"},
        {"tab\\tnewline\\n", "tab\tnewline\n"},
        {"\\u20ac \xe2\x82\xac", "\xe2\x82\xac \xe2\x82\xac"},
    };
    static struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        char request[128];

        USE(EXITS(0));
        run_rig(&rig);
        (void)snprintf(request, sizeof request, "{'cmd':'run','id':1,'line':'%s'}", lines[i][0]);
        rig_ask(&rig, request);
        assert_string_equal(script.line, lines[i][1]);
        rig_expect(&rig, "{'id':1,'status':'ok','exit':0,'data_size':0}");
        rig_end(&rig);
    }
}

static void the_longest_line_that_a_header_holds_arrives(void **state)
{
    static const char begin[] = "{'cmd':'run','id':1,'line':'";
    static struct rig rig;
    static char request[RIG_MAX_HEADER + 1];
    size_t len = RIG_MAX_HEADER - (sizeof begin - 1) - 2;

    (void)state;
    USE(SAYS("done"), EXITS(0));
    run_rig(&rig);
    memcpy(request, begin, sizeof begin);
    memset(request + sizeof begin - 1, 'y', len);
    memcpy(request + sizeof begin - 1 + len, "'}", 3);
    assert_int_equal(strlen(request), RIG_MAX_HEADER);
    rig_ask(&rig, request);
    assert_int_equal(strlen(script.line), len);
    assert_int_equal(strspn(script.line, "y"), len);
    assert_true(rig_has(&rig, "'status':'more','stream':1,'data_size':4}done"));
    rig_end(&rig);
}

/* --- time, pace and endings --- */

static void a_silent_command_gives_a_sign_of_life_every_five_seconds(void **state)
{
    static struct rig rig;

    (void)state;
    USE(RESTS);
    run_rig(&rig);
    script.endless = true;
    rig.store_rests = true;
    rig_ask(&rig, RUN);
    rig_expect(&rig, NULL);
    for (int i = 0; i < 50; i++) {
        rig_wait(&rig, 4500);
        rig_expect(&rig, NULL);
        rig_wait(&rig, 500);
        rig_expect(&rig, "{'id':1,'status':'more','data_size':0}");
    }
    rig_end(&rig);
    assert_true(script_is_quiet(&script));
}

static void a_command_is_not_asked_for_more_than_its_peer_reads(void **state)
{
    static struct rig rig;
    unsigned asked;

    (void)state;
    USE(SAYS("a line of output\n"));
    run_rig(&rig);
    script.endless = true;
    rig.output_piece = 0;
    rig_request(&rig, RUN);
    rig_settle(&rig);
    asked = script.asked;
    assert_int_equal(asked, 1);
    rig_wait(&rig, 20000);
    assert_int_equal(script.asked, asked);
    rig.output_piece = 1;
    for (int i = 0; i < 10; i++) {
        assert_true(rig_send(&rig));
        dory_session_run(&rig.session, rig.now_ms);
        assert_int_equal(script.asked, asked);
    }
    rig_end(&rig);
    assert_true(script_is_quiet(&script));
}

static void a_peer_that_stops_reading_ends_the_command(void **state)
{
    static struct rig rig;

    (void)state;
    USE(SAYS("a line of output\n"));
    run_rig(&rig);
    script.endless = true;
    rig.output_piece = 0;
    rig_request(&rig, RUN);
    rig_settle(&rig);
    rig_wait(&rig, rig.server.limits.output_ms + 1000);
    assert_true(rig_wants(&rig, DORY_WANTS_RESET));
    assert_int_equal(script.ends, 1);
    rig_end(&rig);
    assert_int_equal(script.ends, 1);
}

static void a_connection_that_goes_ends_its_command(void **state)
{
    static struct rig rig;

    (void)state;
    USE(RESTS);
    run_rig(&rig);
    script.endless = true;
    rig.store_rests = true;
    rig_ask(&rig, RUN);
    assert_int_equal(script.ends, 0);
    rig_end(&rig);
    assert_int_equal(script.ends, 1);
}

static void several_sessions_run_commands_at_once(void **state)
{
    static struct rig rig;
    static struct rig other;

    (void)state;
    USE(SAYS("a"), RESTS, SAYS("b"), EXITS(0));
    run_rig(&rig);
    rig_begin_other(&rig, &other);
    rig.store_rests = true;
    rig_ask(&rig, RUN);
    other.store_rests = true;
    dory_session_end(&other.session);
    other.session.server = &rig.server;
    rig_begin_session(&rig, &other.session, 1);
    rig_ask(&other, "{'cmd':'run','id':2,'line':'y'}");
    assert_int_equal(script.starts, 2);
    assert_int_equal(script.ends, 0);
    rig_wait(&other, 1000);
    assert_true(rig_has(&other, "{'id':2,'status':'ok','exit':0,'data_size':0}"));
    assert_int_equal(script.ends, 1);
    rig_wait(&rig, 1000);
    assert_true(rig_has(&rig, "{'id':1,'status':'ok','exit':0,'data_size':0}"));
    dory_session_end(&other.session);
    rig_end(&rig);
    assert_true(script_is_quiet(&script));
}

static void a_command_is_not_evicted_and_takes_no_input_meanwhile(void **state)
{
    static struct rig rig;

    (void)state;
    USE(RESTS);
    run_rig(&rig);
    script.endless = true;
    rig.store_rests = true;
    rig_ask(&rig, RUN);
    rig_wait(&rig, 200000);
    assert_int_equal(dory_session_evictable_ms(&rig.session, rig.now_ms), -1);
    assert_false(rig_wants(&rig, DORY_WANTS_INPUT));
    assert_int_equal(script.ends, 0);
    rig_end(&rig);
}

/* The answer of a put that is still being committed comes before anything of the command. */
static void a_command_waits_for_the_answers_before_it(void **state)
{
    struct talk *talk = talk_about_commands();

    (void)state;
    USE(SAYS("out"), EXITS(0));
    ask_with(talk, "{'cmd':'put','id':1,'filename':'a','filesize':3}", "abc");
    ask(talk, "{'cmd':'run','id':2,'line':'x'}");
    expect(talk, "{'id':1,'status':'ok','data_size':0}");
    expect_with(talk, "{'id':2,'status':'more','stream':1,'data_size':3}", "out");
    expect(talk, "{'id':2,'status':'ok','exit':0,'data_size':0}");
    hold(talk);
}

static void a_body_that_a_command_has_no_use_for_is_skipped(void **state)
{
    struct talk *talk = talk_about_commands();

    (void)state;
    USE(SAYS("out"), EXITS(0));
    ask_with(talk, "{'cmd':'run','id':1,'line':'x','data_size':5}", "stdin");
    ask(talk, INFO);
    expect_with(talk, "{'id':1,'status':'more','stream':1,'data_size':3}", "out");
    expect(talk, "{'id':1,'status':'ok','exit':0,'data_size':0}");
    expect(talk, INFO_ANSWER);
    hold(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_comes_in_parts_that_tell_their_stream),
        cmocka_unit_test(a_command_without_output_tells_its_exit_status_alone),
        cmocka_unit_test(output_larger_than_the_buffer_comes_in_several_parts),
        cmocka_unit_test(a_part_with_the_largest_id_fits),
        cmocka_unit_test(a_failure_on_the_way_follows_what_came_before_it),
        cmocka_unit_test(without_a_provider_run_is_unsupported),
        cmocka_unit_test(why_a_command_does_not_start_is_the_answer),
        cmocka_unit_test(without_a_line_that_is_text_nothing_starts),
        cmocka_unit_test(without_an_id_nothing_starts),
        cmocka_unit_test(the_line_arrives_as_it_was_meant),
        cmocka_unit_test(the_longest_line_that_a_header_holds_arrives),
        cmocka_unit_test(a_silent_command_gives_a_sign_of_life_every_five_seconds),
        cmocka_unit_test(a_command_is_not_asked_for_more_than_its_peer_reads),
        cmocka_unit_test(a_peer_that_stops_reading_ends_the_command),
        cmocka_unit_test(a_connection_that_goes_ends_its_command),
        cmocka_unit_test(several_sessions_run_commands_at_once),
        cmocka_unit_test(a_command_is_not_evicted_and_takes_no_input_meanwhile),
        cmocka_unit_test(a_command_waits_for_the_answers_before_it),
        cmocka_unit_test(a_body_that_a_command_has_no_use_for_is_skipped),
    };

    return cmocka_run_group_tests_name("server: run", tests, NULL, NULL);
}
