/* SPDX-License-Identifier: MIT */
/* The check of firmware images: what is accepted, what is refused, and when. SHA-256 and ECDSA are BearSSL's here. */
#include "image_maker.h"

/* ---- The functions of the rules, straight from the library ---- */

static void sha256_begin(struct dory_sha256 *sha256)
{
    br_sha256_init((br_sha256_context *)(void *)sha256->state);
}

static void sha256_add(struct dory_sha256 *sha256, const uint8_t *data, size_t len)
{
    br_sha256_update((br_sha256_context *)(void *)sha256->state, data, len);
}

static void sha256_end(struct dory_sha256 *sha256, uint8_t hash[DORY_IMAGE_HASH])
{
    br_sha256_out((br_sha256_context *)(void *)sha256->state, hash);
}

static unsigned verifications; /* so far */

static bool verify(const uint8_t point[DORY_IMAGE_POINT], const uint8_t hash[DORY_IMAGE_HASH], const uint8_t *signature,
                   size_t len)
{
    uint8_t copy[DORY_IMAGE_POINT];
    br_ec_public_key key = {BR_EC_secp256r1, copy, sizeof copy};

    memcpy(copy, point, sizeof copy);
    verifications++;
    return br_ecdsa_i31_vrfy_asn1(&br_ec_p256_m31, hash, DORY_IMAGE_HASH, &key, signature, len) == 1;
}

static const struct dory_image_crypto crypto = {sha256_begin, sha256_add, sha256_end, verify};

static uint8_t our_key[DORY_IMAGE_KEY];

static struct dory_image_rules usual_rules(void)
{
    make_public_key(KEY_OURS, our_key);
    return (struct dory_image_rules){.crypto = &crypto, .key = our_key, .max_size = MADE_ROOM};
}

/* ---- Ways to feed an image ---- */

/* Feeds all of it at once, then judges the signature. Returns the fault. */
static unsigned judge(const struct dory_image_rules *rules, const uint8_t *data, size_t len)
{
    struct dory_image image;
    int result;

    dory_image_begin(&image, rules, len);
    result = dory_image_feed(&image, guard_copy(data, len), len);
    assert_true(result == DORY_OK || result == DORY_MORE || result == DORY_BAD_IMAGE);
    if (result == DORY_MORE) {
        assert_true(dory_image_wants(&image) > 0);
        assert_int_equal(dory_image_finish(&image), DORY_BAD_IMAGE);
    } else if (result == DORY_OK) {
        result = dory_image_finish(&image);
        assert_int_equal(result == DORY_OK, image.fault == DORY_IMAGE_FAULT_NONE);
        assert_int_equal(result == DORY_BAD_SIGNATURE, image.fault >= DORY_IMAGE_FAULT_NO_SIGNATURE);
    }
    assert_int_equal(image.fault == DORY_IMAGE_FAULT_NONE, dory_image_finish(&image) == DORY_OK);
    return image.fault;
}

static unsigned judge_made(const struct dory_image_rules *rules, const struct made *made)
{
    return judge(rules, made->bytes, made->len);
}

static unsigned judge_plan(const struct dory_image_rules *rules, const struct plan *plan)
{
    struct made made = make_image(plan);

    return judge_made(rules, &made);
}

/* An image with everything that one can have. */
static struct plan full_plan(void)
{
    struct plan plan = {.header_size = 48, .version = {1, 2, 3, 4}};

    put_counter(&plan.protected_tlvs, 7);
    put_board(&plan.protected_tlvs, "board-1");
    return plan;
}

static struct dory_image_rules full_rules(void)
{
    struct dory_image_rules rules = usual_rules();

    rules.board = "board-1";
    rules.min_counter = 7;
    rules.min_version = (struct dory_image_version){1, 2, 3, 4};
    return rules;
}

/* ---- What is fine ---- */

static void a_signed_image_is_accepted_and_its_members_are_told(void **state)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    struct dory_image image;
    uint8_t hash[32];

    (void)state;
    hash_of(made.bytes, 48 + 40 + plan.protected_tlvs.len + 4, hash);
    dory_image_begin(&image, &rules, made.len);
    assert_int_equal(dory_image_feed(&image, made.bytes, 32), DORY_MORE);
    assert_int_equal(image.header_size, 48);
    assert_int_equal(image.image_size, 40);
    assert_int_equal(image.protected_size, plan.protected_tlvs.len + 4);
    assert_int_equal(image.load_addr, 0x20000400);
    assert_int_equal(image.flags, 0);
    assert_memory_equal(&image.version, &plan.version, sizeof plan.version);
    assert_int_equal(dory_image_feed(&image, made.bytes + 32, made.len - 32), DORY_OK);
    assert_int_equal(image.size, made.len);
    assert_memory_equal(image.hash, hash, sizeof hash);
    assert_int_equal(image.counter, 7);
    assert_string_equal(image.board, "board-1");
    assert_int_equal(dory_image_finish(&image), DORY_OK);
    assert_int_equal(image.fault, DORY_IMAGE_FAULT_NONE);
}

