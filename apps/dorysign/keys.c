/* SPDX-License-Identifier: MIT */
/* `dorysign keygen` and `dorysign pubkey`: making keys, and handing the public ones out. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "file.h"
#include "key.h"

#define C_SIZE 2048U /* bytes that hold the C source of a key */

enum exit_code command_keygen(const struct options *options)
{
    char pem[KEY_PEM_SIZE];
    struct key key;

    if (!key_make(&key) || !file_write(options->output, options->force ? FILE_SECRET : FILE_SECRET_NEW, pem,
                                       key_write_private(&key, pem))) {
        return EXIT_LOCAL_FILE;
    }
    return EXIT_DONE;
}

static size_t write_c(const struct key *key, char *text)
{
    uint8_t hash[DORY_IMAGE_HASH];
    char digits[2 * DORY_IMAGE_HASH + 1];
    char *at = text;

    sha256(key->public_key, DORY_IMAGE_KEY, hash);
    hex_write(digits, hash, sizeof hash);
    at += sprintf(at,
                  "/* Made by dorysign: the public key of ECDSA P-256 whose SHA-256 is\n * %s. */\n"
                  "const unsigned char image_key[%u] = {",
                  digits, DORY_IMAGE_KEY);
    for (unsigned i = 0; i < DORY_IMAGE_KEY; i++) {
        at += sprintf(at, "%s0x%02x,", i % 12 == 0 ? "\n    " : " ", key->public_key[i]);
    }
    at += sprintf(at, "\n};\n");
    return (size_t)(at - text);
}

enum exit_code command_pubkey(const struct options *options)
{
    char text[C_SIZE];
    struct key key;
    size_t len = DORY_IMAGE_KEY;

    if (!key_read(&key, options->words[0])) {
        return EXIT_LOCAL_FILE;
    }
    switch (options->format) {
    case FORMAT_C:
        len = write_c(&key, text);
        break;
    case FORMAT_PEM:
        len = key_write_public(&key, text);
        break;
    case FORMAT_RAW:
        memcpy(text, key.public_key, len);
        break;
    }
    return file_write(options->output, FILE_USUAL, text, len) ? EXIT_DONE : EXIT_LOCAL_FILE;
}
