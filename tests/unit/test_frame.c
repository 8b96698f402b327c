/* SPDX-License-Identifier: MIT */
/* Framing. */
#include "unit.h"

#include "../../core/frame.h"

#define LIMIT 64U

/* Feeds `len` bytes in pieces that end at a guard page until a header is whole or refused. */
static int feed(struct dory_frame *frame, char *header, const uint8_t *data, size_t len, size_t first, size_t piece,
                size_t *taken)
{
    size_t at = 0;
    int result = DORY_MORE;

    while (at < len && result == DORY_MORE) {
        size_t wanted = at < first ? first : piece;
        size_t part = wanted < len - at ? wanted : len - at;
        size_t used = frame->have;

        result = dory_frame_feed(frame, header, LIMIT, guard_copy(data + at, part), part);
        used = frame->have - used;
        assert_true(used <= part);
        assert_true(result != DORY_MORE || used == part);
        at += used;
    }
    *taken = at;
    return result;
}

/* A frame of `header_len` bytes of header, of which `have` are there, in every way. */
static void check(uint32_t header_len, size_t have, size_t behind, int expected, size_t expected_taken)
{
    uint8_t data[DORY_FRAME_PREFIX + 2 * LIMIT];
    size_t len = DORY_FRAME_PREFIX + have + behind;
    static char *end;
    char *header;

    end = end != NULL ? end : (char *)guard_make(LIMIT);
    header = end - LIMIT;
    memset(data, 'h', sizeof data);
    memset(data + DORY_FRAME_PREFIX + have, 'b', behind);
    dory_frame_prefix(data, header_len);
    for (size_t split = 0; split <= len; split++) {
        struct dory_frame frame = {0, 0};
        size_t taken;

        memset(header, 0, LIMIT);
        assert_int_equal(feed(&frame, header, data, len, split, split == 0 ? 1 : len, &taken), expected);
        assert_int_equal(taken, expected_taken);
        if (expected == DORY_OK) {
            assert_int_equal(frame.header_len, header_len);
            assert_memory_equal(header, data + DORY_FRAME_PREFIX, header_len);
        }
    }
}

static void a_header_is_whole_after_its_last_byte(void **state)
{
    (void)state;
    check(2, 2, 0, DORY_OK, 6);
    check(17, 17, 0, DORY_OK, 21);
    check(LIMIT, LIMIT, 0, DORY_OK, LIMIT + 4);
}

static void what_follows_a_header_is_left_in_the_stream(void **state)
{
    (void)state;
    check(2, 2, 30, DORY_OK, 6);
    check(LIMIT, LIMIT, 60, DORY_OK, LIMIT + 4);
}

static void a_header_cut_short_asks_for_more(void **state)
{
    (void)state;
    for (size_t have = 0; have < 9; have++) {
        check(9, have, 0, DORY_MORE, 4 + have);
    }
}

static void a_prefix_cut_short_asks_for_more(void **state)
{
    static const uint8_t prefix[] = {0xff, 0xff, 0xff};

    (void)state;
    for (size_t len = 0; len <= sizeof prefix; len++) {
        struct dory_frame frame = {0, 0};
        char header[LIMIT];

        assert_int_equal(dory_frame_feed(&frame, header, LIMIT, guard_copy(prefix, len), len), DORY_MORE);
        assert_int_equal(frame.have, len);
    }
}

static void a_bad_length_is_refused_after_its_last_byte(void **state)
{
    static const uint32_t lengths[] = {0, 1, LIMIT + 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        check(lengths[i], 0, 0, DORY_BAD_HEADER, 4);
        check(lengths[i], LIMIT, 0, DORY_BAD_HEADER, 4);
    }
}

static void a_frame_that_was_reset_takes_the_next_header(void **state)
{
    static const uint8_t two[] = {2, 0, 0, 0, '{', '}', 3, 0, 0, 0, '{', ' ', '}'};
    struct dory_frame frame = {0, 0};
    char header[LIMIT];

    (void)state;
    assert_int_equal(dory_frame_feed(&frame, header, LIMIT, two, sizeof two), DORY_OK);
    assert_int_equal(frame.have, 6);
    dory_frame_reset(&frame);
    assert_int_equal(dory_frame_feed(&frame, header, LIMIT, two + 6, sizeof two - 6), DORY_OK);
    assert_int_equal(frame.have, sizeof two - 6);
    assert_int_equal(frame.header_len, 3);
    assert_memory_equal(header, "{ }", 3);
}

static void a_prefix_is_little_endian(void **state)
{
    static const uint8_t expected[] = {0x04, 0x03, 0x02, 0x01};
    uint8_t prefix[DORY_FRAME_PREFIX];

    (void)state;
    dory_frame_prefix(prefix, 0x01020304);
    assert_memory_equal(prefix, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_whole_after_its_last_byte),
        cmocka_unit_test(what_follows_a_header_is_left_in_the_stream),
        cmocka_unit_test(a_header_cut_short_asks_for_more),
        cmocka_unit_test(a_prefix_cut_short_asks_for_more),
        cmocka_unit_test(a_bad_length_is_refused_after_its_last_byte),
        cmocka_unit_test(a_frame_that_was_reset_takes_the_next_header),
        cmocka_unit_test(a_prefix_is_little_endian),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