static void an_image_without_protected_tlvs_is_accepted(void **state)
{
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {0};

    (void)state;
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_NONE);
}

static void an_image_is_judged_the_same_in_any_pieces(void **state)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    struct dory_image image;

    (void)state;
    dory_image_begin(&image, &rules, made.len);
    for (size_t at = 0; at < made.len; at++) {
        int result = dory_image_feed(&image, guard_copy(made.bytes + at, 1), 1);

        assert_int_equal(result, at + 1 < made.len ? DORY_MORE : DORY_OK);
    }
    assert_int_equal(dory_image_finish(&image), DORY_OK);
    for (size_t split = 0; split <= made.len; split++) {
        dory_image_begin(&image, &rules, made.len);
        assert_int_equal(dory_image_feed(&image, guard_copy(made.bytes, split), split),
                         split < made.len ? DORY_MORE : DORY_OK);
        assert_int_equal(dory_image_feed(&image, guard_copy(made.bytes + split, made.len - split), made.len - split),
                         DORY_OK);
    }
}

static void a_copy_made_half_way_goes_on_by_itself(void **state)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    struct dory_image first;
    struct dory_image second = {0};

    (void)state;
    for (size_t split = 0; split < made.len; split++) {
        dory_image_begin(&first, &rules, made.len);
        assert_int_equal(dory_image_feed(&first, made.bytes, split), DORY_MORE);
        second = first;
        memset(&first, 0xa5, sizeof first);
        assert_int_equal(dory_image_feed(&second, made.bytes + split, made.len - split), DORY_OK);
    }
    assert_int_equal(dory_image_finish(&second), DORY_OK);
}

/* As a boot stage does, which knows the slot, and not how long the image in it is. */
static void an_image_of_unknown_size_is_read_to_its_end_and_no_further(void **state)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    struct dory_image image;
    int result = DORY_MORE;
    size_t at = 0;

    (void)state;
    dory_image_begin(&image, &rules, DORY_IMAGE_ANY_SIZE);
    while (result == DORY_MORE) {
        uint64_t wants = dory_image_wants(&image);
        size_t step = wants < 10 ? (size_t)wants : 10;

        assert_true(step > 0 && step <= made.len - at);
        result = dory_image_feed(&image, guard_copy(made.bytes + at, step), step);
        at += step;
    }
    assert_int_equal(result, DORY_OK);
    assert_int_equal(at, made.len);
    assert_int_equal(image.size, made.len);
    assert_int_equal(dory_image_wants(&image), 0);
    assert_int_equal(dory_image_finish(&image), DORY_OK);
}

static void tlvs_of_unknown_types_are_passed_over(void **state)
{
    static const uint8_t zeros[300];
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {0};

    (void)state;
    put_tlv(&plan.protected_tlvs, 0x40, zeros, 12);
    put_tlv(&plan.protected_tlvs, 0x40, zeros, 12);
    put_tlv(&plan.protected_tlvs, 0xa0, zeros, 0);
    put_tlv(&plan.tlvs, 0x02, zeros, 0);
    put_tlv(&plan.tlvs, 0x0110, zeros, sizeof zeros);
    put_tlv(&plan.tlvs, 0x60, zeros, 1);
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_NONE);
}

/* ---- Damage ---- */

static void an_image_with_one_bit_flipped_is_never_accepted(void **state)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);

    (void)state;
    assert_int_equal(judge_made(&rules, &made), DORY_IMAGE_FAULT_NONE);
    verifications = 0;
    for (size_t bit = 0; bit < 8 * made.len; bit++) {
        made.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(judge_made(&rules, &made), DORY_IMAGE_FAULT_NONE);
        made.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    /* Flips of the signature came as far as that: the others were found by what was there to find them. */
    assert_true(verifications > 8 * 60 && verifications <= 8 * DORY_IMAGE_SIGNATURE);
}

static void a_truncated_image_is_refused_at_every_length(void **state)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    struct dory_image image;

    (void)state;
    for (size_t len = 0; len < made.len; len++) {
        assert_int_not_equal(judge(&rules, made.bytes, len), DORY_IMAGE_FAULT_NONE);
        dory_image_begin(&image, &rules, made.len);
        assert_int_equal(dory_image_feed(&image, guard_copy(made.bytes, len), len), DORY_MORE);
        assert_int_equal(dory_image_finish(&image), DORY_BAD_IMAGE);
        assert_int_equal(image.fault, DORY_IMAGE_FAULT_SHORT);
    }
}

