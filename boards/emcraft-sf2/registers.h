/* SPDX-License-Identifier: MIT */
/* Clocks and resets of the SmartFusion2's microcontroller subsystem (MSS); names as in its user guide, UG0331. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "../common/cortex_m.h"

/* As the board's design sets them (chapter "Clocking" of UG0449): M3_CLK, and APB_0_CLK for UART and SPI. */
#define CLOCK_HZ 142000000U
#define APB0_HZ (CLOCK_HZ / 2)

/* Chapter "System Register Block", "Soft Reset Control Register": a bit holds its block in reset. */
#define SOFT_RST_CR REGISTER(0x40038048)
#define SOFT_RST_MAC (1U << 4)
#define SOFT_RST_TIMER (1U << 6)
#define SOFT_RST_MMUART0 (1U << 7)
#define SOFT_RST_SPI0 (1U << 9)

#endif
