/* SPDX-License-Identifier: MIT */
/* SHA-256 and ECDSA by BearSSL, see image_bearssl.h. */
#include "image_bearssl.h"

#include <bearssl.h>

_Static_assert(sizeof(br_sha256_context) <= sizeof(struct dory_sha256), "dory_config.h: DORY_SHA256_STATE");

static br_sha256_context *context_of(struct dory_sha256 *sha256)
{
    return (br_sha256_context *)(void *)sha256->state;
}

static void sha256_begin(struct dory_sha256 *sha256)
{
    br_sha256_init(context_of(sha256));
}

static void sha256_add(struct dory_sha256 *sha256, const uint8_t *data, size_t len)
{
    br_sha256_update(context_of(sha256), data, len);
}

static void sha256_end(struct dory_sha256 *sha256, uint8_t hash[DORY_IMAGE_HASH])
{
    br_sha256_out(context_of(sha256), hash);
}

static bool verify(const uint8_t point[DORY_IMAGE_POINT], const uint8_t hash[DORY_IMAGE_HASH], const uint8_t *signature,
                   size_t len)
{
    /* BearSSL only reads it, and has no const there. */
    br_ec_public_key key = {BR_EC_secp256r1, (unsigned char *)(uintptr_t)point, DORY_IMAGE_POINT};

    return br_ecdsa_i31_vrfy_asn1(&IMAGE_BEARSSL_CURVES, hash, DORY_IMAGE_HASH, &key, signature, len) == 1;
}

const struct dory_image_crypto image_bearssl = {
    .sha256_begin = sha256_begin,
    .sha256_add = sha256_add,
    .sha256_end = sha256_end,
    .verify = verify,
};
