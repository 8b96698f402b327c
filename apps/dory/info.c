/* SPDX-License-Identifier: MIT */
/* `dory info`: what the server is and what its limits are. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "app.h"
#include "ask.h"
#include "text.h"

_Static_assert(DORY_MAX_TOKENS >= DORY_INFO_TOKENS, "the longest info would not be understood");

enum kind { KIND_NUMBER, KIND_TEXT, KIND_BOOL };

struct line {
    const char *key;
    enum dory_answer_field field;
    enum kind kind;
    size_t at; /* of the member in struct dory_answer */
};

#define LINE(field, kind, member) \
    { \
#member, field, kind, offsetof(struct dory_answer, member) \
    }
#define NUMBER(field, member) LINE(field, KIND_NUMBER, member)
#define TEXT(field, member) LINE(field, KIND_TEXT, member)
#define BOOL(field, member) LINE(field, KIND_BOOL, member)

static const struct line lines[] = {
    NUMBER(DORY_ANSWER_DORY, dory),         TEXT(DORY_ANSWER_NAME, name),
    TEXT(DORY_ANSWER_SERVER, server),       TEXT(DORY_ANSWER_BOARD, board),
    TEXT(DORY_ANSWER_FIRMWARE, firmware),   NUMBER(DORY_ANSWER_MAX_HEADER, max_header),
    NUMBER(DORY_ANSWER_MAX_NAME, max_name), NUMBER(DORY_ANSWER_MAX_FILE, max_file),
    NUMBER(DORY_ANSWER_FREE, free),         NUMBER(DORY_ANSWER_SESSIONS, sessions),
    NUMBER(DORY_ANSWER_WRITERS, writers),   NUMBER(DORY_ANSWER_UPTIME_MS, uptime_ms),
    TEXT(DORY_ANSWER_IMAGE, image),         BOOL(DORY_ANSWER_CONFIRMED, confirmed),
    TEXT(DORY_ANSWER_BOOT_ID, boot_id),     TEXT(DORY_ANSWER_SLOT, slot),
};

static const struct dory_text *text_of(const struct dory_answer *answer, const struct line *line)
{
    return (const struct dory_text *)((const char *)answer + line->at);
}

static uint64_t number_of(const struct dory_answer *answer, const struct line *line)
{
    return *(const uint64_t *)((const char *)answer + line->at);
}

static bool bool_of(const struct dory_answer *answer, const struct line *line)
{
    return *(const bool *)((const char *)answer + line->at);
}

static void encode(struct dory_encoder *encoder, const struct dory_answer *answer, const struct line *line)
{
    switch (line->kind) {
    case KIND_NUMBER:
        dory_header_number(encoder, line->key, number_of(answer, line));
        return;
    case KIND_TEXT:
        dory_header_text(encoder, line->key, text_of(answer, line)->ptr, text_of(answer, line)->len);
        return;
    case KIND_BOOL:
        dory_header_bool(encoder, line->key, bool_of(answer, line));
        return;
    }
}

static void print(const struct dory_answer *answer, const struct line *line)
{
    char clean[DORY_MAX_ANSWER];

    switch (line->kind) {
    case KIND_NUMBER:
        printf("%s: %" PRIu64 "\n", line->key, number_of(answer, line));
        return;
    case KIND_TEXT:
        text_clean(clean, sizeof clean, text_of(answer, line)->ptr, text_of(answer, line)->len);
        printf("%s: %s\n", line->key, clean);
        return;
    case KIND_BOOL:
        printf("%s: %s\n", line->key, bool_of(answer, line) ? "true" : "false");
        return;
    }
}

static void on_answered(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome)
{
    static char json[REPORT_LINE_SIZE];
    struct dory_encoder encoder;

    if (outcome->code != EXIT_DONE) {
        return;
    }
    dory_header_begin_line(&encoder, json, sizeof json);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!dory_answer_has(answer, lines[i].field)) {
            continue;
        }
        if (ask->app->options.json) {
            encode(&encoder, answer, &lines[i]);
        } else {
            print(answer, &lines[i]);
        }
    }
    if (ask->app->options.json) {
        report_line(&encoder);
    }
}

int command_info(struct app *app)
{
    static const struct dory_call_events call_events = {.done = link_done};
    struct ask ask = {
        .job = {.call = {.command = DORY_INFO, .events = &call_events}},
        .app = app,
        .answered = on_answered,
    };
    struct target target;
    int code = app_parse_server(app, app->options.words[0], &target);

    return code == EXIT_DONE ? ask_run(&ask, &target) : code;
}
