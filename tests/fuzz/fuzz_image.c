/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the check of firmware images: in whatever pieces an image arrives, it is judged as a parser judges it that sees all of
 * it at once, and nothing but what is signed is hashed. The hash of everything is zeros here, and a signature is good when it
 * begins with 0x30, so that damaged images get further than one that is really signed would. The first byte of the input
 * chooses the rules, the second one the pieces.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/image.h"

#define MAX_SIZE 4096U
#define PENDING 255U /* no fault yet, and the image is not whole */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- A hash that counts what it gets ---- */

static void count_begin(struct dory_sha256 *sha256)
{
    sha256->state[0] = 0;
}

static void count_add(struct dory_sha256 *sha256, const uint8_t *data, size_t len)
{
    (void)data;
    sha256->state[0] += len;
}

static void count_end(struct dory_sha256 *sha256, uint8_t hash[DORY_IMAGE_HASH])
{
    (void)sha256;
    memset(hash, 0, DORY_IMAGE_HASH);
}

static bool verify(const uint8_t point[DORY_IMAGE_POINT], const uint8_t hash[DORY_IMAGE_HASH], const uint8_t *signature,
                   size_t len)
{
    assert(point[0] == 4 && hash[0] == 0 && len >= 8 && len <= DORY_IMAGE_SIGNATURE);
    return signature[0] == 0x30;
}

static const struct dory_image_crypto crypto = {count_begin, count_add, count_end, verify};
static const uint8_t key[DORY_IMAGE_KEY] = {[DORY_IMAGE_KEY - DORY_IMAGE_POINT] = 4};

/* ---- The parser that sees everything at once ---- */

/* An image, and what has been found in it. */
struct whole {
    const struct dory_image_rules *rules;
    const uint8_t *data;
    size_t len;
    uint64_t announced;
    uint64_t at;
    const uint8_t *value[256]; /* of each type that is known */
    unsigned value_len[256];
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)(at[0] | at[1] << 8);
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static unsigned check_size(const struct whole *whole, uint64_t least, uint64_t most)
{
    if (least > MAX_SIZE || (whole->announced != DORY_IMAGE_ANY_SIZE && whole->announced > MAX_SIZE)) {
        return DORY_IMAGE_FAULT_TOO_LARGE;
    }
    if (whole->announced == DORY_IMAGE_ANY_SIZE || (whole->announced >= least && whole->announced <= most)) {
        return DORY_IMAGE_FAULT_NONE;
    }
    return whole->announced < least ? DORY_IMAGE_FAULT_SHORT : DORY_IMAGE_FAULT_TRAILING;
}

static unsigned check_header(const struct whole *whole)
{
    const uint8_t *data = whole->data;
    uint64_t fixed = (uint64_t)get16(data + 8) + get32(data + 12) + get16(data + 10);

    if (get32(data) != DORY_IMAGE_MAGIC) {
        return DORY_IMAGE_FAULT_NO_IMAGE;
    }
    if (get16(data + 8) < 32 || get32(data + 12) == 0 || (get16(data + 10) >= 1 && get16(data + 10) <= 3)) {
        return DORY_IMAGE_FAULT_SIZES;
    }
    if ((get32(data + 16) & 0xfffffedeU) != 0) {
        return DORY_IMAGE_FAULT_FLAGS;
    }
    if (data[20] < whole->rules->min_version.major) {
        return DORY_IMAGE_FAULT_OLD_VERSION;
    }
    return check_size(whole, fixed + 4, fixed + 65535);
}

/* The lengths that a value of that type may have; 0: it is not known. */
static unsigned longest(unsigned type, bool in_protected, unsigned *shortest, bool *right_side)
{
    *right_side = in_protected == (type == 0x50 || type == 0xd0);
    *shortest = type == 0x22 ? 8 : type == 0x50 ? 4 : type == 0xd0 ? 1 : 32;
    switch (type) {
    case 0x01:
    case 0x10:
    case 0xd0:
        return 32;
    case 0x22:
        return 72;
    case 0x50:
        return 4;
    default:
        return 0;
    }
}

