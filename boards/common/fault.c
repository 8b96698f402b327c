/* SPDX-License-Identifier: MIT */
/*
 * The last words of a program that went wrong: which fault, and where; then
 * the board restarts. For CFSR and HFSR see ARMv7-M, B3.2.15 and B3.2.16.
 */
#include "board.h"
#include "cortex_m.h"
#include "crash_log.h"
#include "log.h"
#include "stack.h"

_Noreturn void board_fail(const char *text)
{
    log_text(text);
    log_text("\n");
    crash_log_restarting(CRASH_LOG_FAILURE);
    board_restart();
}

/* `frame` is what the core has pushed (B1.5.6): r0 to r3, r12, lr, pc, xpsr. */
_Noreturn static __attribute__((used)) void report_fault(const uint32_t *frame)
{
    log_text("fault ");
    log_decimal(ICSR & 0x1FF); /* VECTACTIVE: the number of the exception */
    log_text(" cfsr=");
    log_hex(CFSR);
    log_text(" hfsr=");
    log_hex(HFSR);
    if (frame >= stack_bottom) {
        log_text(" pc=");
        log_hex(frame[6]);
        log_text(" lr=");
        log_hex(frame[5]);
    } else {
        log_text(" stack overflow");
    }
    log_text(" after ms ");
    log_decimal(board_now_ms());
    log_text("\n");
    crash_log_restarting(CRASH_LOG_FAULT);
    board_restart();
}

/* Where the stack has less room than report_fault() needs, it is used anew from its top. */
__attribute__((naked)) void cortex_m_on_fault(void)
{
    __asm volatile("mov r0, sp\n"
                   "movw r1, #:lower16:stack_bottom + 256\n"
                   "movt r1, #:upper16:stack_bottom + 256\n"
                   "movw r2, #:lower16:stack_top\n"
                   "movt r2, #:upper16:stack_top\n"
                   "cmp r0, r1\n"
                   "it lo\n"
                   "movlo sp, r2\n"
                   "b %c0\n"
                   :
                   : "i"(report_fault));
}
