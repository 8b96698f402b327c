/* SPDX-License-Identifier: MIT */
/* System control and GPIO of the LM3S6965; names as in its data sheet, chapters "System Control" and "GPIOs". */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "../common/cortex_m.h"

#define SYSTEM_CONTROL(offset) REGISTER(0x400FE000 + (offset))
#define RIS SYSTEM_CONTROL(0x050)   /* raw interrupt status */
#define RESC SYSTEM_CONTROL(0x05C)  /* reset cause */
#define RCC SYSTEM_CONTROL(0x060)   /* run-mode clock configuration */
#define RCGC1 SYSTEM_CONTROL(0x104) /* run-mode clock gating, for UARTs, SSI, ... */
#define RCGC2 SYSTEM_CONTROL(0x108) /* ... and GPIO ports, Ethernet */
#define RCGC1_UART0 (1U << 0)
#define RCGC1_SSI0 (1U << 4)
#define RCGC2_GPIOA (1U << 0)
#define RCGC2_GPIOD (1U << 3)
#define RCGC2_ETHERNET (1U << 30 | 1U << 28) /* EPHY0, EMAC0 */

/* The MAC address, as it was programmed in the factory; chapter "Internal Memory". */
#define USER_REG0 SYSTEM_CONTROL(0x1E0) /* its first three bytes */
#define USER_REG1 SYSTEM_CONTROL(0x1E4) /* the others */

#define GPIO_A 0x40004000U
#define GPIO_D 0x40007000U
#define GPIODATA(port, pins) REGISTER((port) + ((pins) << 2)) /* the address is the mask */
#define GPIODIR(port) REGISTER((port) + 0x400)
#define GPIOAFSEL(port) REGISTER((port) + 0x420)
#define GPIOPUR(port) REGISTER((port) + 0x510)
#define GPIODEN(port) REGISTER((port) + 0x51C)

/* The board's pins; its data sheet, chapter "Schematics". */
#define PINS_UART 0x03U       /* PA0 receive, PA1 transmit */
#define PINS_SSI 0x34U        /* PA2 clock, PA4 receive, PA5 transmit */
#define PIN_SSI_RECEIVE 0x10U /* pulled up: without a card all bytes are 0xFF */
#define PIN_DISPLAY 0x08U     /* PA3, chip select of the display on the card's bus: never */
#define PIN_CARD 0x01U        /* PD0, chip select of the card, low */

#define CLOCK_HZ 50000000U

#endif