static void what_is_behind_the_end_is_refused(void **state)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    struct dory_image image;

    (void)state;
    dory_image_begin(&image, &rules, made.len);
    assert_int_equal(dory_image_feed(&image, made.bytes, made.len), DORY_OK);
    assert_int_equal(dory_image_feed(&image, made.bytes, 1), DORY_BAD_IMAGE);
    assert_int_equal(image.fault, DORY_IMAGE_FAULT_TRAILING);
    dory_image_begin(&image, &rules, DORY_IMAGE_ANY_SIZE);
    assert_int_equal(dory_image_feed(&image, made.bytes, made.len + 1), DORY_BAD_IMAGE);
    assert_int_equal(image.fault, DORY_IMAGE_FAULT_TRAILING);
    put_number(&made, 0xff, 1);
    assert_int_equal(judge_made(&rules, &made), DORY_IMAGE_FAULT_TRAILING);
}

static void the_first_fault_sticks(void **state)
{
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {.key = KEY_OTHER};
    struct made made = make_image(&plan);
    struct dory_image image;

    (void)state;
    dory_image_begin(&image, &rules, made.len);
    assert_int_equal(dory_image_feed(&image, made.bytes, made.len), DORY_OK);
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(dory_image_finish(&image), DORY_BAD_SIGNATURE);
        assert_int_equal(dory_image_feed(&image, made.bytes, made.len), DORY_BAD_SIGNATURE);
        assert_int_equal(image.fault, DORY_IMAGE_FAULT_OTHER_KEY);
        assert_int_equal(dory_image_wants(&image), 0);
    }
    made.bytes[0] ^= 1;
    dory_image_begin(&image, &rules, made.len);
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(dory_image_feed(&image, made.bytes, made.len), DORY_BAD_IMAGE);
        assert_int_equal(dory_image_finish(&image), DORY_BAD_IMAGE);
        assert_int_equal(image.fault, DORY_IMAGE_FAULT_NO_IMAGE);
    }
}

/* ---- What the header alone tells ---- */

/* Feeds a header, changed at `at`, and nothing else, in bytes. Returns the fault that is there with the last byte. */
static unsigned judge_header(const struct dory_image_rules *rules, uint64_t size, unsigned at, uint32_t value,
                             unsigned bytes)
{
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    struct made change = {0};
    struct dory_image image;
    int result = DORY_MORE;

    put_number(&change, value, bytes);
    memcpy(made.bytes + at, change.bytes, bytes);
    dory_image_begin(&image, rules, size == 0 ? made.len : size);
    for (unsigned i = 0; i < DORY_IMAGE_HEADER; i++) {
        assert_int_equal(result, DORY_MORE);
        result = dory_image_feed(&image, made.bytes + i, 1);
    }
    assert_int_equal(result == DORY_MORE, image.fault == DORY_IMAGE_FAULT_NONE);
    return image.fault;
}

enum { MAGIC = 0, HEADER_SIZE = 8, PROTECTED_SIZE = 10, IMAGE_SIZE = 12, FLAGS = 16, VERSION = 20, NOTHING = 28 };

