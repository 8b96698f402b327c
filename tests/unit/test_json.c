/* SPDX-License-Identifier: MIT */
/* The grammar of RFC 8259, after the classes of cases of Nicolas Seriot's JSONTestSuite, and UTF-8. */
#include "unit.h"

#include "../../core/dory_config.h"
#include "../../core/json.h"

struct text {
    const char *ptr;
    size_t len;
};

#define TEXT(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

static struct dory_tokens tokens;

static bool check(const void *text, size_t len)
{
    memset(&tokens, 0xa5, sizeof tokens);
    return dory_json_parse(&tokens, (char *)guard_copy(text, len), len) != 0;
}

static void check_all(const struct text *texts, size_t count, bool expected)
{
    for (size_t i = 0; i < count; i++) {
        if (check(texts[i].ptr, texts[i].len) != expected) {
            fail_msg("%s: %.*s", expected ? "refused" : "accepted", (int)texts[i].len, texts[i].ptr);
        }
    }
}

/* Each as the value of a key, of an array's only element, and of an element between others. */
static void check_values(const struct text *values, size_t count, bool expected)
{
    static const char *const around[][2] = {{"{\"k\":", "}"}, {"{\"k\":[", "]}"}, {"{ \"k\" : [ 0 , ", " , {} ] } "}};
    char text[512];

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < COUNT_OF(around); j++) {
            size_t before = strlen(around[j][0]);
            size_t behind = strlen(around[j][1]);

            memcpy(text, around[j][0], before);
            memcpy(text + before, values[i].ptr, values[i].len);
            memcpy(text + before + values[i].len, around[j][1], behind);
            if (check(text, before + values[i].len + behind) != expected) {
                fail_msg("%s: %.*s", expected ? "refused" : "accepted", (int)values[i].len, values[i].ptr);
            }
        }
    }
}

static void objects_are_accepted(void **state)
{
    static const struct text texts[] = {
        TEXT("{}"),
        TEXT("{ }"),
        TEXT(" \t\r\n{ \t\r\n} \t\r\n"),
        TEXT("{\"\":0}"),
        TEXT("{\"a\":\"b\"}"),
        TEXT("{\"a\":1,\"a\":2}"), /* which duplicates are faults is the decoder's business */
        TEXT("{\"a\" : 1 , \"b\" : [ ] }"),
        TEXT("{\"a\\\"b\":1}"),
        TEXT("{\"\\u0061\":1}"),
        TEXT("{\"\\u0000\":1}"),
        TEXT("{\"\xc3\xa9\":1}"),
        TEXT("{\"a\":{\"b\":{\"c\":{}}},\"d\":[[],[[]]]}"),
        TEXT("{\"a\":[{\"b\":1},{\"c\":[2]}],\"d\":null}"),
        TEXT("{\"a\":\n1\r\n,\t\"b\":true}"),
    };

    (void)state;
    check_all(texts, COUNT_OF(texts), true);
}

static void what_is_no_object_is_refused(void **state)
{
    static const struct text texts[] = {
        TEXT(""),       TEXT(" "),    TEXT("[]"),  TEXT("[{}]"),   TEXT("\"a\""),          TEXT("0"),
        TEXT("null"),   TEXT("true"), TEXT("-"),   TEXT("a"),      TEXT("\xef\xbb\xbf{}"), TEXT("\xff\xfe{\0}\0"),
        TEXT("\0{}"),   TEXT("<{}>"), TEXT("#{}"), TEXT("/**/{}"), TEXT("\xc2\xa0{}"),     TEXT("\x0c{}"),
        TEXT("\x0b{}"), TEXT("}"),    TEXT("{"),   TEXT(","),      TEXT("({})"),
    };

    (void)state;
    check_all(texts, COUNT_OF(texts), false);
}

static void nothing_may_follow_the_object(void **state)
{
    static const struct text texts[] = {
        TEXT("{}x"),  TEXT("{},"), TEXT("{}}"),         TEXT("{}{}"), TEXT("{} {}"),          TEXT("{}\0"),
        TEXT("{}//"), TEXT("{}#"), TEXT("{} \xc2\xa0"), TEXT("{}]"),  TEXT("{\"a\":1}\"b\""), TEXT("{}\x0c"),
        TEXT("{}0"),  TEXT("{};"),
    };

    (void)state;
    check_all(texts, COUNT_OF(texts), false);
}

