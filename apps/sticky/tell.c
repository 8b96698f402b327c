/* SPDX-License-Identifier: MIT */
/* What is printed, see tell.h. Core's encoder of headers writes the JSON. */
#include "tell.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../core/header.h"

#define DUMP_WIDTH 16

/* TELL_MAX bytes as text, each "\u0000" at the longest, and in hex; and the rest of the object. */
#define LINE_SIZE (8 * TELL_MAX + 128)

void tell_text(const struct teller *teller, const char *format, ...)
{
    va_list args;

    if (!teller->json) {
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
    }
}

/* "    68 65 6c 6c 6f                                   | hello" */
static void dump_row(const uint8_t *bytes, size_t len)
{
    printf("    ");
    for (size_t i = 0; i < len; i++) {
        printf("%02x ", bytes[i]);
    }
    printf("%*s | ", (int)(3 * (DUMP_WIDTH - len)), "");
    for (size_t i = 0; i < len; i++) {
        putchar(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
    }
    putchar('\n');
}

static void dump(const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += DUMP_WIDTH) {
        dump_row(bytes + at, len - at < DUMP_WIDTH ? len - at : DUMP_WIDTH);
    }
}

/* `asked` stands in the object unless it's 0. */
static void print_object(const struct teller *teller, const char *event, size_t asked, const uint8_t *bytes, size_t len)
{
    char line[LINE_SIZE];
    char hex[2 * TELL_MAX + 1] = "";
    struct dory_encoder encoder;

    for (size_t i = 0; i < len; i++) {
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    dory_header_begin_line(&encoder, line, sizeof line);
    dory_header_text(&encoder, "mode", teller->mode, strlen(teller->mode));
    dory_header_text(&encoder, "event", event, strlen(event));
    if (asked > 0) {
        dory_header_number(&encoder, "asked", asked);
    }
    dory_header_number(&encoder, "len", len);
    dory_header_text(&encoder, "text", (const char *)bytes, len);
    dory_header_text(&encoder, "hex", hex, 2 * len);
    fwrite(line, 1, dory_header_end_line(&encoder), stdout);
}

void tell_send(const struct teller *teller, const void *data, size_t len)
{
    if (!teller->json) {
        printf("  send() of %zu bytes\n", len);
        dump(data, len);
    }
}

void tell_receive(const struct teller *teller, size_t asked, const void *data, size_t len)
{
    if (teller->json) {
        print_object(teller, "receive", asked, data, len);
    } else {
        printf("  recv() of at most %zu bytes gave %zu\n", asked, len);
        dump(data, len);
    }
}

void tell_message(const struct teller *teller, const void *data, size_t len)
{
    if (teller->json) {
        print_object(teller, "message", 0, data, len);
    } else {
        printf("  -> a message, complete: %zu bytes\n", len);
        dump(data, len);
    }
}
