/* SPDX-License-Identifier: MIT */
/* Headers: decoding by a table of keys, and encoding. */
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "header.h"

#include <string.h>

#include "json.h"

/* Digits of DORY_MAX_NUMBER. */
#define MAX_DIGITS 16U

#define CRC32_DIGITS 8U

/* Unescapes a token where it stands and ends it with a NUL, in place of what ended it before: that has been looked at.
 * dory_json_check() has found it well formed. */
static void unescape(char *text, const jsmntok_t *token, struct dory_text *string)
{
    const char *at = text + token->start;
    char *out = text + token->start;

    string->ptr = out;
    while (at < text + token->end) {
        at = dory_json_character(at, &out);
    }
    *out = '\0';
    string->len = (size_t)(out - string->ptr);
}

/* Reads digits of `base`, 10 or 16. Returns false when there is anything else. */
static bool get_digits(const struct dory_text *text, size_t base, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text->len; i++) {
        const char *digit = memchr(dory_hex_digits, text->ptr[i], base);

        if (digit == NULL) {
            return false;
        }
        *value = *value * base + (uint64_t)(digit - dory_hex_digits);
    }
    return true;
}

/* Gives digits to a member. Returns whether they are as many, and in the range, that the field asks for. */
static bool get_number(const struct dory_text *digits, enum dory_field_type type, void *member)
{
    uint64_t number;
    bool valid = get_digits(digits, type == DORY_FIELD_NUMBER ? 10 : 16, &number);

    if (type == DORY_FIELD_CRC32) {
        if (!valid || digits->len != CRC32_DIGITS) {
            return false;
        }
        *(uint32_t *)member = (uint32_t)number;
        return true;
    }
    if (type == DORY_FIELD_VERSION) {
        if (!valid || digits->len != DORY_VERSION_DIGITS) {
            number = 0;
        }
    } else if (!valid || digits->len > MAX_DIGITS || number > DORY_MAX_NUMBER) {
        return false;
    }
    *(uint64_t *)member = number;
    return true;
}

/* Gives a known key's value to its member. Returns whether it has the type that the field asks for. */
static bool get_value(char *text, const jsmntok_t *token, const struct dory_field *field, void *into)
{
    enum dory_field_type type = (enum dory_field_type)field->type;
    void *member = (uint8_t *)into + field->at;
    struct dory_text value;

    if (token->type != (type < DORY_FIELD_TEXT ? JSMN_PRIMITIVE : JSMN_STRING)) {
        return false;
    }
    unescape(text, token, &value);
    if (type == DORY_FIELD_TEXT) {
        *(struct dory_text *)member = value;
        return true;
    }
    if (type == DORY_FIELD_BOOL) {
        *(bool *)member = *value.ptr == 't';
        return *value.ptr == 't' || *value.ptr == 'f';
    }
    return get_number(&value, type, member);
}

bool dory_text_is(const struct dory_text *text, const char *word)
{
    return strlen(word) == text->len && memcmp(word, text->ptr, text->len) == 0;
}

/* Returns the place of `key` in the table, or `count`. */
static unsigned find_field(const struct dory_text *key, const struct dory_field *fields, unsigned count)
{
    unsigned i = 0;

    while (i < count && !dory_text_is(key, fields[i].key)) {
        i++;
    }
    return i;
}

int dory_header_decode(char *text, size_t len, struct dory_tokens *tokens, const struct dory_field *fields,
                       unsigned count, void *into, struct dory_found *found)
{
    int token_count;

    found->present = 0;
    found->wrong = 0;
    if (!dory_json_check(text, len)) {
        return DORY_BAD_HEADER;
    }
    jsmn_init(&tokens->parser);
    token_count = jsmn_parse(&tokens->parser, text, len, tokens->token, DORY_MAX_TOKENS);
    if (token_count < 0) {
        return DORY_BAD_HEADER;
    }
    /* A key is a child of the object, which is token 0; its value stands right behind it. */
    for (int i = 1; i < token_count; i++) {
        struct dory_text key;
        unsigned field;
        uint32_t bit;

        if (tokens->token[i].parent != 0) {
            continue;
        }
        unescape(text, &tokens->token[i], &key);
        field = find_field(&key, fields, count);
        if (field == count) {
            continue;
        }
        bit = UINT32_C(1) << field;
        if (((found->present | found->wrong) & bit) != 0) {
            return DORY_BAD_HEADER;
        }
        if (get_value(text, &tokens->token[i + 1], &fields[field], into)) {
            found->present |= bit;
        } else {
            found->wrong |= bit;
        }
    }
    return DORY_OK;
}

