/* SPDX-License-Identifier: MIT */
/*
 * The grammar of RFC 8259, and UTF-8.
 *
 * Implementation notes
 *
 * What may come next is one of five expectations; which container a value stands in is one bit a level, in
 * `objects`. So the depth is bounded by memory that is there, not by the stack of the processor.
 */
#include "json.h"

#include <stdint.h>
#include <string.h>

#include "dory_config.h"

enum expectation {
    VALUE,
    VALUE_OR_END, /* behind a `[` */
    KEY,
    KEY_OR_END, /* behind a `{` */
    COMMA_OR_END,
};

struct checker {
    const char *at;
    const char *end;
    unsigned depth;
    enum expectation expect;
    uint8_t objects[(DORY_MAX_TOKENS + 7) / 8];
};

size_t dory_utf8_length(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t need;

    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return 0;
    }
    need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    /* The ranges of the second byte keep out overlong forms, surrogates and what lies above U+10FFFF. */
    low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : low;
    high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : high;
    if (len < need || s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return need;
}

static bool take(struct checker *c, char wanted)
{
    if (c->at < c->end && *c->at == wanted) {
        c->at++;
        return true;
    }
    return false;
}

static void skip_space(struct checker *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) {
        c->at++;
    }
}

/* Takes digits. Returns whether there was one. */
static bool digits(struct checker *c)
{
    const char *start = c->at;

    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        c->at++;
    }
    return c->at > start;
}

static bool number(struct checker *c)
{
    (void)take(c, '-');
    if (!take(c, '0') && !digits(c)) {
        return false;
    }
    if (take(c, '.') && !digits(c)) {
        return false;
    }
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '+')) {
            (void)take(c, '-');
        }
        return digits(c);
    }
    return true;
}

/* Takes the four digits of a \u escape. Returns the code unit, or -1. */
static int32_t code_unit(struct checker *c)
{
    int32_t value = 0;

    if (c->end - c->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        char digit = *c->at++;

        value *= 16;
        if (digit >= '0' && digit <= '9') {
            value += digit - '0';
        } else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f') {
            value += (digit | 0x20) - 'a' + 10;
        } else {
            return -1;
        }
    }
    return value;
}

/* Takes what follows a backslash. */
static bool escape(struct checker *c)
{
    int32_t unit;

    if (c->at == c->end) {
        return false;
    }
    if (!take(c, 'u')) {
        char escaped = *c->at++;

        return escaped != '\0' && strchr("\"\\/bfnrt", escaped) != NULL;
    }
    unit = code_unit(c);
    if (unit < 0xd800 || unit > 0xdfff) {
        return unit >= 0;
    }
    if (unit > 0xdbff || !take(c, '\\') || !take(c, 'u')) {
        return false;
    }
    unit = code_unit(c);
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static bool string(struct checker *c)
{
    if (!take(c, '"')) {
        return false;
    }
    while (c->at < c->end) {
        size_t step = dory_utf8_length(c->at, (size_t)(c->end - c->at));

        if (take(c, '"')) {
            return true;
        }
        if (take(c, '\\')) {
            if (!escape(c)) {
                return false;
            }
        } else if (step == 0 || (unsigned char)*c->at < 0x20) {
            return false;
        } else {
            c->at += step;
        }
    }
    return false;
}

static bool literal(struct checker *c, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0) {
        return false;
    }
    c->at += len;
    return true;
}

static bool open(struct checker *c, bool object)
{
    uint8_t bit = (uint8_t)(1U << (c->depth % 8U));
    uint8_t *byte = &c->objects[c->depth / 8U];

    if (c->depth == DORY_MAX_TOKENS) {
        return false;
    }
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    c->depth++;
    c->expect = object ? KEY_OR_END : VALUE_OR_END;
    return true;
}

static bool in_object(const struct checker *c)
{
    unsigned level = c->depth - 1;

    return (c->objects[level / 8U] >> (level % 8U) & 1U) != 0;
}

static bool on_end(struct checker *c)
{
    if (!take(c, in_object(c) ? '}' : ']')) {
        return false;
    }
    c->depth--;
    c->expect = COMMA_OR_END;
    return true;
}

static bool on_value(struct checker *c)
{
    if (take(c, '{')) {
        return open(c, true);
    }
    if (take(c, '[')) {
        return open(c, false);
    }
    c->expect = COMMA_OR_END;
    if (c->at < c->end && *c->at == '"') {
        return string(c);
    }
    return literal(c, "true") || literal(c, "false") || literal(c, "null") || number(c);
}

static bool on_key(struct checker *c)
{
    if (!string(c)) {
        return false;
    }
    skip_space(c);
    c->expect = VALUE;
    return take(c, ':');
}

static bool on_comma_or_end(struct checker *c)
{
    if (take(c, ',')) {
        c->expect = in_object(c) ? KEY : VALUE;
        return true;
    }
    return on_end(c);
}

static bool step(struct checker *c)
{
    switch (c->expect) {
    case VALUE:
        return on_value(c);
    case VALUE_OR_END:
        return on_end(c) || on_value(c);
    case KEY:
        return on_key(c);
    case KEY_OR_END:
        return on_end(c) || on_key(c);
    case COMMA_OR_END:
        return on_comma_or_end(c);
    }
    return false;
}

bool dory_json_check(const char *text, size_t len)
{
    struct checker c = {.at = text, .end = text + len, .expect = KEY_OR_END};

    skip_space(&c);
    if (!take(&c, '{') || !open(&c, true)) {
        return false;
    }
    while (c.depth > 0) {
        skip_space(&c);
        if (!step(&c)) {
            return false;
        }
    }
    skip_space(&c);
    return c.at == c.end;
}
