/* SPDX-License-Identifier: MIT */
/* Headers: decoding by a table, and encoding. */
#include "unit.h"

#include "../../core/header.h"

struct values {
    uint64_t number;
    uint64_t version;
    struct dory_text text;
    uint32_t crc32;
    bool flag;
};

enum field { NUMBER, TEXT, CRC32, VERSION, FLAG, FIELDS };

#define KNOWN(X) \
    X("number", DORY_FIELD_NUMBER, offsetof(struct values, number)) \
    X("text", DORY_FIELD_TEXT, offsetof(struct values, text)) \
    X("crc32", DORY_FIELD_CRC32, offsetof(struct values, crc32)) \
    X("version", DORY_FIELD_VERSION, offsetof(struct values, version)) \
    X("flag", DORY_FIELD_BOOL, offsetof(struct values, flag))

static const struct dory_field fields[FIELDS] = {KNOWN(DORY_FIELD)};
static const struct dory_fields known = {KNOWN(DORY_FIELD_KEY), fields};

#define BIT(field) (UINT32_C(1) << (field))

static struct values values;
static struct dory_found found;

/* Decodes a header that ends at a guard page; ' stands for ". */
static int decode_bytes(const char *json, size_t len)
{
    static struct dory_tokens tokens;
    char *text = (char *)guard_copy(json, len);

    for (size_t i = 0; i < len; i++) {
        text[i] = text[i] == '\'' ? '"' : text[i];
    }
    memset(&values, 0, sizeof values);
    memset(&tokens, 0xa5, sizeof tokens);
    return dory_header_decode(text, len, &tokens, &known, &values, &found);
}

static int decode(const char *json)
{
    return decode_bytes(json, strlen(json));
}

static void assert_found(uint32_t present, uint32_t wrong)
{
    assert_int_equal(found.present, present);
    assert_int_equal(found.wrong, wrong);
}

static void assert_text(const char *expected, size_t len)
{
    assert_int_equal(values.text.len, len);
    assert_memory_equal(values.text.ptr, expected, len + 1);
}

/* --- decoding --- */

static void an_object_without_known_keys_has_nothing(void **state)
{
    static const char *const headers[] = {
        "{}",
        " { } ",
        "{'other':1}",
        "{'Text':'x','tex':'x','texts':'x','':'x','TEXT':1}",
        "{'other':{'text':'x','number':1}}",
        "{'other':['text','number',{'flag':true}]}",
        "{'other':{},'x':[],'y':[{}],'z':'text'}",
        "{'text\\u0000':1}",
        "{'other':1,'other':2,'other':'text'}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_int_equal(decode(headers[i]), DORY_OK);
        assert_found(0, 0);
        assert_null(values.text.ptr);
    }
}

static void each_type_is_decoded(void **state)
{
    (void)state;
    assert_int_equal(decode("{'number':12,'text':'abc','crc32':'0123cdef','version':'0123456789abcdef','flag':true}"),
                     DORY_OK);
    assert_found(BIT(NUMBER) | BIT(TEXT) | BIT(CRC32) | BIT(VERSION) | BIT(FLAG), 0);
    assert_int_equal(values.number, 12);
    assert_text("abc", 3);
    assert_int_equal(values.crc32, 0x0123cdef);
    assert_true(values.version == UINT64_C(0x0123456789abcdef));
    assert_true(values.flag);
}

static void keys_are_found_anywhere_among_others(void **state)
{
    (void)state;
    assert_int_equal(decode(" {'a':[{'text':1},2], 'flag' : false,'b':{'c':{'number':3}},'number'\t:7,'d':null } "),
                     DORY_OK);
    assert_found(BIT(FLAG) | BIT(NUMBER), 0);
    assert_int_equal(values.number, 7);
    assert_false(values.flag);
}

static void keys_compare_after_unescaping(void **state)
{
    (void)state;
    assert_int_equal(decode("{'\\u006eum\\u0062er':5,'\\u0074\\u0065\\u0078\\u0074':'x'}"), DORY_OK);
    assert_found(BIT(NUMBER) | BIT(TEXT), 0);
    assert_int_equal(values.number, 5);
    assert_text("x", 1);
}

