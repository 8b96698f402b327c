/* SPDX-License-Identifier: MIT */
/* The marks of slots for firmware: where they lie, what they mean, and what is left of them when they are cut off. */
#include "unit.h"

#include "../../port/flash/trailer.h"

static void blank(uint8_t bytes[TRAILER_LEN])
{
    memset(bytes, 0xff, TRAILER_LEN);
}

/* Makes the first `count` marks of a plan; bits only go from 1 to 0. Returns how many were made. */
static unsigned make_marks(uint8_t bytes[TRAILER_LEN], enum trailer_plan plan, unsigned count, uint16_t counter)
{
    struct trailer_mark mark;
    unsigned nth = 0;

    while (nth < count && trailer_mark(&mark, plan, nth, counter)) {
        assert_true(mark.from_end <= TRAILER_LEN && mark.len <= mark.from_end && mark.from_end % TRAILER_UNIT == 0);
        for (unsigned i = 0; i < mark.len; i++) {
            bytes[TRAILER_LEN - mark.from_end + i] &= mark.bytes[i];
        }
        nth++;
    }
    return nth;
}

static struct trailer read_bytes(const uint8_t bytes[TRAILER_LEN])
{
    struct trailer trailer;

    trailer_read(&trailer, guard_copy(bytes, TRAILER_LEN));
    return trailer;
}

/* What all marks of a plan mean, in an erased sector. */
static struct trailer marked(enum trailer_plan plan, uint16_t counter)
{
    uint8_t bytes[TRAILER_LEN];

    blank(bytes);
    make_marks(bytes, plan, 9, counter);
    return read_bytes(bytes);
}

/* ---- Layout ---- */

static void marks_lie_where_mcuboot_has_them(void **state)
{
    static const uint8_t test[TRAILER_LEN] = {0x02, 0xfd, 0xff, 0xff, 0x34, 0x12, 0xcb, 0xed, /* swap_info */
                                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* copy_done */
                                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* image_ok */
                                              0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f,
                                              0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80};
    static const uint8_t confirmed[TRAILER_LEN] = {0x03, 0xfc, 0xff, 0xff, 0x34, 0x12, 0xcb, 0xed, 0x01, 0xff,
                                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0xff, 0xff, 0xff,
                                                   0xff, 0xff, 0xff, 0xff, 0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2,
                                                   0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80};
    uint8_t bytes[TRAILER_LEN];

    (void)state;
    blank(bytes);
    assert_int_equal(make_marks(bytes, TRAILER_TEST, 9, 0x1234), 2);
    assert_memory_equal(bytes, test, sizeof test);
    blank(bytes);
    assert_int_equal(make_marks(bytes, TRAILER_PERMANENT, 9, 0x1234), 3);
    assert_int_equal(make_marks(bytes, TRAILER_START, 9, 0), 1);
    assert_memory_equal(bytes, confirmed, sizeof confirmed);
    blank(bytes);
    assert_int_equal(make_marks(bytes, TRAILER_ADOPT, 9, 0x1234), 4);
    assert_memory_equal(bytes, confirmed, sizeof confirmed);
}

static void marks_are_made_in_the_order_of_mcuboot(void **state)
{
    static const uint8_t orders[][4] = {[TRAILER_TEST] = {16, 40},
                                        [TRAILER_PERMANENT] = {16, 24, 40},
                                        [TRAILER_START] = {32},
                                        [TRAILER_CONFIRM] = {24},
                                        [TRAILER_ADOPT] = {32, 24, 40, 16}};
    struct trailer_mark mark;

    (void)state;
    for (unsigned plan = 0; plan < COUNT_OF(orders); plan++) {
        for (unsigned nth = 0; nth < 6; nth++) {
            bool there = nth < sizeof orders[plan] && orders[plan][nth] != 0;

            assert_int_equal(trailer_mark(&mark, (enum trailer_plan)plan, nth, 1), there);
            assert_true(!there || mark.from_end == orders[plan][nth]);
        }
    }
}

