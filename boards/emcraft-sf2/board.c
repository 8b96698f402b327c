/* SPDX-License-Identifier: MIT */
/*
 * Emcraft's SmartFusion2 SOM (M2S010): UART, tick, interrupts, and a window of
 * the SPI NOR flash for files.
 */
#include "../common/board.h"

#include "../../port/flash/flash_window.h"
#include "../../port/flash/spi_nor.h"
#include "board_config.h"
#include "ethernet.h"
#include "registers.h"
#include "spi.h"

const char board_name[] = "emcraft-sf2";

/* MMUART 0, a 16550 with registers of words; UG0331, chapter "MMUART Peripherals". */
#define MMUART0(offset) REGISTER(0x40000000 + (offset))
#define MMUART_RBR MMUART0(0x00) /* receive buffer; written: THR, transmit holding */
#define MMUART_DLR MMUART0(0x00) /* divisor, low byte, while LCR_DLAB is set */
#define MMUART_DMR MMUART0(0x04) /* its high byte */
#define MMUART_FCR MMUART0(0x08)
#define MMUART_LCR MMUART0(0x0C)
#define MMUART_LSR MMUART0(0x14)
#define FCR_ENABLE_AND_CLEAR 0x07U
#define LCR_8_BITS 0x03U
#define LCR_DLAB 0x80U
#define LSR_DR 0x01U   /* a byte has come */
#define LSR_THRE 0x20U /* there is room for one */
#define UART_DIVISOR ((APB0_HZ + 8 * 115200) / (16 * 115200))

_Static_assert(BOARD_SLOT_SIZE % BOARD_SECTOR == 0 && BOARD_SLOT_B_OFF >= BOARD_SLOT_A_OFF + BOARD_SLOT_SIZE,
               "BOARD_SLOT_A_OFF, BOARD_SLOT_B_OFF, BOARD_SLOT_SIZE: slots are apart, and whole sectors");

static struct spi_nor chip;
static struct flash_window store_window;
static const struct flash_device *flash;

INTERRUPT_VECTORS static const interrupt_vector vectors[ETHERNET_INTERRUPT + 1] = {
    [ETHERNET_INTERRUPT] = ethernet_on_interrupt,
};

static void begin_uart(void)
{
    SOFT_RST_CR &= ~SOFT_RST_MMUART0;
    MMUART_LCR = LCR_DLAB;
    MMUART_DLR = UART_DIVISOR & 0xFF;
    MMUART_DMR = UART_DIVISOR >> 8;
    MMUART_LCR = LCR_8_BITS;
    MMUART_FCR = FCR_ENABLE_AND_CLEAR;
}

static const struct flash_device *begin_flash(void)
{
    const struct flash_device *whole = spi_nor_begin(&chip, spi_begin());
    return whole == NULL || whole->size <= BOARD_STORE_OFF
               ? NULL
               : flash_window_begin(&store_window, whole, BOARD_STORE_OFF, whole->size - BOARD_STORE_OFF, BOARD_PAGE);
}

void board_begin(void)
{
    begin_uart();
    cortex_m_begin_tick(CLOCK_HZ);
    flash = begin_flash();
}

const struct flash_device *board_flash(void)
{
    return flash;
}

/* RESET_SOURCE_CR would tell; QEMU's system registers don't. */
const char *board_reset_reason(void)
{
    return NULL;
}

void board_put_char(char c)
{
    while ((MMUART_LSR & LSR_THRE) == 0) {
    }
    MMUART_RBR = (uint8_t)c;
}

int board_get_char(void)
{
    return (MMUART_LSR & LSR_DR) != 0 ? (int)(MMUART_RBR & 0xFF) : -1;
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
