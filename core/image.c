/* SPDX-License-Identifier: MIT */
/*
 * The check of a firmware image, see image.h. It knows the format and the rules; SHA-256 and ECDSA are the caller's.
 *
 * Implementation notes
 *
 * The image is taken as a row of parts whose lengths are known when they begin: header, body (padding and image), then for
 * each of the two areas of TLVs its head, and for each entry a head and a value. `left` counts down what is to come of the
 * part in hand; what a part says is in `buf` when it ends. Nothing but `left` limits what is taken, so no length that the
 * image tells is ever added to a position.
 *
 * Everything up to the end of the protected TLVs is hashed as it comes.
 */
#include "image.h"

#include <string.h>

#define KNOWN_FLAGS (DORY_IMAGE_FLAG_PIC | DORY_IMAGE_FLAG_RAM_LOAD | DORY_IMAGE_FLAG_ROM_FIXED)
#define SHORTEST_SIGNATURE 8U /* two numbers of one byte in a sequence */

enum part { PART_HEADER, PART_BODY, PART_AREA, PART_ENTRY, PART_VALUE, PART_WHOLE, PART_REFUSED };

/* TLVs that there may be once, and where their values are kept. */
static const struct known {
    uint8_t type;
    uint8_t min_len;
    uint8_t max_len;
    bool is_protected;
    uint16_t place; /* in struct dory_image */
} known_tlvs[] = {
    {DORY_IMAGE_TLV_KEY_HASH, DORY_IMAGE_HASH, DORY_IMAGE_HASH, false, offsetof(struct dory_image, key_hash)},
    {DORY_IMAGE_TLV_HASH, DORY_IMAGE_HASH, DORY_IMAGE_HASH, false, offsetof(struct dory_image, buf)},
    {DORY_IMAGE_TLV_SIGNATURE, SHORTEST_SIGNATURE, DORY_IMAGE_SIGNATURE, false, offsetof(struct dory_image, signature)},
    {DORY_IMAGE_TLV_COUNTER, 4, 4, true, offsetof(struct dory_image, buf)},
    {DORY_IMAGE_TLV_BOARD, 1, DORY_IMAGE_BOARD, true, offsetof(struct dory_image, board)},
};

#define KNOWN_COUNT (sizeof known_tlvs / sizeof known_tlvs[0])

/* Their bits in `seen`, in that order. */
enum { SEEN_KEY_HASH = 1, SEEN_HASH = 2, SEEN_SIGNATURE = 4 };

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static int status_of(const struct dory_image *image)
{
    static const int8_t statuses[] = {
#define STATUS(symbol, status, sentence) (status),
        DORY_IMAGE_FAULTS(STATUS)
#undef STATUS
    };

    return statuses[image->fault];
}

static void refuse(struct dory_image *image, enum dory_image_fault fault)
{
    image->fault = (uint8_t)fault;
    image->part = PART_REFUSED;
    image->left = 0;
}

/* Goes on with a part of `len` bytes, unless there is a fault. */
static void go_on(struct dory_image *image, enum dory_image_fault fault, enum part part, uint64_t len)
{
    if (fault != DORY_IMAGE_FAULT_NONE) {
        refuse(image, fault);
        return;
    }
    image->part = (uint8_t)part;
    image->left = len;
    image->have = 0;
}

/* The image has `least` to `most` bytes. */
static enum dory_image_fault judge_size(const struct dory_image *image, uint64_t least, uint64_t most)
{
    uint64_t max_size = image->rules->max_size;

    if (least > max_size) {
        return DORY_IMAGE_FAULT_TOO_LARGE;
    }
    if (image->announced == DORY_IMAGE_ANY_SIZE) {
        return DORY_IMAGE_FAULT_NONE;
    }
    if (image->announced > max_size) {
        return DORY_IMAGE_FAULT_TOO_LARGE;
    }
    if (image->announced < least) {
        return DORY_IMAGE_FAULT_SHORT;
    }
    return image->announced > most ? DORY_IMAGE_FAULT_TRAILING : DORY_IMAGE_FAULT_NONE;
}

static enum dory_image_fault judge_header(const struct dory_image *image)
{
    if (get32(image->buf) != DORY_IMAGE_MAGIC) {
        return DORY_IMAGE_FAULT_NO_IMAGE;
    }
    if (image->header_size < DORY_IMAGE_HEADER || image->image_size == 0 ||
        (image->protected_size > 0 && image->protected_size < DORY_IMAGE_TLV_HEAD)) {
        return DORY_IMAGE_FAULT_SIZES;
    }
    if ((image->flags & ~KNOWN_FLAGS) != 0) {
        return DORY_IMAGE_FAULT_FLAGS;
    }
    if (dory_image_version_compare(&image->version, &image->rules->min_version) < 0) {
        return DORY_IMAGE_FAULT_OLD_VERSION;
    }
    return judge_size(image, image->size + DORY_IMAGE_TLV_HEAD, image->size + UINT16_MAX);
}

