/* SPDX-License-Identifier: MIT */
/*
 * Named commands, the shell, and the few answers that need no program.
 */
#define _DEFAULT_SOURCE

#include "command_lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/commands.h"
#include "../words.h"

static char shell_path[] = "/bin/sh";

/* Of one --command. */
#define NAMED_WORDS 256U

struct named_command {
    char *room; /* what the words stand in */
    char **words;
    unsigned word_count; /* 1 at least, the program as it was given */
    const char *name;
    char *path;
};

struct command_lines {
    bool shell;
    unsigned count;
    struct named_command named[];
};

/* --- making the rules --- */

static bool complain(char *error, size_t error_len, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(error, error_len, format, values);
    va_end(values);
    return false;
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Looks a program up as a shell would, an empty entry of PATH being the current folder. Returns its path, for free(),
 * or NULL. */
static char *find_in_path(const char *program)
{
    const char *at = getenv("PATH");
    while (at != NULL) {
        size_t len = strcspn(at, ":");
        size_t size = len + strlen(program) + 3;
        char *path = malloc(size);
        if (path == NULL)
            return NULL;
        snprintf(path, size, "%.*s/%s", len > 0 ? (int)len : 1, len > 0 ? at : ".", program);
        if (is_program(path))
            return path;
        free(path);
        at = at[len] == ':' ? at + len + 1 : NULL;
    }
    return NULL;
}

static const struct named_command *find(const struct command_lines *lines, const char *name)
{
    for (unsigned i = 0; i < lines->count; i++)
        if (strcmp(lines->named[i].name, name) == 0)
            return &lines->named[i];
    return NULL;
}

static bool add_named(struct command_lines *lines, const char *text, char *error, size_t error_len)
{
    struct named_command *named = &lines->named[lines->count];
    named->room = malloc(strlen(text) + 1);
    named->words = calloc(NAMED_WORDS, sizeof *named->words);
    if (named->room == NULL || named->words == NULL)
        return complain(error, error_len, "%s", strerror(errno));
    int count = words_split(text, named->room, named->words, NAMED_WORDS);
    char *equals = count > 0 ? strchr(named->words[0], '=') : NULL;
    if (equals == NULL || equals == named->words[0] || equals[1] == '\0')
        return complain(error, error_len, "a command is NAME=PROGRAM [ARG]...");
    *equals = '\0';
    named->name = named->words[0];
    if (find(lines, named->name) != NULL)
        return complain(error, error_len, "there are two commands of the name %s", named->name);
    named->words[0] = equals + 1;
    named->word_count = (unsigned)count;
    named->path = strchr(named->words[0], '/') != NULL ? strdup(named->words[0]) : find_in_path(named->words[0]);
    if (named->path == NULL)
        return complain(error, error_len, "there is no program %s in PATH", named->words[0]);
    return true;
}

struct command_lines *command_lines_new(const char *const *named, unsigned count, bool shell, char *error,
                                        size_t error_len)
{
    struct command_lines *lines = calloc(1, sizeof *lines + count * sizeof lines->named[0]);
    if (lines == NULL) {
        complain(error, error_len, "%s", strerror(errno));
        return NULL;
    }
    lines->shell = shell;
    for (; lines->count < count; lines->count++) {
        if (!add_named(lines, named[lines->count], error, error_len)) {
            lines->count++; /* what it has is to be freed, too */
            command_lines_free(lines);
            return NULL;
        }
    }
    return lines;
}

void command_lines_free(struct command_lines *lines)
{
    for (unsigned i = 0; lines != NULL && i < lines->count; i++) {
        free(lines->named[i].room);
        free(lines->named[i].words);
        free(lines->named[i].path);
    }
    free(lines);
}

/* --- what a line means --- */

/* Plans to answer with a text, which is freed later; NULL: there was no memory for it. */
static int plan_text(struct command_plan *plan, uint32_t stream, uint32_t exit_code, char *text)
{
    plan->memory[1] = text;
    plan->text = text;
    plan->stream = stream;
    plan->exit = exit_code;
    return text != NULL ? DORY_OK : DORY_IO_ERROR;
}

/* "BEFORE a, b, c\n", for free(), or NULL. */
static char *list_names(const struct command_lines *lines, const char *before, const char *first, const char *between)
{
    size_t size = strlen(before) + strlen(first) + 2;
    for (unsigned i = 0; i < lines->count; i++)
        size += strlen(lines->named[i].name) + strlen(between);
    char *text = malloc(size);
    if (text == NULL)
        return NULL;
    char *end = stpcpy(stpcpy(text, before), first);
    for (unsigned i = 0; i < lines->count; i++)
        end = stpcpy(stpcpy(end, i > 0 ? between : ""), lines->named[i].name);
    memcpy(end, "\n", 2);
    return text;
}

static int plan_unknown(const struct command_lines *lines, const char *name, struct command_plan *plan)
{
    if (strcmp(name, "help") == 0)
        return plan_text(plan, DORY_STDOUT, 0, list_names(lines, "", "", "\n"));
    return plan_text(plan, DORY_STDERR, 127, list_names(lines, name, ": no such command; there are: ", ", "));
}

static int plan_shell(const char *line, struct command_plan *plan)
{
    /* The line may begin with a minus. */
    static const char *const words[] = {"sh", "-c", "--"};
    char **argv = calloc(5, sizeof *argv);
    plan->memory[0] = argv;
    plan->memory[1] = strdup(line);
    if (argv == NULL || plan->memory[1] == NULL)
        return DORY_IO_ERROR;
    memcpy(argv, words, sizeof words);
    argv[3] = plan->memory[1];
    plan->argv = argv;
    plan->path = shell_path;
    return DORY_OK;
}

/* `words` are the line's, the command's name first. */
static int plan_named(const struct named_command *named, char *const *words, unsigned count, struct command_plan *plan)
{
    char **argv = calloc(named->word_count + count, sizeof *argv);
    plan->memory[0] = argv;
    if (argv == NULL)
        return DORY_IO_ERROR;
    memcpy(argv, named->words, named->word_count * sizeof *argv);
    memcpy(argv + named->word_count, words + 1, (count - 1) * sizeof *argv);
    plan->argv = argv;
    plan->path = named->path;
    return DORY_OK;
}

/* `room` is as large as the line, and the plan's. */
static int plan_words(const struct command_lines *lines, const char *line, char *room, struct command_plan *plan)
{
    char *words[COMMAND_LINE_WORDS];
    int count = words_split(line, room, words, COMMAND_LINE_WORDS);
    const struct named_command *named = count > 0 ? find(lines, words[0]) : NULL;
    if (named != NULL) {
        plan->memory[1] = room;
        return plan_named(named, words, (unsigned)count, plan);
    }
    int result = count;
    if (count == 0)
        result = plan_text(plan, DORY_STDOUT, 0, strdup(""));
    else if (lines->shell)
        result = plan_shell(line, plan);
    else if (count > 0)
        result = plan_unknown(lines, words[0], plan);
    free(room);
    return result;
}

int command_lines_plan(const struct command_lines *lines, const char *line, struct command_plan *plan)
{
    *plan = (struct command_plan){.argv = NULL};
    if (lines->count == 0 && !lines->shell)
        return DORY_FORBIDDEN;
    char *room = malloc(strlen(line) + 1);
    int result = room != NULL ? plan_words(lines, line, room, plan) : DORY_IO_ERROR;
    if (result != DORY_OK)
        command_plan_free(plan);
    return result;
}

void command_plan_free(struct command_plan *plan)
{
    free(plan->memory[0]);
    free(plan->memory[1]);
    *plan = (struct command_plan){.argv = NULL};
}