static void a_known_key_twice_is_refused(void **state)
{
    static const char *const headers[] = {
        "{'number':1,'number':1}",       "{'number':1,'text':'a','number':2}",
        "{'number':1,'n\\u0075mber':1}", "{'\\u0066lag':true,'fla\\u0067':true}",
        "{'number':-1,'number':1}",      "{'number':1,'number':'x'}",
        "{'text':null,'text':[]}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_int_equal(decode(headers[i]), DORY_BAD_HEADER);
    }
}

static void what_is_no_json_object_is_refused(void **state)
{
    static const char *const headers[] = {
        "",
        "[]",
        "['number',1]",
        "'text'",
        "{'number':1}x",
        "{'number':1}{}",
        "{'number':1,}",
        "{'number':01}",
        "{'text':'\\ud800'}",
        "{'text':'\xff'}",
        "{'text':'a\nb'}",
        "{'number':1",
        "{'number' 1}",
        "{'other':tru}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_int_equal(decode(headers[i]), DORY_BAD_HEADER);
    }
    assert_int_equal(decode_bytes("{}\0", 3), DORY_BAD_HEADER);
    assert_int_equal(decode_bytes("{'text':'\0'}", 12), DORY_BAD_HEADER);
}

static void numbers_are_digits_up_to_two_to_the_53_minus_1(void **state)
{
    static const struct {
        const char *json;
        uint64_t value;
    } good[] = {
        {"{'number':0}", 0},
        {"{'number':1}", 1},
        {"{ 'number' : 4294967296 }", UINT64_C(4294967296)},
        {"{'number':9007199254740991}", DORY_MAX_NUMBER},
        {"{'number':1000000000000000}", UINT64_C(1000000000000000)},
    };
    static const char *const wrong[] = {
        "{'number':9007199254740992}",
        "{'number':9999999999999999}",
        "{'number':10000000000000000}",
        "{'number':18446744073709551616}",
        "{'number':18446744073709551617}",
        "{'number':100000000000000000000000000000000}",
        "{'number':-1}",
        "{'number':-0}",
        "{'number':1.5}",
        "{'number':1.0}",
        "{'number':0.0}",
        "{'number':1e3}",
        "{'number':1E0}",
        "{'number':'12'}",
        "{'number':''}",
        "{'number':true}",
        "{'number':false}",
        "{'number':null}",
        "{'number':[1]}",
        "{'number':{}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(decode(good[i].json), DORY_OK);
        assert_found(BIT(NUMBER), 0);
        assert_true(values.number == good[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(decode(wrong[i]), DORY_OK);
        assert_found(0, BIT(NUMBER));
    }
}

static void texts_are_unescaped(void **state)
{
    static const struct {
        const char *json;
        const char *text;
        size_t len;
    } good[] = {
        {"{'text':''}", "", 0},
        {"{'text':'a b'}", "a b", 3},
        {"{'text':'\\\"\\\\\\/\\b\\f\\n\\r\\t'}", "\"\\/\b\f\n\r\t", 8},
        {"{'text':'\\u0041\\u007f'}", "A\x7f", 2},
        {"{'text':'\\u0080\\u07ff'}", "\xc2\x80\xdf\xbf", 4},
        {"{'text':'\\u0800\\uFFFF\\ud7ff\\uE000'}", "\xe0\xa0\x80\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80", 12},
        {"{'text':'\\ud800\\udc00\\uDBFF\\uDFFF'}", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
        {"{'text':'x\\ud83d\\udea3y'}", "x\xf0\x9f\x9a\xa3y", 6},
        {"{'text':'\\u00e9\\u00E9\xc3\xa9'}", "\xc3\xa9\xc3\xa9\xc3\xa9", 6},
        {"{'text':'a\\u0000b'}", "a\0b", 3},
        {"{'text':'\\\\u0041'}", "\\u0041", 6},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(decode(good[i].json), DORY_OK);
        assert_found(BIT(TEXT), 0);
        assert_text(good[i].text, good[i].len);
    }
}

static void a_text_of_another_type_is_wrong(void **state)
{
    static const char *const wrong[] = {
        "{'text':1}", "{'text':true}", "{'text':null}", "{'text':['a']}", "{'text':{'text':'a'}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(decode(wrong[i]), DORY_OK);
        assert_found(0, BIT(TEXT));
    }
}

static void a_crc32_is_8_lower_case_hex_digits(void **state)
{
    static const char *const wrong[] = {
        "{'crc32':''}",         "{'crc32':'0123456'}",  "{'crc32':'012345678'}",      "{'crc32':'0123456g'}",
        "{'crc32':'0123456A'}", "{'crc32':' 1234567'}", "{'crc32':'+1234567'}",       "{'crc32':'0x123456'}",
        "{'crc32':12345678}",   "{'crc32':null}",       "{'crc32':'0123456\\u0000'}", "{'crc32':'0123456/'}",
        "{'crc32':'0123456:'}", "{'crc32':'0123456`'}", "{'crc32':['01234567']}",     "{'crc32':true}",
    };

    (void)state;
    assert_int_equal(decode("{'crc32':'ffffffff'}"), DORY_OK);
    assert_found(BIT(CRC32), 0);
    assert_int_equal(values.crc32, 0xffffffff);
    assert_int_equal(decode("{'crc32':'0000000\\u0061'}"), DORY_OK);
    assert_found(BIT(CRC32), 0);
    assert_int_equal(values.crc32, 10);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(decode(wrong[i]), DORY_OK);
        assert_found(0, BIT(CRC32));
    }
}

static void a_version_that_this_server_never_wrote_is_0(void **state)
{
    static const char *const foreign[] = {
        "{'version':''}",
        "{'version':'0123456789abcde'}",
        "{'version':'0123456789abcdef0'}",
        "{'version':'0123456789ABCDEF'}",
        "{'version':'v1'}",
        "{'version':'0123456789abcdeg'}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        assert_int_equal(decode(foreign[i]), DORY_OK);
        assert_found(BIT(VERSION), 0);
        assert_true(values.version == 0);
    }
    assert_int_equal(decode("{'version':1}"), DORY_OK);
    assert_found(0, BIT(VERSION));
}

static void a_flag_is_true_or_false(void **state)
{
    static const char *const wrong[] = {"{'flag':null}", "{'flag':1}",  "{'flag':0}", "{'flag':'true'}",
                                        "{'flag':[]}",   "{'flag':{}}", "{'flag':-1}"};

    (void)state;
    assert_int_equal(decode("{'flag':true}"), DORY_OK);
    assert_found(BIT(FLAG), 0);
    assert_true(values.flag);
    assert_int_equal(decode("{'flag':false}"), DORY_OK);
    assert_found(BIT(FLAG), 0);
    assert_false(values.flag);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(decode(wrong[i]), DORY_OK);
        assert_found(0, BIT(FLAG));
    }
}

static void right_and_wrong_fields_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(decode("{'number':-1,'text':'t','flag':0,'crc32':'00000000'}"), DORY_OK);
    assert_found(BIT(TEXT) | BIT(CRC32), BIT(NUMBER) | BIT(FLAG));
}

