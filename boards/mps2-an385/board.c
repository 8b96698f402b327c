/* SPDX-License-Identifier: MIT */
/*
 * ARM MPS2 with the AN385 image: UART, tick, interrupts, and a piece of RAM
 * for files. Memory map and interrupts: Application Note AN385, section 3.
 */
#include "../common/board.h"

#include "../../port/flash/ram_device.h"
#include "../common/cortex_m.h"
#include "board_config.h"
#include "ethernet.h"

const char board_name[] = "mps2-an385";

#define CLOCK_HZ 25000000U

/* CMSDK APB UART 0; Cortex-M System Design Kit TRM (DDI 0479), section 4.3. */
#define UART_DATA REGISTER(0x40004000)
#define UART_STATE REGISTER(0x40004004)
#define UART_CTRL REGISTER(0x40004008)
#define UART_BAUDDIV REGISTER(0x40004010)
#define UART_STATE_TX_FULL (1U << 0)
#define UART_STATE_RX_FULL (1U << 1)
#define UART_CTRL_TX_RX 3U
#define UART_BAUD 115200U

/* Files live in the PSRAM, as long as the board has power. */
#define STORAGE_SIZE (16U << 20)
static uint8_t storage[STORAGE_SIZE] __attribute__((section(".storage")));
static struct flash_device flash;

INTERRUPT_VECTORS static const interrupt_vector vectors[ETHERNET_INTERRUPT + 1] = {
    [ETHERNET_INTERRUPT] = ethernet_on_interrupt,
};

void board_begin(void)
{
    UART_BAUDDIV = CLOCK_HZ / UART_BAUD;
    UART_CTRL = UART_CTRL_TX_RX;
    cortex_m_begin_tick(CLOCK_HZ);
    ram_device_begin(&flash, storage, sizeof storage, BOARD_PAGE);
}

const struct flash_device *board_flash(void)
{
    return &flash;
}

const char *board_reset_reason(void)
{
    return NULL;
}

void board_put_char(char c)
{
    while ((UART_STATE & UART_STATE_TX_FULL) != 0) {
    }
    UART_DATA = (uint8_t)c;
}

int board_get_char(void)
{
    return (UART_STATE & UART_STATE_RX_FULL) != 0 ? (int)(UART_DATA & 0xFF) : -1;
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