static void an_image_is_pending_then_tried_then_confirmed(void **state)
{
    uint8_t bytes[TRAILER_LEN];
    struct trailer trailer;

    (void)state;
    blank(bytes);
    assert_int_equal(read_bytes(bytes).state, TRAILER_PLAIN);
    make_marks(bytes, TRAILER_TEST, 9, 7);
    trailer = read_bytes(bytes);
    assert_true(trailer.state == TRAILER_PENDING && !trailer.permanent && trailer.has_counter && trailer.counter == 7);
    make_marks(bytes, TRAILER_START, 9, 0);
    trailer = read_bytes(bytes);
    assert_true(trailer.state == TRAILER_TRIED && trailer.has_counter && trailer.counter == 7);
    make_marks(bytes, TRAILER_CONFIRM, 9, 0);
    trailer = read_bytes(bytes);
    assert_true(trailer.state == TRAILER_CONFIRMED && trailer.has_counter && trailer.counter == 7);
}

static void an_image_for_good_is_confirmed_by_its_start(void **state)
{
    uint8_t bytes[TRAILER_LEN];
    struct trailer trailer;

    (void)state;
    blank(bytes);
    make_marks(bytes, TRAILER_PERMANENT, 9, 7);
    trailer = read_bytes(bytes);
    assert_true(trailer.state == TRAILER_PENDING && trailer.permanent && trailer.counter == 7);
    make_marks(bytes, TRAILER_START, 9, 0);
    assert_int_equal(read_bytes(bytes).state, TRAILER_CONFIRMED);
}

/* ---- Marks that were cut off ---- */

static void marks_that_are_not_all_there_ask_for_nothing(void **state)
{
    static const enum trailer_plan plans[] = {TRAILER_TEST, TRAILER_PERMANENT, TRAILER_ADOPT};
    uint8_t bytes[TRAILER_LEN];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(plans); i++) {
        unsigned count = make_marks(bytes, plans[i], 9, 7);

        for (unsigned made = 0; made < count; made++) {
            struct trailer trailer;

            blank(bytes);
            make_marks(bytes, plans[i], made, 7);
            trailer = read_bytes(bytes);
            assert_true(trailer.state == TRAILER_PLAIN && !trailer.has_counter);
        }
    }
}

/* The last mark of a plan with one of the bits that were to be cleared still set. */
static void a_last_mark_of_which_a_bit_is_missing_asks_for_nothing(void **state)
{
    static const enum trailer_plan plans[] = {TRAILER_TEST, TRAILER_PERMANENT, TRAILER_ADOPT};
    struct trailer_mark mark;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(plans); i++) {
        for (unsigned counter = 0; counter < 0x10000; counter += 0x5555) {
            uint8_t whole[TRAILER_LEN];
            unsigned count;

            blank(whole);
            count = make_marks(whole, plans[i], 9, (uint16_t)counter);
            assert_true(trailer_mark(&mark, plans[i], count - 1, (uint16_t)counter));
            for (unsigned bit = 0; bit < mark.len * 8U; bit++) {
                uint8_t *byte = &whole[TRAILER_LEN - mark.from_end + bit / 8];
                uint8_t old = *byte;

                *byte |= (uint8_t)(1U << bit % 8);
                assert_true(*byte == old || read_bytes(whole).state == TRAILER_PLAIN);
                *byte = old;
            }
        }
    }
}

static void a_start_counts_as_soon_as_a_bit_of_it_is_there(void **state)
{
    uint8_t bytes[TRAILER_LEN];

    (void)state;
    for (unsigned bit = 1; bit < 8; bit++) {
        blank(bytes);
        make_marks(bytes, TRAILER_TEST, 9, 7);
        bytes[TRAILER_LEN - 32] &= (uint8_t) ~(1U << bit);
        assert_int_equal(read_bytes(bytes).state, TRAILER_TRIED);
    }
}

static void a_confirmation_counts_when_all_of_it_is_there(void **state)
{
    uint8_t bytes[TRAILER_LEN];

    (void)state;
    for (unsigned ok = 2; ok < 0x100; ok++) {
        blank(bytes);
        make_marks(bytes, TRAILER_TEST, 9, 7);
        make_marks(bytes, TRAILER_START, 9, 7);
        bytes[TRAILER_LEN - 24] = (uint8_t)ok;
        assert_int_equal(read_bytes(bytes).state, TRAILER_TRIED);
    }
}

/* Of a slot that was confirmed, its sector being erased: copy_done is gone already. */
static void an_old_update_whose_marks_are_being_erased_is_not_due(void **state)
{
    static const enum trailer_plan plans[] = {TRAILER_TEST, TRAILER_PERMANENT};
    struct trailer running = marked(TRAILER_ADOPT, 8);
    uint8_t bytes[TRAILER_LEN];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(plans); i++) {
        struct trailer old;

        blank(bytes);
        make_marks(bytes, plans[i], 9, 7);
        make_marks(bytes, TRAILER_CONFIRM, 9, 7);
        old = read_bytes(bytes);
        assert_false(trailer_is_due(&old, &running));
    }
}