static void structure_out_of_order_is_refused(void **state)
{
    static const struct text texts[] = {
        TEXT("{,}"),
        TEXT("{\"a\"}"),
        TEXT("{\"a\":}"),
        TEXT("{:1}"),
        TEXT("{\"a\":1,}"),
        TEXT("{\"a\":1,,\"b\":2}"),
        TEXT("{,\"a\":1}"),
        TEXT("{\"a\"::1}"),
        TEXT("{\"a\" 1}"),
        TEXT("{\"a\",1}"),
        TEXT("{\"a\":1 \"b\":2}"),
        TEXT("{\"a\":1:2}"),
        TEXT("{\"a\":1;\"b\":2}"),
        TEXT("{a:1}"),
        TEXT("{'a':1}"),
        TEXT("{1:1}"),
        TEXT("{null:1}"),
        TEXT("{{}:1}"),
        TEXT("{[]:1}"),
        TEXT("{{}}"),
        TEXT("{[]}"),
        TEXT("{\"a\":1]"),
        TEXT("{\"a\":[}"),
        TEXT("{\"a\":[1}"),
        TEXT("{\"a\":{]}"),
        TEXT("{\"a\":[1}]"),
        TEXT("{\"a\":{\"b\":1]}"),
        TEXT("{\"a\":[,]}"),
        TEXT("{\"a\":[1,]}"),
        TEXT("{\"a\":[,1]}"),
        TEXT("{\"a\":[1,,2]}"),
        TEXT("{\"a\":[1 2]}"),
        TEXT("{\"a\":[1:2]}"),
        TEXT("{\"a\":[\"b\":1]}"),
        TEXT("{\"a\":[]]}"),
        TEXT("{\"a\":{}}}"),
        TEXT("{\"a\":1/**/}"),
        TEXT("{//\n}"),
        TEXT("{\"a\":1,\"b\"}"),
        TEXT("{\"a\":\0 1}"),
        TEXT("{\"a\":[\x0c]}"),
        TEXT("{\"a\":1,\n}"),
        TEXT("{\"a\":{,}}"),
        TEXT("{\"a\":1,\"b\":}"),
        TEXT("{\xc2\xa0}"),
        TEXT("{\"a\":\xe2\x81\xa0[]}"),
        TEXT("{\"a\":(1)}"),
        TEXT("{\"a\":b}"),
    };

    (void)state;
    check_all(texts, COUNT_OF(texts), false);
}

static void an_object_cut_short_anywhere_is_refused(void **state)
{
    static const char whole[] =
        " {\"a\" : [1, -2.5e+3, true, false, null, {\"b\":\"\\u0041\\ud83d\\udea3\xe2\x82\xac\\n\"}, []], \"c\":{}}";

    (void)state;
    assert_true(check(whole, sizeof whole - 1));
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        assert_false(check(whole, len));
    }
}

static void numbers_of_the_grammar_are_accepted(void **state)
{
    static const struct text values[] = {
        TEXT("0"),
        TEXT("-0"),
        TEXT("1"),
        TEXT("-1"),
        TEXT("10"),
        TEXT("123456789012345678901234567890"),
        TEXT("0.0"),
        TEXT("-0.0"),
        TEXT("1.5"),
        TEXT("0e0"),
        TEXT("0E0"),
        TEXT("0e+1"),
        TEXT("1e-2"),
        TEXT("1E22"),
        TEXT("1.5e3"),
        TEXT("1.5E-03"),
        TEXT("-12.0034e+0056"),
        TEXT("1e00"),
        TEXT("1.000000000000000000000000000000000000000000000001"),
        TEXT("1e99999"),
    };

    (void)state;
    check_values(values, COUNT_OF(values), true);
}

static void other_numbers_are_refused(void **state)
{
    static const struct text values[] = {
        TEXT("00"),           TEXT("01"),    TEXT("-01"),   TEXT("+1"),       TEXT("-"),         TEXT("--1"),
        TEXT("- 1"),          TEXT("-a"),    TEXT("1."),    TEXT(".1"),       TEXT("-.1"),       TEXT("-1."),
        TEXT("1.e1"),         TEXT("1.-1"),  TEXT("1.2.3"), TEXT("1e"),       TEXT("1e+"),       TEXT("1e-"),
        TEXT("1eE2"),         TEXT("1e+-2"), TEXT("1e-+2"), TEXT("1e++2"),    TEXT("1e1.5"),     TEXT("1e1e1"),
        TEXT("0x1"),          TEXT("0b1"),   TEXT("1a"),    TEXT("1f"),       TEXT("1 000"),     TEXT("1_000"),
        TEXT("NaN"),          TEXT("nan"),   TEXT("Inf"),   TEXT("Infinity"), TEXT("-Infinity"), TEXT("0.e1"),
        TEXT("0.3e"),         TEXT("0.3e+"), TEXT("2.e+3"), TEXT("1+2"),      TEXT("1-"),        TEXT("-2."),
        TEXT("\xef\xbc\x91"), TEXT("1\0"),   TEXT("1\xe5"), TEXT("0e"),       TEXT("e1"),        TEXT("0-0"),
    };

    (void)state;
    check_values(values, COUNT_OF(values), false);
}

