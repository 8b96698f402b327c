/* SPDX-License-Identifier: MIT */
/*
 * `dory shell`: a prompt for commands that a server runs, and for dory's own.
 *
 * Implementation notes
 *
 * One connection is kept (app->link). Nobody looks at it while we wait for a line, so it may have ended meanwhile: the
 * device was restarted, or took us for idle. That is found out before a line is sent, by an `info`, which may be repeated
 * on another connection; a line may not.
 */
#include "shell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/text.h"
#include "ask.h"
#include "prompt.h"
#include "run.h"
#include "signals.h"
#include "text.h"

/* Gets ready for a command: with the options of the shell, and no failure yet. */
static void renew(struct shell *shell)
{
    shell->sub = *shell->app;
    shell->sub.report.code = EXIT_DONE;
}

void shell_run(struct shell *shell, const char *line)
{
    shell->sub.report.command = "run";
    shell->status = run_line(&shell->sub, &shell->target, line, true);
}

/* ---- Lines ---- */

static bool is_blank(const char *line)
{
    line += strspn(line, " \t\r");
    return *line == '\0' || *line == '#';
}

static void on_line(struct shell *shell, const char *line, size_t len)
{
    renew(shell);
    if (strlen(line) != len || !dory_utf8_check(line, len)) {
        shell->status = app_usage(&shell->sub, "the line is no UTF-8, or holds a NUL, and can't be sent");
    } else if (shell_is_own(line)) {
        shell_own(shell, line);
    } else if (!is_blank(line)) {
        shell_run(shell, line);
    }
}

/* Ctrl-C ends what a person has begun; everything else ends the shell. Returns whether to go on. */
static bool on_interrupt(struct shell *shell, const struct prompt *prompt)
{
    if (signals_got() != SIGINT || !prompt_interactive(prompt)) {
        return false;
    }
    shell->status = 128 + SIGINT;
    signals_forget();
    return true;
}

static void loop(struct shell *shell, struct prompt *prompt)
{
    const char *line;
    size_t len;

    while (!shell->over) {
        enum prompt_result result = prompt_read(prompt, &line, &len);

        if (result == PROMPT_END) {
            return;
        }
        if (result == PROMPT_LINE) {
            on_line(shell, line, len);
        }
        if (link_interrupted()) {
            if (!on_interrupt(shell, prompt)) {
                return;
            }
            if (result == PROMPT_LINE) {
                putchar('\n'); /* behind the ^C that the terminal has shown */
            }
        }
    }
}

/* ---- The command ---- */

struct greeting {
    struct ask ask;
    struct shell *shell;
};

static void on_answered(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome)
{
    struct shell *shell = ((struct greeting *)ask)->shell;

    if (outcome->code == EXIT_DONE && dory_answer_has(answer, DORY_ANSWER_NAME) && answer->name.len > 0) {
        text_clean(shell->name, sizeof shell->name, answer->name.ptr, answer->name.len);
    }
}

/* Asks the server for its name, so that one that is not there is told before the first line. */
static int greet(struct shell *shell)
{
    static const struct dory_call_events call_events = {.done = link_done};
    struct greeting greeting = {
        .ask =
            {
                .job = {.call = {.command = DORY_INFO, .events = &call_events}},
                .app = &shell->sub,
                .answered = on_answered,
            },
        .shell = shell,
    };

    renew(shell);
    text_clean(shell->name, sizeof shell->name, shell->target.host, strlen(shell->target.host));
    return ask_run(&greeting.ask, &shell->target);
}

static int converse(struct shell *shell)
{
    char label[sizeof shell->name + 2];
    struct prompt *prompt;

    snprintf(label, sizeof label, "%s> ", shell->name);
    prompt = prompt_begin(label);
    if (prompt == NULL) {
        fprintf(stderr, "dory shell: local: %s\n", strerror(errno));
        return RUN_FAILED;
    }
    if (prompt_interactive(prompt) && !shell->app->options.quiet) {
        printf("%s at %s. 'help' lists what can be done; Ctrl-D ends.\n", shell->name, shell->server);
    }
    loop(shell, prompt);
    prompt_end(prompt);
    return shell->status;
}

int command_shell(struct app *app)
{
    struct shell shell = {.app = app};
    int code = app_parse_server(app, app->options.words[0], &shell.target);

    if (code != EXIT_DONE) {
        return code;
    }
    target_print(&shell.target, shell.server, sizeof shell.server);
    app->link = link_new();
    if (app->link == NULL) {
        fprintf(stderr, "dory shell: local: %s\n", strerror(errno));
        return RUN_FAILED;
    }
    code = greet(&shell) == EXIT_DONE ? converse(&shell) : RUN_FAILED;
    link_free(app->link);
    app->link = NULL;
    return code;
}
