/* SPDX-License-Identifier: MIT */
/* The UART: 115,200 baud, 8 bits, no parity. What it says and hears is in board.h. */
#ifndef EMCRAFT_UART_H
#define EMCRAFT_UART_H

/* Takes it out of its reset. */
void uart_begin(void);

#endif
