/* SPDX-License-Identifier: MIT */
/* The table of statuses. */
#include "unit.h"

#include "../../core/status.h"

/* The names by the design, section 2, in the order of their numbers. */
static const struct {
    const char *name;
    int number;
} all[] = {
    {"more", 2},        {"continue", 1},       {"ok", 0},
    {"bad_header", -1}, {"bad_request", -2},   {"unknown_cmd", -3},
    {"bad_name", -4},   {"not_found", -5},     {"changed", -6},
    {"busy", -7},       {"no_space", -8},      {"too_large", -9},
    {"corrupt", -10},   {"bad_image", -11},    {"bad_signature", -12},
    {"forbidden", -13}, {"unauthorized", -14}, {"unsupported", -15},
    {"io_error", -16},  {"timeout", -17},
};

static void each_status_has_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_string_equal(dory_status_name((enum dory_status)all[i].number), all[i].name);
    }
}

static void each_name_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        size_t len = strlen(all[i].name);
        enum dory_status status = (enum dory_status)99;

        assert_int_equal(dory_status_find(guard_copy(all[i].name, len), (unsigned)len, &status), 0);
        assert_int_equal(status, all[i].number);
    }
}

static void other_names_are_not_found(void **state)
{
    static const char *const others[] = {"", "o", "okay", "OK", "bad", "bad_header ", "busier", "\xff", "timeou"};
    enum dory_status status = DORY_OK;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        size_t len = strlen(others[i]);

        assert_int_equal(dory_status_find(guard_copy(others[i], len), (unsigned)len, &status), -1);
    }
}

static void each_status_has_a_sentence_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const char *sentence = dory_status_sentence((enum dory_status)all[i].number);

        assert_true(sentence[0] >= 'A' && sentence[0] <= 'Z');
        assert_true(sentence[strlen(sentence) - 1] == '.');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(sentence, dory_status_sentence((enum dory_status)all[j].number));
        }
    }
    assert_string_equal(dory_status_sentence(DORY_OK), "Done.");
    assert_string_equal(dory_status_sentence(DORY_TIMEOUT), "It took too long.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_name),
        cmocka_unit_test(each_name_is_found),
        cmocka_unit_test(other_names_are_not_found),
        cmocka_unit_test(each_status_has_a_sentence_of_its_own),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
