/* SPDX-License-Identifier: MIT */
/*
 * What lwIP asks of the compiler and the platform, for product.c; a product that has lwIP has this file already. Without
 * these lines lwIP would print with printf() and take rand(), both of which may allocate.
 */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>

#define LWIP_PLATFORM_DIAG(text)
#define LWIP_PLATFORM_ASSERT(text) product_fail(text)
#define LWIP_RAND() product_random()

_Noreturn void product_fail(const char *text);
uint32_t product_random(void);

#endif
