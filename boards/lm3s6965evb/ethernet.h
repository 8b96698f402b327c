/* SPDX-License-Identifier: MIT */
/* The Ethernet controller's part of board_sleep(); the rest of the driver is behind board.h. */
#ifndef ETHERNET_H
#define ETHERNET_H

#include <stdbool.h>

/* Data sheet, chapter "Interrupts". */
#define ETHERNET_INTERRUPT 42

/* Lets the next frame that arrives interrupt. Returns true when one is there already. */
bool ethernet_listen(void);

/* Handler for the vector table: takes note, and is silent until ethernet_listen() is called again. */
void ethernet_on_interrupt(void);

#endif
