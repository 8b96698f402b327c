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

static unsigned hex_value(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/* Reads the four hex digits of a \u escape. */
static uint32_t code_unit(const char *digits)
{
    return hex_value(digits[0]) << 12 | hex_value(digits[1]) << 8 | hex_value(digits[2]) << 4 | hex_value(digits[3]);
}

/* Writes `code` as UTF-8. Returns the bytes written: never more than the escape it came from. */
static size_t put_utf8(char *out, uint32_t code)
{
    static const uint8_t lead[] = {0x00, 0xc0, 0xe0, 0xf0};
    unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

    out[0] = (char)(lead[more] | code >> (6 * more));
    for (unsigned i = 1; i <= more; i++) {
        out[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
    }
    return more + 1;
}

/* Unescapes a \u sequence at `*in`, a pair of surrogates included. */
static size_t unescape_unicode(const char **in, char *out)
{
    uint32_t code = code_unit(*in);

    *in += 4;
    if (code >= 0xd800 && code <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (code_unit(*in + 2) - 0xdc00);
        *in += 6;
    }
    return put_utf8(out, code);
}

/* Unescapes one character behind a backslash at `*in`. */
static size_t unescape_one(const char **in, char *out)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    char escaped = *(*in)++;
    const char *found;

    if (escaped == 'u') {
        return unescape_unicode(in, out);
    }
    found = strchr(from, escaped);
    *out = found != NULL ? to[found - from] : escaped;
    return 1;
}

/* Unescapes a string token where it stands and ends it with a NUL. dory_json_check() has found it well formed. */
static struct dory_text unescape(char *text, const jsmntok_t *token)
{
    const char *in = text + token->start;
    const char *end = text + token->end;
    char *start = text + token->start;
    char *out = start;

    while (in < end) {
        if (*in != '\\') {
            *out++ = *in++;
        } else {
            in++;
            out += unescape_one(&in, out);
        }
    }
    *out = '\0';
    return (struct dory_text){start, (size_t)(out - start)};
}

static bool get_number(const char *text, size_t len, uint64_t *value)
{
    uint64_t sum = 0;

    if (len > MAX_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    }
    *value = sum;
    return sum <= DORY_MAX_NUMBER;
}

/* Reads exactly `digits` lower-case hex digits. */
static bool get_hex(struct dory_text text, size_t digits, uint64_t *value)
{
    *value = 0;
    if (text.len != digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        char c = text.ptr[i];

        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
            *value = 0;
            return false;
        }
        *value = *value << 4 | hex_value(c);
    }
    return true;
}

static bool get_string(char *text, const jsmntok_t *token, enum dory_field_type type, void *member)
{
    struct dory_text string;
    uint64_t value;

    if (token->type != JSMN_STRING) {
        return false;
    }
    string = unescape(text, token);
    if (type == DORY_FIELD_TEXT) {
        *(struct dory_text *)member = string;
        return true;
    }
    if (type == DORY_FIELD_VERSION) {
        (void)get_hex(string, DORY_VERSION_DIGITS, (uint64_t *)member);
        return true;
    }
    if (!get_hex(string, CRC32_DIGITS, &value)) {
        return false;
    }
    *(uint32_t *)member = (uint32_t)value;
    return true;
}

static bool get_primitive(const char *text, const jsmntok_t *token, enum dory_field_type type, void *member)
{
    const char *word = text + token->start;

    if (token->type != JSMN_PRIMITIVE) {
        return false;
    }
    if (type == DORY_FIELD_NUMBER) {
        return get_number(word, (size_t)(token->end - token->start), (uint64_t *)member);
    }
    *(bool *)member = *word == 't';
    return *word == 't' || *word == 'f';
}

/* Gives a known key's value to its member. Returns whether it has the type that the field asks for. */
static bool get_value(char *text, const jsmntok_t *token, const struct dory_field *field, void *into)
{
    void *member = (uint8_t *)into + field->at;
    enum dory_field_type type = (enum dory_field_type)field->type;

    if (type == DORY_FIELD_NUMBER || type == DORY_FIELD_BOOL) {
        return get_primitive(text, token, type, member);
    }
    return get_string(text, token, type, member);
}

/* Returns the place of `key` in the table, or `count`. */
static unsigned find_field(struct dory_text key, const struct dory_field *fields, unsigned count)
{
    unsigned i = 0;

    while (i < count && (strlen(fields[i].key) != key.len || memcmp(fields[i].key, key.ptr, key.len) != 0)) {
        i++;
    }
    return i;
}

int dory_header_decode(char *text, size_t len, struct dory_tokens *tokens, const struct dory_field *fields,
                       unsigned count, void *into, struct dory_found *found)
{
    jsmn_parser parser;
    int token_count;

    found->present = 0;
    found->wrong = 0;
    if (!dory_json_check(text, len)) {
        return DORY_BAD_HEADER;
    }
    jsmn_init(&parser);
    token_count = jsmn_parse(&parser, text, len, tokens->token, DORY_MAX_TOKENS);
    if (token_count < 0) {
        return DORY_BAD_HEADER;
    }
    /* A key is a child of the object, which is token 0; its value stands right behind it. */
    for (int i = 1; i < token_count; i++) {
        unsigned field;
        uint32_t bit;

        if (tokens->token[i].parent != 0) {
            continue;
        }
        field = find_field(unescape(text, &tokens->token[i]), fields, count);
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

static void put_hex(struct dory_encoder *encoder, uint64_t value, unsigned digits)
{
    while (digits-- > 0) {
        put_char(encoder, "0123456789abcdef"[value >> (4 * digits) & 15]);
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
    *encoder = (struct dory_encoder){.buf = buf, .size = size};
    for (unsigned i = 0; i < DORY_FRAME_PREFIX; i++) {
        put_char(encoder, '\0');
    }
    put_char(encoder, '{');
}

void dory_header_number(struct dory_encoder *encoder, const char *key, uint64_t value)
{
    char digits[20]; /* of 2^64-1 */
    unsigned at = sizeof digits;

    put_key(encoder, key);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_escaped(encoder, digits + at, sizeof digits - at);
}

void dory_header_text(struct dory_encoder *encoder, const char *key, const char *text, size_t len)
{
    put_key(encoder, key);
    put_char(encoder, '"');
    put_escaped(encoder, text, len);
    put_char(encoder, '"');
}

static void put_hex_field(struct dory_encoder *encoder, const char *key, uint64_t value, unsigned digits)
{
    put_key(encoder, key);
    put_char(encoder, '"');
    put_hex(encoder, value, digits);
    put_char(encoder, '"');
}

void dory_header_crc32(struct dory_encoder *encoder, const char *key, uint32_t crc32)
{
    put_hex_field(encoder, key, crc32, CRC32_DIGITS);
}

void dory_header_version(struct dory_encoder *encoder, const char *key, uint64_t version)
{
    put_hex_field(encoder, key, version, DORY_VERSION_DIGITS);
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
