/* SPDX-License-Identifier: MIT */
/* Firmware images for tests: made piece by piece, so that each piece can be wrong, and signed with BearSSL. */
#ifndef IMAGE_MAKER_H
#define IMAGE_MAKER_H

#include "unit.h"

#include <bearssl.h>

#include "../../core/image.h"

#define MADE_ROOM 2304U

/* The private keys: the number 1, and 2, and so on, 32 bytes each of them. */
#define KEY_OURS 1
#define KEY_OTHER 2

struct made {
    size_t len;
    uint8_t bytes[MADE_ROOM];
};

/* What to make. Zeros: the smallest image that is fine. */
struct plan {
    uint16_t header_size; /* 0: 32 */
    uint32_t image_size;  /* 0: 40 */
    uint32_t flags;
    struct dory_image_version version;
    struct made protected_tlvs; /* entries */
    struct made tlvs;           /* entries ahead of hash, key's hash and signature */
    bool no_hash;
    bool no_key_hash;
    bool no_signature;
    uint8_t key;          /* of the signature; 0: KEY_OURS */
    uint8_t key_of_hash;  /* 0: that one */
    uint8_t spoiled_hash; /* exclusive-or on the hash, before it is signed */
    int protected_lie;    /* what the header tells of the protected TLVs' size is more by so much */
};

static inline void put_bytes(struct made *made, const void *data, size_t len)
{
    assert_true(len <= sizeof made->bytes - made->len);
    memcpy(made->bytes + made->len, data, len);
    made->len += len;
}

static inline void put_number(struct made *made, uint32_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(number >> (8 * i));

        put_bytes(made, &byte, 1);
    }
}

static inline void put_tlv(struct made *made, unsigned type, const void *value, size_t len)
{
    put_number(made, type, 2);
    put_number(made, (uint32_t)len, 2);
    put_bytes(made, value, len);
}

static inline void put_counter(struct made *made, uint32_t counter)
{
    put_number(made, DORY_IMAGE_TLV_COUNTER, 2);
    put_number(made, 4, 2);
    put_number(made, counter, 4);
}

static inline void put_board(struct made *made, const char *board)
{
    put_tlv(made, DORY_IMAGE_TLV_BOARD, board, strlen(board));
}

static inline void hash_of(const uint8_t *data, size_t len, uint8_t hash[32])
{
    br_sha256_context context;

    br_sha256_init(&context);
    br_sha256_update(&context, data, len);
    br_sha256_out(&context, hash);
}

static inline br_ec_private_key private_key(unsigned which)
{
    static uint8_t number[32];

    memset(number, (int)which, sizeof number);
    return (br_ec_private_key){BR_EC_secp256r1, number, sizeof number};
}

/* The public key, as SubjectPublicKeyInfo (RFC 5480). */
static inline void make_public_key(unsigned which, uint8_t key[DORY_IMAGE_KEY])
{
    static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                   0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
    br_ec_private_key secret = private_key(which);
    size_t len = br_ec_compute_pub(&br_ec_p256_m31, NULL, key + sizeof head, &secret);

    assert_int_equal(sizeof head + len, DORY_IMAGE_KEY);
    memcpy(key, head, sizeof head);
}

static inline size_t sign(unsigned which, const uint8_t hash[32], uint8_t signature[DORY_IMAGE_SIGNATURE])
{
    br_ec_private_key secret = private_key(which);
    size_t len = br_ecdsa_i31_sign_asn1(&br_ec_p256_m31, &br_sha256_vtable, hash, &secret, signature);

    assert_true(len > 0 && len <= DORY_IMAGE_SIGNATURE);
    return len;
}

static inline void put_header(struct made *made, const struct plan *plan)
{
    uint32_t protected_size = plan->protected_tlvs.len > 0 ? (uint32_t)plan->protected_tlvs.len + 4 : 0;
    uint16_t header_size = plan->header_size != 0 ? plan->header_size : 32;

    put_number(made, DORY_IMAGE_MAGIC, 4);
    put_number(made, 0x20000400, 4);
    put_number(made, header_size, 2);
    put_number(made, protected_size + (unsigned)plan->protected_lie, 2);
    put_number(made, plan->image_size != 0 ? plan->image_size : 40, 4);
    put_number(made, plan->flags, 4);
    put_number(made, plan->version.major, 1);
    put_number(made, plan->version.minor, 1);
    put_number(made, plan->version.revision, 2);
    put_number(made, plan->version.build, 4);
    while (made->len < header_size) {
        put_number(made, 0, 1);
    }
}

static inline void put_signed_tlvs(struct made *entries, const struct plan *plan, const uint8_t hash[32])
{
    unsigned which = plan->key != 0 ? plan->key : KEY_OURS;
    uint8_t key[DORY_IMAGE_KEY];
    uint8_t key_hash[32];
    uint8_t signature[DORY_IMAGE_SIGNATURE];
    size_t signature_len = sign(which, hash, signature);

    make_public_key(plan->key_of_hash != 0 ? plan->key_of_hash : which, key);
    hash_of(key, sizeof key, key_hash);
    if (!plan->no_hash) {
        put_tlv(entries, DORY_IMAGE_TLV_HASH, hash, 32);
    }
    if (!plan->no_key_hash) {
        put_tlv(entries, DORY_IMAGE_TLV_KEY_HASH, key_hash, 32);
    }
    if (!plan->no_signature) {
        put_tlv(entries, DORY_IMAGE_TLV_SIGNATURE, signature, signature_len);
    }
}

static inline void put_area(struct made *made, unsigned magic, const struct made *entries)
{
    put_number(made, magic, 2);
    put_number(made, (uint32_t)entries->len + 4, 2);
    put_bytes(made, entries->bytes, entries->len);
}

/* Makes the image that was planned. */
static inline struct made make_image(const struct plan *plan)
{
    struct made made = {0};
    struct made entries = plan->tlvs;
    uint8_t hash[32];

    put_header(&made, plan);
    for (uint32_t i = 0; i < (plan->image_size != 0 ? plan->image_size : 40); i++) {
        put_number(&made, i * 7 + 1, 1);
    }
    if (plan->protected_tlvs.len > 0) {
        put_area(&made, DORY_IMAGE_PROTECTED_TLVS, &plan->protected_tlvs);
    }
    hash_of(made.bytes, made.len, hash);
    hash[0] ^= plan->spoiled_hash;
    put_signed_tlvs(&entries, plan, hash);
    put_area(&made, DORY_IMAGE_TLVS, &entries);
    return made;
}

#endif
