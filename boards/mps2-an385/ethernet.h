/* SPDX-License-Identifier: MIT */
/* The LAN9118's part of board_sleep(); the rest of the driver is behind board.h. */
#ifndef ETHERNET_H
#define ETHERNET_H

#include <stdbool.h>

/* Application Note AN385, section 3.3. */
#define ETHERNET_INTERRUPT 13

/* Lets the next frame that arrives interrupt. Returns true when one is there already. */
bool ethernet_listen(void);

/* Handler for the vector table: takes note, and is silent until ethernet_listen() is called again. */
void ethernet_on_interrupt(void);

#endif
