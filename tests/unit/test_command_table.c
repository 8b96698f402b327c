/* SPDX-License-Identifier: MIT */
/* Commands out of a table: what each line answers, however little is taken at a time, and whoever else runs one. */
#include "unit.h"

#include <stdlib.h>

#include "../../port/command_table.h"

#define RUNS 40U
#define OUTPUT_ROOM 20000U

/* ---- Commands ---- */

static unsigned calls;   /* of run_count() */
static unsigned waiting; /* how often run_wait() still has to wait */

static int run_echo(struct command_output *out, int argc, const char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        command_text(out, i > 1 ? " " : "");
        command_text(out, argv[i]);
    }
    command_text(out, "\n");
    assert_null(argv[argc]);
    return 0;
}

static int run_exit(struct command_output *out, int argc, const char *const *argv)
{
    (void)out;
    return argc == 2 ? (int)strtoul(argv[1], NULL, 10) : command_usage(out, "exit NUMBER");
}

/* A thousand lines, one a step. */
static int run_lines(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    command_decimal(out, out->step);
    command_text(out, " 0x");
    command_hex(out, out->step, 4);
    command_text(out, "\n");
    return out->step < 999 ? COMMAND_MORE : 3;
}

/* The same in a single step. */
static int run_flood(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 1000; i++) {
        command_decimal(out, i);
        command_text(out, "\n");
    }
    return 0;
}

static int run_both(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    command_text(out, "out ");
    out->stream = DORY_STDERR;
    command_text(out, "err ");
    out->stream = DORY_STDOUT;
    command_text(out, "again");
    return 1;
}

static int run_wait(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    if (waiting > 0) {
        waiting--;
        return COMMAND_LATER;
    }
    command_text(out, "there");
    return 0;
}

/* Writes as much as a step may to be called but once. */
static int run_count(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    calls++;
    for (unsigned i = 0; i < COMMAND_STEP / 4; i++) {
        command_text(out, "1234");
    }
    return out->step < 4 ? COMMAND_MORE : 0;
}

static int run_context(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    command_text(out, out->table->ctx);
    return 0;
}

static int run_numbers(struct command_output *out, int argc, const char *const *argv)
{
    static const uint32_t numbers[] = {0, 7, 10, 4294967295};

    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < COUNT_OF(numbers); i++) {
        command_decimal(out, numbers[i]);
        command_text(out, " ");
        command_hex(out, numbers[i], i < 2 ? 1 : 8);
        command_text(out, "\n");
    }
    return 0;
}

static const struct command commands[] = {
    {"help", "tells this", command_help}, {"echo", "[WORD...] says it", run_echo},
    {"exit", "NUMBER", run_exit},         {"lines", "a thousand", run_lines},
    {"flood", "at once", run_flood},      {"both", "streams", run_both},
    {"wait", "for something", run_wait},  {"count", "calls", run_count},
    {"ctx", "what it has", run_context},  {"a-long-name", "does nothing", run_exit},
    {"numbers", "in full", run_numbers},
};

static struct command_run runs[RUNS];

static struct command_table table = {
    .commands = commands,
    .count = COUNT_OF(commands),
    .runs = runs,
    .run_count = RUNS,
    .ctx = "context",
};

/* ---- Running ---- */

struct outcome {
    struct dory_command command;
    size_t len[3]; /* by stream */
    char text[3][OUTPUT_ROOM];
};

/* Takes up to `piece` bytes. Returns false at the end. The destination ends at a guard page. */
static bool take(struct outcome *outcome, size_t piece)
{
    static uint8_t *end;
    uint32_t stream;
    int32_t got;

    if (end == NULL) {
        end = guard_make(OUTPUT_ROOM);
    }
    got = command_table.output(&table, &outcome->command, end - piece, piece);
    assert_in_range(got, 0, piece);
    if (outcome->command.ended) {
        assert_int_equal(got, 0);
        return false;
    }
    if (got > 0) {
        stream = outcome->command.stream;
        assert_in_range(stream, DORY_STDOUT, DORY_STDERR);
        assert_true(outcome->len[stream] + (size_t)got < OUTPUT_ROOM);
        memcpy(outcome->text[stream] + outcome->len[stream], end - piece, (size_t)got);
        outcome->len[stream] += (size_t)got;
    }
    return true;
}

