/* SPDX-License-Identifier: MIT */
/* UTF-8, and the strings of JSON. */
#include "text.h"

#include <stdint.h>
#include <string.h>

bool dory_text_is(const struct dory_text *text, const char *word)
{
    return strlen(word) == text->len && memcmp(word, text->ptr, text->len) == 0;
}

size_t dory_utf8_length(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    uint32_t code = s[0];
    size_t more = code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3;

    if (code < 0x80) {
        return 1;
    }
    if (code < 0xc2 || len <= more) {
        return 0;
    }
    code &= 0x7fU >> more;
    for (size_t i = 1; i <= more; i++) {
        uint32_t bits = s[i] ^ 0x80U;

        if (bits > 0x3f) {
            return 0;
        }
        code = code << 6 | bits;
    }
    /* Neither what one byte less could hold, nor a surrogate, nor above U+10FFFF. */
    return code >> (5 * more + 1) == 0 || code >> 11 == 0xd800 >> 11 || code > 0x10ffff ? 0 : more + 1;
}

bool dory_utf8_check(const char *text, size_t len)
{
    while (len > 0) {
        size_t step = dory_utf8_length(text, len);

        if (step == 0) {
            return false;
        }
        text += step;
        len -= step;
    }
    return true;
}

/* --- strings --- */

static char *put_utf8(char *out, uint32_t code)
{
    unsigned more = 1;

    if (code < 0x80) {
        *out = (char)code;
        return out + 1;
    }
    while (code >> (5 * more + 6) != 0) {
        more++;
    }
    for (unsigned i = more; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    *out = (char)(0xff80U >> more | code);
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

/* Takes what follows \u, for a pair of surrogates both. A surrogate that is alone is encoded like others, and so is no
 * UTF-8. */
static const char *unicode(const char *at, char **out)
{
    uint32_t code = code_unit(at);

    at += 4;
    if (code >> 10 == 0xd800 >> 10 && at[0] == '\\' && at[1] == 'u') {
        uint32_t low = code_unit(at + 2);

        if (low >> 10 == 0xdc00 >> 10) {
            code = 0x10000U + (code << 10) - (0xd800U << 10) + low - 0xdc00U;
            at += 6;
        }
    }
    *out = put_utf8(*out, code);
    return at;
}

char *dory_text_unescape(char *text, const char *end)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* each with what it means */
    const char *at = text;
    char *out = text;

    while (at < end) {
        char c = *at++;

        if ((unsigned char)c < 0x20) {
            return NULL;
        }
        if (c == '\\') {
            c = *at++;
            if (c == 'u') {
                at = unicode(at, &out);
                continue;
            }
            c = ((const char *)memchr(escapes, c, sizeof escapes - 1))[1];
        }
        *out++ = c;
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

const char *dory_text_word(const char *text)
{
    static const char words[][6] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);

        if (strncmp(text, words[i], len) == 0) {
            return text + len;
        }
    }
    return number(text);
}
