/* SPDX-License-Identifier: MIT */
/* Which devices `dory flash` is about: those of the command line, then those of the file of --targets. */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash_fleet.h"

#define BLANKS " \t\r\n"

static int fail_local(struct app *app, const char *path)
{
    struct outcome outcome;

    outcome_set(&outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
    report_failure(&app->report, path, &outcome);
    return EXIT_LOCAL;
}

static const struct flash_member *find(const struct flash_fleet *fleet, const struct target *target)
{
    for (size_t i = 0; i < fleet->count; i++) {
        if (target_same_server(&fleet->members[i].target, target)) {
            return &fleet->members[i];
        }
    }
    return NULL;
}

static int add(struct flash_fleet *fleet, const char *word)
{
    struct app *app = fleet->app;
    struct flash_member *members;
    struct target target;
    int code = app_parse_server(app, word, &target);

    if (code != EXIT_DONE) {
        return code;
    }
    if (find(fleet, &target) != NULL) {
        return app_usage(app, "'%s' is there twice", word);
    }
    members = realloc(fleet->members, (fleet->count + 1) * sizeof *members);
    if (members == NULL) {
        return fail_local(app, word);
    }
    fleet->members = members;
    members[fleet->count] = (struct flash_member){.word = strdup(word), .target = target, .pipe = -1};
    members[fleet->count].target.name = "";
    return members[fleet->count++].word != NULL ? EXIT_DONE : fail_local(app, word);
}

/* A line holds one TARGET; what begins with # is a comment. */
static int add_line(struct flash_fleet *fleet, char *line, const char *path, unsigned number)
{
    char *word = line + strspn(line, BLANKS);
    char *end = word + strcspn(word, BLANKS);
    char *rest = end + strspn(end, BLANKS);

    if (*word == '\0' || *word == '#') {
        return EXIT_DONE;
    }
    if (*rest != '\0' && *rest != '#') {
        return app_usage(fleet->app, "%s:%u: a line holds one TARGET: HOST[:PORT]", path, number);
    }
    *end = '\0';
    return add(fleet, word);
}

static int add_file(struct flash_fleet *fleet, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    unsigned number = 0;
    size_t size = 0;
    char *line = NULL;
    int code = EXIT_DONE;

    if (file == NULL) {
        return fail_local(fleet->app, path);
    }
    while (code == EXIT_DONE && getline(&line, &size, file) >= 0) {
        code = add_line(fleet, line, path, ++number);
    }
    if (code == EXIT_DONE && ferror(file) != 0) {
        code = fail_local(fleet->app, path);
    }
    free(line);
    if (!standard) {
        fclose(file);
    }
    return code;
}

int flash_targets(struct flash_fleet *fleet)
{
    struct app *app = fleet->app;
    int code = EXIT_DONE;

    for (int i = 1; i < app->options.word_count && code == EXIT_DONE; i++) {
        code = add(fleet, app->options.words[i]);
    }
    if (code == EXIT_DONE && app->options.targets != NULL) {
        code = add_file(fleet, app->options.targets);
    }
    if (code == EXIT_DONE && fleet->count == 0) {
        return app->options.targets != NULL ? app_usage(app, "there is no TARGET in '%s'", app->options.targets)
                                            : app_usage(app, "a word is missing: flash IMAGE TARGET...");
    }
    return code;
}
