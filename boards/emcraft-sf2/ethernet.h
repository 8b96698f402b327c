/* SPDX-License-Identifier: MIT */
/* The Ethernet MAC's part of board_sleep(); the rest of the driver is behind board.h. */
#ifndef ETHERNET_H
#define ETHERNET_H

#include <stdbool.h>

/* UG0331, chapter "Cortex-M3 Processor", interrupts: MAC_INT. */
#define ETHERNET_INTERRUPT 12

/* Lets the next frame that arrives interrupt. Returns true when there is something to do already. */
bool ethernet_listen(void);

/* Handler for the vector table: takes note, and is silent until ethernet_listen() is called again. */
void ethernet_on_interrupt(void);

#endif
