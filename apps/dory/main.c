/* SPDX-License-Identifier: MIT */
/* dory: the command-line client. Here: from the command line to a command, and from its end to an exit code. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../core/dory_config.h"
#include "../../core/name.h"
#include "app.h"
#include "progress.h"
#include "signals.h"

static const struct command commands[] = {
    {"put", "[-r] FILE... TARGET", 2, INT_MAX, false, command_put},
    {"get", "TARGET/NAME [FILE|-]", 1, 2, false, command_get},
    {"ls", "TARGET[/PREFIX]", 1, 1, false, command_ls},
    {"rm", "TARGET/NAME...", 1, INT_MAX, false, command_rm},
    {"stat", "[--check] TARGET/NAME", 1, 1, false, command_stat},
    {"info", "TARGET", 1, 1, false, command_info},
    {"flash", "IMAGE TARGET...", 1, INT_MAX, false, command_flash},
    {"discover", "[--to ADDR[:PORT]]...", 0, 0, false, command_discover},
    {"run", "TARGET LINE...", 2, INT_MAX, true, command_run},
    {"shell", "TARGET", 1, 1, false, command_shell},
    {NULL, NULL, 0, 0, false, NULL},
};

int app_usage(struct app *app, const char *format, ...)
{
    struct outcome outcome;
    char message[sizeof outcome.message];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    outcome_set(&outcome, EXIT_USAGE, "usage", "%s", message);
    report_failure(&app->report, NULL, &outcome);
    return EXIT_USAGE;
}

int app_refuse_name(struct app *app, const char *name, const char *file)
{
    struct report_file about = {.file = file, .name = name, .about = file != NULL ? file : name};
    struct outcome outcome;

    outcome_set(&outcome, EXIT_REFUSED, dory_status_name(DORY_BAD_NAME),
                "'%s' can't be a file's name on a server: 1 to %d bytes of UTF-8, without backslash or control "
                "characters, no component empty, '.', '..' or beginning with '.dory'",
                name, DORY_MAX_NAME);
    report_file(&app->report, &about, &outcome);
    return EXIT_REFUSED;
}

int app_parse_server(struct app *app, const char *word, struct target *target)
{
    char error[512];

    if (!target_parse(target, word, error, sizeof error)) {
        return app_usage(app, "%s", error);
    }
    if (target->name[0] != '\0') {
        return app_usage(app, "'%s': %s is about a server, not about a file: HOST[:PORT]", word,
                         app->options.command->name);
    }
    return EXIT_DONE;
}

int app_parse_file(struct app *app, const char *word, struct target *target)
{
    char error[512];
    size_t len;

    if (!target_parse(target, word, error, sizeof error)) {
        return app_usage(app, "%s", error);
    }
    len = strlen(target->name);
    if (len == 0 || target->name[len - 1] == '/') {
        return app_usage(app, "'%s' does not name a file: TARGET/NAME is needed", word);
    }
    return dory_name_check(target->name, len, DORY_MAX_NAME) ? EXIT_DONE : app_refuse_name(app, target->name, NULL);
}

static int run(struct app *app)
{
    const struct options *options = &app->options;

    app->report.command = options->command->name;
    app->report.json = options->json;
    app->report.quiet = options->quiet;
    signals_catch();
    if (!options->quiet && !options->no_progress) {
        progress_begin();
    }
    return options->command->run(app);
}

/* What was printed must have arrived, too. */
static int end(int code)
{
    if (signals_got() != 0) {
        return 128 + signals_got();
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
        fprintf(stderr, "dory: standard output: %s\n", strerror(errno));
        return EXIT_LOCAL;
    }
    return code;
}

int main(int argc, char **argv)
{
    struct app app = {.options = {.timeout_ms = 30000, .retries = 5, .jobs = 4, .wait_ms = 240000},
                      .report = {.command = ""}};
    char error[512];

    switch (options_parse(&app.options, argc, argv, commands, error, sizeof error)) {
    case OPTIONS_HELP:
        options_help();
        return end(EXIT_DONE);
    case OPTIONS_VERSION:
        puts("dory " DORY_VERSION);
        return end(EXIT_DONE);
    case OPTIONS_WRONG:
        fprintf(stderr, "dory: %s\nTry 'dory --help'.\n", error);
        return EXIT_USAGE;
    case OPTIONS_RUN:
        break;
    }
    return end(run(&app));
}
