/* SPDX-License-Identifier: MIT */
/*
 * What every Cortex-M3 has: the registers of its core, the 1 ms tick, the
 * vector table. Numbers in brackets are sections of the ARMv7-M Architecture
 * Reference Manual (ARM DDI 0403). What only one board has is in its folder.
 */
#ifndef CORTEX_M_H
#define CORTEX_M_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SYST_CSR REGISTER(0xE000E010)  /* SysTick control and status (B3.3.3) */
#define SYST_RVR REGISTER(0xE000E014)  /* reload value (B3.3.4) */
#define SYST_CVR REGISTER(0xE000E018)  /* current value, counting down (B3.3.5) */
#define NVIC_ISER REGISTER(0xE000E100) /* interrupt set-enable, the first of several (B3.4.4) */
#define ICSR REGISTER(0xE000ED04)      /* interrupt control and state (B3.2.4) */
#define ICSR_PENDSTSET (1U << 26)      /* the tick's interrupt is pending */
#define AIRCR REGISTER(0xE000ED0C)     /* application interrupt and reset control (B3.2.6) */
#define CFSR REGISTER(0xE000ED28)      /* configurable fault status (B3.2.15) */
#define HFSR REGISTER(0xE000ED2C)      /* HardFault status (B3.2.16) */

/* One entry of the vector table (B1.5.3). */
typedef void (*interrupt_vector)(void);

/* Each board has one table of this kind with the handlers of its own interrupts, from interrupt 0 on. The linker puts it
 * behind the sixteen entries of the core, which are in startup.c. */
#define INTERRUPT_VECTORS __attribute__((section(".vectors.interrupts"), used))

/* Starts the 1 ms tick that board_now_ms() counts, on a core that runs at `clock_hz`. */
void cortex_m_begin_tick(uint32_t clock_hz);

/* Lets `interrupt`, as the board's data sheet numbers them, reach its handler. */
void cortex_m_enable(unsigned interrupt);

/* Handlers for the vector table. */
_Noreturn void cortex_m_on_reset(void);
void cortex_m_on_tick(void);
void cortex_m_on_fault(void);

#endif