static void a_header_that_cannot_be_right_is_refused_with_its_last_byte(void **state)
{
    static const struct {
        uint64_t size; /* announced; 0: that of the image */
        unsigned at;
        uint32_t value;
        unsigned bytes;
        unsigned fault;
    } cases[] = {
        {0, NOTHING, 0, 4, DORY_IMAGE_FAULT_NONE},
        {DORY_IMAGE_ANY_SIZE, NOTHING, 0, 4, DORY_IMAGE_FAULT_NONE},
        {0, MAGIC, 0x96f3b83c, 4, DORY_IMAGE_FAULT_NO_IMAGE}, /* MCUboot's first format */
        {0, MAGIC, 0xffffffff, 4, DORY_IMAGE_FAULT_NO_IMAGE}, /* erased flash */
        {0, HEADER_SIZE, 31, 2, DORY_IMAGE_FAULT_SIZES},
        {0, HEADER_SIZE, 0, 2, DORY_IMAGE_FAULT_SIZES},
        {0, HEADER_SIZE, 65535, 2, DORY_IMAGE_FAULT_TOO_LARGE},
        {0, HEADER_SIZE, 1000, 2, DORY_IMAGE_FAULT_SHORT},
        {0, PROTECTED_SIZE, 1, 2, DORY_IMAGE_FAULT_SIZES},
        {0, PROTECTED_SIZE, 3, 2, DORY_IMAGE_FAULT_SIZES},
        {0, PROTECTED_SIZE, 65535, 2, DORY_IMAGE_FAULT_TOO_LARGE},
        {0, IMAGE_SIZE, 0, 4, DORY_IMAGE_FAULT_SIZES},
        {0, IMAGE_SIZE, 1024, 4, DORY_IMAGE_FAULT_SHORT},
        {0, IMAGE_SIZE, MADE_ROOM, 4, DORY_IMAGE_FAULT_TOO_LARGE},
        {0, IMAGE_SIZE, 0xffffffff, 4, DORY_IMAGE_FAULT_TOO_LARGE},
        {0, IMAGE_SIZE, 0U - 48, 4, DORY_IMAGE_FAULT_TOO_LARGE},      /* with the header 2^32 */
        {0, IMAGE_SIZE, 0U - 48 - 23, 4, DORY_IMAGE_FAULT_TOO_LARGE}, /* with the protected TLVs, too */
        {0, IMAGE_SIZE, 0U - 48 - 23 - 4, 4, DORY_IMAGE_FAULT_TOO_LARGE},
        {0, IMAGE_SIZE, 0x80000000, 4, DORY_IMAGE_FAULT_TOO_LARGE},
        {DORY_IMAGE_ANY_SIZE, IMAGE_SIZE, 0xffffffff, 4, DORY_IMAGE_FAULT_TOO_LARGE},
        {MADE_ROOM, NOTHING, 0, 4, DORY_IMAGE_FAULT_NONE},
        {MADE_ROOM + 1, NOTHING, 0, 4, DORY_IMAGE_FAULT_TOO_LARGE},
        {48 + 40 + 23 + 4, NOTHING, 0, 4, DORY_IMAGE_FAULT_NONE},
        {48 + 40 + 23 + 3, NOTHING, 0, 4, DORY_IMAGE_FAULT_SHORT},
        {DORY_IMAGE_ANY_SIZE, IMAGE_SIZE, MADE_ROOM - 48 - 23 - 4, 4, DORY_IMAGE_FAULT_NONE},
        {DORY_IMAGE_ANY_SIZE, IMAGE_SIZE, MADE_ROOM - 48 - 23 - 3, 4, DORY_IMAGE_FAULT_TOO_LARGE},
        {0, VERSION, 0, 1, DORY_IMAGE_FAULT_OLD_VERSION},
        {0, VERSION + 1, 1, 1, DORY_IMAGE_FAULT_OLD_VERSION},
        {0, VERSION + 2, 2, 2, DORY_IMAGE_FAULT_OLD_VERSION},
        {0, VERSION + 4, 3, 4, DORY_IMAGE_FAULT_OLD_VERSION},
        {0, VERSION + 4, 5, 4, DORY_IMAGE_FAULT_NONE},
        {0, VERSION, 2, 4, DORY_IMAGE_FAULT_NONE}, /* 2.0.0+4 */
    };
    struct dory_image_rules rules = full_rules();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned fault = judge_header(&rules, cases[i].size, cases[i].at, cases[i].value, cases[i].bytes);

        if (fault != cases[i].fault) {
            fail_msg("case %zu: fault %u in place of %u", i, fault, cases[i].fault);
        }
    }
}

static void a_file_longer_than_the_longest_tlvs_is_refused_by_its_header(void **state)
{
    struct dory_image_rules rules = usual_rules();

    (void)state;
    rules.max_size = UINT64_MAX - 1;
    assert_int_equal(judge_header(&rules, 48 + 40 + 23 + 65535, NOTHING, 0, 4), DORY_IMAGE_FAULT_NONE);
    assert_int_equal(judge_header(&rules, 48 + 40 + 23 + 65536, NOTHING, 0, 4), DORY_IMAGE_FAULT_TRAILING);
    assert_int_equal(judge_header(&rules, UINT64_MAX - 1, IMAGE_SIZE, UINT32_MAX, 4), DORY_IMAGE_FAULT_TRAILING);
    assert_int_equal(judge_header(&rules, 1ULL << 32, IMAGE_SIZE, UINT32_MAX, 4), DORY_IMAGE_FAULT_SHORT);
}

static void only_flags_that_change_nothing_for_the_check_are_allowed(void **state)
{
    struct dory_image_rules rules = full_rules();

    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        bool allowed = bit == 0 || bit == 5 || bit == 8;

        assert_int_equal(judge_header(&rules, 0, FLAGS, 1U << bit, 4),
                         allowed ? DORY_IMAGE_FAULT_NONE : DORY_IMAGE_FAULT_FLAGS);
    }
}

/* ---- TLVs that lie ---- */

static const uint8_t hash_sized[33];

/* The full image with its number of two bytes at `at` from the beginning of the protected TLVs changed by `by`. */
static unsigned judge_lie(unsigned at, int by)
{
    struct dory_image_rules rules = full_rules();
    struct plan plan = full_plan();
    struct made made = make_image(&plan);
    uint8_t *place = made.bytes + 48 + 40 + at;
    unsigned number = (unsigned)(place[0] | place[1] << 8) + (unsigned)by;

    place[0] = (uint8_t)number;
    place[1] = (uint8_t)(number >> 8);
    return judge_made(&rules, &made);
}

