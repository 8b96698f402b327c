/* SPDX-License-Identifier: MIT */
/*
 * The stack: it lies at the bottom of RAM, so that one that grows too far ends
 * in a fault and not in somebody's variables. At the start it is painted; what
 * is no longer paint has been used.
 */
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

/* Four unlike bytes, unlikely as a value. */
#define STACK_PAINT 0xC5A3917FU

/* From the linker script. */
extern uint32_t stack_bottom[];
extern uint32_t stack_top[];

#endif