static void literals_are_accepted_as_they_are_written(void **state)
{
    static const struct text values[] = {TEXT("true"), TEXT("false"), TEXT("null")};
    static const struct text others[] = {
        TEXT("True"), TEXT("TRUE"),  TEXT("tru"),  TEXT("truee"), TEXT("t"),    TEXT("fals"),   TEXT("falsey"),
        TEXT("nul"),  TEXT("nulll"), TEXT("NULL"), TEXT("nil"),   TEXT("none"), TEXT("true\0"), TEXT("undefined"),
    };

    (void)state;
    check_values(values, COUNT_OF(values), true);
    check_values(others, COUNT_OF(others), false);
}

static void strings_of_the_grammar_are_accepted(void **state)
{
    static const struct text values[] = {
        TEXT("\"\""),
        TEXT("\" \""),
        TEXT("\"a\""),
        TEXT("\"/\""),
        TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        TEXT("\"\\u0000\\u001F\\u007f\\uD7FF\\uE000\\uFFFF\\uffff\\uAbCd\""),
        TEXT("\"\\ud800\\udc00\""),
        TEXT("\"\\uDBFF\\uDFFF\""),
        TEXT("\"\\ud83d\\udea3\\ud83d\\udea3x\""),
        TEXT("\"\\\\u0000\""),
        TEXT("\"\\\\\""),
        TEXT("\"\x7f\""),
        TEXT("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
        TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
        TEXT("\"\xef\xbb\xbf\""),
        TEXT("\"{}[],:\""),
        TEXT("\"//\""),
    };

    (void)state;
    check_values(values, COUNT_OF(values), true);
}

static void other_strings_are_refused(void **state)
{
    static const struct text values[] = {
        TEXT("\""),
        TEXT("\"a"),
        TEXT("a\""),
        TEXT("'a'"),
        TEXT("\"\\\""),
        TEXT("\"\\x41\""),
        TEXT("\"\\a\""),
        TEXT("\"\\'\""),
        TEXT("\"\\0\""),
        TEXT("\"\\ \""),
        TEXT("\"\\\0\""),
        TEXT("\"\\v\""),
        TEXT("\"\\N\""),
        TEXT("\"\\U0041\""),
        TEXT("\"\\\n\""),
        TEXT("\"\\u\""),
        TEXT("\"\\u1\""),
        TEXT("\"\\u12\""),
        TEXT("\"\\u123\""),
        TEXT("\"\\u123g\""),
        TEXT("\"\\u 123\""),
        TEXT("\"\\u+123\""),
        TEXT("\"\\u-123\""),
        TEXT("\"\\u12:4\""),
        TEXT("\"\\u12`4\""),
        TEXT("\"\\u12/4\""),
        TEXT("\"\\u12@4\""),
        TEXT("\"\\u12G4\""),
        TEXT("\"\\\xc3\xa9\""),
        TEXT("\"\\\xff\""),
        TEXT("\"\n\""),
        TEXT("\"\t\""),
        TEXT("\"\r\""),
        TEXT("\"\0\""),
        TEXT("\"a\x1f\""),
        TEXT("\"\x01\""),
        TEXT("\"\x08\""),
        TEXT("\"\\u00\x10\"\""),
        TEXT("\"\\u00A\""),
        TEXT("\"\\u12\x11"
             "4\""),
    };

    (void)state;
    check_values(values, COUNT_OF(values), false);
}

static void lone_surrogates_are_refused(void **state)
{
    static const struct text values[] = {
        TEXT("\"\\ud800\""),
        TEXT("\"\\uDBFF\""),
        TEXT("\"\\udc00\""),
        TEXT("\"\\uDFFF\""),
        TEXT("\"\\ud800x\""),
        TEXT("\"\\ud800\\n\""),
        TEXT("\"\\ud800\\\""),
        TEXT("\"\\ud800\\u0041\""),
        TEXT("\"\\ud800\\ud800\""),
        TEXT("\"\\ud800\\udbff\""),
        TEXT("\"\\ud800\\ue000\""),
        TEXT("\"\\udc00\\ud800\""),
        TEXT("\"\\ud800\\ud800\\udc00\""),
        TEXT("\"\\ud800\\u\""),
        TEXT("\"\\ud800\\udc\""),
        TEXT("\"\\ud800\\udc0g\""),
        TEXT("\"\\ud800\\\\udc00\""),
        TEXT("\"\\ud800udc00\""),
        TEXT("\"\\ud83d\\udea3\\ud83d\""),
    };

    (void)state;
    check_values(values, COUNT_OF(values), false);
}

static void bad_utf8_is_refused(void **state)
{
    static const struct text values[] = {
        TEXT("\"\x80\""),
        TEXT("\"\xbf\""),
        TEXT("\"\xc0\x80\""),
        TEXT("\"\xc0\xaf\""),
        TEXT("\"\xc1\xbf\""),
        TEXT("\"\xc2\""),
        TEXT("\"\xc2\xc2\x80\""),
        TEXT("\"\xc2\x7f\""),
        TEXT("\"\xdf\xc0\""),
        TEXT("\"\xe0\x80\x80\""),
        TEXT("\"\xe0\x9f\xbf\""),
        TEXT("\"\xe0\xa0\""),
        TEXT("\"\xe2\x82\""),
        TEXT("\"\xe2\x82\x7f\""),
        TEXT("\"\xe2\x28\xa1\""),
        TEXT("\"\xed\xa0\x80\""),
        TEXT("\"\xed\xbf\xbf\""),
        TEXT("\"\xed\xa0\xbd\xed\xba\xa3\""),
        TEXT("\"\xf0\x80\x80\x80\""),
        TEXT("\"\xf0\x8f\xbf\xbf\""),
        TEXT("\"\xf0\x90\x80\""),
        TEXT("\"\xf0\x90\x80\xc0\""),
        TEXT("\"\xf0\x90\x28\x80\""),
        TEXT("\"\xf4\x90\x80\x80\""),
        TEXT("\"\xf5\x80\x80\x80\""),
        TEXT("\"\xf8\x88\x80\x80\x80\""),
        TEXT("\"\xfe\""),
        TEXT("\"\xff\""),
        TEXT("\"\xe9\""),
        TEXT("\xff"),
        TEXT("\xc3\xa9"),
    };

    (void)state;
    check_values(values, COUNT_OF(values), false);
    assert_false(check("{\"\xff\":1}", 7));
    assert_false(check("{\"a\":\"\xc3", 7));
    assert_false(check("{\"a\":\"\xe2\x82", 8));
    assert_false(check("{\"a\":\"\xf0\x9f\x9a", 9));
}

/* Every sequence of up to two bytes, and of three and four whose later ones are at an edge, against RFC 3629's table. */
static void each_utf8_sequence_has_the_length_that_the_rfc_gives(void **state)
{
    static const uint8_t edges[] = {0x00, 0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            for (size_t i = 0; i < COUNT_OF(edges) * COUNT_OF(edges); i++) {
                uint8_t third = edges[i / COUNT_OF(edges)];
                uint8_t fourth = edges[i % COUNT_OF(edges)];
                char text[4] = {(char)first, (char)second, (char)third, (char)fourth};
                uint32_t two = (first & 0x1fU) << 6 | (second & 0x3fU);
                uint32_t three = (first & 0x0fU) << 12 | (second & 0x3fU) << 6 | (third & 0x3fU);
                uint32_t four =
                    (first & 0x07U) << 18 | (second & 0x3fU) << 12 | (third & 0x3fU) << 6 | (fourth & 0x3fU);
                bool tail2 = (second & 0xc0U) == 0x80;
                bool tail3 = tail2 && (third & 0xc0U) == 0x80;
                bool tail4 = tail3 && (fourth & 0xc0U) == 0x80;
                size_t expected = 0;

                if (first < 0x80) {
                    expected = 1;
                } else if ((first & 0xe0U) == 0xc0 && tail2 && two >= 0x80) {
                    expected = 2;
                } else if ((first & 0xf0U) == 0xe0 && tail3 && three >= 0x800 && (three < 0xd800 || three > 0xdfff)) {
                    expected = 3;
                } else if ((first & 0xf8U) == 0xf0 && tail4 && four >= 0x10000 && four <= 0x10ffff) {
                    expected = 4;
                }
                if (dory_utf8_length(text, 4) != expected) {
                    fail_msg("%02x %02x %02x %02x", first, second, third, fourth);
                }
            }
        }
    }
}

