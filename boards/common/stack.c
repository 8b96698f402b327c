/* SPDX-License-Identifier: MIT */
/* How much of the stack was ever used: looks for the end of the paint. */
#include "stack.h"

#include "board.h"

uint32_t board_stack_size(void)
{
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom);
}

uint32_t board_stack_used(void)
{
    uint32_t used = board_stack_size();
    for (const volatile uint32_t *word = stack_bottom; used > 0 && *word == STACK_PAINT; word++) {
        used -= (uint32_t)sizeof *word;
    }
    return used;
}
