/* SPDX-License-Identifier: MIT */
/* The name rule. */
#include "unit.h"

#include "../../core/name.h"

struct text {
    const char *ptr;
    size_t len;
};

#define TEXT(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

static bool check(const void *name, size_t len, size_t max_len)
{
    return dory_name_check(guard_copy(name, len), len, max_len);
}

static void ordinary_names_are_allowed(void **state)
{
    static const struct text names[] = {
        TEXT("a"),
        TEXT("a.txt"),
        TEXT("a/b/c"),
        TEXT("..."),
        TEXT("...a"),
        TEXT(".hidden"),
        TEXT("a/.hidden"),
        TEXT("..a"),
        TEXT("a.."),
        TEXT(".a/..b"),
        TEXT(".dor"),
        TEXT("a.dory"),
        TEXT("dory"),
        TEXT(".Dory"),
        TEXT("a/x.dory"),
        TEXT(" "),
        TEXT("a b"),
        TEXT("a:b"),
        TEXT("C:"),
        TEXT("a\"b"),
        TEXT("*?<>|"),
        TEXT("~"),
        TEXT("-rf"),
        TEXT("\xc3\xa4"),
        TEXT("\xe2\x82\xac/\xf0\x9f\x9a\xa3"),
        TEXT("\xc2\x80"),
        TEXT("\xe2\x80\xae"),
        TEXT("\xef\xbb\xbf"),
        TEXT("\xf4\x8f\xbf\xbf"),
        TEXT("\xed\x9f\xbf"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!check(names[i].ptr, names[i].len, 64)) {
            fail_msg("refused: %s", names[i].ptr);
        }
    }
}

static void each_name_that_the_design_refuses_is_refused(void **state)
{
    static const struct text names[] = {
        TEXT(""),
        TEXT("."),
        TEXT(".."),
        TEXT("/"),
        TEXT("/a"),
        TEXT("//"),
        TEXT("a/"),
        TEXT("a//b"),
        TEXT("./a"),
        TEXT("../a"),
        TEXT("a/."),
        TEXT("a/.."),
        TEXT("a/./b"),
        TEXT("a/../b"),
        TEXT("../../etc/passwd"),
        TEXT(".dory"),
        TEXT(".dory/a"),
        TEXT("a/.dory"),
        TEXT(".doryx"),
        TEXT("a/.dory-tmp/b"),
        TEXT("\\"),
        TEXT("a\\b"),
        TEXT("..\\a"),
        TEXT("\0"),
        TEXT("a\0b"),
        TEXT("a\0"),
        TEXT("\n"),
        TEXT("a\tb"),
        TEXT("\x1f"),
        TEXT("a\x7f"),
        TEXT("a/\x01/b"),
        TEXT("\x80"),
        TEXT("\xc3"),
        TEXT("a/\xc3/b"),
        TEXT("\xc0\xaf"),
        TEXT("\xc0\xae\xc0\xae"),
        TEXT("\xe0\x80\xaf"),
        TEXT("\xed\xa0\x80"),
        TEXT("\xf4\x90\x80\x80"),
        TEXT("\xff"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (check(names[i].ptr, names[i].len, 64)) {
            fail_msg("allowed: %s", names[i].ptr);
        }
    }
}

static void each_control_character_is_refused(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        char name[3] = {'a', (char)c, 'b'};

        assert_int_equal(check(name, 3, 64), c >= 0x20 && c != 0x7f && c != '\\');
    }
}

static void a_name_is_at_most_as_long_as_the_limit(void **state)
{
    char name[256];

    (void)state;
    memset(name, 'n', sizeof name);
    assert_true(check(name, 1, 1));
    assert_true(check(name, 64, 64));
    assert_false(check(name, 65, 64));
    assert_true(check(name, 255, 255));
    assert_false(check(name, 256, 255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_names_are_allowed),
        cmocka_unit_test(each_name_that_the_design_refuses_is_refused),
        cmocka_unit_test(each_control_character_is_refused),
        cmocka_unit_test(a_name_is_at_most_as_long_as_the_limit),
    };

    return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
