/* SPDX-License-Identifier: MIT */
/*
 * Emcraft's SmartFusion2 SOM (M2S010): tick, interrupts, and the parts of the
 * SPI NOR flash. The boot stage (boot/boot.c) has started this, in DDR.
 */
#include "../common/board.h"

#include "../common/firmware_key.h"
#include "board_config.h"
#include "ethernet.h"
#include "kept.h"
#include "registers.h"
#include "slots.h"
#include "trial.h"
#include "uart.h"

const char board_name[] = "emcraft-sf2";

static struct slots slots;

INTERRUPT_VECTORS static const interrupt_vector vectors[TRIAL_INTERRUPT + 1] = {
    [ETHERNET_INTERRUPT] = ethernet_on_interrupt,
    [TRIAL_INTERRUPT] = trial_on_timer,
};

void board_begin(void)
{
    uart_begin();
    cortex_m_begin_tick(CLOCK_HZ);
    slots_begin(&slots);
}

const struct flash_device *board_flash(void)
{
    return slots.files;
}

const struct flash_device *board_slot(unsigned slot)
{
    return slots.slot[slot];
}

const uint8_t *board_key(void)
{
    return image_key;
}

const struct boot_handoff *board_handoff(void)
{
    return &kept.handoff;
}

void board_trial_end(void)
{
    trial_end();
}

/* RESET_SOURCE_CR would tell; QEMU's system registers don't. */
const char *board_reset_reason(void)
{
    return NULL;
}

/* WFI ends at an interrupt that is pending, taken or not: none can slip in between the look and the sleep. */
void board_sleep(void)
{
    __asm volatile("cpsid i" ::: "memory");
    if (!ethernet_listen()) {
        __asm volatile("wfi");
    }
    __asm volatile("cpsie i" ::: "memory");
}
