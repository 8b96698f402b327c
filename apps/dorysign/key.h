/* SPDX-License-Identifier: MIT */
/* Keys: ECDSA on P-256, in files as PEM (RFC 7468). Failures are told here, naming the file. */
#ifndef DORYSIGN_KEY_H
#define DORYSIGN_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/image.h"

#define KEY_SECRET 32U    /* bytes of a private key */
#define KEY_PEM_SIZE 512U /* bytes that hold each PEM that is written here */

struct key {
    bool has_secret;
    uint8_t secret[KEY_SECRET];         /* big-endian */
    uint8_t public_key[DORY_IMAGE_KEY]; /* SubjectPublicKeyInfo */
};

/* Makes a new one. Returns false, having said why. */
bool key_make(struct key *key);

/* Reads "EC PRIVATE KEY" (RFC 5915), "PRIVATE KEY" (RFC 5958) or "PUBLIC KEY" (RFC 5480), the first one that is in the file.
 * Returns false, having said why. */
bool key_read(struct key *key, const char *path);

/* Writes it as "PRIVATE KEY" or "PUBLIC KEY"; returns the length. */
size_t key_write_private(const struct key *key, char pem[KEY_PEM_SIZE]);
size_t key_write_public(const struct key *key, char pem[KEY_PEM_SIZE]);

/* Signs a hash; the same hash with the same key has always the same signature (RFC 6979). Returns its length, or 0 when the
 * key is none. */
size_t key_sign(const struct key *key, const uint8_t hash[DORY_IMAGE_HASH], uint8_t signature[DORY_IMAGE_SIGNATURE]);

/* Writes `len` bytes as hexadecimal digits, and a NUL. */
void hex_write(char *text, const uint8_t *bytes, size_t len);

/* Computes the SHA-256. */
void sha256(const void *data, size_t len, uint8_t hash[DORY_IMAGE_HASH]);

#endif