static void lengths_that_lie_are_refused(void **state)
{
    enum { AREA = 0, ENTRY = 4, BOARD_ENTRY = 12, SECOND_AREA = 23, HASH_ENTRY = 27, KEY_HASH_ENTRY = 63 };

    (void)state;
    for (int by = 1; by <= 4; by++) {
        assert_int_equal(judge_lie(AREA + 2, by), DORY_IMAGE_FAULT_TLV);
        assert_int_equal(judge_lie(AREA + 2, -by), DORY_IMAGE_FAULT_TLV);
        assert_int_equal(judge_lie(ENTRY + 2, by), DORY_IMAGE_FAULT_TLV);
        assert_int_equal(judge_lie(ENTRY + 2, -by), DORY_IMAGE_FAULT_TLV);
        assert_int_equal(judge_lie(BOARD_ENTRY + 2, by), DORY_IMAGE_FAULT_TLV);
        assert_int_equal(judge_lie(BOARD_ENTRY + 2, -by), DORY_IMAGE_FAULT_TLV);
        assert_int_equal(judge_lie(SECOND_AREA + 2, by), DORY_IMAGE_FAULT_SHORT);
        assert_int_equal(judge_lie(SECOND_AREA + 2, -by), DORY_IMAGE_FAULT_TRAILING);
        assert_int_equal(judge_lie(HASH_ENTRY + 2, by), DORY_IMAGE_FAULT_TLV);
        assert_int_equal(judge_lie(HASH_ENTRY + 2, -by), DORY_IMAGE_FAULT_TLV);
    }
    assert_int_equal(judge_lie(AREA, 1), DORY_IMAGE_FAULT_TLV);
    assert_int_equal(judge_lie(AREA, -1), DORY_IMAGE_FAULT_TLV); /* as if they were not protected */
    assert_int_equal(judge_lie(SECOND_AREA, 1), DORY_IMAGE_FAULT_TLV);
    assert_int_equal(judge_lie(ENTRY + 2, 65535 - 4), DORY_IMAGE_FAULT_TLV);
    assert_int_equal(judge_lie(KEY_HASH_ENTRY, 0x200), DORY_IMAGE_FAULT_OTHER_KEY); /* a type that is passed over */
    assert_int_equal(judge_lie(KEY_HASH_ENTRY + 2, 65535 - 32), DORY_IMAGE_FAULT_TLV);
}

/* Signed as it is: nothing but the two lengths disagree. */
static void a_header_that_lies_about_the_protected_tlvs_is_refused(void **state)
{
    struct dory_image_rules rules = usual_rules();
    struct dory_image image;

    (void)state;
    for (int lie = -8; lie <= 8; lie++) {
        struct plan plan = {.protected_lie = lie};
        struct made made;

        put_counter(&plan.protected_tlvs, 1);
        made = make_image(&plan);
        dory_image_begin(&image, &rules, DORY_IMAGE_ANY_SIZE);
        assert_int_equal(dory_image_feed(&image, made.bytes, made.len), lie == 0 ? DORY_OK : DORY_BAD_IMAGE);
    }
}

static void an_area_shorter_than_its_own_beginning_is_refused(void **state)
{
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {0};
    struct made made = make_image(&plan);

    (void)state;
    for (uint8_t len = 0; len < 4; len++) {
        struct dory_image image;

        made.bytes[32 + 40 + 2] = len;
        made.bytes[32 + 40 + 3] = 0;
        dory_image_begin(&image, &rules, DORY_IMAGE_ANY_SIZE);
        assert_int_equal(dory_image_feed(&image, made.bytes, 32 + 40 + 4), DORY_BAD_IMAGE);
        assert_int_equal(image.fault, DORY_IMAGE_FAULT_TLV);
    }
}

static void bytes_too_few_for_an_entry_are_refused(void **state)
{
    struct dory_image_rules rules = usual_rules();

    (void)state;
    for (unsigned left = 1; left < 4; left++) {
        struct plan plan = {0};

        put_counter(&plan.protected_tlvs, 1);
        put_bytes(&plan.protected_tlvs, hash_sized, left);
        assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_TLV);
    }
}

static void tlvs_longer_than_the_slot_are_refused_before_they_come(void **state)
{
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {0};
    struct made made = make_image(&plan);
    struct dory_image image;

    (void)state;
    rules.max_size = made.len - 1;
    dory_image_begin(&image, &rules, DORY_IMAGE_ANY_SIZE);
    assert_int_equal(dory_image_feed(&image, made.bytes, 32 + 40 + 3), DORY_MORE);
    assert_int_equal(dory_image_feed(&image, made.bytes + 32 + 40 + 3, 1), DORY_BAD_IMAGE);
    assert_int_equal(image.fault, DORY_IMAGE_FAULT_TOO_LARGE);
    assert_int_equal(judge_made(&rules, &made), DORY_IMAGE_FAULT_TOO_LARGE);
    rules.max_size = made.len;
    assert_int_equal(judge_made(&rules, &made), DORY_IMAGE_FAULT_NONE);
}

