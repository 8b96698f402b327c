/* SPDX-License-Identifier: MIT */
/* How much of the stack was ever used: looks for the end of the paint. */
#include "stack.h"

#include "board.h"

uint32_t board_stack_size(void)
{
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom);
}

/* What main() has on the stack is no paint. */
uint32_t board_stack_used(void)
{
    const volatile uint32_t *word = stack_bottom;
    while (*word == STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)word);
}
