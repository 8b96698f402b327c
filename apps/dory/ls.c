/* SPDX-License-Identifier: MIT */
/* `dory ls`: the files of a server, sorted by name. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "ask.h"
#include "text.h"

/* One file; also what a line of the listing is decoded into. */
struct entry {
    struct dory_text name;
    uint64_t size;
};

struct ls {
    struct ask ask;
    char *data; /* the listing as it comes: one JSON object a line */
    size_t len;
    size_t room;
    struct entry *entries;
    size_t count;
};

/* ---- Receiving ---- */

static int32_t on_write(void *ctx, struct dory_call *call, const uint8_t *data, size_t len)
{
    struct ls *ls = (struct ls *)call;

    (void)ctx;
    if (ls->room - ls->len < len) {
        size_t room = 2 * ls->room + len;
        char *more = realloc(ls->data, room);

        if (more == NULL) {
            return -1;
        }
        ls->data = more;
        ls->room = room;
    }
    memcpy(ls->data + ls->len, data, len);
    ls->len += len;
    return (int32_t)len;
}

static void on_forget(struct ask *ask)
{
    ((struct ls *)ask)->len = 0;
}

/* ---- Understanding ---- */

static bool decode_line(char *line, size_t len, struct entry *entry)
{
    static const struct dory_field fields[] = {
        {DORY_FIELD_TEXT, offsetof(struct entry, name)},
        {DORY_FIELD_NUMBER, offsetof(struct entry, size)},
    };
    static const struct dory_fields known = {"filename\0filesize\0", fields};
    static struct dory_tokens tokens;
    struct dory_found found;

    return dory_header_decode(line, len, &tokens, &known, entry, &found) == DORY_OK && found.present == 3;
}

static size_t count_lines(const struct ls *ls)
{
    size_t count = 0;

    for (size_t i = 0; i < ls->len; i++) {
        count += ls->data[i] == '\n';
    }
    return count;
}

/* Fills in the entries, whose names stay in `data`. Returns false when that is no listing. */
static bool decode(struct ls *ls)
{
    char *line = ls->data;
    char *end = ls->data + ls->len;

    while (line < end) {
        char *stop = memchr(line, '\n', (size_t)(end - line));

        if (stop == NULL || !decode_line(line, (size_t)(stop - line), &ls->entries[ls->count])) {
            return false;
        }
        ls->count++;
        line = stop + 1;
    }
    return true;
}

/* ---- Printing ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name.ptr, ((const struct entry *)b)->name.ptr);
}

static void print_json(const struct ls *ls)
{
    static char json[REPORT_LINE_SIZE];

    for (size_t i = 0; i < ls->count; i++) {
        struct dory_encoder encoder;

        dory_header_begin_line(&encoder, json, sizeof json);
        dory_header_text(&encoder, "filename", ls->entries[i].name.ptr, ls->entries[i].name.len);
        dory_header_number(&encoder, "filesize", ls->entries[i].size);
        report_line(&encoder);
    }
}

static void print(const struct ls *ls)
{
    uint64_t largest = 0;
    int width;

    for (size_t i = 0; i < ls->count; i++) {
        largest = ls->entries[i].size > largest ? ls->entries[i].size : largest;
    }
    width = snprintf(NULL, 0, "%" PRIu64, largest);
    for (size_t i = 0; i < ls->count; i++) {
        char clean[TEXT_PATH_SIZE];

        text_clean(clean, sizeof clean, ls->entries[i].name.ptr, ls->entries[i].name.len);
        printf("%*" PRIu64 "  %s\n", width, ls->entries[i].size, clean);
    }
}

static void on_answered(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome)
{
    struct ls *ls = (struct ls *)ask;

    (void)answer;
    if (outcome->code != EXIT_DONE) {
        return;
    }
    ls->entries = malloc((count_lines(ls) + 1) * sizeof *ls->entries);
    if (ls->entries == NULL) {
        outcome_set(outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
        return;
    }
    if (!decode(ls)) {
        outcome_set(outcome, EXIT_LOST, "protocol", "The server's listing makes no sense.");
        return;
    }
    qsort(ls->entries, ls->count, sizeof *ls->entries, by_name);
    (ask->app->options.json ? print_json : print)(ls);
}

int command_ls(struct app *app)
{
    static const struct dory_call_events call_events = {.write = on_write, .done = link_done};
    struct ls ls = {
        .ask =
            {
                .job = {.call = {.command = DORY_LIST, .events = &call_events}},
                .app = app,
                .answered = on_answered,
                .forget = on_forget,
            },
    };
    struct target target;
    char error[512];
    int code;

    if (!target_parse(&target, app->options.words[0], error, sizeof error)) {
        return app_usage(app, "%s", error);
    }
    if (target.name[0] != '\0') {
        ls.ask.job.call.name = target.name;
        ls.ask.about = target.name;
    }
    code = ask_run(&ls.ask, &target);
    free(ls.data);
    free(ls.entries);
    return code;
}