static unsigned check_value(const struct whole *whole, unsigned type)
{
    static const uint8_t zeros[DORY_IMAGE_HASH];

    if (type == 0x10) {
        return memcmp(whole->value[type], zeros, sizeof zeros) == 0 ? DORY_IMAGE_FAULT_NONE : DORY_IMAGE_FAULT_HASH;
    }
    return type == 0xd0 && memchr(whole->value[type], 0, whole->value_len[type]) != NULL ? DORY_IMAGE_FAULT_TLV
                                                                                         : DORY_IMAGE_FAULT_NONE;
}

/* Takes the entry at `at`, of an area that ends at `end`. */
static unsigned take_entry(struct whole *whole, uint64_t end, bool in_protected)
{
    unsigned type;
    unsigned len;
    unsigned max;
    unsigned min;
    bool right_side;

    if (end - whole->at < 4) {
        return DORY_IMAGE_FAULT_TLV;
    }
    if (whole->len - whole->at < 4) {
        return PENDING;
    }
    type = get16(whole->data + whole->at);
    len = get16(whole->data + whole->at + 2);
    whole->at += 4;
    max = longest(type, in_protected, &min, &right_side);
    if (len > end - whole->at || (max > 0 && (len < min || len > max))) {
        return DORY_IMAGE_FAULT_TLV;
    }
    if (max > 0 && !right_side) {
        return DORY_IMAGE_FAULT_UNPROTECTED;
    }
    if (max > 0 && whole->value[type] != NULL) {
        return DORY_IMAGE_FAULT_TWICE;
    }
    if (whole->len - whole->at < len) {
        return PENDING;
    }
    if (max > 0) {
        whole->value[type] = whole->data + whole->at;
        whole->value_len[type] = len;
    }
    whole->at += len;
    return max > 0 ? check_value(whole, type) : DORY_IMAGE_FAULT_NONE;
}

static unsigned take_area(struct whole *whole, bool in_protected)
{
    unsigned fault = DORY_IMAGE_FAULT_NONE;
    uint64_t begin = whole->at;
    unsigned len;

    if (whole->len - begin < 4) {
        return PENDING;
    }
    len = get16(whole->data + begin + 2);
    if (get16(whole->data + begin) != (in_protected ? 0x6908 : 0x6907) || len < 4 ||
        (in_protected && len != get16(whole->data + 10))) {
        return DORY_IMAGE_FAULT_TLV;
    }
    if (!in_protected) {
        fault = check_size(whole, begin + len, begin + len);
    }
    whole->at += 4;
    while (fault == DORY_IMAGE_FAULT_NONE && whole->at < begin + len) {
        fault = take_entry(whole, begin + len, in_protected);
    }
    return fault;
}

static unsigned check_protected(const struct whole *whole)
{
    const char *board = whole->rules->board;
    uint32_t counter = whole->value[0x50] != NULL ? get32(whole->value[0x50]) : 0;

    if (board != NULL && (whole->value[0xd0] == NULL || whole->value_len[0xd0] != strlen(board) ||
                          memcmp(whole->value[0xd0], board, strlen(board)) != 0)) {
        return DORY_IMAGE_FAULT_OTHER_BOARD;
    }
    return counter < whole->rules->min_counter ? DORY_IMAGE_FAULT_OLD_COUNTER : DORY_IMAGE_FAULT_NONE;
}