static void a_tlv_of_a_wrong_length_is_refused(void **state)
{
    static const struct {
        bool is_protected;
        uint8_t type;
        uint8_t len;
    } cases[] = {
        {false, DORY_IMAGE_TLV_HASH, 31},     {false, DORY_IMAGE_TLV_HASH, 33},
        {false, DORY_IMAGE_TLV_KEY_HASH, 0},  {false, DORY_IMAGE_TLV_KEY_HASH, 31},
        {false, DORY_IMAGE_TLV_KEY_HASH, 33}, {false, DORY_IMAGE_TLV_SIGNATURE, 7},
        {true, DORY_IMAGE_TLV_COUNTER, 3},    {true, DORY_IMAGE_TLV_COUNTER, 5},
        {true, DORY_IMAGE_TLV_BOARD, 0},      {true, DORY_IMAGE_TLV_BOARD, 33},
    };
    static const uint8_t long_signature[DORY_IMAGE_SIGNATURE + 1];
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {.no_signature = true};

    (void)state;
    put_tlv(&plan.tlvs, DORY_IMAGE_TLV_SIGNATURE, long_signature, sizeof long_signature);
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_TLV);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        plan = (struct plan){.no_hash = true, .no_key_hash = true, .no_signature = true};
        put_tlv(cases[i].is_protected ? &plan.protected_tlvs : &plan.tlvs, cases[i].type, hash_sized, cases[i].len);
        assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_TLV);
    }
}

static void a_tlv_that_is_there_twice_is_refused(void **state)
{
    static const uint8_t unprotected[] = {DORY_IMAGE_TLV_HASH, DORY_IMAGE_TLV_KEY_HASH, DORY_IMAGE_TLV_SIGNATURE};
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {0};

    (void)state;
    put_counter(&plan.protected_tlvs, 1);
    put_counter(&plan.protected_tlvs, 1);
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_TWICE);
    plan = (struct plan){0};
    put_board(&plan.protected_tlvs, "a");
    put_board(&plan.protected_tlvs, "a");
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_TWICE);
    for (size_t i = 0; i < COUNT_OF(unprotected); i++) {
        struct made good;
        uint8_t hash[32];

        /* The right value, in all but the signature, ahead of the one that is there anyway. */
        plan = (struct plan){0};
        good = make_image(&plan);
        hash_of(good.bytes, 32 + 40, hash);
        put_tlv(&plan.tlvs, unprotected[i], hash, 32);
        assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_TWICE);
    }
}

static void a_tlv_on_the_wrong_side_of_the_protection_is_refused(void **state)
{
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {0};

    (void)state;
    put_counter(&plan.tlvs, 9);
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_UNPROTECTED);
    plan = (struct plan){0};
    put_board(&plan.tlvs, "a");
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_UNPROTECTED);
    plan = (struct plan){0};
    put_tlv(&plan.protected_tlvs, DORY_IMAGE_TLV_HASH, hash_sized, 32);
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_UNPROTECTED);
    plan = (struct plan){0};
    put_tlv(&plan.protected_tlvs, DORY_IMAGE_TLV_KEY_HASH, hash_sized, 32);
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_UNPROTECTED);
    plan = (struct plan){0};
    put_tlv(&plan.protected_tlvs, DORY_IMAGE_TLV_SIGNATURE, hash_sized, 32);
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_UNPROTECTED);
}

/* ---- What is missing, or another's ---- */

static void what_an_image_must_have_is_missed(void **state)
{
    struct dory_image_rules rules = usual_rules();

    (void)state;
    assert_int_equal(judge_plan(&rules, &(struct plan){.no_hash = true}), DORY_IMAGE_FAULT_NO_HASH);
    assert_int_equal(judge_plan(&rules, &(struct plan){.no_signature = true}), DORY_IMAGE_FAULT_NO_SIGNATURE);
    assert_int_equal(judge_plan(&rules, &(struct plan){.no_key_hash = true}), DORY_IMAGE_FAULT_OTHER_KEY);
    assert_int_equal(judge_plan(&rules, &(struct plan){.no_hash = true, .no_key_hash = true, .no_signature = true}),
                     DORY_IMAGE_FAULT_NO_HASH);
}

static void a_signature_by_another_key_is_bad(void **state)
{
    struct dory_image_rules rules = usual_rules();

    (void)state;
    assert_int_equal(judge_plan(&rules, &(struct plan){.key = KEY_OTHER}), DORY_IMAGE_FAULT_OTHER_KEY);
    /* One that pretends to be by ours. */
    assert_int_equal(judge_plan(&rules, &(struct plan){.key = KEY_OTHER, .key_of_hash = KEY_OURS}),
                     DORY_IMAGE_FAULT_SIGNATURE);
    assert_int_equal(judge_plan(&rules, &(struct plan){.spoiled_hash = 1}), DORY_IMAGE_FAULT_HASH);
}