static void end_header(struct dory_image *image)
{
    const uint8_t *header = image->buf;

    image->load_addr = get32(header + 4);
    image->header_size = get16(header + 8);
    image->protected_size = get16(header + 10);
    image->image_size = get32(header + 12);
    image->flags = get32(header + 16);
    image->version = (struct dory_image_version){header[20], header[21], get16(header + 22), get32(header + 24)};
    image->size = (uint64_t)image->header_size + image->image_size + image->protected_size;
    go_on(image, judge_header(image), PART_BODY, (uint64_t)image->header_size - DORY_IMAGE_HEADER + image->image_size);
}

/* The first area tells its length for a second time, the other one that of the whole image. */
static enum dory_image_fault judge_area(struct dory_image *image, uint16_t area_len)
{
    uint16_t magic = image->in_protected ? DORY_IMAGE_PROTECTED_TLVS : DORY_IMAGE_TLVS;

    if (get16(image->buf) != magic || area_len < DORY_IMAGE_TLV_HEAD) {
        return DORY_IMAGE_FAULT_TLV;
    }
    if (image->in_protected) {
        return area_len == image->protected_size ? DORY_IMAGE_FAULT_NONE : DORY_IMAGE_FAULT_TLV;
    }
    image->size += area_len;
    return judge_size(image, image->size, image->size);
}

/* What is signed has arrived. */
static enum dory_image_fault judge_signed(const struct dory_image *image)
{
    const char *board = image->rules->board;

    if (board != NULL && (strlen(board) != strlen(image->board) || memcmp(board, image->board, strlen(board)) != 0)) {
        return DORY_IMAGE_FAULT_OTHER_BOARD;
    }
    return image->counter < image->rules->min_counter ? DORY_IMAGE_FAULT_OLD_COUNTER : DORY_IMAGE_FAULT_NONE;
}

static void end_signed(struct dory_image *image)
{
    image->in_protected = false;
    image->rules->crypto->sha256_end(&image->sha256, image->hash);
    go_on(image, judge_signed(image), PART_AREA, DORY_IMAGE_TLV_HEAD);
}

static void end_body(struct dory_image *image)
{
    if (image->protected_size == 0) {
        end_signed(image);
        return;
    }
    image->in_protected = true;
    go_on(image, DORY_IMAGE_FAULT_NONE, PART_AREA, DORY_IMAGE_TLV_HEAD);
}

static void next_entry(struct dory_image *image)
{
    if (image->area_left > 0) {
        go_on(image, image->area_left < DORY_IMAGE_TLV_HEAD ? DORY_IMAGE_FAULT_TLV : DORY_IMAGE_FAULT_NONE, PART_ENTRY,
              DORY_IMAGE_TLV_HEAD);
    } else if (image->in_protected) {
        end_signed(image);
    } else {
        go_on(image, (image->seen & SEEN_HASH) == 0 ? DORY_IMAGE_FAULT_NO_HASH : DORY_IMAGE_FAULT_NONE, PART_WHOLE, 0);
    }
}

static void end_area_head(struct dory_image *image)
{
    uint16_t area_len = get16(image->buf + 2);
    enum dory_image_fault fault = judge_area(image, area_len);

    image->area_left = (uint16_t)(area_len - DORY_IMAGE_TLV_HEAD);
    if (fault != DORY_IMAGE_FAULT_NONE) {
        refuse(image, fault);
    } else {
        next_entry(image);
    }
}

/* Returns the place in the table of the entry in hand, or KNOWN_COUNT. */
static unsigned find_known(const struct dory_image *image)
{
    unsigned at = 0;

    while (at < KNOWN_COUNT && known_tlvs[at].type != image->type) {
        at++;
    }
    return at;
}

static enum dory_image_fault judge_entry(struct dory_image *image)
{
    unsigned at = find_known(image);
    const struct known *known = &known_tlvs[at];

    if (image->value_len > image->area_left) {
        return DORY_IMAGE_FAULT_TLV;
    }
    if (at == KNOWN_COUNT) {
        return DORY_IMAGE_FAULT_NONE;
    }
    if (image->value_len < known->min_len || image->value_len > known->max_len) {
        return DORY_IMAGE_FAULT_TLV;
    }
    if (image->in_protected != known->is_protected) {
        return DORY_IMAGE_FAULT_UNPROTECTED;
    }
    if ((image->seen & 1U << at) != 0) {
        return DORY_IMAGE_FAULT_TWICE;
    }
    image->seen |= (uint8_t)(1U << at);
    return DORY_IMAGE_FAULT_NONE;
}

static void end_entry_head(struct dory_image *image)
{
    enum dory_image_fault fault;

    image->type = get16(image->buf);
    image->value_len = get16(image->buf + 2);
    image->area_left = (uint16_t)(image->area_left - DORY_IMAGE_TLV_HEAD);
    fault = judge_entry(image);
    image->area_left = (uint16_t)(image->area_left - image->value_len);
    go_on(image, fault, PART_VALUE, image->value_len);
}

