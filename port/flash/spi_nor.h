/* SPDX-License-Identifier: MIT */
/*
 * A SPI NOR chip as raw storage (flash_device.h): pages of 256 bytes, sectors of
 * 64 KiB, addresses of three bytes. That is what nearly every such chip
 * understands; the commands are those of the S25FL128S (Spansion, now Infineon,
 * document 001-98283, "Commands"), which JEDEC's JESD216 has as the common ones.
 *
 * The bus is the product's: one function that moves bytes while the chip is
 * selected, and a clock.
 *
 * Beyond what flash_device.h asks for
 *  - What was programmed is read back and compared. A sector that was not erased
 *    is found out by that, too.
 *  - A chip that never gets done, that is protected against writing, or that has
 *    gone is DORY_IO_ERROR; so is every call until it answers again.
 *  - Several users may share the chip, a window each (flash_window.h): while it
 *    works for one of them, the others get DORY_MORE.
 *  - Any bytes of a page can be programmed that have not been since the sector
 *    was erased: a window may have smaller pages, as slots for firmware want.
 *    Chips that correct errors allow that but once a page, or a group of bytes;
 *    their data sheets say so.
 */
#ifndef SPI_NOR_H
#define SPI_NOR_H

#include "flash_device.h"

#define SPI_NOR_PAGE 256U
#define SPI_NOR_SECTOR 65536U

/* The most bytes behind a command in one transaction. */
#define SPI_NOR_PIECE 4096U

/* What the product brings. SPI mode 0 or 3, the highest bit first, as fast as the chip's READ command allows (50 MHz for the
 * S25FL128S). */
struct spi_nor_bus {
    /* One transaction; the chip is selected from its first byte to its last. Sends `command_len` bytes (1 to 4) of `command`,
     * then `len` bytes (0 to SPI_NOR_PIECE) more: those at `send`, or, when that is NULL, whatever the line likes while it
     * receives as many to `receive`. Keeps no pointer. */
    void (*transfer)(void *ctx, const uint8_t *command, size_t command_len, const uint8_t *send, uint8_t *receive,
                     size_t len);

    /* Milliseconds from any moment on, modulo 2^32. */
    uint32_t (*now_ms)(void *ctx);

    void *ctx;
};

/* Members are the driver's own. */
struct spi_nor {
    struct flash_device flash;
    const struct spi_nor_bus *bus;
    bool taken;        /* a call of program() or erase() has been answered with "later" */
    bool working;      /* the chip is programming or erasing */
    bool late;         /* it was, when patience ended */
    uint32_t off;      /* of the call that has it */
    size_t programmed; /* bytes of that call that are done */
    uint32_t since_ms; /* when the chip began */
};

/* Looks for the chip: waits until it has done what a restart has interrupted, 5 s at most, and reads its size. `nor` and
 * `bus` must stay. Returns its storage, or NULL: there is no chip, or none that says how large it is. Of a chip of more than
 * 16 MiB the first 16 are used. */
const struct flash_device *spi_nor_begin(struct spi_nor *nor, const struct spi_nor_bus *bus);

#endif