static void without_a_key_no_signature_is_good(void **state)
{
    struct dory_image_rules rules = usual_rules();

    (void)state;
    rules.key = NULL;
    assert_int_equal(judge_plan(&rules, &(struct plan){0}), DORY_IMAGE_FAULT_OTHER_KEY);
}

static void a_key_that_is_none_verifies_nothing(void **state)
{
    static uint8_t no_key[DORY_IMAGE_KEY];
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {.no_key_hash = true};
    uint8_t key_hash[32];

    (void)state;
    hash_of(no_key, sizeof no_key, key_hash);
    put_tlv(&plan.tlvs, DORY_IMAGE_TLV_KEY_HASH, key_hash, sizeof key_hash);
    rules.key = no_key;
    assert_int_equal(judge_plan(&rules, &plan), DORY_IMAGE_FAULT_SIGNATURE);
}

static void the_security_counter_must_not_be_lower_than_the_lowest_allowed(void **state)
{
    static const uint32_t counters[] = {0, 1, 6, 7, 8, 0x01000000, UINT32_MAX};
    struct dory_image_rules rules = usual_rules();

    (void)state;
    for (size_t has = 0; has < COUNT_OF(counters); has++) {
        for (size_t min = 0; min < COUNT_OF(counters); min++) {
            struct plan plan = {0};

            put_counter(&plan.protected_tlvs, counters[has]);
            rules.min_counter = counters[min];
            assert_int_equal(judge_plan(&rules, &plan),
                             counters[has] < counters[min] ? DORY_IMAGE_FAULT_OLD_COUNTER : DORY_IMAGE_FAULT_NONE);
        }
    }
    rules.min_counter = 1;
    assert_int_equal(judge_plan(&rules, &(struct plan){0}), DORY_IMAGE_FAULT_OLD_COUNTER);
}

static unsigned judge_board(const char *wanted, const char *named, size_t named_len)
{
    struct dory_image_rules rules = usual_rules();
    struct plan plan = {0};

    rules.board = wanted;
    if (named != NULL) {
        put_tlv(&plan.protected_tlvs, DORY_IMAGE_TLV_BOARD, named, named_len);
    }
    return judge_plan(&rules, &plan);
}

static void an_image_for_another_board_is_refused(void **state)
{
    static const char longest[] = "a-board-whose-name-has-32-bytes.";

    (void)state;
    assert_int_equal(judge_board("board-1", "board-1", 7), DORY_IMAGE_FAULT_NONE);
    assert_int_equal(judge_board("board-1", "board-2", 7), DORY_IMAGE_FAULT_OTHER_BOARD);
    assert_int_equal(judge_board("board-1", "board-", 6), DORY_IMAGE_FAULT_OTHER_BOARD);
    assert_int_equal(judge_board("board-1", "board-11", 8), DORY_IMAGE_FAULT_OTHER_BOARD);
    assert_int_equal(judge_board("board-1", "board-1\0x", 9), DORY_IMAGE_FAULT_TLV);
    assert_int_equal(judge_board("board-1", NULL, 0), DORY_IMAGE_FAULT_OTHER_BOARD);
    assert_int_equal(judge_board(longest, longest, 32), DORY_IMAGE_FAULT_NONE);
    assert_int_equal(judge_board(NULL, "board-1", 7), DORY_IMAGE_FAULT_NONE);
    assert_int_equal(judge_board(NULL, NULL, 0), DORY_IMAGE_FAULT_NONE);
}

/* ---- Versions and sentences ---- */

static void versions_are_ordered_by_all_their_numbers(void **state)
{
    static const struct dory_image_version ascending[] = {
        {0, 0, 0, 0},   {0, 0, 0, UINT32_MAX}, {0, 0, 1, 0}, {0, 0, UINT16_MAX, 1}, {0, 1, 0, 0},
        {0, 255, 0, 0}, {1, 0, 0, 0},          {1, 0, 0, 1}, {255, 0, 0, 0},        {255, 255, UINT16_MAX, UINT32_MAX},
    };

    (void)state;
    for (int a = 0; a < (int)COUNT_OF(ascending); a++) {
        for (int b = 0; b < (int)COUNT_OF(ascending); b++) {
            assert_int_equal(dory_image_version_compare(&ascending[a], &ascending[b]), (a > b) - (a < b));
        }
    }
}

