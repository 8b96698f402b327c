/* SPDX-License-Identifier: MIT */
/* The public half of FIRMWARE_KEY, as `dorysign pubkey` writes it to build/firmware-key.c. */
#ifndef FIRMWARE_KEY_H
#define FIRMWARE_KEY_H

#include "../../core/image.h"

extern const unsigned char image_key[DORY_IMAGE_KEY];

#endif
