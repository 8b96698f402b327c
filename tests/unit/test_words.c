/* SPDX-License-Identifier: MIT */
/* Command lines and their words. */
#include "unit.h"

#include "../../core/status.h"
#include "../../port/words.h"

#define MAX_WORDS 4U

/* Splits the line, into itself or to another place, each ending at a guard page. Returns as words_split(). */
static int split(const char *line, bool in_place, char **words)
{
    size_t size = strlen(line) + 1;
    char *copy = guard_copy(line, size);
    static uint8_t *room_end;

    if (room_end == NULL) {
        room_end = guard_make(GUARD_ROOM);
    }
    return words_split(copy, in_place ? copy : (char *)room_end - size, words, MAX_WORDS);
}

/* `expected` is the words, each in angle brackets. */
static void check(const char *line, const char *expected)
{
    for (int in_place = 0; in_place < 2; in_place++) {
        char *words[MAX_WORDS];
        char shown[256] = "";
        int count = split(line, in_place, words);

        if (count < 0) {
            fail_msg("refused: %s", line);
        }
        for (int i = 0; i < count; i++) {
            strcat(strcat(strcat(shown, "<"), words[i]), ">");
        }
        assert_string_equal(shown, expected);
    }
}

static void check_refused(const char *line)
{
    for (int in_place = 0; in_place < 2; in_place++) {
        char *words[MAX_WORDS];

        if (split(line, in_place, words) != DORY_BAD_REQUEST) {
            fail_msg("allowed: %s", line);
        }
    }
}

static void blanks_separate_words(void **state)
{
    (void)state;
    check("help", "<help>");
    check("a b", "<a><b>");
    check(" \t a\t\t b \r\n", "<a><b>");
    check("a\nb\rc", "<a><b><c>");
    check("a\vb\fc\xc2\xa0"
          "d",
          "<a\vb\fc\xc2\xa0"
          "d>");
}

static void a_line_of_blanks_has_no_words(void **state)
{
    (void)state;
    check("", "");
    check(" ", "");
    check(" \t\r\n", "");
}

static void quotes_keep_what_is_between_them(void **state)
{
    (void)state;
    check("'a b' \"c\td\"", "<a b><c\td>");
    check("'\"' \"'\"", "<\"><'>");
    check("a' 'b\" \"c", "<a b c>");
    check("'' \"\" a''", "<><><a>");
    check("'a''b'\"c\"", "<abc>");
    check("'a\nb'", "<a\nb>");
}

static void a_backslash_takes_the_next_character_as_it_is(void **state)
{
    (void)state;
    check("a\\ b", "<a b>");
    check("\\'a \\\"b \\\\c", "<'a><\"b><\\c>");
    check("\\n", "<n>");
    check("\"a\\\"b\\\\c\\d\"", "<a\"b\\cd>");
    check("\\ ", "< >");
    check("a\\\nb", "<a\nb>");
}

static void between_single_quotes_a_backslash_is_a_character(void **state)
{
    (void)state;
    check("'a\\b' '\\'", "<a\\b><\\>");
}

static void nothing_else_is_special(void **state)
{
    (void)state;
    check("; rm", "<;><rm>");
    check("$(x) `y` *", "<$(x)><`y`><*>");
    check("#a ~ {b,c} >d", "<#a><~><{b,c}><>d>");
    check("\xe2\x82\xac \x7f", "<\xe2\x82\xac><\x7f>");
}

static void a_quote_without_end_is_refused(void **state)
{
    (void)state;
    check_refused("'");
    check_refused("\"");
    check_refused("a 'b");
    check_refused("a \"b c");
    check_refused("a 'b\"");
    check_refused("\"a\\\"");
}

static void a_backslash_at_the_end_is_refused(void **state)
{
    (void)state;
    check_refused("\\");
    check_refused("a\\");
    check_refused("\"a\\");
}

static void more_words_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    check("a b c d ", "<a><b><c><d>");
    check_refused("a b c d e");
    check_refused("a b c d ''");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_separate_words),
        cmocka_unit_test(a_line_of_blanks_has_no_words),
        cmocka_unit_test(quotes_keep_what_is_between_them),
        cmocka_unit_test(a_backslash_takes_the_next_character_as_it_is),
        cmocka_unit_test(between_single_quotes_a_backslash_is_a_character),
        cmocka_unit_test(nothing_else_is_special),
        cmocka_unit_test(a_quote_without_end_is_refused),
        cmocka_unit_test(a_backslash_at_the_end_is_refused),
        cmocka_unit_test(more_words_than_there_is_room_for_are_refused),
    };

    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