static void versions_are_written_as_text_and_read_back(void **state)
{
    static const struct {
        struct dory_image_version version;
        const char *text;
    } cases[] = {
        {{0, 0, 0, 0}, "0.0.0"},
        {{1, 2, 3, 4}, "1.2.3+4"},
        {{10, 20, 300, 0}, "10.20.300"},
        {{100, 9, 10000, 1000000000}, "100.9.10000+1000000000"},
        {{255, 255, 65535, 4294967295}, "255.255.65535+4294967295"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *text = (char *)guard_copy("", 0) - DORY_IMAGE_VERSION_TEXT;
        struct dory_image_version version;

        dory_image_version_write(&cases[i].version, text);
        assert_string_equal(text, cases[i].text);
        assert_true(dory_image_version_read(text, &version));
        assert_int_equal(dory_image_version_compare(&version, &cases[i].version), 0);
    }
}

static void a_version_may_leave_numbers_out_as_for_imgtool(void **state)
{
    static const struct {
        const char *text;
        struct dory_image_version version;
    } good[] = {{"1", {1, 0, 0, 0}}, {"1.2", {1, 2, 0, 0}}, {"1+4", {1, 0, 0, 4}}, {"1.2+4", {1, 2, 0, 4}}};
    static const char *const bad[] = {"",
                                      "v1",
                                      "1.",
                                      ".1",
                                      "1..2",
                                      "1.2.3.4",
                                      "1.2.3+",
                                      "1.2.3+4+5",
                                      "1+2.3",
                                      "256",
                                      "1.256",
                                      "1.2.65536",
                                      "1.2.3+4294967296",
                                      "01.2.3",
                                      "1.00",
                                      "-1",
                                      "1.-2",
                                      " 1",
                                      "1 ",
                                      "1.2.3-4",
                                      "1.2.3+x",
                                      "1.2.3+99999999999"};
    struct dory_image_version version;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(dory_image_version_read(good[i].text, &version));
        assert_int_equal(dory_image_version_compare(&version, &good[i].version), 0);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *text = guard_copy(bad[i], strlen(bad[i]) + 1);

        assert_false(dory_image_version_read(text, &version));
    }
}

static void each_fault_has_a_sentence_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= DORY_IMAGE_FAULT_SIGNATURE; i++) {
        const char *sentence = dory_image_fault_sentence((enum dory_image_fault)i);

        assert_true(strlen(sentence) > 10 && sentence[strlen(sentence) - 1] == '.');
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(sentence, dory_image_fault_sentence((enum dory_image_fault)j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_image_is_accepted_and_its_members_are_told),
        cmocka_unit_test(an_image_without_protected_tlvs_is_accepted),
        cmocka_unit_test(an_image_is_judged_the_same_in_any_pieces),
        cmocka_unit_test(a_copy_made_half_way_goes_on_by_itself),
        cmocka_unit_test(an_image_of_unknown_size_is_read_to_its_end_and_no_further),
        cmocka_unit_test(tlvs_of_unknown_types_are_passed_over),
        cmocka_unit_test(an_image_with_one_bit_flipped_is_never_accepted),
        cmocka_unit_test(a_truncated_image_is_refused_at_every_length),
        cmocka_unit_test(what_is_behind_the_end_is_refused),
        cmocka_unit_test(the_first_fault_sticks),
        cmocka_unit_test(a_header_that_cannot_be_right_is_refused_with_its_last_byte),
        cmocka_unit_test(a_file_longer_than_the_longest_tlvs_is_refused_by_its_header),
        cmocka_unit_test(only_flags_that_change_nothing_for_the_check_are_allowed),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(a_header_that_lies_about_the_protected_tlvs_is_refused),
        cmocka_unit_test(an_area_shorter_than_its_own_beginning_is_refused),
        cmocka_unit_test(bytes_too_few_for_an_entry_are_refused),
        cmocka_unit_test(tlvs_longer_than_the_slot_are_refused_before_they_come),
        cmocka_unit_test(a_tlv_of_a_wrong_length_is_refused),
        cmocka_unit_test(a_tlv_that_is_there_twice_is_refused),
        cmocka_unit_test(a_tlv_on_the_wrong_side_of_the_protection_is_refused),
        cmocka_unit_test(what_an_image_must_have_is_missed),
        cmocka_unit_test(a_signature_by_another_key_is_bad),
        cmocka_unit_test(without_a_key_no_signature_is_good),
        cmocka_unit_test(a_key_that_is_none_verifies_nothing),
        cmocka_unit_test(the_security_counter_must_not_be_lower_than_the_lowest_allowed),
        cmocka_unit_test(an_image_for_another_board_is_refused),
        cmocka_unit_test(versions_are_ordered_by_all_their_numbers),
        cmocka_unit_test(versions_are_written_as_text_and_read_back),
        cmocka_unit_test(a_version_may_leave_numbers_out_as_for_imgtool),
        cmocka_unit_test(each_fault_has_a_sentence_of_its_own),
    };

    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
