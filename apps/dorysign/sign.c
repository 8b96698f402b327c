/* SPDX-License-Identifier: MIT */
/* `dorysign sign`: puts header, TLVs and signature around a binary. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "file.h"
#include "image_file.h"
#include "key.h"

#define MAX_BINARY (IMAGE_MAX_FILE - 0x20000U) /* bytes: the largest header and the TLVs fit, too */
#define TLVS_SIZE 256U                         /* bytes that all TLVs have at most */

/* The image as it grows. */
struct writer {
    uint8_t *data;
    size_t len;
};

static void put(struct writer *writer, const void *data, size_t len)
{
    memcpy(writer->data + writer->len, data, len);
    writer->len += len;
}

static void put_number(struct writer *writer, uint32_t number, unsigned bytes)
{
    for (; bytes > 0; bytes--) {
        writer->data[writer->len++] = (uint8_t)number;
        number >>= 8;
    }
}

static void put_tlv_head(struct writer *writer, unsigned type, size_t len)
{
    put_number(writer, type, 2);
    put_number(writer, (uint32_t)len, 2);
}

static void put_tlv(struct writer *writer, unsigned type, const void *value, size_t len)
{
    put_tlv_head(writer, type, len);
    put(writer, value, len);
}

static size_t protected_size(const struct options *options)
{
    size_t counter_size = options->has_counter ? DORY_IMAGE_TLV_HEAD + 4 : 0;
    size_t board_size = options->board != NULL ? DORY_IMAGE_TLV_HEAD + strlen(options->board) : 0;

    return counter_size + board_size > 0 ? DORY_IMAGE_TLV_HEAD + counter_size + board_size : 0;
}

static void put_header(struct writer *writer, const struct options *options, size_t binary_len)
{
    put_number(writer, DORY_IMAGE_MAGIC, 4);
    put_number(writer, options->load_addr, 4);
    put_number(writer, options->header_size, 2);
    put_number(writer, (uint32_t)protected_size(options), 2);
    put_number(writer, (uint32_t)binary_len, 4);
    put_number(writer, options->has_load_addr ? DORY_IMAGE_FLAG_RAM_LOAD : 0, 4);
    put_number(writer, options->version.major, 1);
    put_number(writer, options->version.minor, 1);
    put_number(writer, options->version.revision, 2);
    put_number(writer, options->version.build, 4);
    memset(writer->data + writer->len, 0, options->header_size - writer->len);
    writer->len = options->header_size;
}

static void put_protected(struct writer *writer, const struct options *options)
{
    if (protected_size(options) == 0) {
        return;
    }
    put_tlv_head(writer, DORY_IMAGE_PROTECTED_TLVS, protected_size(options));
    if (options->has_counter) {
        put_tlv_head(writer, DORY_IMAGE_TLV_COUNTER, 4);
        put_number(writer, options->counter, 4);
    }
    if (options->board != NULL) {
        put_tlv(writer, DORY_IMAGE_TLV_BOARD, options->board, strlen(options->board));
    }
}

static void put_signature(struct writer *writer, const struct key *key)
{
    uint8_t hash[DORY_IMAGE_HASH];
    uint8_t key_hash[DORY_IMAGE_HASH];
    uint8_t signature[DORY_IMAGE_SIGNATURE];
    size_t signature_len;

    sha256(writer->data, writer->len, hash);
    sha256(key->public_key, sizeof key->public_key, key_hash);
    signature_len = key_sign(key, hash, signature);
    put_tlv_head(writer, DORY_IMAGE_TLVS, 4 * DORY_IMAGE_TLV_HEAD + sizeof hash + sizeof key_hash + signature_len);
    put_tlv(writer, DORY_IMAGE_TLV_HASH, hash, sizeof hash);
    put_tlv(writer, DORY_IMAGE_TLV_KEY_HASH, key_hash, sizeof key_hash);
    put_tlv(writer, DORY_IMAGE_TLV_SIGNATURE, signature, signature_len);
}

/* A device would refuse what is wrong here, or, worse, not start what is in it. */
static const char *wrong_with(const struct file *binary)
{
    static const uint8_t magic[] = {0x3d, 0xb8, 0xf3, 0x96};

    if (binary->len == 0) {
        return "is empty";
    }
    if (binary->len >= sizeof magic && memcmp(binary->data, magic, sizeof magic) == 0) {
        return "is an image already";
    }
    if (binary->len >= 4 && memcmp(binary->data,
                                   "\x7f"
                                   "ELF",
                                   4) == 0) {
        return "is an ELF file; `objcopy -O binary` makes a binary of it";
    }
    return NULL;
}

/* Makes the image of a binary, and judges it as a device will. */
static enum exit_code make_image(const struct options *options, const struct key *key, const struct file *binary)
{
    struct writer writer = {.data = (uint8_t *)malloc(options->header_size + binary->len + TLVS_SIZE)};
    enum exit_code code = EXIT_DONE;
    struct dory_image image;
    int status;

    if (writer.data == NULL) {
        return complain(EXIT_LOCAL_FILE, "%s: is too large for the memory here", options->words[0]);
    }
    put_header(&writer, options, binary->len);
    put(&writer, binary->data, binary->len);
    put_protected(&writer, options);
    put_signature(&writer, key);
    status = image_judge(&image, &(struct file){writer.data, writer.len}, key);
    if (status != DORY_OK) {
        code = image_refused(options->words[1], &image, status);
    } else if (!file_write(options->words[1], FILE_USUAL, writer.data, writer.len)) {
        code = EXIT_LOCAL_FILE;
    } else {
        image_print(&image);
    }
    free(writer.data);
    return code;
}

enum exit_code command_sign(const struct options *options)
{
    enum exit_code code = EXIT_LOCAL_FILE;
    struct file binary;
    struct key key;

    if (!key_read(&key, options->key)) {
        return code;
    }
    if (!key.has_secret) {
        return complain(code, "%s: is a public key; signing takes the private one", options->key);
    }
    if (!file_read(&binary, options->words[0], MAX_BINARY)) {
        return code;
    }
    if (wrong_with(&binary) != NULL) {
        (void)complain(code, "%s: %s", options->words[0], wrong_with(&binary));
    } else {
        code = make_image(options, &key, &binary);
    }
    free(binary.data);
    return code;
}
