/* SPDX-License-Identifier: MIT */
/* CRC-32, with a table of each size that a builder can choose. */
#include "unit.h"

#include "../../core/crc32.h"
#include "../../core/dory_config.h"

/* core's file once more for each size of the table, under other names. */
dory_crc32_function crc32_by_16;
dory_crc32_function crc32_by_256;
dory_crc32_function crc32_by_1024;

#undef DORY_CRC32_TABLE
#define DORY_CRC32_TABLE 16
#define dory_crc32 crc32_by_16
#define table table_16
#define update update_16
#include "../../core/crc32.c"

#undef DORY_CRC32_TABLE
#undef dory_crc32
#undef table
#undef update
#define DORY_CRC32_TABLE 256
#define dory_crc32 crc32_by_256
#define table table_256
#define update update_256
#define byte_step byte_step_256
#define word_step word_step_256
#include "../../core/crc32.c"

#undef DORY_CRC32_TABLE
#undef dory_crc32
#undef table
#undef update
#undef byte_step
#undef word_step
#define DORY_CRC32_TABLE 1024
#define dory_crc32 crc32_by_1024
#define table table_1024
#define update update_1024
#define byte_step byte_step_1024
#define word_step word_step_1024
#include "../../core/crc32.c"

#undef dory_crc32

static dory_crc32_function *const functions[] = {dory_crc32, crc32_by_16, crc32_by_256, crc32_by_1024};

/* The definition (RFC 1952 section 8), a bit at a time. */
static uint32_t crc32_by_bit(uint32_t crc, const uint8_t *data, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1U) != 0 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
        }
    }
    return ~crc;
}

static void fill(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(i * i + (i >> 3));
    }
}

static void the_crc_of_known_texts_is_the_published_one(void **state)
{
    static const struct {
        const char *text;
        uint32_t crc32;
    } known[] = {
        {"", 0}, {"a", 0xe8b7be43}, {"abc", 0x352441c2}, {"123456789", 0xcbf43926}, {"message digest", 0x20159d7f},
    };

    (void)state;
    for (size_t f = 0; f < COUNT_OF(functions); f++) {
        for (size_t i = 0; i < COUNT_OF(known); i++) {
            size_t len = strlen(known[i].text);

            assert_int_equal(functions[f](0, guard_copy(known[i].text, len), len), known[i].crc32);
        }
    }
}

static void every_length_has_the_crc_of_the_definition(void **state)
{
    uint8_t data[300];

    (void)state;
    fill(data, sizeof data);
    for (size_t f = 0; f < COUNT_OF(functions); f++) {
        for (size_t len = 0; len <= sizeof data; len++) {
            assert_int_equal(functions[f](0, guard_copy(data, len), len), crc32_by_bit(0, data, len));
        }
    }
}

static void every_byte_value_has_the_crc_of_the_definition(void **state)
{
    (void)state;
    for (size_t f = 0; f < COUNT_OF(functions); f++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t four[4] = {(uint8_t)value, (uint8_t)~value, (uint8_t)(value * 3), (uint8_t)(value ^ 0x5a)};

            assert_int_equal(functions[f](0, four, sizeof four), crc32_by_bit(0, four, sizeof four));
        }
    }
}

static void a_crc_continued_at_any_place_is_the_same(void **state)
{
    uint8_t data[67];

    (void)state;
    fill(data, sizeof data);
    for (size_t f = 0; f < COUNT_OF(functions); f++) {
        for (size_t split = 0; split <= sizeof data; split++) {
            uint32_t crc32 = functions[f](0, guard_copy(data, split), split);

            crc32 = functions[f](crc32, guard_copy(data + split, sizeof data - split), sizeof data - split);
            assert_int_equal(crc32, crc32_by_bit(0, data, sizeof data));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crc_of_known_texts_is_the_published_one),
        cmocka_unit_test(every_length_has_the_crc_of_the_definition),
        cmocka_unit_test(every_byte_value_has_the_crc_of_the_definition),
        cmocka_unit_test(a_crc_continued_at_any_place_is_the_same),
    };

    return cmocka_run_group_tests_name("crc32", tests, NULL, NULL);
}
