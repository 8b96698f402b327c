/* SPDX-License-Identifier: MIT */
/*
 * Commands that are processes: what lines mean, and the provider alone, without
 * a net. This program is executed once more as each command's keeper.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../port/posix/command_lines.h"
#include "../../port/posix/keeper.h"
#include "../../port/posix/keeper_system.h"
#include "../../port/posix/net_posix.h"
#include "../../port/posix/processes.h"

#define PATIENCE_MS 60000U

#define UNLIMITED UINT64_MAX

/* --- a provider, and what comes out of it --- */

struct rig {
    struct command_lines *lines;
    struct processes *processes;
    size_t fd_count;
};

struct outcome {
    int status; /* DORY_OK when it ended by itself */
    uint32_t exit;
    size_t len[2];
    char text[2][4096]; /* of each stream its beginning */
};

static size_t count_fds(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* `named` ends with NULL. */
static void begin(struct rig *rig, const char *const *named, bool shell, struct processes_options options)
{
    char problem[256] = "";
    unsigned count = 0;

    while (named[count] != NULL) {
        count++;
    }
    rig->fd_count = count_fds();
    rig->lines = command_lines_new(named, count, shell, problem, sizeof problem);
    assert_string_equal(problem, "");
    assert_non_null(rig->lines);
    options.lines = rig->lines;
    options.program = "/proc/self/exe";
    rig->processes = processes_new(&options);
    assert_non_null(rig->processes);
}

static void begin_usual(struct rig *rig, bool shell)
{
    static const char *const named[] = {"say=printf <%s>", "other=/nowhere/other", NULL};

    begin(rig, named, shell, (struct processes_options){.max_running = 10, .max_output = UNLIMITED});
}

/* Whatever happened, no descriptor is left, and no child. */
static void finish(struct rig *rig)
{
    processes_free(rig->processes);
    command_lines_free(rig->lines);
    assert_int_equal(count_fds(), rig->fd_count);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void pause_a_little(void)
{
    (void)poll(NULL, 0, 2);
}

static int start(const struct rig *rig, const char *line, struct dory_command *command)
{
    *command = (struct dory_command){.handle = NULL};
    return processes_commands.start(rig->processes, line, command);
}

static void end(const struct rig *rig, struct dory_command *command)
{
    processes_commands.end(rig->processes, command);
}

static void keep_output(struct outcome *outcome, uint32_t stream, const uint8_t *data, size_t len)
{
    size_t *have = &outcome->len[stream - 1];
    size_t room = sizeof outcome->text[0] - 1;

    assert_true(stream == DORY_STDOUT || stream == DORY_STDERR);
    if (*have < room) {
        memcpy(outcome->text[stream - 1] + *have, data, len < room - *have ? len : room - *have);
    }
    *have += len;
}

/* Takes output until the command has ended, in pieces of `piece` bytes. */
static void take_all(const struct rig *rig, struct dory_command *command, size_t piece, struct outcome *outcome)
{
    uint32_t since_ms = net_now_ms();
    uint8_t data[65536];

    *outcome = (struct outcome){.status = DORY_OK};
    while (!command->ended) {
        int32_t got = processes_commands.output(rig->processes, command, data, piece);

        assert_true(net_now_ms() - since_ms < PATIENCE_MS);
        if (got < 0) {
            outcome->status = (int)got;
            break;
        }
        if (got > 0) {
            assert_true((size_t)got <= piece);
            keep_output(outcome, command->stream, data, (size_t)got);
        } else {
            pause_a_little();
        }
    }
    outcome->exit = command->exit;
}

/* Runs a line to its end. */
static void run(const struct rig *rig, const char *line, struct outcome *outcome)
{
    struct dory_command command;

    assert_int_equal(start(rig, line, &command), DORY_OK);
    take_all(rig, &command, 4096, outcome);
    end(rig, &command);
}

static void check_run(const struct rig *rig, const char *line, uint32_t exit_code, const char *out, const char *err)
{
    struct outcome outcome;

    run(rig, line, &outcome);
    assert_int_equal(outcome.status, DORY_OK);
    assert_string_equal(outcome.text[0], out);
    assert_string_equal(outcome.text[1], err);
    assert_int_equal(outcome.exit, exit_code);
}

/* Whether a process is there, and not merely waits to be waited for. */
static bool is_alive(pid_t process)
{
    char path[64];
    char text[512];
    int fd;
    ssize_t len;
    const char *name_end;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    fd = open(path, O_RDONLY);
    if (fd < 0) {
        return false;
    }
    len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    name_end = strrchr(text, ')');
    return name_end != NULL && name_end[2] != 'Z' && name_end[2] != 'X';
}

static void wait_until_gone(const struct rig *rig, pid_t process)
{
    uint32_t since_ms = net_now_ms();

    while (is_alive(process)) {
        assert_true(net_now_ms() - since_ms < PATIENCE_MS);
        (void)processes_tick(rig->processes);
        pause_a_little();
    }
}

/* --- what lines mean --- */

static void a_named_command_gets_its_own_arguments_and_then_the_words_of_the_line(void **state)
{
    struct rig rig;

    (void)state;
    begin_usual(&rig, false);
    check_run(&rig, "say a 'b c' \"\" d\\ e", 0, "<a><b c><><d e>", "");
    check_run(&rig, " say\ta ", 0, "<a>", "");
    finish(&rig);
}

static void without_a_shell_nothing_in_a_line_is_special(void **state)
{
    struct rig rig;

    (void)state;
    begin_usual(&rig, false);
    check_run(&rig, "say ; rm -rf x && $(x) `y` * ~ > /dev/null | cat # z", 0,
              "<;><rm><-rf><x><&&><$(x)><`y`><*><~><>></dev/null><|><cat><#><z>", "");
    check_run(&rig, "say a;id", 0, "<a;id>", "");
    check_run(&rig, "say;id", 127, "", "say;id: no such command; there are: say, other\n");
    check_run(&rig, "say \x01\x7f \xc3\xa4", 0, "<\x01\x7f><\xc3\xa4>", "");
    finish(&rig);
}

static void a_name_that_is_none_says_so_and_exits_with_127(void **state)
{
    struct rig rig;

    (void)state;
    begin_usual(&rig, false);
    check_run(&rig, "ls -l", 127, "", "ls: no such command; there are: say, other\n");
    check_run(&rig, "''", 127, "", ": no such command; there are: say, other\n");
    check_run(&rig, "/bin/ls", 127, "", "/bin/ls: no such command; there are: say, other\n");
    finish(&rig);
}

static void help_lists_the_names_unless_there_is_a_command_of_that_name(void **state)
{
    static const char *const with_help[] = {"help=printf mine", NULL};
    struct rig rig;

    (void)state;
    begin_usual(&rig, false);
    check_run(&rig, "help", 0, "say\nother\n", "");
    finish(&rig);
    begin(&rig, with_help, false, (struct processes_options){.max_running = 1, .max_output = UNLIMITED});
    check_run(&rig, "help", 0, "mine", "");
    finish(&rig);
}

static void an_empty_line_does_nothing_and_exits_with_0(void **state)
{
    (void)state;
    for (int shell = 0; shell < 2; shell++) {
        struct rig rig;

        begin_usual(&rig, shell);
        check_run(&rig, "", 0, "", "");
        check_run(&rig, " \t\r\n", 0, "", "");
        finish(&rig);
    }
}

static void a_program_that_cannot_be_executed_says_why(void **state)
{
    static const char *const named[] = {"folder=/", "none=/nowhere/x", "part=/dev/null/x", "data=/etc/passwd", NULL};
    struct rig rig;

    (void)state;
    begin(&rig, named, false, (struct processes_options){.max_running = 1, .max_output = UNLIMITED});
    check_run(&rig, "folder", 126, "", "/: Permission denied\n");
    check_run(&rig, "data", 126, "", "/etc/passwd: Permission denied\n");
    check_run(&rig, "none", 127, "", "/nowhere/x: No such file or directory\n");
    check_run(&rig, "part", 127, "", "/dev/null/x: Not a directory\n");
    finish(&rig);
}

static void with_a_shell_any_other_line_goes_to_it_as_it_is(void **state)
{
    struct rig rig;
    struct outcome outcome;

    (void)state;
    begin_usual(&rig, true);
    check_run(&rig, "x=1; printf \"$((x + 1))\" | cat", 0, "2", "");
    check_run(&rig, "exit 7", 7, "", "");
    check_run(&rig, "say '; exit 3'", 0, "<; exit 3>", "");
    run(&rig, "-e", &outcome);
    assert_int_equal(outcome.exit, 127);
    run(&rig, "printf 'a", &outcome); /* it is the shell that complains */
    assert_int_equal(outcome.status, DORY_OK);
    assert_true(outcome.len[1] > 0 && outcome.exit != 0);
    finish(&rig);
}

static void without_any_rule_all_lines_are_forbidden(void **state)
{
    static const char *const none[] = {NULL};
    struct dory_command command;
    struct rig rig;

    (void)state;
    begin(&rig, none, false, (struct processes_options){.max_running = 1, .max_output = UNLIMITED});
    assert_int_equal(start(&rig, "true", &command), DORY_FORBIDDEN);
    assert_int_equal(start(&rig, "", &command), DORY_FORBIDDEN);
    assert_int_equal(start(&rig, "'", &command), DORY_FORBIDDEN);
    finish(&rig);
}

static void a_line_that_cannot_be_split_is_a_bad_request(void **state)
{
    struct dory_command command;
    struct rig rig;
    char line[2 * COMMAND_LINE_WORDS + 8] = "say";

    (void)state;
    begin_usual(&rig, false);
    assert_int_equal(start(&rig, "say 'a", &command), DORY_BAD_REQUEST);
    assert_int_equal(start(&rig, "say a\\", &command), DORY_BAD_REQUEST);
    for (unsigned i = 1; i < COMMAND_LINE_WORDS; i++) {
        strcat(line, " a");
    }
    assert_int_equal(start(&rig, line, &command), DORY_OK);
    end(&rig, &command);
    assert_int_equal(start(&rig, strcat(line, " a"), &command), DORY_BAD_REQUEST);
    finish(&rig);
}

static void check_refused(const char *first, const char *second, const char *expected)
{
    const char *named[] = {first, second};
    char problem[256] = "";

    assert_null(command_lines_new(named, second != NULL ? 2 : 1, false, problem, sizeof problem));
    assert_string_equal(problem, expected);
}

static void rules_that_make_no_sense_are_refused(void **state)
{
    static const char usage[] = "a command is NAME=PROGRAM [ARG]...";

    (void)state;
    check_refused("", NULL, usage);
    check_refused("a", NULL, usage);
    check_refused("=b", NULL, usage);
    check_refused("a=", NULL, usage);
    check_refused("a =b", NULL, usage);
    check_refused("a= b", NULL, usage);
    check_refused("a='b", NULL, usage);
    check_refused("a=/b", "a=/c", "there are two commands of the name a");
    check_refused("a=no-such-program", NULL, "there is no program no-such-program in PATH");
    check_refused("a=etc", NULL, "there is no program etc in PATH");
}

/* --- while it runs --- */

static void the_two_outputs_are_kept_apart_and_nothing_of_them_is_lost(void **state)
{
    struct rig rig;
    struct outcome outcome;
    struct dory_command command;

    (void)state;
    begin_usual(&rig, true);
    check_run(&rig, "echo a; sh -c 'echo b >&2'; printf c", 0, "a\nc", "b\n");
    for (size_t piece = 1; piece <= 65536; piece *= 16) {
        assert_int_equal(start(&rig, "head -c 200000 /dev/zero; head -c 100000 /dev/zero >&2", &command), DORY_OK);
        take_all(&rig, &command, piece, &outcome);
        end(&rig, &command);
        assert_int_equal(outcome.exit, 0);
        assert_int_equal(outcome.len[0], 200000);
        assert_int_equal(outcome.len[1], 100000);
    }
    finish(&rig);
}

static void a_command_that_a_signal_ends_exits_with_128_and_its_number(void **state)
{
    struct rig rig;

    (void)state;
    begin_usual(&rig, true);
    check_run(&rig, "kill -9 $$", 137, "", "");
    check_run(&rig, "kill -TERM $$", 143, "", "");
    check_run(&rig, "kill -SEGV $$", 139, "", "");
    check_run(&rig, "exit 255", 255, "", "");
    finish(&rig);
}

static void a_command_may_close_its_outputs_and_go_on(void **state)
{
    struct rig rig;

    (void)state;
    begin_usual(&rig, true);
    check_run(&rig, "echo a; exec >&- 2>&-; sleep 0.2; exit 5", 5, "a\n", "");
    finish(&rig);
}

static void what_a_command_leaves_running_is_ended_with_it(void **state)
{
    struct rig rig;
    struct outcome outcome;

    (void)state;
    begin_usual(&rig, true);
    run(&rig, "setsid sleep 1000 & echo $!; (nohup sleep 1000 & echo $!) ; exit 4", &outcome);
    assert_int_equal(outcome.exit, 4);
    char *rest;
    pid_t one = (pid_t)strtol(outcome.text[0], &rest, 10);
    pid_t other = (pid_t)strtol(rest, NULL, 10);
    assert_true(one > 1 && other > 1);
    assert_false(is_alive(one));
    assert_false(is_alive(other));
    finish(&rig);
}

/* Reads the number that a command prints first. */
static pid_t first_number(const struct rig *rig, struct dory_command *command)
{
    uint32_t since_ms = net_now_ms();
    uint8_t text[64];
    int32_t got = 0;

    while (got == 0) {
        assert_true(net_now_ms() - since_ms < PATIENCE_MS);
        got = processes_commands.output(rig->processes, command, text, sizeof text - 1);
        pause_a_little();
    }
    assert_true(got > 0);
    text[got] = '\0';
    return (pid_t)strtol((char *)text, NULL, 10);
}

static void ending_a_command_ends_everything_that_it_has_started(void **state)
{
    static const char *const lines[] = {
        "echo $$; exec sleep 1000",
        "sleep 1000 & echo $!; wait",
        "setsid sh -c 'echo $$; sleep 1000' & wait",
        "(setsid sh -c 'trap \"\" TERM HUP; setsid sleep 1000 & echo $!; wait' &) ; sleep 1000",
        "trap '' TERM; echo $$; while :; do sleep 0.1; done",
        "echo $$; kill -STOP $$",
    };
    struct rig rig;

    (void)state;
    begin_usual(&rig, true);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct dory_command command;
        pid_t process;

        assert_int_equal(start(&rig, lines[i], &command), DORY_OK);
        process = first_number(&rig, &command);
        assert_true(is_alive(process));
        end(&rig, &command);
        wait_until_gone(&rig, process);
    }
    finish(&rig);
}

static void a_command_that_is_ended_may_clean_up_first(void **state)
{
    struct dory_command command;
    struct rig rig;
    char path[] = "/tmp/dory-test-XXXXXX";
    char line[256];
    int fd = mkstemp(path);
    uint32_t since_ms = net_now_ms();

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    begin_usual(&rig, true);
    snprintf(line, sizeof line, "trap 'echo bye >&2; rm %s; exit' TERM; echo $$; while :; do sleep 0.01; done", path);
    assert_int_equal(start(&rig, line, &command), DORY_OK);
    (void)first_number(&rig, &command);
    end(&rig, &command);
    while (access(path, F_OK) == 0) {
        assert_true(net_now_ms() - since_ms < PATIENCE_MS);
        pause_a_little();
    }
    finish(&rig);
}

static void a_stopped_provider_tells_the_exit_codes_and_starts_nothing_more(void **state)
{
    struct dory_command command;
    struct dory_command another;
    struct outcome outcome;
    struct rig rig;

    (void)state;
    begin_usual(&rig, true);
    assert_int_equal(start(&rig, "echo $$; sleep 1000", &command), DORY_OK);
    (void)first_number(&rig, &command);
    processes_stop(rig.processes);
    assert_int_equal(start(&rig, "true", &another), DORY_BUSY);
    take_all(&rig, &command, 4096, &outcome);
    assert_int_equal(outcome.status, DORY_OK);
    assert_int_equal(outcome.exit, 143);
    end(&rig, &command);
    finish(&rig);
}

static void a_keeper_that_is_killed_takes_the_command_along_and_that_is_an_error(void **state)
{
    struct dory_command command;
    struct outcome outcome;
    struct rig rig;
    pid_t keeper;

    (void)state;
    begin_usual(&rig, true);
    assert_int_equal(start(&rig, "echo $PPID; exec sleep 1000", &command), DORY_OK);
    keeper = first_number(&rig, &command);
    assert_int_equal(kill(keeper, SIGTERM), 0); /* that does nothing */
    assert_int_equal(kill(keeper, SIGKILL), 0);
    take_all(&rig, &command, 4096, &outcome);
    assert_int_equal(outcome.status, DORY_IO_ERROR);
    end(&rig, &command);
    finish(&rig);
}

/* --- limits --- */

static const char *const none_named[] = {NULL};

static void a_command_that_takes_too_long_is_a_timeout(void **state)
{
    struct dory_command command;
    struct outcome outcome;
    struct rig rig;

    (void)state;
    begin(&rig, none_named, true,
          (struct processes_options){.max_running = 1, .max_output = UNLIMITED, .timeout_ms = 200});
    for (int talks = 0; talks < 3; talks++) {
        /* The one before still counts while it is being ended. */
        for (int looks = 0; start(&rig, talks % 2 == 0 ? "sleep 1000" : "yes", &command) == DORY_BUSY; looks++) {
            assert_true(looks < 10000);
            pause_a_little();
        }
        take_all(&rig, &command, 4096, &outcome);
        assert_int_equal(outcome.status, DORY_TIMEOUT);
        end(&rig, &command);
    }
    finish(&rig);
}

static void a_command_that_writes_more_than_it_may_is_too_large(void **state)
{
    struct rig rig;
    struct outcome outcome;

    (void)state;
    begin(&rig, none_named, true, (struct processes_options){.max_running = 10, .max_output = 10000});
    run(&rig, "head -c 6000 /dev/zero; head -c 4000 /dev/zero >&2", &outcome);
    assert_int_equal(outcome.status, DORY_OK);
    assert_int_equal(outcome.len[0] + outcome.len[1], 10000);
    run(&rig, "head -c 6000 /dev/zero; head -c 4001 /dev/zero >&2", &outcome);
    assert_int_equal(outcome.status, DORY_TOO_LARGE);
    assert_int_equal(outcome.len[0] + outcome.len[1], 10000);
    run(&rig, "yes", &outcome);
    assert_int_equal(outcome.status, DORY_TOO_LARGE);
    assert_int_equal(outcome.len[0], 10000);
    finish(&rig);
}

static void more_commands_than_may_run_are_busy(void **state)
{
    struct dory_command commands[2];
    struct dory_command another;
    struct outcome outcome;
    struct rig rig;

    (void)state;
    begin(&rig, none_named, true, (struct processes_options){.max_running = 2, .max_output = UNLIMITED});
    assert_int_equal(start(&rig, "echo a; read x", &commands[0]), DORY_OK); /* standard input is empty */
    assert_int_equal(start(&rig, "sleep 1000", &commands[1]), DORY_OK);
    assert_int_equal(start(&rig, "true", &another), DORY_BUSY);
    take_all(&rig, &commands[0], 4096, &outcome);
    assert_int_equal(outcome.exit, 1);
    /* It has ended, be it said or not. */
    assert_int_equal(start(&rig, "true", &another), DORY_OK);
    end(&rig, &commands[0]);
    end(&rig, &commands[1]);
    end(&rig, &another);
    finish(&rig);
}

/* --- the family --- */

/* Starts a child that has a child of its own in another session; both sleep. */
static pid_t start_family(void)
{
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (fork() == 0) {
            (void)setsid();
            byte = (char)write(ready[1], "x", 1);
        }
        for (;;) {
            pause();
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static bool kill_by_search(void)
{
    keeper_system_kill_found();
    return true;
}

static void children_are_found_by_both_ways(void **state)
{
    bool (*const ways[])(void) = {keeper_system_kill_listed, kill_by_search};

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L), 0);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        pid_t child = start_family();
        int status;

        if (!ways[i]()) {
            print_message("this kernel lists no children\n");
            kill_by_search();
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        (void)ways[i](); /* the grandchild, which is ours now */
        assert_true(waitpid(-1, &status, 0) > 0);
        assert_int_equal(waitpid(-1, &status, 0), -1);
    }
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0L, 0L, 0L, 0L), 0);
}

