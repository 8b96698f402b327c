/* SPDX-License-Identifier: MIT */
/* UTF-8, and the strings of JSON. */
#include "text.h"

#include <string.h>

const char dory_hex_digits[] = "0123456789abcdef";

int dory_text_find(const char *text, size_t len, const char *words)
{
    for (int place = 0; *words != '\0'; place++) {
        size_t word_len = strlen(words);

        if (word_len == len && memcmp(words, text, len) == 0) {
            return place;
        }
        words += word_len + 1;
    }
    return -1;
}

bool dory_utf8_check(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    const unsigned char *end = s + len;

    while (s < end) {
        uint32_t code = *s++;
        unsigned more = code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3;

        if (code < 0x80) {
            continue;
        }
        if (code < 0xc2 || (size_t)(end - s) < more) {
            return false;
        }
        code &= 0x7fU >> more;
        for (unsigned i = more; i > 0; i--) {
            uint32_t bits = *s++ ^ 0x80U;

            if (bits > 0x3f) {
                return false;
            }
            code = code << 6 | bits;
        }
        /* Neither what one byte less could hold, nor a surrogate, nor above U+10FFFF. */
        if (code >> (5 * more + 1) == 0 || code >> 11 == 0xd800 >> 11 || code > 0x10ffff) {
            return false;
        }
    }
    return true;
}

size_t dory_utf8_length(const char *text, size_t len)
{
    for (size_t step = 1; step <= len && step <= 4; step++) {
        if (dory_utf8_check(text, step)) {
            return step;
        }
    }
    return 0;
}

bool dory_text_number(const char *text, size_t len, size_t base, uint64_t *value)
{
    *value = 0;
    for (const char *end = text + len; text < end; text++) {
        const char *digit = memchr(dory_hex_digits, *text, base);

        if (digit == NULL) {
            return false;
        }
        *value = *value * base + (uint64_t)(digit - dory_hex_digits);
    }
    return true;
}

/* --- strings --- */

static char *put_utf8(char *out, uint32_t code)
{
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

    for (unsigned i = more; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    *out = (char)(first[more] | code);
    return out + more + 1;
}

/* The value of four hex digits. */
static uint32_t code_unit(const char *digits)
{
    uint32_t unit = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)digits[i];

        unit = unit << 4 | ((c + 9 * (c >> 6)) & 15); /* letters begin at 0x41 and 0x61, and are 10 and more */
    }
    return unit;
}

/* A pair of surrogates, each encoded by itself at first, becomes one character when the second is there. One that is alone
 * stays as it is, and so is no UTF-8. */
char *dory_text_unescape(char *text, const char *end)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* each with what it means */
    const char *at = text;
    char *out = text;
    uint32_t before = 0;

    while (at < end) {
        char c = *at++;
        uint32_t unit = 0;

        if ((unsigned char)c < 0x20) {
            return NULL;
        }
        if (c != '\\') {
            *out++ = c;
        } else if (*at != 'u') {
            *out++ = ((const char *)memchr(escapes, *at++, sizeof escapes - 1))[1];
        } else {
            unit = code_unit(at + 1);
            at += 5;
            if (before >> 10 == 0xd800 >> 10 && unit >> 10 == 0xdc00 >> 10) {
                out -= 3;
                unit += 0x10000U + (before << 10) - (0xd800U << 10) - 0xdc00U;
            }
            out = put_utf8(out, unit);
        }
        before = unit;
    }
    *out = '\0';
    return dory_utf8_check(text, (size_t)(out - text)) ? out : NULL;
}

/* --- words --- */

/* Each rule returns the place behind what it took. When there is no such thing that is `nowhere`: a NUL, which no rule
 * takes. */
static const char nowhere[] = "";

static const char *digits(const char *at)
{
    if (*at < '0' || *at > '9') {
        return nowhere;
    }
    do {
        at++;
    } while (*at >= '0' && *at <= '9');
    return at;
}

static const char *number(const char *at)
{
    if (*at == '-') {
        at++;
    }
    at = *at == '0' ? at + 1 : digits(at);
    if (*at == '.') {
        at = digits(at + 1);
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at = digits(*at == '+' || *at == '-' ? at + 1 : at);
    }
    return at;
}

bool dory_text_is_word(const char *text, size_t len)
{
    return dory_text_find(text, len, "true\0false\0null\0") >= 0 || number(text) == text + len;
}
