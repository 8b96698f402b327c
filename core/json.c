/* SPDX-License-Identifier: MIT */
/*
 * The grammar of RFC 8259, and UTF-8.
 *
 * Implementation notes
 *
 * An object ends with `}`, and dory_json_check() looks for that first. From then on it is a sentinel: it is no digit,
 * no letter and no part of a character, so only strings, which may hold one, look where the end is.
 *
 * Each rule returns the place behind what it took. When there is no such thing that is `nowhere`: a NUL, which no rule
 * takes, so that a fault needs to be looked for only where something goes round.
 *
 * Of the containers that it is in, the checker keeps the bracket that closes each. So the depth is bounded by memory
 * that is there, not by the stack of the processor.
 */
#include "json.h"

#include <stdint.h>
#include <string.h>

#include "dory_config.h"

static const char nowhere[] = "";

const char dory_hex_digits[] = "0123456789abcdef";

size_t dory_utf8_length(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t more = s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
    uint32_t code = s[0] & 0x3fU >> more;

    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4 || len <= more) {
        return 0;
    }
    for (size_t i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (s[i] & 0x3fU);
    }
    /* Neither what one byte less could hold, nor a surrogate, nor above U+10FFFF. */
    return code >> (5 * more + 1) == 0 || code >> 11 == 0xd800 >> 11 || code > 0x10ffff ? 0 : more + 1;
}

/* --- strings --- */

static char *put_utf8(char *out, uint32_t code)
{
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

    if (code < 0x80) {
        *out = (char)code;
        return out + 1;
    }
    for (size_t i = more; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    *out = (char)(0xff80U >> more | code);
    return out + more + 1;
}

/* Takes \u and four digits. */
static const char *code_unit(const char *at, uint32_t *unit)
{
    *unit = 0;
    if (at[0] != '\\' || at[1] != 'u') {
        return nowhere;
    }
    at += 2;
    for (int i = 0; i < 4; i++) {
        const char *found = memchr(dory_hex_digits, *at >= 'A' ? *at | 0x20 : *at, 16);

        if (found == NULL) {
            return nowhere;
        }
        *unit = *unit << 4 | (uint32_t)(found - dory_hex_digits);
        at++;
    }
    return at;
}

/* Takes \u and what follows, for a pair of surrogates both. */
static const char *unicode(const char *at, char **out)
{
    uint32_t code;
    uint32_t low;

    at = code_unit(at, &code);
    if (code >> 10 == 0xd800 >> 10) {
        at = code_unit(at, &low);
        if (low >> 10 != 0xdc00 >> 10) {
            return nowhere;
        }
        code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
    } else if (code >> 10 == 0xdc00 >> 10) {
        return nowhere;
    }
    *out = put_utf8(*out, code);
    return at;
}

const char *dory_json_character(const char *at, char **out)
{
    /* What may stand behind a backslash; then, as far on, what it means. */
    enum { ESCAPES = 8 };
    static const char escapes[] = "\"\\/bfnrt\"\\/\b\f\n\r\t";
    const char *found;
    size_t len;

    if ((unsigned char)*at < 0x20) {
        return nowhere;
    }
    if (*at != '\\') {
        len = dory_utf8_length(at, 4);
        memmove(*out, at, len);
        *out += len;
        return len > 0 ? at + len : nowhere;
    }
    if (at[1] == 'u') {
        return unicode(at, out);
    }
    found = memchr(escapes, at[1], ESCAPES);
    if (found == NULL) {
        return nowhere;
    }
    *(*out)++ = found[ESCAPES];
    return at + 2;
}

static const char *string(const char *at, const char *end)
{
    if (*at++ != '"') {
        return nowhere;
    }
    while (*at != '"') {
        char unused[4];
        char *out = unused;

        at = dory_json_character(at, &out);
        if (at == end || at == nowhere) {
            return nowhere;
        }
    }
    return at + 1;
}

/* --- numbers and words --- */

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

static const char *number_or_word(const char *at)
{
    static const char words[][6] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);

        if (strncmp(at, words[i], len) == 0) {
            return at + len;
        }
    }
    return number(at);
}

/* --- structure --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_space(const char *at)
{
    while (is_space(*at)) {
        at++;
    }
    return at;
}

/* Takes a member's name and its colon. */
static const char *name(const char *at, const char *end)
{
    at = skip_space(string(skip_space(at), end));
    return *at == ':' ? skip_space(at + 1) : nowhere;
}

bool dory_json_check(const char *text, size_t len)
{
    const char *end = text + len;
    const char *at;
    char stack[1 + DORY_MAX_TOKENS]; /* behind a NUL, what will close each container that is open */
    char *closing = stack;

    while (end > text && is_space(end[-1])) {
        end--;
    }
    if (end == text || end[-1] != '}') {
        return false;
    }
    at = skip_space(text);
    if (*at != '{') {
        return false;
    }
    *closing = '\0';
    for (;;) {
        at = skip_space(at);
        if (*closing == '}') {
            at = name(at, end);
        }
        if (*at == '{' || *at == '[') {
            if (closing == stack + DORY_MAX_TOKENS) {
                return false;
            }
            *++closing = (char)(*at + 2); /* in ASCII */
            at = skip_space(at + 1);
            if (*at != *closing) {
                continue;
            }
        } else {
            at = skip_space(*at == '"' ? string(at, end) : number_or_word(at));
        }
        while (*at == *closing) {
            at++;
            closing--;
            if (at == end || closing == stack) {
                return at == end && closing == stack;
            }
            at = skip_space(at);
        }
        if (*at != ',') {
            return false;
        }
        at++;
    }
}
