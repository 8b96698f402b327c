/* SPDX-License-Identifier: MIT */
/*
 * SSI0 of the LM3S6965 as the SPI bus of the SD card; data sheet, chapter
 * "Synchronous Serial Interface". Clock and pins have been set up in board.c.
 */
#include "../common/spi.h"

#include "registers.h"

#define SSI0(offset) REGISTER(0x40008000 + (offset))
#define SSICR0 SSI0(0x000)
#define SSICR1 SSI0(0x004)
#define SSIDR SSI0(0x008)
#define SSISR SSI0(0x00C)
#define SSICPSR SSI0(0x010)

#define SSICR0_8_BITS 7U /* DSS; all else zero: Freescale frames, SPO = SPH = 0 */
#define SSICR1_SSE (1U << 1)
#define SSISR_BSY (1U << 4)
#define FIFO_DEPTH 8U

/* The prescaler is an even number, 2 to 254. */
void spi_set_clock(uint32_t hz)
{
    uint32_t divisor = (CLOCK_HZ + hz - 1) / hz;
    SSICR1 = 0;
    SSICR0 = SSICR0_8_BITS;
    SSICPSR = (divisor + 1) & ~1U;
    SSICR1 = SSICR1_SSE;
}

void spi_select(bool selected)
{
    GPIODATA(GPIO_D, PIN_CARD) = selected ? 0 : PIN_CARD;
}

static void wait_until_idle(void)
{
    while ((SSISR & SSISR_BSY) != 0) {
    }
}

void spi_write(const uint8_t *data, size_t len)
{
    while (len > 0) {
        size_t burst = len < FIFO_DEPTH ? len : FIFO_DEPTH;
        len -= burst;
        for (size_t i = 0; i < burst; i++) {
            SSIDR = *data++;
        }
        wait_until_idle();
        for (size_t i = 0; i < burst; i++) {
            (void)SSIDR;
        }
    }
}

void spi_read(uint8_t *dst, size_t len)
{
    while (len > 0) {
        size_t burst = len < FIFO_DEPTH ? len : FIFO_DEPTH;
        len -= burst;
        for (size_t i = 0; i < burst; i++) {
            SSIDR = 0xFF;
        }
        wait_until_idle();
        for (size_t i = 0; i < burst; i++) {
            *dst++ = (uint8_t)SSIDR;
        }
    }
}