static int start(struct outcome *outcome, const char *line)
{
    char copy[COMMAND_LINE * 2];
    int result;

    memset(outcome, 0, sizeof *outcome);
    assert_true(strlen(line) < sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    result = command_table.start(&table, copy, &outcome->command);
    memset(copy, 'x', sizeof copy); /* it was lent for the call */
    return result;
}

static void end(struct outcome *outcome)
{
    command_table.end(&table, &outcome->command);
}

/* Runs a line to its end. Returns its exit status; the outcome is valid until the next call. */
static struct outcome *run(const char *line, size_t piece)
{
    static struct outcome outcome;

    assert_int_equal(start(&outcome, line), DORY_OK);
    while (take(&outcome, piece)) {
    }
    end(&outcome);
    for (unsigned i = 0; i < RUNS; i++) {
        assert_false(runs[i].used);
    }
    return &outcome;
}

/* How much is taken at a time. */
static const size_t pieces[] = {1, 2, 3, 7, 64, COMMAND_STEP, 300, 4096};

static void expect(const char *line, const char *output, const char *error, uint32_t status)
{
    for (unsigned i = 0; i < COUNT_OF(pieces); i++) {
        struct outcome *outcome = run(line, pieces[i]);

        assert_string_equal(outcome->text[DORY_STDOUT], output);
        assert_string_equal(outcome->text[DORY_STDERR], error);
        assert_int_equal(outcome->command.exit, status);
    }
}

/* ---- Tests ---- */

static void a_command_gets_its_words_and_its_output_and_exit_status_come_back(void **state)
{
    (void)state;
    expect("echo", "\n", "", 0);
    expect("echo hello world", "hello world\n", "", 0);
    expect("  echo\t'a  b'  \"c d\"e '' \\\\ ", "a  b c de  \\\n", "", 0);
    expect("exit 7", "", "", 7);
    expect("exit 255", "", "", 255);
    expect("ctx", "context", "", 0);
    expect("numbers", "0 0\n7 7\n10 0000000a\n4294967295 ffffffff\n", "", 0);
}

static void wrong_usage_is_told_on_the_standard_error(void **state)
{
    (void)state;
    expect("exit", "", "usage: exit NUMBER\n", COMMAND_WRONG_USAGE);
}

static void a_command_that_there_is_not_says_so_and_exits_with_127(void **state)
{
    (void)state;
    expect("reverse", "", "reverse: no such command, try help\n", 127);
    expect("ech o", "", "ech: no such command, try help\n", 127);
    expect("echoo", "", "echoo: no such command, try help\n", 127);
    expect("''", "", ": no such command, try help\n", 127);
    expect("Help", "", "Help: no such command, try help\n", 127);
}

static void an_empty_line_does_nothing_and_is_well(void **state)
{
    (void)state;
    expect("", "", "", 0);
    expect(" \t ", "", "", 0);
}

static void help_lists_every_name_with_its_help(void **state)
{
    (void)state;
    expect("help",
           "help      tells this\necho      [WORD...] says it\nexit      NUMBER\nlines     a thousand\n"
           "flood     at once\nboth      streams\nwait      for something\ncount     calls\nctx       what it has\n"
           "a-long-name does nothing\nnumbers   in full\n",
           "", 0);
}

static void long_output_comes_whole_whatever_is_taken_at_a_time(void **state)
{
    static char lines[OUTPUT_ROOM];
    static char flood[OUTPUT_ROOM];
    size_t lines_len = 0;
    size_t flood_len = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        lines_len += (size_t)snprintf(lines + lines_len, sizeof lines - lines_len, "%u 0x%04x\n", i, i);
        flood_len += (size_t)snprintf(flood + flood_len, sizeof flood - flood_len, "%u\n", i);
    }
    expect("lines", lines, "", 3);
    expect("flood", flood, "", 0);
}

static void both_streams_come_apart_and_in_order(void **state)
{
    (void)state;
    expect("both", "out again", "err ", 1);
}

static void a_command_that_waits_is_asked_again(void **state)
{
    struct outcome outcome;

    (void)state;
    waiting = 3;
    assert_int_equal(start(&outcome, "wait"), DORY_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(take(&outcome, 10));
        assert_int_equal(outcome.len[DORY_STDOUT], 0);
    }
    assert_true(take(&outcome, 10));
    assert_string_equal(outcome.text[DORY_STDOUT], "there");
    assert_false(take(&outcome, 10));
    end(&outcome);
}

static void a_step_that_fits_is_called_once(void **state)
{
    (void)state;
    calls = 0;
    assert_int_equal(run("count", COMMAND_STEP)->len[DORY_STDOUT], 5 * COMMAND_STEP);
    assert_int_equal(calls, 5);
}

