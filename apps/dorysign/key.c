/* SPDX-License-Identifier: MIT */
/* Keys, see key.h: BearSSL reads, writes and uses them. */
#define _DEFAULT_SOURCE

#include "key.h"

#include <bearssl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "file.h"

#define MAX_FILE 65536U
#define MAX_DER 1024U /* bytes; keys on P-256 have less than 200 */

/* What a SubjectPublicKeyInfo of P-256 begins with: id-ecPublicKey, secp256r1, a string of 66 bytes, the first one 0. */
static const uint8_t spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

_Static_assert(sizeof spki_head + DORY_IMAGE_POINT == DORY_IMAGE_KEY, "a point follows");

/* The object of a PEM file that is being read. */
struct pem {
    bool wanted; /* of a kind that holds a key */
    bool is_public;
    size_t len; /* bytes; above MAX_DER: too long */
    uint8_t der[MAX_DER];
};

static bool fail(const char *path, const char *why)
{
    (void)complain(EXIT_LOCAL_FILE, "%s: %s", path, why);
    return false;
}

/* The caller's private key as BearSSL likes it. */
static br_ec_private_key secret_of(const struct key *key)
{
    return (br_ec_private_key){BR_EC_secp256r1, (unsigned char *)(uintptr_t)key->secret, sizeof key->secret};
}

/* Returns false when the private key is none: 0, or not below the order of the curve. */
static bool complete(struct key *key)
{
    br_ec_private_key secret = secret_of(key);
    static const uint8_t zeros[DORY_IMAGE_HASH];
    uint8_t signature[DORY_IMAGE_SIGNATURE];

    key->has_secret = true;
    memcpy(key->public_key, spki_head, sizeof spki_head);
    return br_ec_compute_pub(br_ec_get_default(), NULL, key->public_key + sizeof spki_head, &secret) ==
               DORY_IMAGE_POINT &&
           key_sign(key, zeros, signature) > 0;
}

/* ---- Making ---- */

bool key_make(struct key *key)
{
    br_hmac_drbg_context random;
    br_ec_private_key made;
    uint8_t buf[BR_EC_KBUF_PRIV_MAX_SIZE];
    uint8_t seed[32];

    if (getentropy(seed, sizeof seed) != 0) {
        return fail("random numbers", strerror(errno));
    }
    br_hmac_drbg_init(&random, &br_sha256_vtable, seed, sizeof seed);
    if (br_ec_keygen(&random.vtable, br_ec_get_default(), &made, buf, BR_EC_secp256r1) != KEY_SECRET) {
        return fail("key", "can't be made");
    }
    memcpy(key->secret, made.x, KEY_SECRET);
    return complete(key);
}

/* ---- Reading ---- */

static void take_der(void *ctx, const void *data, size_t len)
{
    struct pem *pem = (struct pem *)ctx;

    if (len <= MAX_DER - pem->len) {
        memcpy(pem->der + pem->len, data, len);
        pem->len += len;
    } else {
        pem->wanted = false;
    }
}

static void begin_object(br_pem_decoder_context *decoder, struct pem *pem)
{
    const char *name = br_pem_decoder_name(decoder);

    pem->is_public = strcmp(name, "PUBLIC KEY") == 0;
    pem->wanted = pem->is_public || strcmp(name, "PRIVATE KEY") == 0 || strcmp(name, "EC PRIVATE KEY") == 0;
    br_pem_decoder_setdest(decoder, pem->wanted ? take_der : NULL, pem);
}

/* Finds the first key. Returns false when there is none that is well-formed. */
static bool find_key(const struct file *file, struct pem *pem)
{
    br_pem_decoder_context decoder;
    size_t at = 0;
    int event = 0;

    *pem = (struct pem){0};
    br_pem_decoder_init(&decoder);
    while (at < file->len && event != BR_PEM_ERROR) {
        at += br_pem_decoder_push(&decoder, file->data + at, file->len - at);
        event = br_pem_decoder_event(&decoder);
        if (event == BR_PEM_BEGIN_OBJ) {
            begin_object(&decoder, pem);
        } else if (event == BR_PEM_END_OBJ && pem->wanted) {
            return true;
        }
    }
    return false;
}