static void put_char(struct dory_encoder *encoder, char c)
{
    if (encoder->len == encoder->size) {
        encoder->too_long = true;
        return;
    }
    encoder->buf[encoder->len++] = (uint8_t)c;
}

static void put_plain(struct dory_encoder *encoder, const char *text)
{
    while (*text != '\0') {
        put_char(encoder, *text++);
    }
}

static void put_hex(struct dory_encoder *encoder, uint32_t value, unsigned digits)
{
    while (digits-- > 0) {
        put_char(encoder, dory_hex_digits[value >> (4 * digits) & 15]);
    }
}

static void put_escaped(struct dory_encoder *encoder, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20) {
            put_plain(encoder, "\\u");
            put_hex(encoder, c, 4);
            continue;
        }
        if (c == '"' || c == '\\') {
            put_char(encoder, '\\');
        }
        put_char(encoder, (char)c);
    }
}

/* Begins a field: a comma unless it is the first, then its key. */
static void put_key(struct dory_encoder *encoder, const char *key)
{
    if (encoder->len > 0 && encoder->buf[encoder->len - 1] != '{') {
        put_char(encoder, ',');
    }
    put_char(encoder, '"');
    put_plain(encoder, key);
    put_plain(encoder, "\":");
}

void dory_header_begin_line(struct dory_encoder *encoder, void *buf, size_t size)
{
    *encoder = (struct dory_encoder){.buf = buf, .size = size};
    put_char(encoder, '{');
}

void dory_header_begin(struct dory_encoder *encoder, void *buf, size_t size)
{
    dory_header_begin_line(encoder, buf, size);
    /* The prefix comes in front of the last one, when the length is known. */
    put_plain(encoder, "{{{{");
}

void dory_header_number(struct dory_encoder *encoder, const char *key, uint64_t value)
{
    char digits[21]; /* of 2^64-1, and a NUL */
    char *at = digits + sizeof digits - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_key(encoder, key);
    put_plain(encoder, at);
}

void dory_header_text(struct dory_encoder *encoder, const char *key, const char *text, size_t len)
{
    put_key(encoder, key);
    put_char(encoder, '"');
    put_escaped(encoder, text, len);
    put_char(encoder, '"');
}

void dory_header_crc32(struct dory_encoder *encoder, const char *key, uint32_t crc32)
{
    put_key(encoder, key);
    put_char(encoder, '"');
    put_hex(encoder, crc32, CRC32_DIGITS);
    put_char(encoder, '"');
}

void dory_header_version(struct dory_encoder *encoder, const char *key, uint64_t version)
{
    put_key(encoder, key);
    put_char(encoder, '"');
    put_hex(encoder, (uint32_t)(version >> 32), DORY_VERSION_DIGITS / 2);
    put_hex(encoder, (uint32_t)version, DORY_VERSION_DIGITS / 2);
    put_char(encoder, '"');
}

void dory_header_bool(struct dory_encoder *encoder, const char *key, bool value)
{
    put_key(encoder, key);
    put_plain(encoder, value ? "true" : "false");
}

size_t dory_header_end(struct dory_encoder *encoder)
{
    put_char(encoder, '}');
    if (encoder->too_long) {
        return 0;
    }
    dory_frame_prefix(encoder->buf, (uint32_t)(encoder->len - DORY_FRAME_PREFIX));
    return encoder->len;
}

size_t dory_header_end_line(struct dory_encoder *encoder)
{
    put_plain(encoder, "}\n");
    return encoder->too_long ? 0 : encoder->len;
}
