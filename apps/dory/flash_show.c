/* SPDX-License-Identifier: MIT */
/* What people and scripts see of `dory flash`: a line for each device at work, a result for each that is through. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flash_fleet.h"
#include "text.h"

#define LINE_SIZE 512
#define MAX_LINES 64U

static const char *const step_names[] = {
    [FLASH_QUEUED] = "queued",         [FLASH_CHECKING] = "checking",
    [FLASH_UPLOADING] = "uploading",   [FLASH_VERIFYING] = "verifying",
    [FLASH_RESTARTING] = "restarting", [FLASH_WAITING] = "waiting",
    [FLASH_CONFIRMING] = "confirming", [FLASH_DONE] = "done",
};

/* ---- Devices at work ---- */

/* What moves the cursor to where the lines begin. */
static void write_home(const struct flash_fleet *fleet, char home[16])
{
    snprintf(home, 16, fleet->drawn > 1 ? "\r\033[%uA" : "\r", fleet->drawn - 1);
}

void flash_show_clear(struct flash_fleet *fleet)
{
    char home[16];

    if (fleet->drawn > 0) {
        write_home(fleet, home);
        fprintf(stderr, "%s\033[J", home);
        fflush(stderr);
        fleet->drawn = 0;
    }
}

static void describe(const struct flash_fleet *fleet, const struct flash_member *member, uint32_t now_ms, char *text,
                     size_t size)
{
    const struct flash_event *event = &member->event;
    const struct progress progress = {
        .done = event->done,
        .skipped = event->resumed,
        .total = fleet->image.size,
    };
    char time[TEXT_NUMBER_SIZE];

    text[0] = '\0';
    if (event->step == FLASH_UPLOADING) {
        progress_describe(&progress, member->speed.rate, text, size);
    } else if (now_ms - member->step_ms >= 1000) {
        text_time(time, (now_ms - member->step_ms) / 1000);
        snprintf(text, size, "  %s", time);
    }
}

static void write_line(const struct flash_fleet *fleet, const struct flash_member *member, uint32_t now_ms,
                       char line[LINE_SIZE])
{
    char name[LINE_SIZE / 2];
    char text[160];

    text_clean(name, sizeof name, member->word, strlen(member->word));
    describe(fleet, member, now_ms, text, sizeof text);
    snprintf(line, LINE_SIZE, "%s  %-10s%s", name, step_names[member->event.step], text);
}

void flash_show_lines(struct flash_fleet *fleet, uint32_t now_ms)
{
    static char block[MAX_LINES * (LINE_SIZE + 8) + 32]; /* goes out in one piece, so that nothing flickers */
    unsigned lines = 0;
    size_t columns;
    size_t rows;
    size_t len;

    if (!progress_active()) {
        return;
    }
    progress_terminal(&columns, &rows);
    write_home(fleet, block);
    len = strlen(block);
    for (size_t i = 0; i < fleet->count && lines < MAX_LINES && lines + 1 < rows; i++) {
        if (fleet->members[i].state == MEMBER_RUNNING) {
            len += (size_t)snprintf(block + len, 8, "%s", lines++ > 0 ? "\033[K\n" : "");
            write_line(fleet, &fleet->members[i], now_ms, block + len);
            text_cut(block + len, columns - 1);
            len += strlen(block + len);
        }
    }
    fprintf(stderr, "%s\033[J", block);
    fflush(stderr);
    fleet->drawn = lines;
}

void flash_show_note(struct flash_fleet *fleet, const char *note)
{
    flash_show_clear(fleet);
    report_note(&fleet->app->report, "%s", note);
}

/* ---- Results ---- */

static void print_json(const struct flash_fleet *fleet, const struct flash_member *member)
{
    static char line[REPORT_LINE_SIZE];
    const struct flash_event *event = &member->event;
    struct dory_encoder encoder;

    dory_header_begin_line(&encoder, line, sizeof line);
    report_text(&encoder, "target", member->word);
    report_text(&encoder, "status", event->outcome.status);
    report_text(&encoder, "step", step_names[event->step]);
    report_text(&encoder, "image", fleet->image.hash);
    report_text(&encoder, "version", fleet->image.version_text);
    report_text(&encoder, "was", event->was);
    report_text(&encoder, "running", event->running);
    if (event->running[0] != '\0') {
        dory_header_bool(&encoder, "confirmed", event->confirmed);
    }
    if (event->skipped || event->already_runs) {
        dory_header_bool(&encoder, "skipped", true);
    }
    if (event->uploaded) {
        dory_header_number(&encoder, "uploaded", event->done > event->resumed ? event->done - event->resumed : 0);
        dory_header_number(&encoder, "resumed", event->resumed);
    }
    dory_header_number(&encoder, "elapsed_ms", member->elapsed_ms);
    report_text(&encoder, "message", event->outcome.message);
    report_line(&encoder);
    fflush(stdout);
}

static void print_done(const struct flash_fleet *fleet, const struct flash_member *member)
{
    const struct flash_event *event = &member->event;
    const char *version = fleet->image.version_text;
    char name[TEXT_PATH_SIZE];
    char how[160];

    text_clean(name, sizeof name, member->word, strlen(member->word));
    if (event->already_runs) {
        snprintf(how, sizeof how, "%s runs already", version);
    } else {
        snprintf(how, sizeof how, "%s -> %s", event->was[0] != '\0' ? event->was : "?", version);
    }
    printf("%s  %s, %s  %.2f s\n", name, how,
           event->confirmed ? "confirmed"
                            : "on trial: it goes back unless the same command is run without --no-confirm",
           member->elapsed_ms / 1000.0);
    fflush(stdout);
}

static bool is_interrupted(const struct flash_member *member)
{
    return strcmp(member->event.outcome.status, FLASH_INTERRUPTED) == 0;
}

void flash_show_result(struct flash_fleet *fleet, const struct flash_member *member)
{
    struct report *report = &fleet->app->report;

    flash_show_clear(fleet);
    if (report->json) {
        print_json(fleet, member);
    } else if (!report->quiet && !is_interrupted(member) && member->event.outcome.code == EXIT_DONE) {
        print_done(fleet, member);
    }
    report_failure(report, member->word, &member->event.outcome);
}

/* ---- The summary ---- */

static void print_those(const struct flash_fleet *fleet, const char *what, bool interrupted)
{
    const char *before = ":";
    char name[TEXT_PATH_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < fleet->count; i++) {
        const struct flash_member *member = &fleet->members[i];

        count += interrupted ? is_interrupted(member) : member->event.outcome.code != EXIT_DONE;
    }
    if (count == 0) {
        return;
    }
    printf(", %zu %s", count, what);
    for (size_t i = 0; i < fleet->count; i++) {
        const struct flash_member *member = &fleet->members[i];

        if (interrupted ? is_interrupted(member) : member->event.outcome.code != EXIT_DONE) {
            text_clean(name, sizeof name, member->word, strlen(member->word));
            printf("%s %s", before, name);
            before = ",";
        }
    }
}

void flash_show_summary(struct flash_fleet *fleet)
{
    size_t done = 0;

    if (fleet->count == 1 || fleet->app->report.quiet || fleet->app->report.json) {
        return;
    }
    for (size_t i = 0; i < fleet->count; i++) {
        done += fleet->members[i].event.outcome.code == EXIT_DONE && !is_interrupted(&fleet->members[i]);
    }
    printf("%zu done", done);
    print_those(fleet, "failed", false);
    print_those(fleet, "interrupted", true);
    putchar('\n');
}
