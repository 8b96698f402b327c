/* SPDX-License-Identifier: MIT */
/* What lwIP asks of the compiler and the platform beyond its defaults. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>

#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_TIMEVAL_PRIVATE 0

/* Nothing prints; a board that has assertions ends there. */
#define LWIP_PLATFORM_DIAG(text)
#define LWIP_PLATFORM_ASSERT(text) board_fail(text)
_Noreturn void board_fail(const char *text);

#endif
