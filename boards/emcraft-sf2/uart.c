/* SPDX-License-Identifier: MIT */
/* The UART, which board.h's board_put_char() and board_get_char() speak of: the application's and the boot stage's. */
#include "uart.h"

#include "../common/board.h"
#include "registers.h"

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

void uart_begin(void)
{
    SOFT_RST_CR &= ~SOFT_RST_MMUART0;
    MMUART_LCR = LCR_DLAB;
    MMUART_DLR = UART_DIVISOR & 0xFF;
    MMUART_DMR = UART_DIVISOR >> 8;
    MMUART_LCR = LCR_8_BITS;
    MMUART_FCR = FCR_ENABLE_AND_CLEAR;
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
