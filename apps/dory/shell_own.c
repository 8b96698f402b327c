/* SPDX-License-Identifier: MIT */
/*
 * The shell's own commands. Most are those of dory, without the target: the words of the line are turned into those of
 * a command line, and the command is called.
 */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../port/words.h"
#include "run.h"
#include "shell.h"

#define MAX_WORDS 64U

static const char blanks[] = " \t\r\n";

static struct shell *shell_of(struct app *app)
{
    return (struct shell *)app;
}

static int local_failure(struct app *app)
{
    struct outcome outcome;

    outcome_set(&outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
    report_failure(&app->report, NULL, &outcome);
    return EXIT_LOCAL;
}

/* Puts the server, and a `/`, in front of a name on it; to be freed. */
static char *remote(const struct shell *shell, const char *name)
{
    size_t size = strlen(shell->server) + strlen(name) + 2;
    char *word = malloc(size);

    if (word != NULL) {
        snprintf(word, size, "%s/%s", shell->server, name);
    }
    return word;
}

/* Calls a command of dory with the words that were given, of which those from `first` up to `end` are names on the
 * server. */
static int call(struct app *app, int (*command)(struct app *app), int first, int end)
{
    char **words = app->options.words;
    int at = first;
    int code;

    while (at < end && (words[at] = remote(shell_of(app), words[at])) != NULL) {
        at++;
    }
    code = at == end ? command(app) : local_failure(app);
    while (at-- > first) {
        free(words[at]);
    }
    return code;
}

/* ---- The commands ---- */

/* A word that was not given is an empty name: the server itself. */
static void add_empty_word(struct app *app, int wanted)
{
    static char empty[] = "";

    if (app->options.word_count < wanted) {
        app->options.words[app->options.word_count++] = empty;
    }
}

static int own_put(struct app *app)
{
    add_empty_word(app, 2);
    return call(app, command_put, 1, 2);
}

static int own_get(struct app *app)
{
    return call(app, command_get, 0, 1);
}

static int own_ls(struct app *app)
{
    add_empty_word(app, 1);
    return call(app, command_ls, 0, 1);
}

static int own_rm(struct app *app)
{
    return call(app, command_rm, 0, app->options.word_count);
}

static int own_stat(struct app *app)
{
    return call(app, command_stat, 0, 1);
}

static int own_info(struct app *app)
{
    add_empty_word(app, 1);
    return call(app, command_info, 0, 1);
}

static int own_exit(struct app *app)
{
    struct shell *shell = shell_of(app);
    char *end;
    long status = shell->status;

    if (app->options.word_count > 0) {
        status = strtol(app->options.words[0], &end, 10);
        if (end == app->options.words[0] || *end != '\0' || status < 0 || status > 255) {
            return app_usage(app, "'%s' is no exit status: 0 to 255", app->options.words[0]);
        }
    }
    shell->over = true;
    return (int)status;
}

static void print_help(void)
{
    puts("Here:\n"
         "  put [-r] FILE [NAME]   send a file; -r: a folder, too\n"
         "  get NAME [FILE|-]      fetch a file; -: to standard output\n"
         "  ls [PREFIX]            list files: size and name\n"
         "  rm NAME...             delete files\n"
         "  stat [--check] NAME    tell size, version and CRC-32 of a file\n"
         "  info                   tell what the server is, and its limits\n"
         "  run LINE               have LINE run, also when it begins with a word of this list\n"
         "  exit [STATUS]          end, as do quit and Ctrl-D\n"
         "All else is run by the server. What it says to 'help':");
    fflush(stdout);
}

static int own_help(struct app *app)
{
    struct shell *shell = shell_of(app);

    print_help();
    shell_run(shell, "help");
    return shell->status;
}

static const struct command commands[] = {
    {"put", "[-r] FILE [NAME]", 1, 2, false, own_put},
    {"get", "NAME [FILE|-]", 1, 2, false, own_get},
    {"ls", "[PREFIX]", 0, 1, false, own_ls},
    {"rm", "NAME...", 1, INT_MAX, false, own_rm},
    {"stat", "[--check] NAME", 1, 1, false, own_stat},
    {"info", "", 0, 0, false, own_info},
    {"exit", "[STATUS]", 0, 1, false, own_exit},
    {"quit", "[STATUS]", 0, 1, false, own_exit},
    {"help", "", 0, 0, false, own_help},
    {NULL, NULL, 0, 0, false, NULL},
};

/* ---- From a line to a command ---- */

/* Returns what follows the word that `line` begins with when that is `word`, else NULL. */
static const char *behind_word(const char *line, const char *word)
{
    size_t len = strlen(word);

    line += strspn(line, blanks);
    return strncmp(line, word, len) == 0 && (line[len] == '\0' || strchr(blanks, line[len]) != NULL) ? line + len
                                                                                                     : NULL;
}

bool shell_is_own(const char *line)
{
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (behind_word(line, command->name) != NULL) {
            return true;
        }
    }
    return behind_word(line, "run") != NULL;
}

static int obey(struct shell *shell, int argc, char **argv)
{
    struct app *app = &shell->sub;
    char error[512];

    switch (options_parse(&app->options, argc, argv, commands, error, sizeof error)) {
    case OPTIONS_HELP:
        print_help();
        break;
    case OPTIONS_VERSION:
        puts("dory " DORY_VERSION);
        break;
    case OPTIONS_WRONG:
        return app_usage(app, "%s", error);
    case OPTIONS_RUN:
        app->report.command = app->options.command->name;
        return app->options.command->run(app);
    }
    return EXIT_DONE;
}

void shell_own(struct shell *shell, const char *line)
{
    const char *rest = behind_word(line, "run");
    char *argv[MAX_WORDS + 3]; /* a name for the program, one more word, and getopt()'s NULL */
    char *room;
    int count;

    if (rest != NULL) {
        shell_run(shell, rest + strspn(rest, blanks));
        return;
    }
    room = malloc(strlen(line) + 1);
    if (room == NULL) {
        shell->status = local_failure(&shell->sub);
        return;
    }
    memset(argv, 0, sizeof argv);
    argv[0] = room;
    count = words_split(line, room, argv + 1, MAX_WORDS);
    if (count > 0) {
        shell->status = obey(shell, count + 1, argv);
    } else {
        shell->status = app_usage(&shell->sub, "a quote has no end, or there are more than %u words", MAX_WORDS);
    }
    free(room);
}
