/* SPDX-License-Identifier: MIT */
/* Results on stdout and stderr. */
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "progress.h"
#include "text.h"

void outcome_set(struct outcome *outcome, enum exit_code code, const char *status, const char *format, ...)
{
    va_list args;

    outcome->code = code;
    snprintf(outcome->status, sizeof outcome->status, "%s", status);
    va_start(args, format);
    vsnprintf(outcome->message, sizeof outcome->message, format, args);
    va_end(args);
}

void report_text(struct dory_encoder *encoder, const char *key, const char *text)
{
    char clean[TEXT_PATH_SIZE];

    if (text != NULL && *text != '\0') {
        text_clean(clean, sizeof clean, text, strlen(text));
        dory_header_text(encoder, key, clean, strlen(clean));
    }
}

static void print_json(const struct report_file *file, const struct outcome *outcome)
{
    static char line[REPORT_LINE_SIZE];
    struct dory_encoder encoder;

    dory_header_begin_line(&encoder, line, sizeof line);
    report_text(&encoder, "file", file->file);
    report_text(&encoder, "name", file->name);
    report_text(&encoder, "status", outcome->status);
    if (file->has_size) {
        dory_header_number(&encoder, "filesize", file->size);
    }
    if (file->has_crc32) {
        dory_header_crc32(&encoder, "crc32", file->crc32);
    }
    report_text(&encoder, "message", outcome->message);
    report_line(&encoder);
}

/* "dory put: a.bin: no_space: There is not enough room on the server." */
static void print_failure(const struct report *report, const char *about, const struct outcome *outcome)
{
    char clean[TEXT_PATH_SIZE];

    progress_clear();
    fprintf(stderr, "dory %s: ", report->command);
    if (about != NULL) {
        text_clean(clean, sizeof clean, about, strlen(about));
        fprintf(stderr, "%s: ", clean);
    }
    text_clean(clean, sizeof clean, outcome->message, strlen(outcome->message));
    fprintf(stderr, "%s: %s\n", outcome->status, clean);
}

static void remember(struct report *report, enum exit_code code)
{
    if (report->code == EXIT_DONE) {
        report->code = (int)code;
    }
}

void report_file(struct report *report, const struct report_file *file, const struct outcome *outcome)
{
    remember(report, outcome->code);
    if (report->json) {
        print_json(file, outcome);
    }
    if (outcome->code != EXIT_DONE) {
        print_failure(report, file->about, outcome);
    }
}

void report_failure(struct report *report, const char *what, const struct outcome *outcome)
{
    remember(report, outcome->code);
    if (outcome->code != EXIT_DONE) {
        print_failure(report, what, outcome);
    }
}

void report_unsettled(struct report *report, const struct report_file *file, const struct outcome *outcome)
{
    remember(report, outcome->code);
    if (report->json && outcome->code != EXIT_DONE) {
        print_json(file, outcome);
    }
}

void report_summary(const struct report *report, const char *name, uint64_t files, uint64_t bytes, uint32_t elapsed_ms)
{
    char size[TEXT_NUMBER_SIZE];
    char rate[TEXT_NUMBER_SIZE];
    char clean[TEXT_PATH_SIZE];
    double seconds = (elapsed_ms > 0 ? elapsed_ms : 1) / 1000.0;

    if (report->quiet || report->json) {
        return;
    }
    text_size(size, bytes);
    text_size(rate, (uint64_t)((double)bytes / seconds));
    if (files == 1) {
        text_clean(clean, sizeof clean, name, strlen(name));
        printf("%s  %s  %.2f s  %s/s\n", clean, size, seconds, rate);
    } else {
        printf("%" PRIu64 " files  %s  %.2f s  %s/s\n", files, size, seconds, rate);
    }
}

void report_note(const struct report *report, const char *format, ...)
{
    char note[TEXT_PATH_SIZE];
    char clean[TEXT_PATH_SIZE];
    va_list args;

    if (report->quiet) {
        return;
    }
    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    text_clean(clean, sizeof clean, note, strlen(note));
    if (report->note != NULL) {
        report->note(report->ctx, clean);
        return;
    }
    progress_clear();
    fprintf(stderr, "dory %s: %s\n", report->command, clean);
}

void report_line(struct dory_encoder *encoder)
{
    size_t len = dory_header_end_line(encoder);

    fwrite(encoder->buf, 1, len, stdout);
}
