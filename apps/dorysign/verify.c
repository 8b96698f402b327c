/* SPDX-License-Identifier: MIT */
/* `dorysign verify` and `dorysign show`: judging and telling what is in an image. */
#include <stdio.h>
#include <stdlib.h>

#include "app.h"
#include "file.h"
#include "image_file.h"
#include "key.h"

enum exit_code command_verify(const struct options *options)
{
    const char *path = options->words[0];
    struct dory_image image;
    struct file file;
    struct key key;
    int status;

    if (!key_read(&key, options->key) || !file_read(&file, path, IMAGE_MAX_FILE)) {
        return EXIT_LOCAL_FILE;
    }
    status = image_judge(&image, &file, &key);
    free(file.data);
    if (status != DORY_OK) {
        return image_refused(path, &image, status);
    }
    image_print(&image);
    return EXIT_DONE;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)(at[0] | at[1] << 8);
}

static const char *name_of(unsigned type)
{
    switch (type) {
    case DORY_IMAGE_TLV_KEY_HASH:
        return "key's SHA-256";
    case DORY_IMAGE_TLV_HASH:
        return "SHA-256";
    case DORY_IMAGE_TLV_SIGNATURE:
        return "ECDSA P-256 signature";
    case DORY_IMAGE_TLV_COUNTER:
        return "security counter";
    case DORY_IMAGE_TLV_BOARD:
        return "board";
    default: /* a type is any number */
        return "unknown";
    }
}

/* An area of TLVs that the check has been through: its lengths are right. Returns where it ends. */
static size_t print_area(const uint8_t *data, size_t at)
{
    bool is_protected = get16(data + at) == DORY_IMAGE_PROTECTED_TLVS;
    size_t end = at + get16(data + at + 2);

    for (at += DORY_IMAGE_TLV_HEAD; at < end; at += DORY_IMAGE_TLV_HEAD + get16(data + at + 2)) {
        unsigned type = get16(data + at);
        unsigned len = get16(data + at + 2);

        printf("tlv: 0x%02x %s, %u bytes%s", type, name_of(type), len, is_protected ? ", protected" : "");
        for (unsigned i = 0; i < len && i < 8; i++) {
            printf(i == 0 ? ": %02x" : "%02x", data[at + DORY_IMAGE_TLV_HEAD + i]);
        }
        puts(len > 8 ? "..." : "");
    }
    return end;
}

static void print_parts(const struct dory_image *image, const uint8_t *data)
{
    size_t at = (size_t)image->header_size + image->image_size;

    printf("header: %u bytes, binary: %lu bytes, flags: 0x%lx, address: 0x%08lx\n", image->header_size,
           (unsigned long)image->image_size, (unsigned long)image->flags, (unsigned long)image->load_addr);
    while (at < image->size) {
        at = print_area(data, at);
    }
}

enum exit_code command_show(const struct options *options)
{
    const char *path = options->words[0];
    enum exit_code code = EXIT_DONE;
    struct dory_image image;
    struct file file;
    int status;

    if (!file_read(&file, path, IMAGE_MAX_FILE)) {
        return EXIT_LOCAL_FILE;
    }
    status = image_judge(&image, &file, NULL);
    if (status == DORY_OK) {
        image_print(&image);
        print_parts(&image, file.data);
    } else {
        code = image_refused(path, &image, status);
    }
    free(file.data);
    return code;
}
