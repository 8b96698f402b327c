/* SPDX-License-Identifier: MIT */
/* Text for people. */
#include "text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../core/json.h"

/* Bytes of the character that `text` begins with when it can be shown, else 0. */
static size_t shown_len(const char *text, size_t len)
{
    size_t step = dory_utf8_length(text, len);
    unsigned char first = (unsigned char)text[0];
    bool control =
        step == 1 ? first < 0x20 || first == 0x7f : step == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0;

    return control ? 0 : step;
}

void text_clean(char *dst, size_t size, const char *text, size_t len)
{
    size_t at = 0;

    while (len > 0) {
        size_t step = shown_len(text, len);
        size_t room = step > 0 ? step : 1;

        if (size - at <= room) {
            break;
        }
        if (step > 0) {
            memcpy(dst + at, text, step);
        } else {
            dst[at] = '?';
        }
        at += room;
        text += room;
        len -= room;
    }
    dst[at] = '\0';
}

size_t text_columns(const char *text)
{
    size_t columns = 0;

    for (; *text != '\0'; text++) {
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return columns;
}

void text_cut(char *text, size_t columns)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0xc0) != 0x80 && columns-- == 0) {
            *text = '\0';
            return;
        }
    }
}

void text_size(char dst[TEXT_NUMBER_SIZE], uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1000) {
        snprintf(dst, TEXT_NUMBER_SIZE, "%" PRIu64 " B", bytes);
        return;
    }
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(dst, TEXT_NUMBER_SIZE, "%.*f %s", value < 99.95 ? 1 : 0, value, units[unit]);
}

void text_time(char dst[TEXT_NUMBER_SIZE], uint64_t seconds)
{
    uint64_t hours = seconds / 3600;

    if (hours > 0) {
        snprintf(dst, TEXT_NUMBER_SIZE, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, seconds / 60 % 60, seconds % 60);
    } else {
        snprintf(dst, TEXT_NUMBER_SIZE, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
    }
}
