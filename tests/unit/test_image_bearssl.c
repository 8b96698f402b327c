/* SPDX-License-Identifier: MIT */
/* SHA-256 and ECDSA as the check of images gets them from port/bearssl, against published values. */
#include "image_maker.h"

#include <stdlib.h>

#include "../../port/bearssl/image_bearssl.h"

static const struct dory_image_crypto *const crypto = &image_bearssl;

/* Reads hexadecimal digits. Returns how many bytes they are. */
static size_t read_hex(const char *text, uint8_t *bytes)
{
    size_t len = strlen(text) / 2;

    for (size_t i = 0; i < len; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};

        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

/* ---- FIPS 180-4: the examples that NIST publishes ---- */

static void the_hash_of_known_texts_is_the_published_one(void **state)
{
    static const struct {
        const char *text;
        const char *hash;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    struct dory_sha256 sha256;
    uint8_t expected[32];
    uint8_t hash[32];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t len = strlen(known[i].text);

        (void)read_hex(known[i].hash, expected);
        for (size_t split = 0; split <= len; split++) {
            crypto->sha256_begin(&sha256);
            crypto->sha256_add(&sha256, guard_copy(known[i].text, split), split);
            crypto->sha256_add(&sha256, guard_copy(known[i].text + split, len - split), len - split);
            crypto->sha256_end(&sha256, hash);
            assert_memory_equal(hash, expected, sizeof hash);
        }
    }
}

static void the_hash_of_a_million_letters_is_the_published_one(void **state)
{
    struct dory_sha256 sha256;
    uint8_t letters[1000];
    uint8_t expected[32];
    uint8_t hash[32];

    (void)state;
    (void)read_hex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", expected);
    memset(letters, 'a', sizeof letters);
    crypto->sha256_begin(&sha256);
    for (unsigned i = 0; i < 1000; i++) {
        crypto->sha256_add(&sha256, letters, sizeof letters);
    }
    crypto->sha256_end(&sha256, hash);
    assert_memory_equal(hash, expected, sizeof hash);
}

/* ---- RFC 6979, appendix A.2.5: P-256, SHA-256 ---- */

#define POINT \
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f" \
    "5177a3c294d4462299"
#define SAMPLE \
    "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65" \
    "f3e900dbb9aff4064dc4ab2f843acda8"
#define TEST \
    "3045022100f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d383670220019f4113742a2b14bd25926b49c649155f" \
    "267e60d3814b4c0cc84250e46f0083"

static bool verify_text(const char *point, const char *text, const char *signature)
{
    uint8_t point_bytes[DORY_IMAGE_POINT];
    uint8_t signature_bytes[DORY_IMAGE_SIGNATURE];
    uint8_t hash[32];
    size_t len = read_hex(signature, signature_bytes);

    (void)read_hex(point, point_bytes);
    hash_of((const uint8_t *)text, strlen(text), hash);
    return crypto->verify(point_bytes, hash, guard_copy(signature_bytes, len), len);
}

static void published_signatures_are_good(void **state)
{
    (void)state;
    assert_true(verify_text(POINT, "sample", SAMPLE));
    assert_true(verify_text(POINT, "test", TEST));
}

static void signatures_of_something_else_are_not(void **state)
{
    (void)state;
    assert_false(verify_text(POINT, "test", SAMPLE));
    assert_false(verify_text(POINT, "sample", TEST));
    assert_false(verify_text(POINT, "Sample", SAMPLE));
}

static void a_point_that_is_none_verifies_nothing(void **state)
{
    char point[] = POINT;

    (void)state;
    point[sizeof point - 2] ^= 1; /* beside the curve */
    assert_false(verify_text(point, "sample", SAMPLE));
    memset(point, '0', sizeof point - 1); /* the point at infinity */
    assert_false(verify_text(point, "sample", SAMPLE));
    point[1] = '4';
    assert_false(verify_text(point, "sample", SAMPLE));
}

static void signatures_that_are_no_der_or_out_of_range_are_bad(void **state)
{
    static const char *const bad[] = {
        "",
        "30",
        "3006020100020100",         /* 0, 0 */
        "3006020101020100",         /* 1, 0 */
        "3006020100020101",         /* 0, 1 */
        "3006020101020101",         /* 1, 1 */
        "300602010102017f00",       /* something behind it */
        "3007020101020101",         /* says that it is longer */
        "3106020101020101",         /* a set */
        "3006030101020101",         /* a string of bits */
        "3081060201010201010000",   /* a length in two bytes, too short */
        "30060280010102010100",     /* a length that is not told */
        "30800201010201010000",     /* nor this one */
        "30450221ffffffffffffffff", /* cut */
        /* r = the order of the curve, s = 1 */
        "3026022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(verify_text(POINT, "sample", bad[i]));
    }
}

/* ---- Together with the check ---- */

static void an_image_is_judged_with_them(void **state)
{
    uint8_t key[DORY_IMAGE_KEY];
    struct dory_image_rules rules = {.crypto = crypto, .key = key, .max_size = MADE_ROOM};
    struct plan plans[] = {{0}, {.key = KEY_OTHER, .key_of_hash = KEY_OURS}};
    struct dory_image image;

    (void)state;
    make_public_key(KEY_OURS, key);
    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        struct made made = make_image(&plans[i]);

        dory_image_begin(&image, &rules, made.len);
        assert_int_equal(dory_image_feed(&image, made.bytes, made.len), DORY_OK);
        assert_int_equal(dory_image_finish(&image), i == 0 ? DORY_OK : DORY_BAD_SIGNATURE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_of_known_texts_is_the_published_one),
        cmocka_unit_test(the_hash_of_a_million_letters_is_the_published_one),
        cmocka_unit_test(published_signatures_are_good),
        cmocka_unit_test(signatures_of_something_else_are_not),
        cmocka_unit_test(a_point_that_is_none_verifies_nothing),
        cmocka_unit_test(signatures_that_are_no_der_or_out_of_range_are_bad),
        cmocka_unit_test(an_image_is_judged_with_them),
    };

    return cmocka_run_group_tests_name("image_bearssl", tests, NULL, NULL);
}
