/* SPDX-License-Identifier: MIT */
/* Headers: decoding by a table of keys, and encoding. */
#include "header.h"

#include <string.h>

/* Digits of DORY_MAX_NUMBER. */
#define MAX_DIGITS 16U

#define CRC32_DIGITS 8U

static const char hex_digits[] = "0123456789abcdef";

static struct dory_text text_of(const char *text, const jsmntok_t *token)
{
    return (struct dory_text){text + token->start, (size_t)(token->end - token->start)};
}

/* Reads digits of `base`, 10 or 16. Returns false when there is anything else. */
static bool get_digits(const struct dory_text *text, size_t base, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text->len; i++) {
        const char *digit = memchr(hex_digits, text->ptr[i], base);

        if (digit == NULL) {
            return false;
        }
        *value = *value * base + (uint64_t)(digit - hex_digits);
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

int dory_header_decode(char *text, size_t len, struct dory_tokens *tokens, const struct dory_field *fields,
                       unsigned count, void *into, struct dory_found *found)
{
    const jsmntok_t *token = tokens->token;
    const jsmntok_t *end = token + dory_json_parse(tokens, text, len);

    found->present = 0;
    found->wrong = 0;
    if (token == end) {
        return DORY_BAD_HEADER;
    }
    /* A key is a child of the object, which is token 0; its value stands right behind it. */
    while (++token < end) {
        struct dory_text key = text_of(text, token);
        struct dory_text value;
        uint32_t bit = 1;

        for (unsigned i = 0; token->parent == 0 && i < count; i++, bit <<= 1) {
            if (!dory_text_is(&key, fields[i].key)) {
                continue;
            }
            if (((found->present | found->wrong) & bit) != 0) {
                return DORY_BAD_HEADER;
            }
            value = text_of(text, token + 1);
            if (get_value(&value, token[1].type, &fields[i], into)) {
                found->present |= bit;
            } else {
                found->wrong |= bit;
            }
        }
    }
    return DORY_OK;
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
        put_char(encoder, hex_digits[value >> (4 * digits) & 15]);
    }
}

static void put_escaped(struct dory_encoder *encoder, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == '"' || c == '\\') {
            put_char(encoder, '\\');
        }
        if (c < 0x20) {
            put_char(encoder, 'u');
            put_hex(encoder, c, 4);
        } else {
            put_char(encoder, (char)c);
        }
    }
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
    put_escaped(encoder, text, len);
    put_char(encoder, '"');
}

void dory_header_crc32(struct dory_encoder *encoder, const char *key, uint32_t crc32)
{
    put_string_key(encoder, key);
    put_hex(encoder, crc32, CRC32_DIGITS);
    put_char(encoder, '"');
}

void dory_header_version(struct dory_encoder *encoder, const char *key, uint64_t version)
{
    put_string_key(encoder, key);
    put_hex(encoder, (uint32_t)(version >> 32), DORY_VERSION_DIGITS / 2);
    put_hex(encoder, (uint32_t)version, DORY_VERSION_DIGITS / 2);
    put_char(encoder, '"');
}

void dory_header_bool(struct dory_encoder *encoder, const char *key, bool value)
{
    put_key(encoder, key);
    put_plain(encoder, value ? "true" : "false");
}

void dory_header_string(struct dory_encoder *encoder, const char *key, const char *text, size_t max_len)
{
    size_t len = strlen(text);

    if (len > max_len) {
        len = max_len;
        while (len > 0 && ((unsigned char)text[len] & 0xc0U) == 0x80U) {
            len--;
        }
    }
    dory_header_text(encoder, key, text, len);
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
    }
    dory_header_string(encoder, key, *(const char *const *)member, kind);
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