static void what_begins_no_utf8_sequence_is_none_however_long(void **state)
{
    static const char *const texts[] = {"\xff\xff\xff\xff\xff\xff", "\x80\x80\x80\x80\x80\x80",
                                        "\xf5\x80\x80\x80\x80\x80"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(dory_utf8_length(guard_copy(texts[i], 6), 6), 0);
    }
}

static void a_utf8_sequence_cut_short_is_none(void **state)
{
    static const char *const whole[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\xa3"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(whole); i++) {
        for (size_t len = 1; len <= i + 1; len++) {
            assert_int_equal(dory_utf8_length(guard_copy(whole[i], len), len), len == i + 1 ? len : 0);
        }
    }
}

/* `depth` containers in one another, the outermost an object. */
static size_t nest(char *text, size_t depth, bool arrays)
{
    size_t len = 0;

    for (size_t i = 0; i < depth; i++) {
        const char *opening = i > 0 && arrays ? "[" : i + 1 < depth ? "{\"a\":" : "{";

        memcpy(text + len, opening, strlen(opening));
        len += strlen(opening);
    }
    for (size_t i = depth; i > 0; i--) {
        text[len++] = i == 1 || !arrays ? '}' : ']';
    }
    return len;
}

static void nesting_is_bounded_by_the_tokens(void **state)
{
    static char text[DORY_MAX_TOKENS * 8 + 6000];

    (void)state;
    for (int arrays = 0; arrays < 2; arrays++) {
        /* An object in another is two tokens with its key; an array is one, but the key of the first. */
        size_t most = arrays != 0 ? DORY_MAX_TOKENS - 1 : (DORY_MAX_TOKENS + 1) / 2;

        assert_true(check(text, nest(text, 2, arrays != 0)));
        assert_true(check(text, nest(text, most, arrays != 0)));
        assert_false(check(text, nest(text, most + 1, arrays != 0)));
        assert_false(check(text, nest(text, DORY_MAX_TOKENS + 600, arrays != 0)));
    }
}

