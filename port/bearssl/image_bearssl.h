/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 and ECDSA for the check of firmware images (core/image.h), by BearSSL. No globals, no allocation; each
 * call blocks until it is done.
 *
 * The check of a signature takes 4 KiB of stack and 25 million instructions of a Cortex-M3 (port/README.md). It is
 * not made constant in time for secrets: there are none in it.
 */
#ifndef IMAGE_BEARSSL_H
#define IMAGE_BEARSSL_H

#include "../../core/image.h"

/* Elliptic curves of BearSSL: what is declared as `const br_ec_impl` and can do P-256. br_ec_prime_i31 is small;
 * br_ec_p256_m31 is twice as fast, and 3.6 KiB larger. */
#ifndef IMAGE_BEARSSL_CURVES
#define IMAGE_BEARSSL_CURVES br_ec_prime_i31
#endif

extern const struct dory_image_crypto image_bearssl;

#endif
