/* SPDX-License-Identifier: MIT */
/* `dory stat`: what the server knows about one file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "ask.h"
#include "text.h"

static void print_json(const struct ask *ask, const struct dory_answer *answer)
{
    static char json[REPORT_LINE_SIZE];
    struct dory_encoder encoder;

    dory_header_begin_line(&encoder, json, sizeof json);
    dory_header_text(&encoder, "name", ask->about, strlen(ask->about));
    dory_header_text(&encoder, "status", "ok", 2);
    dory_header_number(&encoder, "filesize", answer->filesize);
    if (dory_answer_has(answer, DORY_ANSWER_VERSION)) {
        dory_header_text(&encoder, "version", answer->version.ptr, answer->version.len);
    }
    if (dory_answer_has(answer, DORY_ANSWER_CRC32)) {
        dory_header_crc32(&encoder, "crc32", answer->crc32);
    }
    if (dory_answer_has(answer, DORY_ANSWER_PARTIAL)) {
        dory_header_number(&encoder, "partial", answer->partial);
    }
    report_line(&encoder);
}

static void print(const struct ask *ask, const struct dory_answer *answer)
{
    char clean[DORY_MAX_ANSWER];

    printf("name: %s\nsize: %" PRIu64 "\n", ask->about, answer->filesize);
    if (dory_answer_has(answer, DORY_ANSWER_VERSION)) {
        text_clean(clean, sizeof clean, answer->version.ptr, answer->version.len);
        printf("version: %s\n", clean);
    }
    if (dory_answer_has(answer, DORY_ANSWER_CRC32)) {
        printf("crc32: %08" PRIx32 "\n", answer->crc32);
    }
    if (dory_answer_has(answer, DORY_ANSWER_PARTIAL) && answer->partial > 0) {
        printf("partial: %" PRIu64 "\n", answer->partial);
    }
}

static void on_answered(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome)
{
    bool partial = dory_answer_has(answer, DORY_ANSWER_PARTIAL) && answer->partial > 0;

    if (outcome->code == EXIT_DONE) {
        (ask->app->options.json ? print_json : print)(ask, answer);
    } else if (ask->job.call.status == DORY_NOT_FOUND && partial) {
        outcome_set(outcome, outcome->code, outcome->status,
                    "There is no file of that name, but %" PRIu64 " bytes of a put that can go on.", answer->partial);
    }
}

int command_stat(struct app *app)
{
    static const struct dory_call_events call_events = {.done = link_done};
    struct ask ask = {
        .job = {.call = {.command = DORY_STAT, .events = &call_events, .check = app->options.check}},
        .app = app,
        .answered = on_answered,
    };
    struct target target;
    int code;

    code = app_parse_file(app, app->options.words[0], &target);
    if (code != EXIT_DONE) {
        return code;
    }
    ask.about = target.name;
    ask.job.call.name = target.name;
    return ask_run(&ask, &target);
}