static void a_family_that_goes_on_forking_is_ended_too(void **state)
{
    struct dory_command command;
    struct rig rig;
    struct outcome outcome;

    (void)state;
    begin_usual(&rig, true);
    assert_int_equal(start(&rig, "f() { sleep 0.001; f & }; f; f; f; echo $$; sleep 1000", &command), DORY_OK);
    (void)first_number(&rig, &command);
    end(&rig, &command);
    run(&rig, "f() { setsid sleep 0.01; f & }; f; f; f; exit 3", &outcome);
    assert_int_equal(outcome.exit, 3);
    finish(&rig);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_command_gets_its_own_arguments_and_then_the_words_of_the_line),
        cmocka_unit_test(without_a_shell_nothing_in_a_line_is_special),
        cmocka_unit_test(a_name_that_is_none_says_so_and_exits_with_127),
        cmocka_unit_test(help_lists_the_names_unless_there_is_a_command_of_that_name),
        cmocka_unit_test(an_empty_line_does_nothing_and_exits_with_0),
        cmocka_unit_test(a_program_that_cannot_be_executed_says_why),
        cmocka_unit_test(with_a_shell_any_other_line_goes_to_it_as_it_is),
        cmocka_unit_test(without_any_rule_all_lines_are_forbidden),
        cmocka_unit_test(a_line_that_cannot_be_split_is_a_bad_request),
        cmocka_unit_test(rules_that_make_no_sense_are_refused),
        cmocka_unit_test(the_two_outputs_are_kept_apart_and_nothing_of_them_is_lost),
        cmocka_unit_test(a_command_that_a_signal_ends_exits_with_128_and_its_number),
        cmocka_unit_test(a_command_may_close_its_outputs_and_go_on),
        cmocka_unit_test(what_a_command_leaves_running_is_ended_with_it),
        cmocka_unit_test(ending_a_command_ends_everything_that_it_has_started),
        cmocka_unit_test(a_command_that_is_ended_may_clean_up_first),
        cmocka_unit_test(a_stopped_provider_tells_the_exit_codes_and_starts_nothing_more),
        cmocka_unit_test(a_keeper_that_is_killed_takes_the_command_along_and_that_is_an_error),
        cmocka_unit_test(a_command_that_takes_too_long_is_a_timeout),
        cmocka_unit_test(a_command_that_writes_more_than_it_may_is_too_large),
        cmocka_unit_test(more_commands_than_may_run_are_busy),
        cmocka_unit_test(children_are_found_by_both_ways),
        cmocka_unit_test(a_family_that_goes_on_forking_is_ended_too),
    };

    if (keeper_is_meant(argc, argv)) {
        keeper_run(argv);
    }
    return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