/* `pairs` keys and values, and `extra` elements in the last, are 1 + 2 * pairs + extra tokens. */
static int decode_tokens(unsigned pairs, unsigned extra)
{
    static char json[DORY_MAX_TOKENS * 16];
    size_t len = 0;

    json[len++] = '{';
    for (unsigned i = 0; i < pairs; i++) {
        len += (size_t)snprintf(json + len, sizeof json - len, "%s'%u':%s", i > 0 ? "," : "", i,
                                i + 1 < pairs ? "0" : "[");
    }
    for (unsigned i = 0; i < extra; i++) {
        len += (size_t)snprintf(json + len, sizeof json - len, "%s1", i > 0 ? "," : "");
    }
    len += (size_t)snprintf(json + len, sizeof json - len, "]}");
    return decode_bytes(json, len);
}

static void a_header_has_at_most_so_many_tokens(void **state)
{
    (void)state;
    assert_int_equal(decode_tokens(1, DORY_MAX_TOKENS - 3), DORY_OK);
    assert_int_equal(decode_tokens(1, DORY_MAX_TOKENS - 2), DORY_BAD_HEADER);
    assert_int_equal(decode_tokens((DORY_MAX_TOKENS - 1) / 2, (DORY_MAX_TOKENS - 1) % 2), DORY_OK);
    assert_int_equal(decode_tokens((DORY_MAX_TOKENS - 1) / 2, 2), DORY_BAD_HEADER);
    assert_int_equal(decode_tokens(DORY_MAX_TOKENS, 0), DORY_BAD_HEADER);
}