/* Returns the fault that feeding it all must end with. */
static unsigned check_whole(struct whole *whole)
{
    unsigned fault;

    if (whole->len < 32) {
        return PENDING;
    }
    fault = check_header(whole);
    if (fault != DORY_IMAGE_FAULT_NONE) {
        return fault;
    }
    whole->at = (uint64_t)get16(whole->data + 8) + get32(whole->data + 12);
    if (whole->len < whole->at) {
        return PENDING;
    }
    if (get16(whole->data + 10) > 0) {
        fault = take_area(whole, true);
    }
    fault = fault == DORY_IMAGE_FAULT_NONE ? check_protected(whole) : fault;
    fault = fault == DORY_IMAGE_FAULT_NONE ? take_area(whole, false) : fault;
    if (fault != DORY_IMAGE_FAULT_NONE) {
        return fault;
    }
    if (whole->value[0x10] == NULL) {
        return DORY_IMAGE_FAULT_NO_HASH;
    }
    return whole->at < whole->len ? DORY_IMAGE_FAULT_TRAILING : DORY_IMAGE_FAULT_NONE;
}

static unsigned check_signature(const struct whole *whole)
{
    static const uint8_t zeros[DORY_IMAGE_HASH];

    if (whole->value[0x22] == NULL) {
        return DORY_IMAGE_FAULT_NO_SIGNATURE;
    }
    if (whole->value[0x01] == NULL || memcmp(whole->value[0x01], zeros, sizeof zeros) != 0) {
        return DORY_IMAGE_FAULT_OTHER_KEY;
    }
    return whole->value[0x22][0] == 0x30 ? DORY_IMAGE_FAULT_NONE : DORY_IMAGE_FAULT_SIGNATURE;
}

/* ---- The comparison ---- */

/* A step of any size, from a small generator (Numerical Recipes). */
static size_t next_step(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return 1 + (*seed >> 24) % 40;
}

/* Feeds it in pieces, which are gone afterwards; seed 0: whole, 1: byte by byte. */
static int feed(struct dory_image *image, const uint8_t *data, size_t len, uint32_t seed)
{
    int result = DORY_MORE;

    for (size_t at = 0; at < len;) {
        size_t step = seed == 0 ? len : seed == 1 ? 1 : next_step(&seed);
        uint8_t *piece;

        step = step < len - at ? step : len - at;
        piece = (uint8_t *)malloc(step);
        assert(piece != NULL);
        memcpy(piece, data + at, step);
        result = dory_image_feed(image, piece, step);
        assert((result == DORY_MORE) == (dory_image_wants(image) > 0));
        free(piece);
        at += step;
    }
    return result;
}

static void judge(struct whole whole, uint32_t seed)
{
    unsigned expected = check_whole(&whole);
    struct dory_image image;
    int result;

    dory_image_begin(&image, whole.rules, whole.announced);
    result = feed(&image, whole.data, whole.len, seed);
    assert(result == (expected == PENDING ? DORY_MORE : expected == DORY_IMAGE_FAULT_NONE ? DORY_OK : DORY_BAD_IMAGE));
    assert(image.fault == (expected == PENDING ? DORY_IMAGE_FAULT_NONE : expected));
    if (expected == DORY_IMAGE_FAULT_NONE) {
        assert(image.size == whole.len);
        assert(image.sha256.state[0] == (uint64_t)image.header_size + image.image_size + image.protected_size);
        expected = check_signature(&whole);
    }
    result = dory_image_finish(&image);
    assert((result == DORY_OK) == (expected == DORY_IMAGE_FAULT_NONE));
    assert(image.fault == (expected == PENDING ? DORY_IMAGE_FAULT_SHORT : expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dory_image_rules rules = {.crypto = &crypto, .key = key, .max_size = MAX_SIZE};
    struct whole whole = {.rules = &rules};

    if (size < 2) {
        return 0;
    }
    whole.data = data + 2;
    whole.len = size - 2;
    whole.announced = (data[0] & 8) != 0 ? DORY_IMAGE_ANY_SIZE : whole.len + (data[0] >> 4);
    rules.board = (data[0] & 1) != 0 ? "b" : NULL;
    rules.min_counter = (data[0] & 2) != 0 ? 7 : 0;
    rules.min_version.major = (data[0] & 4) != 0 ? 1 : 0;
    for (uint32_t seed = 0; seed < 4; seed++) {
        judge(whole, seed < 2 ? seed : data[1] * 2U + seed);
    }
    return 0;
}
