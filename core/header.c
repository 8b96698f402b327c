/* SPDX-License-Identifier: MIT */
/* Headers: decoding by a table of keys, and encoding. */
#include "header.h"

#include <string.h>

/* Digits of DORY_MAX_NUMBER. */
#define MAX_DIGITS 16U

#define CRC32_DIGITS 8U

static struct dory_text text_of(const char *text, const jsmntok_t *token)
{
    return (struct dory_text){text + token->start, (size_t)(token->end - token->start)};
}

/* Gives digits to a member. Returns whether they are as many, and in the range, that the field asks for. */
static bool get_number(const struct dory_text *digits, enum dory_field_type type, void *member)
{
    uint64_t number;
    bool valid = dory_text_number(digits, type == DORY_FIELD_NUMBER ? 10 : 16, &number);

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

/* Gives a known key's value to its member. Returns whether it is of the type that the field asks for. */
static bool get_value(const struct dory_text *value, jsmntype_t kind, const struct dory_field *field, void *into)
{
    enum dory_field_type type = (enum dory_field_type)field->type;
    void *member = (uint8_t *)into + field->at;

    if (kind != (type < DORY_FIELD_TEXT ? JSMN_PRIMITIVE : JSMN_STRING)) {
        return false;
    }
    if (type == DORY_FIELD_TEXT) {
        *(struct dory_text *)member = *value;
        return true;
    }
    if (type == DORY_FIELD_BOOL) {
        bool yes = *value->ptr == 't';
        bool no = *value->ptr == 'f';

        *(bool *)member = yes;
        return yes || no;
    }
    return get_number(value, type, member);
}

/* Takes a key's value. Returns false when the key is there for the second time. */
static bool take_field(const char *text, const jsmntok_t *token, const struct dory_fields *fields, void *into,
                       struct dory_found *found)
{
    const struct dory_text key = text_of(text, token);
    const struct dory_text value = text_of(text, token + 1);
    int place = dory_text_find(&key, fields->keys);
    uint32_t bit = UINT32_C(1) << (place & 31);

    if (place < 0) {
        return true;
    }
    if (((found->present | found->wrong) & bit) != 0) {
        return false;
    }
    if (get_value(&value, token[1].type, &fields->of[place], into)) {
        found->present |= bit;
    } else {
        found->wrong |= bit;
    }
    return true;
}

int dory_header_decode(char *text, size_t len, struct dory_tokens *tokens, const struct dory_fields *fields, void *into,
                       struct dory_found *found)
{
    unsigned count = dory_json_parse(tokens, text, len);

    found->present = 0;
    found->wrong = 0;
    /* A key is a child of the object, which is token 0; its value stands right behind it. */
    for (const jsmntok_t *token = tokens->token + 1; count > 1; token++, count--) {
        if (token->parent == 0 && !take_field(text, token, fields, into, found)) {
            return DORY_BAD_HEADER;
        }
    }
    return count == 0 ? DORY_BAD_HEADER : DORY_OK;
}

static void put_char(struct dory_encoder *encoder, char c)
{
    size_t at = encoder->len++;

    if (at < encoder->size) {
        encoder->buf[at] = (uint8_t)c;
    }
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

static void put_escaped(struct dory_encoder *encoder, char c)
{
    if (c == '"' || c == '\\') {
        put_char(encoder, '\\');
    }
    put_char(encoder, c);
}

/* Begins a field, the first one with the object's bracket. */
static void put_key(struct dory_encoder *encoder, const char *key)
{
    put_char(encoder, encoder->before);
    encoder->before = ',';
    put_char(encoder, '"');
    put_plain(encoder, key);
    put_plain(encoder, "\":");
}

/* Begins a field that is a string. */
static void put_string_key(struct dory_encoder *encoder, const char *key)
{
    put_key(encoder, key);
    put_char(encoder, '"');
}

void dory_header_begin_line(struct dory_encoder *encoder, void *buf, size_t size)
{
    *encoder = (struct dory_encoder){.buf = buf, .size = size, .before = '{'};
}

void dory_header_begin(struct dory_encoder *encoder, void *buf, size_t size)
{
    *encoder = (struct dory_encoder){.buf = buf, .size = size, .len = DORY_FRAME_PREFIX, .before = '{'};
}

/* Divides by hand, 16 bits at a time: the compiler's division of 64 bits is a function of 750 bytes. */
void dory_header_number(struct dory_encoder *encoder, const char *key, uint64_t value)
{
    char digits[21]; /* of 2^64-1, and a NUL */
    char *at = digits + sizeof digits - 1;

    *at = '\0';
    do {
        uint32_t high = (uint32_t)(value >> 32);
        uint32_t middle = high % 10 << 16 | (uint32_t)value >> 16;
        uint32_t low = middle % 10 << 16 | (uint16_t)value;

        *--at = (char)('0' + low % 10);
        value = (uint64_t)(high / 10) << 32 | (middle / 10 << 16 | low / 10);
    } while (value > 0);
    put_key(encoder, key);
    put_plain(encoder, at);
}

void dory_header_text(struct dory_encoder *encoder, const char *key, const char *text, size_t len)
{
    put_string_key(encoder, key);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20) {
            put_plain(encoder, "\\u");
            put_hex(encoder, (unsigned char)text[i], 4);
        } else {
            put_escaped(encoder, text[i]);
        }
    }
    put_char(encoder, '"');
}

