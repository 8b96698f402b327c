/* SPDX-License-Identifier: MIT */
/*
 * A boot stage of one's own: may the image in a slot run here? What stands between the two marks is shown in port/README.md;
 * the rest stands for the flash, with an image that dorysign has signed, and damages it.
 */
#include <string.h>

#include "signed_image.h"

#define SLOT_SIZE 0x20000U

/* --- flash that is mapped into memory, as that of most microcontrollers --- */

static unsigned char slot_a[SLOT_SIZE];

/* README: begin */
#include "../../core/image.h"
#include "../../port/bearssl/image_bearssl.h"

/* `dorysign pubkey -o image_key.c key.pem` writes it. */
extern const unsigned char image_key[DORY_IMAGE_KEY];

static const struct dory_image_rules rules = {
    .crypto = &image_bearssl,
    .key = image_key,
    .board = "my-board",
    .max_size = SLOT_SIZE,
};

/* Returns whether there is an image for this board in the slot, whole and signed with our key. */
static bool slot_is_good(const unsigned char *slot)
{
    struct dory_image image;
    int status = DORY_MORE;

    dory_image_begin(&image, &rules, DORY_IMAGE_ANY_SIZE);
    while (status == DORY_MORE) {
        size_t len = (size_t)dory_image_wants(&image); /* never beyond rules.max_size in all */

        status = dory_image_feed(&image, slot, len);
        slot += len;
    }
    return status == DORY_OK && dory_image_finish(&image) == DORY_OK;
}
/* README: end */

int main(void)
{
    bool fine;

    memset(slot_a, 0xff, sizeof slot_a);
    fine = !slot_is_good(slot_a);
    memcpy(slot_a, signed_image, sizeof signed_image);
    fine = fine && slot_is_good(slot_a);
    for (size_t at = 0; at < sizeof signed_image; at++) {
        slot_a[at] ^= 1;
        fine = fine && !slot_is_good(slot_a);
        slot_a[at] ^= 1;
    }
    return fine && slot_is_good(slot_a) ? 0 : 1;
}
