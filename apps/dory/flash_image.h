/* SPDX-License-Identifier: MIT */
/* The firmware image that `dory flash` brings: read whole and judged before any device hears of it. */
#ifndef DORY_APP_FLASH_IMAGE_H
#define DORY_APP_FLASH_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/firmware.h"
#include "../../core/image.h"

struct flash_image {
    uint8_t *data;
    size_t size; /* bytes, all included */
    uint32_t crc32;
    char hash[DORY_IMAGE_DIGITS + 1]; /* that names it, in hex */
    struct dory_image_version version;
    char version_text[DORY_IMAGE_VERSION_TEXT];
    char board[DORY_IMAGE_BOARD + 1]; /* "" when it does not say for which */
};

#define FLASH_IMAGE_ERROR_SIZE 200

/* Reads the image and judges all but whose signature it is. Returns false with a sentence. */
bool flash_image_read(struct flash_image *image, const char *path, char error[FLASH_IMAGE_ERROR_SIZE]);

void flash_image_free(struct flash_image *image);

#endif
