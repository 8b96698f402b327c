/* SPDX-License-Identifier: MIT */
/*
 * From reset to main(): the vector table of the core, and memory as C expects
 * it. The linker script, cortex_m.ld, defines the symbols.
 */
#include <stddef.h>
#include <string.h>

#include "cortex_m.h"
#include "stack.h"

extern uint8_t data_source[];
extern uint8_t data_begin[];
extern uint8_t data_end[];
extern uint8_t bss_begin[];
extern uint8_t bss_end[];

int main(void);

/* The hardware has already set the stack pointer. Through `volatile`, so that the compiler makes no call of memset() out of
 * it, whose own frame would be painted over. */
static inline void paint_stack(void)
{
    volatile uint32_t *sp;
    __asm volatile("mov %0, sp" : "=r"(sp));
    for (volatile uint32_t *word = stack_bottom; word < sp; word++) {
        *word = STACK_PAINT;
    }
}

_Noreturn void cortex_m_on_reset(void)
{
    paint_stack();
    memcpy(data_begin, data_source, (size_t)(data_end - data_begin));
    memset(bss_begin, 0, (size_t)(bss_end - bss_begin));
    main();
    for (;;) {
    }
}

/* ARMv7-M, B1.5.2 and B1.5.3. An entry that is zero leads to a HardFault, as an interrupt without a handler should. */
static const struct {
    const uint32_t *stack_top;
    interrupt_vector reset;
    interrupt_vector nmi;
    interrupt_vector hard_fault; /* takes the three faults below, too: they are not enabled */
    interrupt_vector mem_manage;
    interrupt_vector bus_fault;
    interrupt_vector usage_fault;
    interrupt_vector reserved_7_to_10[4];
    interrupt_vector svcall;
    interrupt_vector debug_monitor;
    interrupt_vector reserved_13;
    interrupt_vector pendsv;
    interrupt_vector systick;
} core_vectors __attribute__((section(".vectors"), used)) = {
    .stack_top = stack_top,
    .reset = cortex_m_on_reset,
    .nmi = cortex_m_on_fault,
    .hard_fault = cortex_m_on_fault,
    .systick = cortex_m_on_tick,
};
