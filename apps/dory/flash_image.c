/* SPDX-License-Identifier: MIT */
/*
 * The firmware image of `dory flash`. It is held in memory, so that all devices get what was judged, whatever becomes of
 * the file.
 */
#include "flash_image.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../port/bearssl/image_bearssl.h"
#include "local.h"

/* No firmware is larger. */
#define MAX_LEN (256U * 1024U * 1024U)

static bool fail(char *error, const char *sentence)
{
    snprintf(error, FLASH_IMAGE_ERROR_SIZE, "%s", sentence);
    return false;
}

/* The beginning tells a wrong file, before memory is asked for. */
static bool judge_header(const struct local_file *file, const struct dory_image_rules *rules, char *error)
{
    uint8_t header[DORY_IMAGE_HEADER];
    size_t len = file->size < sizeof header ? (size_t)file->size : sizeof header;
    struct dory_image judged;

    if (!local_read(file, 0, header, len)) {
        return fail(error, strerror(errno));
    }
    if (file->size > MAX_LEN) {
        return fail(error, "It is larger than 256 MiB: that is no firmware image.");
    }
    dory_image_begin(&judged, rules, file->size);
    if (len == 0 || dory_image_feed(&judged, header, len) < 0) {
        snprintf(error, FLASH_IMAGE_ERROR_SIZE, "It is no firmware image: %s",
                 len == 0 ? "It is empty." : dory_image_fault_sentence((enum dory_image_fault)judged.fault));
        return false;
    }
    return true;
}

static void note_what_it_says(struct flash_image *image, const struct dory_image *judged)
{
    for (size_t i = 0; i < DORY_IMAGE_HASH; i++) {
        snprintf(image->hash + 2 * i, 3, "%02x", judged->hash[i]);
    }
    image->version = judged->version;
    dory_image_version_write(&judged->version, image->version_text);
    memcpy(image->board, judged->board, sizeof image->board);
}

/* Whose key it has to be is known to the devices alone. */
static bool judge(struct flash_image *image, const struct dory_image_rules *rules, char *error)
{
    struct dory_image judged;
    int status;

    dory_image_begin(&judged, rules, image->size);
    status = dory_image_feed(&judged, image->data, image->size);
    if (status == DORY_OK) {
        note_what_it_says(image, &judged);
    }
    if (dory_image_finish(&judged) != DORY_OK && judged.fault != DORY_IMAGE_FAULT_OTHER_KEY) {
        return fail(error, dory_image_fault_sentence((enum dory_image_fault)judged.fault));
    }
    return true;
}

static bool read_all(struct flash_image *image, const struct local_file *file, char *error)
{
    image->data = malloc((size_t)file->size);
    if (image->data == NULL || !local_read(file, 0, image->data, (size_t)file->size)) {
        return fail(error, errno == ESTALE ? "The file changed while it was read." : strerror(errno));
    }
    if (!local_unchanged(file)) {
        return fail(error, "The file changed while it was read.");
    }
    image->size = (size_t)file->size;
    image->crc32 = libdeflate_crc32(0, image->data, image->size);
    return true;
}

bool flash_image_read(struct flash_image *image, const char *path, char error[FLASH_IMAGE_ERROR_SIZE])
{
    const struct dory_image_rules rules = {.crypto = &image_bearssl, .max_size = MAX_LEN};
    struct local_file file;
    bool good;

    memset(image, 0, sizeof *image);
    if (!local_open(&file, path, error)) {
        return false;
    }
    good = judge_header(&file, &rules, error) && read_all(image, &file, error) && judge(image, &rules, error);
    close(file.fd);
    if (!good) {
        flash_image_free(image);
    }
    return good;
}

void flash_image_free(struct flash_image *image)
{
    free(image->data);
    image->data = NULL;
}