static void every_token_may_be_a_key_or_a_value(void **state)
{
    static const char *const headers[] = {
        /* 31 tokens: the table's last key is found as well. */
        "{'a':0,'b':0,'c':0,'d':0,'e':0,'f':0,'g':0,'h':0,'i':0,'j':0,'k':0,'l':0,'m':0,'n':0,'flag':true}",
        "{'flag':true,'a':{'b':{'c':{'d':{'e':{'f':{'g':{'h':{'i':{'j':{'k':{'l':{'m':{'n':{}}}}}}}}}}}}}}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_int_equal(decode(headers[i]), DORY_OK);
        assert_found(BIT(FLAG), 0);
        assert_true(values.flag);
    }
}

/* --- encoding --- */

static char encoded[256];

/* What is encoded by `encode` in `size` bytes that end at a guard page, or NULL when it doesn't fit. */
static const char *encode_in(size_t size, void (*encode)(struct dory_encoder *encoder))
{
    static uint8_t *end;
    struct dory_encoder encoder;
    size_t len;
    uint8_t prefix[DORY_FRAME_PREFIX];

    end = end != NULL ? end : guard_make(sizeof encoded);
    dory_header_begin(&encoder, end - size, size);
    encode(&encoder);
    len = dory_header_end(&encoder);
    if (len == 0) {
        return NULL;
    }
    assert_true(len <= size && len - DORY_FRAME_PREFIX < sizeof encoded);
    dory_frame_prefix(prefix, (uint32_t)(len - DORY_FRAME_PREFIX));
    assert_memory_equal(end - size, prefix, sizeof prefix);
    memcpy(encoded, end - size + DORY_FRAME_PREFIX, len - DORY_FRAME_PREFIX);
    encoded[len - DORY_FRAME_PREFIX] = '\0';
    return encoded;
}

static void encode_least(struct dory_encoder *encoder)
{
    dory_header_number(encoder, "n", 1);
}

static void encode_each_type(struct dory_encoder *encoder)
{
    dory_header_number(encoder, "n", 120);
    dory_header_text(encoder, "t", "abc", 3);
    dory_header_crc32(encoder, "c", 0x0012abcd);
    dory_header_version(encoder, "v", UINT64_C(0x00123456789abcde));
    dory_header_bool(encoder, "yes", true);
    dory_header_bool(encoder, "no", false);
}

static void encode_edges(struct dory_encoder *encoder)
{
    dory_header_number(encoder, "a", 0);
    dory_header_number(encoder, "b", DORY_MAX_NUMBER);
    dory_header_number(encoder, "c", UINT64_MAX);
    dory_header_crc32(encoder, "d", 0);
    dory_header_crc32(encoder, "e", UINT32_MAX);
    dory_header_text(encoder, "f", "", 0);
}

static void encode_brace(struct dory_encoder *encoder)
{
    dory_header_text(encoder, "t", "{", 1);
    dory_header_number(encoder, "n", 1);
}

static void encode_escapes(struct dory_encoder *encoder)
{
    dory_header_text(encoder, "t", "\"\\/\x7f\n\0\x1f\xc3\xa9\xf0\x9f\x9a\xa3", 13);
}

static void each_type_is_encoded(void **state)
{
    (void)state;
    assert_string_equal(encode_in(250, encode_least), "{\"n\":1}");
    assert_string_equal(
        encode_in(250, encode_each_type),
        "{\"n\":120,\"t\":\"abc\",\"c\":\"0012abcd\",\"v\":\"00123456789abcde\",\"yes\":true,\"no\":false}");
    assert_string_equal(
        encode_in(250, encode_edges),
        "{\"a\":0,\"b\":9007199254740991,\"c\":18446744073709551615,\"d\":\"00000000\",\"e\":\"ffffffff\",\"f\":\"\"}");
    assert_string_equal(encode_in(250, encode_brace), "{\"t\":\"{\",\"n\":1}");
}