static void behind_a_nested_value_each_level_knows_its_kind(void **state)
{
    static const struct text good[] = {
        TEXT("{\"a\":[{\"b\":[[{}]]}],\"c\":[1,{\"d\":[2],\"e\":3},4],\"f\":5}"),
        TEXT("{\"a\":{\"b\":[]},\"c\":1}"),
        TEXT("{\"a\":[[[[[[[[[{\"b\":1}]]]]]]]],2],\"c\":1}"),
    };
    static const struct text bad[] = {
        TEXT("{\"a\":[{\"b\":[[{}]]],\"c\":1}"),
        TEXT("{\"a\":[{\"b\":1},\"c\":2]}"),
        TEXT("{\"a\":{\"b\":[1]},2}"),
        TEXT("{\"a\":[[[[[[[[[{\"b\":1}]]]]]]]],\"c\":2]}"),
    };

    (void)state;
    check_all(good, COUNT_OF(good), true);
    check_all(bad, COUNT_OF(bad), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_accepted),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(nothing_may_follow_the_object),
        cmocka_unit_test(structure_out_of_order_is_refused),
        cmocka_unit_test(an_object_cut_short_anywhere_is_refused),
        cmocka_unit_test(numbers_of_the_grammar_are_accepted),
        cmocka_unit_test(other_numbers_are_refused),
        cmocka_unit_test(literals_are_accepted_as_they_are_written),
        cmocka_unit_test(strings_of_the_grammar_are_accepted),
        cmocka_unit_test(other_strings_are_refused),
        cmocka_unit_test(lone_surrogates_are_refused),
        cmocka_unit_test(bad_utf8_is_refused),
        cmocka_unit_test(each_utf8_sequence_has_the_length_that_the_rfc_gives),
        cmocka_unit_test(a_utf8_sequence_cut_short_is_none),
        cmocka_unit_test(what_begins_no_utf8_sequence_is_none_however_long),
        cmocka_unit_test(nesting_is_bounded_by_the_tokens),
        cmocka_unit_test(behind_a_nested_value_each_level_knows_its_kind),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
