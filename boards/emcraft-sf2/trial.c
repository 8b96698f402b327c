/* SPDX-License-Identifier: MIT */
/* The timer of a trial; UG0331, chapter "System Timer": it counts down from LOADVAL, again and again. */
#include "trial.h"

#include "../common/board.h"
#include "../common/crash_log.h"
#include "kept.h"
#include "registers.h"

#define TIMER1(offset) REGISTER(0x40004000 + (offset))
#define TIMER1_LOADVAL TIMER1(0x04)
#define TIMER1_CTRL TIMER1(0x0C)
#define TIMER1_RIS TIMER1(0x10) /* write 1: the interrupt is served */

/* It counts APB_0_CLK, 71 MHz; but QEMU (7.2, hw/timer/mss-timer.c) sets 100 MHz up before it knows the board's clocks. There
 * it is right; on the part a trial takes 1.4 times as long, until this is APB0_HZ. */
#define TIMER_HZ 100000000U

#define CTRL_ENABLE (1U << 0)
#define CTRL_INTERRUPT (1U << 2)

void trial_begin(uint32_t seconds)
{
    kept.trial_s = seconds;
    SOFT_RST_CR &= ~SOFT_RST_TIMER;
    TIMER1_LOADVAL = TIMER_HZ;
    TIMER1_CTRL = CTRL_ENABLE | CTRL_INTERRUPT;
    cortex_m_enable(TRIAL_INTERRUPT);
}

void trial_end(void)
{
    TIMER1_CTRL = 0;
    TIMER1_RIS = 1;
}

void trial_on_timer(void)
{
    TIMER1_RIS = 1;
    if (kept.trial_s <= 1) {
        crash_log_restarting(CRASH_LOG_TRIAL);
        board_restart();
    }
    kept.trial_s--;
}