static void a_test_never_becomes_one_for_good(void **state)
{
    uint8_t bytes[TRAILER_LEN];

    (void)state;
    blank(bytes);
    make_marks(bytes, TRAILER_TEST, 9, 7);
    make_marks(bytes, TRAILER_CONFIRM, 9, 7);
    assert_int_equal(read_bytes(bytes).state, TRAILER_PLAIN);
    blank(bytes);
    make_marks(bytes, TRAILER_PERMANENT, 9, 7);
    bytes[TRAILER_LEN - 24] = 0xff;
    assert_int_equal(read_bytes(bytes).state, TRAILER_PLAIN);
}

static void marks_of_a_stock_mcuboot_are_understood(void **state)
{
    uint8_t bytes[TRAILER_LEN];
    struct trailer trailer;

    (void)state;
    blank(bytes);
    make_marks(bytes, TRAILER_TEST, 9, 7);
    memset(bytes, 0xff, TRAILER_UNIT);
    bytes[0] = 2; /* it writes the type alone */
    assert_int_equal(read_bytes(bytes).state, TRAILER_PLAIN);
    bytes[TRAILER_LEN - 32] = 1;
    trailer = read_bytes(bytes);
    assert_true(trailer.state == TRAILER_TRIED && !trailer.has_counter);
    bytes[TRAILER_LEN - 24] = 1;
    trailer = read_bytes(bytes);
    assert_true(trailer.state == TRAILER_CONFIRMED && !trailer.has_counter);
}

/* ---- Counters ---- */

static struct trailer counted(bool has_counter, uint16_t counter)
{
    return (struct trailer){.state = TRAILER_PENDING, .has_counter = has_counter, .counter = counter};
}

static void the_newer_counter_wins_also_when_it_has_wrapped(void **state)
{
    static const uint16_t starts[] = {0, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0xfffe, 0xffff};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(starts); i++) {
        struct trailer old = counted(true, starts[i]);
        struct trailer none = counted(false, 0);
        struct trailer new = counted(true, trailer_next_counter(&old, &none));

        assert_int_equal(new.counter, (uint16_t)(starts[i] + 1));
        assert_int_equal(trailer_next_counter(&new, &old), (uint16_t)(starts[i] + 2));
        assert_int_equal(trailer_next_counter(&old, &new), (uint16_t)(starts[i] + 2));
        assert_true(trailer_is_newer(&new, &old) && !trailer_is_newer(&old, &new) && !trailer_is_newer(&old, &old));
        assert_true(trailer_is_newer(&old, &none) && !trailer_is_newer(&none, &old));
        assert_true(trailer_is_due(&new, &old) && !trailer_is_due(&old, &new) && trailer_is_due(&old, &none));
    }
}

static void the_first_counter_is_one(void **state)
{
    struct trailer none = counted(false, 9);

    (void)state;
    assert_int_equal(trailer_next_counter(&none, &none), 1);
    assert_false(trailer_is_newer(&none, &none));
    assert_false(trailer_is_due(&none, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_lie_where_mcuboot_has_them),
        cmocka_unit_test(marks_are_made_in_the_order_of_mcuboot),
        cmocka_unit_test(an_image_is_pending_then_tried_then_confirmed),
        cmocka_unit_test(an_image_for_good_is_confirmed_by_its_start),
        cmocka_unit_test(marks_that_are_not_all_there_ask_for_nothing),
        cmocka_unit_test(a_last_mark_of_which_a_bit_is_missing_asks_for_nothing),
        cmocka_unit_test(a_start_counts_as_soon_as_a_bit_of_it_is_there),
        cmocka_unit_test(a_confirmation_counts_when_all_of_it_is_there),
        cmocka_unit_test(an_old_update_whose_marks_are_being_erased_is_not_due),
        cmocka_unit_test(a_test_never_becomes_one_for_good),
        cmocka_unit_test(marks_of_a_stock_mcuboot_are_understood),
        cmocka_unit_test(the_newer_counter_wins_also_when_it_has_wrapped),
        cmocka_unit_test(the_first_counter_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
