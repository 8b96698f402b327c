/* SPDX-License-Identifier: MIT */
/* An image in a file, see image_file.h. */
#include "image_file.h"
#include "app.h"

#include <stdio.h>

#include "../../port/bearssl/image_bearssl.h"

int image_judge(struct dory_image *image, const struct file *file, const struct key *key)
{
    const struct dory_image_rules rules = {
        .crypto = &image_bearssl,
        .key = key != NULL ? key->public_key : NULL,
        .max_size = IMAGE_MAX_FILE,
    };
    int status;

    dory_image_begin(image, &rules, file->len);
    status = dory_image_feed(image, file->data, file->len);
    if (status == DORY_MORE || (status == DORY_OK && key != NULL)) {
        status = dory_image_finish(image);
    }
    image->rules = NULL;
    return status;
}

enum exit_code image_refused(const char *path, const struct dory_image *image, int status)
{
    return complain(EXIT_REFUSED, "%s: %s: %s", path, dory_status_name((enum dory_status)status),
                    dory_image_fault_sentence((enum dory_image_fault)image->fault));
}

/* What others have signed may hold what a terminal obeys. */
static void print_board(const char *board)
{
    fputs("board: ", stdout);
    for (; *board != '\0'; board++) {
        putchar((unsigned char)*board < 0x20 || *board == 0x7f ? '?' : *board);
    }
    putchar('\n');
}

void image_print(const struct dory_image *image)
{
    char version[DORY_IMAGE_VERSION_TEXT];
    char hash[2 * DORY_IMAGE_HASH + 1];

    dory_image_version_write(&image->version, version);
    hex_write(hash, image->hash, DORY_IMAGE_HASH);
    printf("version: %s\n", version);
    if (image->board[0] != '\0') {
        print_board(image->board);
    }
    printf("security counter: %lu\n", (unsigned long)image->counter);
    printf("image: %s\n", hash);
    printf("size: %llu\n", (unsigned long long)image->size);
}
