/* SPDX-License-Identifier: MIT */
/* Progress on a terminal. */
#define _DEFAULT_SOURCE

#include "progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

/* How long a change of speed takes to show. */
#define SMOOTH_MS 2000.0

static struct {
    bool active;
    bool shown;
    struct progress_speed speed;
    void (*divert)(void *ctx, const struct progress *progress);
    void *ctx;
} line;

void progress_begin(void)
{
    line.active = isatty(STDERR_FILENO) == 1;
}

void progress_divert(void (*draw)(void *ctx, const struct progress *progress), void *ctx)
{
    line.active = true;
    line.divert = draw;
    line.ctx = ctx;
}

bool progress_active(void)
{
    return line.active;
}

void progress_restart(void)
{
    line.speed.measured = false;
    line.speed.rate = 0;
}

void progress_clear(void)
{
    if (line.shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        line.shown = false;
    }
}

void progress_terminal(size_t *columns, size_t *rows)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;

    *columns = known && size.ws_col > 0 ? size.ws_col : 80;
    *rows = known && size.ws_row > 0 ? size.ws_row : 24;
}

void progress_measure(struct progress_speed *speed, const struct progress *progress, uint32_t now_ms)
{
    double elapsed_ms = (double)(now_ms - speed->last_ms);
    uint64_t moved = progress->done > progress->skipped ? progress->done - progress->skipped : 0;

    if (speed->measured && elapsed_ms > 0 && moved >= speed->last_moved) {
        double rate = (double)(moved - speed->last_moved) * 1000 / elapsed_ms;
        double weight = speed->rate > 0 && elapsed_ms < SMOOTH_MS ? elapsed_ms / SMOOTH_MS : 1;

        speed->rate += (rate - speed->rate) * weight;
    }
    speed->measured = true;
    speed->last_ms = now_ms;
    speed->last_moved = moved;
}

/* Appends to `text` of `size` bytes, as printf() does, with two blanks in between. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size, const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;

    len += (size_t)snprintf(text + len, size - len, "  ");
    va_start(args, format);
    vsnprintf(text + len, size - len, format, args);
    va_end(args);
}

void progress_describe(const struct progress *progress, double rate, char *text, size_t size)
{
    char number[TEXT_NUMBER_SIZE];
    bool many = progress->files_total > 1;
    uint64_t done = many ? progress->files : progress->done;
    uint64_t total = many ? progress->files_total : progress->total;

    text[0] = '\0';
    if (total > 0) {
        append(text, size, "%3u%%", (unsigned)((double)done * 100 / (double)total));
    }
    if (many) {
        append(text, size, "%" PRIu64 "/%" PRIu64 " files", done, total);
    }
    text_size(number, progress->done);
    append(text, size, "%s", number);
    if (rate > 0) {
        text_size(number, (uint64_t)rate);
        append(text, size, "%s/s", number);
        if (!many && total > done) {
            text_time(number, (uint64_t)((double)(total - done) / rate));
            append(text, size, "%s left", number);
        }
    }
}

/* Copies `name`, or its end, which tells more than its beginning, in at most `columns`. */
static void fit_name(char *dst, size_t size, const char *name, size_t columns)
{
    const char *rest = dst;
    size_t have;

    text_clean(dst, size, name, strlen(name));
    have = text_columns(dst);
    if (have <= columns) {
        return;
    }
    if (columns < 8) {
        dst[0] = '\0';
        return;
    }
    for (size_t drop = have - columns + 3; drop > 0; drop--) {
        do {
            rest++;
        } while (((unsigned char)*rest & 0xc0) == 0x80);
    }
    memmove(dst + 3, rest, strlen(rest) + 1);
    memcpy(dst, "...", 3);
}

void progress_draw(const struct progress *progress, uint32_t now_ms)
{
    char name[TEXT_PATH_SIZE];
    char text[160];
    size_t width;
    size_t rows;

    if (line.divert != NULL) {
        line.divert(line.ctx, progress);
        return;
    }
    if (!line.active || (line.shown && now_ms - line.speed.last_ms < PROGRESS_EVERY_MS)) {
        return;
    }
    progress_measure(&line.speed, progress, now_ms);
    progress_describe(progress, line.speed.rate, text, sizeof text);
    progress_terminal(&width, &rows);
    width--;
    if (strlen(text) > width) {
        text[width] = '\0';
    }
    fit_name(name, sizeof name, progress->name, width - strlen(text));
    fprintf(stderr, "\r%s%s\033[K", name, text);
    fflush(stderr);
    line.shown = true;
}