static void end_crc32(struct dory_encoder *encoder, uint32_t crc32)
{
    put_hex(encoder, crc32, CRC32_DIGITS);
    put_char(encoder, '"');
}

void dory_header_crc32(struct dory_encoder *encoder, const char *key, uint32_t crc32)
{
    put_string_key(encoder, key);
    end_crc32(encoder, crc32);
}

void dory_header_version(struct dory_encoder *encoder, const char *key, uint64_t version)
{
    put_string_key(encoder, key);
    put_hex(encoder, (uint32_t)(version >> 32), DORY_VERSION_DIGITS - CRC32_DIGITS);
    end_crc32(encoder, (uint32_t)version);
}

void dory_header_bool(struct dory_encoder *encoder, const char *key, bool value)
{
    put_key(encoder, key);
    put_plain(encoder, value ? "true" : "false");
}

void dory_header_string(struct dory_encoder *encoder, const char *key, const char *text)
{
    put_string_key(encoder, key);
    while (*text != '\0') {
        put_escaped(encoder, *text++);
    }
    put_char(encoder, '"');
}

void dory_header_member(struct dory_encoder *encoder, const char *key, const void *member, unsigned kind)
{
    switch ((enum dory_member)kind) {
    case DORY_MEMBER_UINT32:
        dory_header_number(encoder, key, *(const uint32_t *)member);
        return;
    case DORY_MEMBER_UINT64:
        dory_header_number(encoder, key, *(const uint64_t *)member);
        return;
    case DORY_MEMBER_CRC32:
        dory_header_crc32(encoder, key, *(const uint32_t *)member);
        return;
    case DORY_MEMBER_VERSION:
        dory_header_version(encoder, key, *(const uint64_t *)member);
        return;
    case DORY_MEMBER_TEXT:
        dory_header_string(encoder, key, *(const char *const *)member);
        return;
    }
}

size_t dory_header_end(struct dory_encoder *encoder)
{
    put_char(encoder, '}');
    if (encoder->len > encoder->size) {
        return 0;
    }
    dory_frame_prefix(encoder->buf, (uint32_t)(encoder->len - DORY_FRAME_PREFIX));
    return encoder->len;
}

size_t dory_header_end_line(struct dory_encoder *encoder)
{
    put_plain(encoder, "}\n");
    encoder->before = '{';
    return encoder->len > encoder->size ? 0 : encoder->len;
}