/* Only a point of the curve can be multiplied. */
static bool on_curve(const uint8_t *point)
{
    static const uint8_t one = 1;
    uint8_t copy[DORY_IMAGE_POINT];

    memcpy(copy, point, sizeof copy);
    return br_ec_get_default()->mul(copy, sizeof copy, &one, 1, BR_EC_secp256r1) == 1;
}

static bool read_public(struct key *key, const char *path, const struct pem *pem)
{
    if (pem->len != DORY_IMAGE_KEY || memcmp(pem->der, spki_head, sizeof spki_head) != 0 ||
        !on_curve(pem->der + sizeof spki_head)) {
        return fail(path, "is no public key of ECDSA P-256");
    }
    memcpy(key->public_key, pem->der, DORY_IMAGE_KEY);
    return true;
}

/* BearSSL drops zeros at the beginning, or leaves more of them than there need be. */
static bool take_secret(struct key *key, const br_ec_private_key *secret)
{
    const unsigned char *at = secret->x;
    size_t len = secret->xlen;

    while (len > KEY_SECRET && *at == 0) {
        at++;
        len--;
    }
    if (len > KEY_SECRET) {
        return false;
    }
    memcpy(key->secret + KEY_SECRET - len, at, len);
    return complete(key);
}

static bool read_private(struct key *key, const char *path, const struct pem *pem)
{
    br_skey_decoder_context decoder;
    const br_ec_private_key *secret;

    br_skey_decoder_init(&decoder);
    br_skey_decoder_push(&decoder, pem->der, pem->len);
    secret = br_skey_decoder_get_ec(&decoder);
    if (secret == NULL || secret->curve != BR_EC_secp256r1 || !take_secret(key, secret)) {
        return fail(path, "is no private key of ECDSA P-256");
    }
    return true;
}

/* Standard C has no memmem(). */
static bool contains(const struct file *file, const char *word)
{
    size_t len = strlen(word);

    for (size_t at = 0; len <= file->len - at && at < file->len; at++) {
        if (memcmp(file->data + at, word, len) == 0) {
            return true;
        }
    }
    return false;
}

bool key_read(struct key *key, const char *path)
{
    struct file file;
    struct pem pem;
    bool good = false;

    *key = (struct key){0};
    if (!file_read(&file, path, MAX_FILE)) {
        return false;
    }
    /* A file may end without a newline; there is a byte more for it. */
    file.data[file.len++] = '\n';
    if (find_key(&file, &pem)) {
        good = pem.is_public ? read_public(key, path, &pem) : read_private(key, path, &pem);
    } else if (contains(&file, "ENCRYPTED")) {
        (void)fail(path, "is encrypted; `openssl pkey -in FILE -out PLAIN` decrypts it");
    } else {
        (void)fail(path, "holds no key in PEM");
    }
    free(file.data);
    return good;
}

/* ---- Writing ---- */

size_t key_write_private(const struct key *key, char pem[KEY_PEM_SIZE])
{
    br_ec_private_key secret = secret_of(key);
    br_ec_public_key point = {BR_EC_secp256r1, (unsigned char *)(uintptr_t)(key->public_key + sizeof spki_head),
                              DORY_IMAGE_POINT};
    uint8_t der[256]; /* 138 bytes are needed */
    size_t len = br_encode_ec_pkcs8_der(der, &secret, &point);

    return br_pem_encode(pem, der, len, BR_ENCODE_PEM_PKCS8, BR_PEM_LINE64);
}

size_t key_write_public(const struct key *key, char pem[KEY_PEM_SIZE])
{
    return br_pem_encode(pem, key->public_key, DORY_IMAGE_KEY, "PUBLIC KEY", BR_PEM_LINE64);
}

/* ---- Using ---- */

size_t key_sign(const struct key *key, const uint8_t hash[DORY_IMAGE_HASH], uint8_t signature[DORY_IMAGE_SIGNATURE])
{
    br_ec_private_key secret = secret_of(key);

    return br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), &br_sha256_vtable, hash, &secret, signature);
}

void hex_write(char *text, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

void sha256(const void *data, size_t len, uint8_t hash[DORY_IMAGE_HASH])
{
    br_sha256_context context;

    br_sha256_init(&context);
    br_sha256_update(&context, data, len);
    br_sha256_out(&context, hash);
}