static void many_sessions_run_commands_at_once_and_none_sees_another(void **state)
{
    static struct outcome outcomes[RUNS];
    char line[COMMAND_LINE];
    char wanted[COMMAND_LINE];
    bool moved = true;

    (void)state;
    for (unsigned i = 0; i < RUNS; i++) {
        (void)snprintf(line, sizeof line, i % 3 == 0 ? "echo 'session %u' of many" : "session-%u", i);
        assert_int_equal(start(&outcomes[i], line), DORY_OK);
    }
    while (moved) {
        moved = false;
        for (unsigned i = 0; i < RUNS; i++) {
            moved |= take(&outcomes[i], 1 + i % 5);
        }
    }
    for (unsigned i = 0; i < RUNS; i++) {
        (void)snprintf(wanted, sizeof wanted,
                       i % 3 == 0 ? "session %u of many\n" : "session-%u: no such command, try help\n", i);
        assert_string_equal(outcomes[i].text[i % 3 == 0 ? DORY_STDOUT : DORY_STDERR], wanted);
        assert_int_equal(outcomes[i].command.exit, i % 3 == 0 ? 0 : 127);
        end(&outcomes[i]);
    }
}

static void one_command_more_than_there_is_room_for_is_busy_until_one_ends(void **state)
{
    static struct outcome outcomes[RUNS];
    struct outcome more;

    (void)state;
    for (unsigned i = 0; i < RUNS; i++) {
        assert_int_equal(start(&outcomes[i], "lines"), DORY_OK);
    }
    assert_int_equal(start(&more, "echo"), DORY_BUSY);
    end(&outcomes[RUNS / 2]);
    assert_int_equal(start(&more, "echo more"), DORY_OK);
    while (take(&more, 1)) {
    }
    assert_string_equal(more.text[DORY_STDOUT], "more\n");
    end(&more);
    for (unsigned i = 0; i < RUNS; i++) {
        if (i != RUNS / 2) {
            end(&outcomes[i]);
        }
    }
}

static void a_command_that_is_given_up_leaves_nothing_to_the_next(void **state)
{
    struct outcome outcome;

    (void)state;
    assert_int_equal(start(&outcome, "flood"), DORY_OK);
    for (unsigned i = 0; i < 50; i++) {
        assert_true(take(&outcome, 3));
    }
    end(&outcome);
    expect("echo next", "next\n", "", 0);
}

static void a_line_that_is_no_command_line_is_a_bad_request(void **state)
{
    struct outcome outcome;

    (void)state;
    assert_int_equal(start(&outcome, "echo 'no end"), DORY_BAD_REQUEST);
    assert_int_equal(start(&outcome, "echo \"no end"), DORY_BAD_REQUEST);
    assert_int_equal(start(&outcome, "echo \\"), DORY_BAD_REQUEST);
    assert_int_equal(start(&outcome, "echo 2 3 4 5 6 7 8 9"), DORY_BAD_REQUEST);
    expect("echo 2 3 4 5 6 7 8", "2 3 4 5 6 7 8\n", "", 0);
}

static void the_longest_line_is_taken_and_a_longer_one_is_too_large(void **state)
{
    char line[COMMAND_LINE + 1];
    char wanted[COMMAND_LINE + 1];
    struct outcome outcome;

    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "echo ", 5);
    line[COMMAND_LINE] = '\0';
    assert_int_equal(start(&outcome, line), DORY_TOO_LARGE);
    line[COMMAND_LINE - 1] = '\0';
    (void)snprintf(wanted, sizeof wanted, "%s\n", line + 5);
    expect(line, wanted, "", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gets_its_words_and_its_output_and_exit_status_come_back),
        cmocka_unit_test(wrong_usage_is_told_on_the_standard_error),
        cmocka_unit_test(a_command_that_there_is_not_says_so_and_exits_with_127),
        cmocka_unit_test(an_empty_line_does_nothing_and_is_well),
        cmocka_unit_test(help_lists_every_name_with_its_help),
        cmocka_unit_test(long_output_comes_whole_whatever_is_taken_at_a_time),
        cmocka_unit_test(both_streams_come_apart_and_in_order),
        cmocka_unit_test(a_command_that_waits_is_asked_again),
        cmocka_unit_test(a_step_that_fits_is_called_once),
        cmocka_unit_test(many_sessions_run_commands_at_once_and_none_sees_another),
        cmocka_unit_test(one_command_more_than_there_is_room_for_is_busy_until_one_ends),
        cmocka_unit_test(a_command_that_is_given_up_leaves_nothing_to_the_next),
        cmocka_unit_test(a_line_that_is_no_command_line_is_a_bad_request),
        cmocka_unit_test(the_longest_line_is_taken_and_a_longer_one_is_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
