/* SPDX-License-Identifier: MIT */
/*
 * From the words of a `put` to what is sent under which name:
 *
 *   put FILE HOST            FILE's last component
 *   put FILE HOST/name       name
 *   put FILE... HOST/name/   name/ and each FILE's last component
 *
 * and the same for a folder with -r, whose files come below that name. A folder called `.` or `..`, or whose path ends
 * so, has no name of its own: its files come where it would have come itself.
 */
#define _DEFAULT_SOURCE

#include "put_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../core/name.h"

/* Length of `path` without the slashes at its end. */
static size_t trimmed_len(const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return len;
}

/* The last component of `path`, "" when it is `.`, `..` or `/`; at `*len` bytes, not ended. */
static const char *base_name(const char *path, size_t *len)
{
    size_t end = trimmed_len(path);
    size_t start = end;

    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    *len = end - start;
    if (*len <= 2 && strncmp(path + start, "..", *len) == 0) {
        *len = 0;
    }
    return path + start;
}

/* The name that `path` itself gets; to be freed. */
static char *name_for(const struct target *target, const char *path)
{
    size_t front_len = strlen(target->name);
    size_t base_len = 0;
    const char *base = base_name(path, &base_len);
    char *name;

    if (front_len > 0 && target->name[front_len - 1] != '/') {
        base_len = 0;
    }
    name = malloc(front_len + base_len + 1);
    if (name != NULL) {
        memcpy(name, target->name, front_len);
        memcpy(name + front_len, base, base_len);
        name[front_len + base_len] = '\0';
    }
    return name;
}

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int local_failure(struct app *app, const char *path)
{
    const struct report_file file = {.file = path, .about = path};
    struct outcome outcome;

    outcome_set(&outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
    report_file(&app->report, &file, &outcome);
    return EXIT_LOCAL;
}

static int add_folder(struct app *app, struct items *items, const char *path, const char *name)
{
    char *culprit = NULL;
    size_t before = items->count;
    int code = EXIT_DONE;

    if (!items_add_folder(items, path, name, &app->report, &culprit)) {
        code = local_failure(app, culprit != NULL ? culprit : path);
    } else if (items->count == before) {
        report_note(&app->report, "%s: there are no files in it", path);
    }
    free(culprit);
    return code;
}

static int add_word(struct app *app, const struct target *target, struct items *items, const char *path)
{
    bool folder = is_folder(path);
    char *name;
    int code = EXIT_DONE;

    if (folder && !app->options.recursive) {
        return app_usage(app, "'%s' is a folder: -r sends folders", path);
    }
    name = name_for(target, path);
    if (folder && name != NULL) {
        code = add_folder(app, items, path, name);
    } else if (name == NULL || !items_add(items, path, name)) {
        code = local_failure(app, path);
    }
    free(name);
    return code;
}

/* All names are looked at before the first file is sent. */
static int check_names(struct app *app, const struct items *items)
{
    const struct item *other = NULL;
    const struct item *twin;

    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->item[i];

        if (!dory_name_check(item->name, strlen(item->name), DORY_MAX_NAME)) {
            return app_refuse_name(app, item->name, item->path);
        }
    }
    twin = items_find_twins(items, &other);
    if (twin != NULL) {
        return app_usage(app, "'%s' and '%s' would both become '%s'", twin->path, other->path, twin->name);
    }
    return EXIT_DONE;
}

int put_plan(struct app *app, struct target *target, struct items *items)
{
    const struct options *options = &app->options;
    int files = options->word_count - 1;
    char error[512];
    size_t name_len;

    if (!target_parse(target, options->words[files], error, sizeof error)) {
        return app_usage(app, "%s", error);
    }
    name_len = strlen(target->name);
    if (files > 1 && name_len > 0 && target->name[name_len - 1] != '/') {
        return app_usage(app, "several files can't all become '%s': a folder's name ends in '/'", target->name);
    }
    for (int i = 0; i < files; i++) {
        int code = add_word(app, target, items, options->words[i]);

        if (code != EXIT_DONE) {
            return code;
        }
    }
    return check_names(app, items);
}
