/* SPDX-License-Identifier: MIT */
/* An image in a file: reading it, and judging it by core's check, as a device does. */
#ifndef DORYSIGN_IMAGE_FILE_H
#define DORYSIGN_IMAGE_FILE_H

#include "../../core/image.h"
#include "file.h"
#include "key.h"

#define IMAGE_MAX_FILE 0x40000000U /* bytes; no image that anyone signs is so large */

/* Judges an image with that key, or all but its signature when `key` is NULL. Returns DORY_OK, DORY_BAD_IMAGE or
 * DORY_BAD_SIGNATURE; image->fault says why. */
int image_judge(struct dory_image *image, const struct file *file, const struct key *key);

/* Tells why an image is refused. Returns EXIT_REFUSED. */
enum exit_code image_refused(const char *path, const struct dory_image *image, int status);

/* Prints the lines of what an image says about itself. */
void image_print(const struct dory_image *image);

#endif
