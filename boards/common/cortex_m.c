/* SPDX-License-Identifier: MIT */
/*
 * What board.h asks for and the Cortex-M3 itself can give: time, randomness
 * and a restart.
 */
#include "cortex_m.h"

#include "board.h"

static volatile uint32_t now_ms;

/* Not cleared at the start: what SRAM holds after power-up differs from part to part, and after a restart the last
 * state goes on. */
static uint32_t random_state __attribute__((section(".noinit")));

void cortex_m_begin_tick(uint32_t clock_hz)
{
    SYST_RVR = clock_hz / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* ENABLE, TICKINT, CLKSOURCE: the core's clock */
}

void cortex_m_on_tick(void)
{
    now_ms++;
}

uint32_t board_now_ms(void)
{
    return now_ms;
}

/* Stirs in the time to the clock cycle, which depends on when frames arrive. Good against chance, not against somebody
 * who can watch: a part with a random number generator had better use it. */
uint32_t board_random(void)
{
    random_state = (random_state ^ SYST_CVR ^ now_ms << 20) * 2654435769U + 1;
    return random_state ^ random_state >> 16;
}

void cortex_m_enable(unsigned interrupt)
{
    (&NVIC_ISER)[interrupt / 32] = 1U << interrupt % 32;
}

_Noreturn void board_restart(void)
{
    __asm volatile("dsb");
    AIRCR = 0x05FA0004; /* VECTKEY, SYSRESETREQ */
    for (;;) {
    }
}
