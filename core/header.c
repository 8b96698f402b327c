/* SPDX-License-Identifier: MIT */
/* Headers: decoding by a table of keys, and encoding. */
#include "header.h"

#include <string.h>

/* Digits of DORY_MAX_NUMBER. */
#define MAX_DIGITS 16U

#define CRC32_DIGITS 8U

const char dory_boot_modes[] = "test\0permanent\0confirm\0";

static const char bools[] = "false\0true\0";

/* Gives digits to a member. Returns whether they are as many, and in the range, that the field asks for. */
static bool get_number(const char *digits, size_t len, enum dory_field_type type, void *member)
{
    uint64_t number;
    bool valid = dory_text_number(digits, len, type == DORY_FIELD_NUMBER ? 10 : 16, &number);

    if (type == DORY_FIELD_CRC32) {
        if (!valid || len != CRC32_DIGITS) {
            return false;
        }
        *(uint32_t *)member = (uint32_t)number;
        return true;
    }
    if (type == DORY_FIELD_VERSION) {
        if (!valid || len != DORY_VERSION_DIGITS) {
            number = 0;
        }
    } else if (!valid || len > MAX_DIGITS || number > DORY_MAX_NUMBER) {
        return false;
    }
    *(uint64_t *)member = number;
    return true;
}

/* Gives a known key's value to its member. Returns whether it is of the type that the field asks for. */
static bool get_value(const char *value, size_t len, jsmntype_t kind, enum dory_field_type type, void *member)
{
    if (kind != (type < DORY_FIELD_TEXT ? JSMN_PRIMITIVE : JSMN_STRING)) {
        return false;
    }
    if (type == DORY_FIELD_TEXT) {
        *(struct dory_text *)member = (struct dory_text){value, len};
        return true;
    }
    if (type == DORY_FIELD_BOOL || type == DORY_FIELD_MODE) {
        int place = dory_text_find(value, len, type == DORY_FIELD_BOOL ? bools : dory_boot_modes);

        if (place < 0) {
            return false;
        }
        *(uint8_t *)member = (uint8_t)place;
        return true;
    }
    return get_number(value, len, type, member);
}

static size_t token_len(const jsmntok_t *token)
{
    return (size_t)(token->end - token->start);
}

/* Takes a key's value. Returns false when the key is there for the second time. */
static bool take_field(const char *text, const jsmntok_t *token, const struct dory_fields *fields, void *into,
                       struct dory_found *found)
{
    int place = dory_text_find(text + token->start, token_len(token), fields->keys);
    const jsmntok_t *value = token + 1;
    const struct dory_field *field;
    uint32_t bit;

    if (place < 0) {
        return true;
    }
    field = &fields->of[place];
    bit = UINT32_C(1) << place;
    if (((found->present | found->wrong) & bit) != 0) {
        return false;
    }
    *(get_value(text + value->start, token_len(value), value->type, (enum dory_field_type)field->type,
                (uint8_t *)into + field->at)
          ? &found->present
          : &found->wrong) |= bit;
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

static void put_escaped(struct dory_encoder *encoder, char c)
{
    if (c == '"' || c == '\\') {
        put_char(encoder, '\\');
    }
    put_char(encoder, c);
}

static void put_text(struct dory_encoder *encoder, const char *text)
{
    while (*text != '\0') {
        put_escaped(encoder, *text++);
    }
}

static void put_string(struct dory_encoder *encoder, const char *text)
{
    put_char(encoder, '"');
    put_text(encoder, text);
    put_char(encoder, '"');
}

/* Begins a field, the first one with the object's bracket. */
static void put_key(struct dory_encoder *encoder, const char *key)
{
    put_char(encoder, encoder->before);
    encoder->before = ',';
    put_string(encoder, key);
    put_char(encoder, ':');
}

static void begin(struct dory_encoder *encoder, void *buf, size_t size, size_t len)
{
    encoder->buf = buf;
    encoder->size = size;
    encoder->len = len;
    encoder->before = '{';
}

void dory_header_begin_line(struct dory_encoder *encoder, void *buf, size_t size)
{
    begin(encoder, buf, size, 0);
}

void dory_header_begin(struct dory_encoder *encoder, void *buf, size_t size)
{
    begin(encoder, buf, size, DORY_FRAME_PREFIX);
}

/* Writes a number and a NUL, the last of them at `end`: in decimal, or as so many hex digits. Divides by hand, 16 bits at a
 * time: the compiler's division of 64 bits is a function of 750 bytes. Returns where it begins. */
static const char *write_number(uint64_t value, unsigned hex_digits, char *end)
{
    uint32_t base = hex_digits > 0 ? 16 : 10;
    char *at = end;

    *at = '\0';
    do {
        uint32_t high = (uint32_t)(value >> 32);
        uint32_t middle = high % base << 16 | (uint32_t)value >> 16;
        uint32_t low = middle % base << 16 | (uint16_t)value;

        *--at = dory_hex_digits[low % base];
        value = (uint64_t)(high / base) << 32 | (middle / base << 16 | low / base);
    } while (value > 0 || at > end - hex_digits);
    return at;
}

void dory_header_member(struct dory_encoder *encoder, const char *key, const void *member, unsigned kind)
{
    char number[21]; /* 2^64-1, and a NUL */
    const char *text;

    put_key(encoder, key);
    if (kind == DORY_MEMBER_TEXT) {
        text = *(const char *const *)member;
    } else if (kind == DORY_MEMBER_BOOL) {
        text = *(const bool *)member ? bools + sizeof "false" : bools;
    } else {
        text = write_number((kind & DORY_MEMBER_WIDE) != 0 ? *(const uint64_t *)member : *(const uint32_t *)member,
                            kind & DORY_MEMBER_HEX, number + sizeof number - 1);
    }
    if (kind >= DORY_MEMBER_STRINGS) {
        put_string(encoder, text);
    } else {
        put_text(encoder, text);
    }
}

void dory_header_number(struct dory_encoder *encoder, const char *key, uint64_t value)
{
    dory_header_member(encoder, key, &value, DORY_MEMBER_UINT64);
}

void dory_header_crc32(struct dory_encoder *encoder, const char *key, uint32_t crc32)
{
    dory_header_member(encoder, key, &crc32, DORY_MEMBER_CRC32);
}

void dory_header_version(struct dory_encoder *encoder, const char *key, uint64_t version)
{
    dory_header_member(encoder, key, &version, DORY_MEMBER_VERSION);
}

void dory_header_bool(struct dory_encoder *encoder, const char *key, bool value)
{
    dory_header_member(encoder, key, &value, DORY_MEMBER_BOOL);
}

void dory_header_string(struct dory_encoder *encoder, const char *key, const char *text)
{
    dory_header_member(encoder, key, &text, DORY_MEMBER_TEXT);
}

void dory_header_text(struct dory_encoder *encoder, const char *key, const char *text, size_t len)
{
    put_key(encoder, key);
    put_char(encoder, '"');
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20) {
            put_char(encoder, '\\');
            put_text(encoder, "u00");
            put_char(encoder, dory_hex_digits[text[i] >> 4]);
            put_char(encoder, dory_hex_digits[text[i] & 15]);
        } else {
            put_escaped(encoder, text[i]);
        }
    }
    put_char(encoder, '"');
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
    put_char(encoder, '}');
    put_char(encoder, '\n');
    encoder->before = '{';
    return encoder->len > encoder->size ? 0 : encoder->len;
}
