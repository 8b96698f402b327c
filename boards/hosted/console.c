/* SPDX-License-Identifier: MIT */
/*
 * Commands on standard input, a line each, so that a person or a test can make
 * things go wrong while the server runs. Each is answered with one line.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ghosts.h"
#include "hosted.h"

#define LINE_LEN 128

/* Percent with two decimals at most, in parts of 10,000. */
static bool parse_percent(const char *text, uint32_t *parts)
{
    char *end;
    double percent = strtod(text, &end);

    if (end == text || *end != '\0' || !(percent >= 0 && percent <= 100)) {
        return false;
    }
    *parts = (uint32_t)(percent * 100 + 0.5);
    return true;
}

static bool parse_ms(const char *text, uint32_t *ms)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || number > 10000) {
        return false;
    }
    *ms = (uint32_t)number;
    return true;
}

bool console_set_fault(struct wire_faults *faults, const char *name, const char *value)
{
    if (strcmp(name, "loss") == 0) {
        return parse_percent(value, &faults->loss);
    }
    if (strcmp(name, "duplication") == 0) {
        return parse_percent(value, &faults->duplication);
    }
    if (strcmp(name, "reordering") == 0) {
        return parse_percent(value, &faults->reordering);
    }
    if (strcmp(name, "corruption") == 0) {
        return parse_percent(value, &faults->corruption);
    }
    return strcmp(name, "delay") == 0 && parse_ms(value, &faults->delay_ms);
}

static bool set_link(const char *value)
{
    hosted.wire.faults.cut = strcmp(value, "down") == 0;
    return hosted.wire.faults.cut || strcmp(value, "up") == 0;
}

static bool set_storage(const char *value)
{
    static const char *const names[] = {"ok", "fails-read", "fails-program", "fails-erase", "busy"};

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) == 0) {
            storage_set_fault((enum storage_fault)i);
            return true;
        }
    }
    return false;
}

/* A wire holds only so many frames. */
static bool send_ghosts(const char *value, enum ghost_silence silence)
{
    char *end;
    unsigned long count = strtoul(value, &end, 10);

    if (*end != '\0' || count < 1 || count > WIRE_FRAMES / 2) {
        return false;
    }
    ghosts_connect(&hosted.wire, (unsigned)count, silence);
    return true;
}

static bool obey(char *line)
{
    char *words = line;
    const char *name = strsep(&words, " ");
    const char *value = words != NULL ? words : "";

    if (strcmp(name, "statistics") == 0 && hosted.device != NULL) {
        device_log_statistics(hosted.device);
        return true;
    }
    if (strcmp(name, "quit") == 0) {
        hosted.stopping = true;
        return true;
    }
    if (strcmp(name, "half-open") == 0) {
        return send_ghosts(value, AFTER_SYN);
    }
    if (strcmp(name, "vanish") == 0) {
        return send_ghosts(value, AFTER_ACK);
    }
    if (strcmp(name, "link") == 0) {
        return set_link(value);
    }
    if (strcmp(name, "storage") == 0) {
        return set_storage(value);
    }
    return console_set_fault(&hosted.wire.faults, name, value);
}

bool console_read(void)
{
    static char line[LINE_LEN];
    static size_t len;
    char *end;
    ssize_t got = read(STDIN_FILENO, line + len, sizeof line - 1 - len);

    if (got <= 0) {
        return false;
    }
    len += (size_t)got;
    line[len] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        puts(obey(line) ? "done" : "not understood");
        len -= (size_t)(end + 1 - line);
        memmove(line, end + 1, len + 1);
    }
    (void)fflush(stdout);
    return len < sizeof line - 1;
}
