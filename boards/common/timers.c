/* SPDX-License-Identifier: MIT */
/*
 * lwIP's timers, in the place of its own timeouts.c (LWIP_TIMERS_CUSTOM): that
 * one sorts timers that come and go, and takes them from a pool. Here none
 * does: each handler of lwIP's table runs when it is due.
 */
#include <lwip/pbuf.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#include "board.h"

/* What lwIP's table holds, with the options of lwipopts.h. */
#define TIMERS (LWIP_TCP + LWIP_ARP + 2 * LWIP_DHCP)

static u32_t last_ms[TIMERS];

void sys_timeouts_init(void)
{
    if (lwip_num_cyclic_timers != TIMERS) {
        board_fail("TIMERS: lwIP has others");
    }
    for (int i = 0; i < TIMERS; i++) {
        last_ms[i] = sys_now();
    }
}

/* A timer keeps its beat; beats that were missed are not made up for. */
void sys_check_timeouts(void)
{
    u32_t now_ms = sys_now();

    PBUF_CHECK_FREE_OOSEQ();
    for (int i = 0; i < TIMERS; i++) {
        u32_t late_ms = now_ms - last_ms[i];

        if (late_ms >= lwip_cyclic_timers[i].interval_ms) {
            last_ms[i] = now_ms - late_ms % lwip_cyclic_timers[i].interval_ms;
            lwip_cyclic_timers[i].handler();
        }
    }
}

u32_t sys_timeouts_sleeptime(void)
{
    u32_t now_ms = sys_now();
    u32_t sleep_ms = SYS_TIMEOUTS_SLEEPTIME_INFINITE;

    for (int i = 0; i < TIMERS; i++) {
        u32_t late_ms = now_ms - last_ms[i];
        u32_t left_ms = late_ms < lwip_cyclic_timers[i].interval_ms ? lwip_cyclic_timers[i].interval_ms - late_ms : 0;

        sleep_ms = left_ms < sleep_ms ? left_ms : sleep_ms;
    }
    return sleep_ms;
}