static enum dory_image_fault judge_value(struct dory_image *image)
{
    switch (image->type) {
    case DORY_IMAGE_TLV_HASH:
        return memcmp(image->buf, image->hash, DORY_IMAGE_HASH) == 0 ? DORY_IMAGE_FAULT_NONE : DORY_IMAGE_FAULT_HASH;
    case DORY_IMAGE_TLV_COUNTER:
        image->counter = get32(image->buf);
        break;
    case DORY_IMAGE_TLV_SIGNATURE:
        image->signature_len = (uint8_t)image->value_len;
        break;
    case DORY_IMAGE_TLV_BOARD:
        return memchr(image->board, '\0', image->value_len) == NULL ? DORY_IMAGE_FAULT_NONE : DORY_IMAGE_FAULT_TLV;
    }
    return DORY_IMAGE_FAULT_NONE;
}

static void end_value(struct dory_image *image)
{
    enum dory_image_fault fault = judge_value(image);

    if (fault != DORY_IMAGE_FAULT_NONE) {
        refuse(image, fault);
    } else {
        next_entry(image);
    }
}

/* Goes on behind the part in hand. Returns false when there is nothing behind it. */
static bool end_part(struct dory_image *image)
{
    switch ((enum part)image->part) {
    case PART_HEADER:
        end_header(image);
        break;
    case PART_BODY:
        end_body(image);
        break;
    case PART_AREA:
        end_area_head(image);
        break;
    case PART_ENTRY:
        end_entry_head(image);
        break;
    case PART_VALUE:
        end_value(image);
        break;
    case PART_WHOLE:
    case PART_REFUSED:
        return false;
    }
    return true;
}

/* Keeps what will be looked at when the part ends. Its length is that of the place, at most. */
static void keep(struct dory_image *image, const uint8_t *data, size_t len)
{
    size_t place = offsetof(struct dory_image, buf);

    if (image->part == PART_BODY) {
        return;
    }
    if (image->part == PART_VALUE) {
        unsigned at = find_known(image);

        if (at == KNOWN_COUNT) {
            return;
        }
        place = known_tlvs[at].place;
    }
    memcpy((uint8_t *)image + place + image->have, data, len);
    image->have = (uint8_t)(image->have + len);
}

static void take(struct dory_image *image, const uint8_t *data, size_t len)
{
    if (image->part == PART_HEADER || image->part == PART_BODY || image->in_protected) {
        image->rules->crypto->sha256_add(&image->sha256, data, len);
    }
    keep(image, data, len);
    image->left -= len;
}

void dory_image_begin(struct dory_image *image, const struct dory_image_rules *rules, uint64_t size)
{
    *image = (struct dory_image){.part = PART_HEADER, .left = DORY_IMAGE_HEADER, .announced = size, .rules = rules};
    rules->crypto->sha256_begin(&image->sha256);
}

int dory_image_feed(struct dory_image *image, const uint8_t *data, size_t len)
{
    do {
        size_t step = len < image->left ? len : (size_t)image->left;

        if (step > 0) {
            take(image, data, step);
            data += step;
            len -= step;
        }
        if (image->left > 0) {
            return DORY_MORE;
        }
    } while (end_part(image));
    if (image->part == PART_WHOLE && len > 0) {
        refuse(image, DORY_IMAGE_FAULT_TRAILING);
    }
    return status_of(image);
}

uint64_t dory_image_wants(const struct dory_image *image)
{
    return image->left;
}

/* An image that doesn't tell its key's hash has zeros there, which is no key's. */
static bool signed_with(struct dory_image *image, const uint8_t *key)
{
    const struct dory_image_crypto *crypto = image->rules->crypto;

    if (key == NULL) {
        return false;
    }
    crypto->sha256_begin(&image->sha256);
    crypto->sha256_add(&image->sha256, key, DORY_IMAGE_KEY);
    crypto->sha256_end(&image->sha256, image->buf);
    return memcmp(image->buf, image->key_hash, DORY_IMAGE_HASH) == 0;
}

static enum dory_image_fault judge_signature(struct dory_image *image)
{
    const uint8_t *key = image->rules->key;

    if (image->part != PART_WHOLE) {
        return DORY_IMAGE_FAULT_SHORT;
    }
    if ((image->seen & SEEN_SIGNATURE) == 0) {
        return DORY_IMAGE_FAULT_NO_SIGNATURE;
    }
    if ((image->seen & SEEN_KEY_HASH) == 0 || !signed_with(image, key)) {
        return DORY_IMAGE_FAULT_OTHER_KEY;
    }
    return image->rules->crypto->verify(key + DORY_IMAGE_KEY - DORY_IMAGE_POINT, image->hash, image->signature,
                                        image->signature_len)
               ? DORY_IMAGE_FAULT_NONE
               : DORY_IMAGE_FAULT_SIGNATURE;
}

int dory_image_finish(struct dory_image *image)
{
    if (image->part != PART_REFUSED) {
        enum dory_image_fault fault = judge_signature(image);

        if (fault != DORY_IMAGE_FAULT_NONE) {
            refuse(image, fault);
        }
    }
    return status_of(image);
}