static void texts_are_escaped_where_json_asks(void **state)
{
    (void)state;
    assert_string_equal(encode_in(250, encode_escapes),
                        "{\"t\":\"\\\"\\\\/\x7f\\u000a\\u0000\\u001f\xc3\xa9\xf0\x9f\x9a\xa3\"}");
}

static void what_is_encoded_is_decoded_the_same(void **state)
{
    static char text[128];
    static char header[1024];
    static struct dory_tokens tokens;
    struct dory_encoder encoder;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)i;
    }
    dory_header_begin(&encoder, header, sizeof header);
    dory_header_text(&encoder, "text", text, sizeof text);
    dory_header_number(&encoder, "number", DORY_MAX_NUMBER);
    dory_header_crc32(&encoder, "crc32", 0xdeadbeef);
    dory_header_version(&encoder, "version", UINT64_C(0xfedcba9876543210));
    dory_header_bool(&encoder, "flag", true);
    len = dory_header_end(&encoder);
    assert_true(len > DORY_FRAME_PREFIX);
    assert_int_equal(
        dory_header_decode(header + DORY_FRAME_PREFIX, len - DORY_FRAME_PREFIX, &tokens, &known, &values, &found),
        DORY_OK);
    assert_found(BIT(FIELDS) - 1, 0);
    assert_int_equal(values.text.len, sizeof text);
    assert_memory_equal(values.text.ptr, text, sizeof text);
    assert_true(values.number == DORY_MAX_NUMBER);
    assert_int_equal(values.crc32, 0xdeadbeef);
    assert_true(values.version == UINT64_C(0xfedcba9876543210));
    assert_true(values.flag);
}

static void a_header_that_does_not_fit_is_none(void **state)
{
    static void (*const encoders[])(struct dory_encoder *) = {encode_least, encode_each_type, encode_escapes};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(encoders); i++) {
        size_t len = strlen(encode_in(250, encoders[i])) + DORY_FRAME_PREFIX;

        assert_non_null(encode_in(len, encoders[i]));
        for (size_t size = 0; size < len; size++) {
            assert_null(encode_in(size, encoders[i]));
        }
    }
}

static void a_line_has_no_prefix_and_a_newline(void **state)
{
    static const char expected[] = "{\"filename\":\"a\",\"filesize\":1}\n";
    uint8_t *end = guard_make(64);
    size_t len = sizeof expected - 1;

    (void)state;
    for (size_t size = 0; size <= 64; size++) {
        struct dory_encoder encoder;

        dory_header_begin_line(&encoder, end - size, size);
        dory_header_text(&encoder, "filename", "a", 1);
        dory_header_number(&encoder, "filesize", 1);
        assert_int_equal(dory_header_end_line(&encoder), size < len ? 0 : len);
        if (size >= len) {
            assert_memory_equal(end - size, expected, len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_without_known_keys_has_nothing),
        cmocka_unit_test(each_type_is_decoded),
        cmocka_unit_test(keys_are_found_anywhere_among_others),
        cmocka_unit_test(keys_compare_after_unescaping),
        cmocka_unit_test(a_known_key_twice_is_refused),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(numbers_are_digits_up_to_two_to_the_53_minus_1),
        cmocka_unit_test(texts_are_unescaped),
        cmocka_unit_test(a_text_of_another_type_is_wrong),
        cmocka_unit_test(a_crc32_is_8_lower_case_hex_digits),
        cmocka_unit_test(a_version_that_this_server_never_wrote_is_0),
        cmocka_unit_test(a_flag_is_true_or_false),
        cmocka_unit_test(right_and_wrong_fields_are_told_apart),
        cmocka_unit_test(a_header_has_at_most_so_many_tokens),
        cmocka_unit_test(every_token_may_be_a_key_or_a_value),
        cmocka_unit_test(each_type_is_encoded),
        cmocka_unit_test(texts_are_escaped_where_json_asks),
        cmocka_unit_test(what_is_encoded_is_decoded_the_same),
        cmocka_unit_test(a_header_that_does_not_fit_is_none),
        cmocka_unit_test(a_line_has_no_prefix_and_a_newline),
    };

    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
