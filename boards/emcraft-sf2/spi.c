/* SPDX-License-Identifier: MIT */
/*
 * MSS SPI 0; UG0331, chapter "Serial Peripheral Interface Controller".
 *
 * Implementation notes
 *  - The controller has the chip select: low until as many frames as CONTROL
 *    names have passed. So a transaction's length is told before it begins.
 *  - For each frame that goes out one comes in. Never more are under way than
 *    the FIFO holds: none is lost however long an interrupt takes.
 */
#include "spi.h"

#include "../common/board.h"
#include "registers.h"

#define SPI0(offset) REGISTER(0x40001000 + (offset))
#define SPI_CONTROL SPI0(0x00)
#define SPI_TXRXDF_SIZE SPI0(0x04) /* bits of a frame; only while the controller is off */
#define SPI_STATUS SPI0(0x08)
#define SPI_RX_DATA SPI0(0x10)
#define SPI_TX_DATA SPI0(0x14)
#define SPI_CLK_GEN SPI0(0x18)
#define SPI_SLAVE_SELECT SPI0(0x1C)

#define CONTROL_ENABLE (1U << 0)
#define CONTROL_MASTER (1U << 1)
#define CONTROL_COUNT(frames) ((uint32_t)(frames) << 8)
#define CONTROL_SPS (1U << 26)     /* selected until the last frame, not frame by frame */
#define CONTROL_CLKMODE (1U << 28) /* APB_0_CLK / (2 * (CLK_GEN + 1)) */
#define CONTROL_BIGFIFO (1U << 29) /* 32 frames of 8 bits */
#define CONTROL_OFF (CONTROL_MASTER | CONTROL_SPS | CONTROL_CLKMODE | CONTROL_BIGFIFO)
#define STATUS_RXFIFOEMP (1U << 6)
#define FIFO_DEPTH 32U
#define CLK_GEN_17_MHZ 1U

_Static_assert(SPI_NOR_PIECE + 4 <= 0xFFFF, "SPI_NOR_PIECE: more frames than CONTROL can count");

/* Sends `len` bytes, of `send` unless that is NULL; what comes back goes to `receive` unless that is NULL. */
static void exchange(const uint8_t *send, uint8_t *receive, size_t len)
{
    while (len > 0) {
        size_t burst = len < FIFO_DEPTH ? len : FIFO_DEPTH;
        len -= burst;
        for (size_t i = 0; i < burst; i++) {
            SPI_TX_DATA = send != NULL ? *send++ : 0xFFU;
        }
        for (size_t i = 0; i < burst; i++) {
            while ((SPI_STATUS & STATUS_RXFIFOEMP) != 0) {
            }
            uint32_t byte = SPI_RX_DATA;
            if (receive != NULL) {
                *receive++ = (uint8_t)byte;
            }
        }
    }
}

static void transfer(void *ctx, const uint8_t *command, size_t command_len, const uint8_t *send, uint8_t *receive,
                     size_t len)
{
    (void)ctx;
    SPI_CONTROL = CONTROL_OFF | CONTROL_COUNT(command_len + len);
    SPI_CONTROL = CONTROL_OFF | CONTROL_COUNT(command_len + len) | CONTROL_ENABLE;
    exchange(command, NULL, command_len);
    exchange(send, receive, len);
}

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    return board_now_ms();
}

const struct spi_nor_bus *spi_begin(void)
{
    static const struct spi_nor_bus bus = {.transfer = transfer, .now_ms = now_ms};

    SOFT_RST_CR &= ~SOFT_RST_SPI0;
    SPI_CONTROL = CONTROL_OFF;
    SPI_TXRXDF_SIZE = 8;
    SPI_CLK_GEN = CLK_GEN_17_MHZ;
    SPI_SLAVE_SELECT = 1;
    return &bus;
}
