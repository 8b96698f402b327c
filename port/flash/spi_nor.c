/* SPDX-License-Identifier: MIT */
/*
 * The commands of a SPI NOR chip. Names as in the data sheet of the S25FL128S
 * (001-98283), chapter "Command Reference"; times are the longest of such chips,
 * with something to spare.
 *
 * Implementation notes
 *  - A chip at work hears nothing but "read status". So that is asked before
 *    anything else whenever it may be at work.
 *  - WEL, which a chip sets when it hears "write enable", tells that it is there
 *    and not protected: without a chip the line reads as all ones or all zeros.
 */
#include "spi_nor.h"

#include <string.h>

enum command {
    PAGE_PROGRAM = 0x02, /* PP */
    READ = 0x03,
    READ_STATUS = 0x05,  /* RDSR1 */
    WRITE_ENABLE = 0x06, /* WREN */
    READ_ID = 0x9F,      /* RDID, by JEDEC's JEP106 and JESD216: manufacturer, type, log2 of the size */
    SECTOR_ERASE = 0xD8, /* SE, 64 KiB */
};

#define STATUS_WIP 0x01U /* write in progress */
#define STATUS_WEL 0x02U /* write enable latch */
#define STATUS_NONE 0xFFU

#define SMALLEST_LOG2 16U
#define ADDRESS_BITS 24U

#define PAGE_MS 100U
#define ERASE_MS 5000U

/* What is compared at a time. */
#define COMPARED 64U

static void send_command(const struct spi_nor *nor, enum command command)
{
    uint8_t byte = (uint8_t)command;
    nor->bus->transfer(nor->bus->ctx, &byte, 1, NULL, NULL, 0);
}

static void receive(const struct spi_nor *nor, enum command command, uint8_t *dst, size_t len)
{
    uint8_t byte = (uint8_t)command;
    nor->bus->transfer(nor->bus->ctx, &byte, 1, NULL, dst, len);
}

/* A command that names a place; see struct spi_nor_bus for the rest. */
static void transfer_at(const struct spi_nor *nor, enum command command, uint32_t off, const uint8_t *send,
                        uint8_t *received, size_t len)
{
    uint8_t head[] = {(uint8_t)command, (uint8_t)(off >> 16), (uint8_t)(off >> 8), (uint8_t)off};
    nor->bus->transfer(nor->bus->ctx, head, sizeof head, send, received, len);
}

static unsigned status_of(const struct spi_nor *nor)
{
    uint8_t status;
    receive(nor, READ_STATUS, &status, 1);
    return status;
}

static uint32_t now_ms(const struct spi_nor *nor)
{
    return nor->bus->now_ms(nor->bus->ctx);
}

static int read_chip(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    struct spi_nor *nor = ctx;

    if ((nor->working || nor->late) && (status_of(nor) & STATUS_WIP) != 0) {
        return nor->working ? DORY_MORE : DORY_IO_ERROR;
    }
    nor->late = false;
    while (len > 0) {
        size_t piece = len < SPI_NOR_PIECE ? len : SPI_NOR_PIECE;
        transfer_at(nor, READ, (uint32_t)off, NULL, dst, piece);
        off += piece;
        dst += piece;
        len -= piece;
    }
    return DORY_OK;
}

/* Has the chip program or erase. Returns whether it does. */
static bool begin_writing(struct spi_nor *nor, enum command command, uint32_t off, const uint8_t *data, size_t len)
{
    send_command(nor, WRITE_ENABLE);
    if ((status_of(nor) & (STATUS_WIP | STATUS_WEL)) != STATUS_WEL) {
        return false;
    }
    transfer_at(nor, command, off, data, NULL, len);
    nor->since_ms = now_ms(nor);
    nor->late = false;
    return true;
}

/* Looks whether it is done. */
static int finish_writing(struct spi_nor *nor, uint32_t patience_ms)
{
    bool busy = (status_of(nor) & STATUS_WIP) != 0;

    if (busy && now_ms(nor) - nor->since_ms <= patience_ms) {
        return DORY_MORE;
    }
    nor->working = false;
    nor->late = busy;
    return busy ? DORY_IO_ERROR : DORY_OK;
}

/* One step of a page or a sector. */
static int write_step(struct spi_nor *nor, enum command command, uint32_t off, const uint8_t *data, size_t len,
                      uint32_t patience_ms)
{
    if (!nor->working) {
        nor->working = begin_writing(nor, command, off, data, len);
    }
    return nor->working ? finish_writing(nor, patience_ms) : DORY_IO_ERROR;
}

/* Returns whether the call of program() or erase() for `off` has the chip now, or may have it. */
static bool take(struct spi_nor *nor, uint64_t off)
{
    if (nor->taken) {
        return nor->off == (uint32_t)off;
    }
    nor->taken = true;
    nor->off = (uint32_t)off;
    nor->programmed = 0;
    return true;
}

/* Whether what was programmed is there. */
static bool is_at(const struct spi_nor *nor, uint32_t off, const uint8_t *data, size_t len)
{
    uint8_t found[COMPARED];

    for (size_t i = 0; i < len; i += COMPARED) {
        size_t piece = len - i < COMPARED ? len - i : COMPARED;

        transfer_at(nor, READ, off + (uint32_t)i, NULL, found, piece);
        if (memcmp(found, data + i, piece) != 0) {
            return false;
        }
    }
    return true;
}

/* What the chip can program at once of `len` bytes at `off`: up to the end of the page, where it would go on at its
 * beginning. */
static size_t piece_of_page(uint32_t off, size_t len)
{
    size_t left = SPI_NOR_PAGE - off % SPI_NOR_PAGE;

    return len < left ? len : left;
}

static int program_chip(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    struct spi_nor *nor = ctx;

    if (!take(nor, off)) {
        return DORY_MORE;
    }
    const uint8_t *from = data + nor->programmed;
    uint32_t to = (uint32_t)(off + nor->programmed);
    size_t piece = piece_of_page(to, len - nor->programmed);
    int result = write_step(nor, PAGE_PROGRAM, to, from, piece, PAGE_MS);
    if (result == DORY_OK) {
        nor->programmed += piece;
        result = !is_at(nor, to, from, piece) ? DORY_IO_ERROR : nor->programmed < len ? DORY_MORE : DORY_OK;
    }
    nor->taken = result == DORY_MORE;
    return result;
}

static int erase_chip(void *ctx, uint64_t off)
{
    struct spi_nor *nor = ctx;

    if (!take(nor, off)) {
        return DORY_MORE;
    }
    int result = write_step(nor, SECTOR_ERASE, (uint32_t)off, NULL, 0, ERASE_MS);
    nor->taken = result == DORY_MORE;
    return result;
}

/* Waits for what the chip was at before a restart. Returns whether it is idle. */
static bool wait_until_idle(const struct spi_nor *nor)
{
    uint32_t since_ms = now_ms(nor);
    unsigned status;
    do {
        status = status_of(nor);
    } while ((status & STATUS_WIP) != 0 && status != STATUS_NONE && now_ms(nor) - since_ms <= ERASE_MS);
    return (status & STATUS_WIP) == 0;
}

const struct flash_device *spi_nor_begin(struct spi_nor *nor, const struct spi_nor_bus *bus)
{
    static const struct flash_operations operations = {.read = read_chip, .program = program_chip, .erase = erase_chip};
    uint8_t id[3];

    *nor = (struct spi_nor){.bus = bus};
    if (!wait_until_idle(nor)) {
        return NULL;
    }
    receive(nor, READ_ID, id, sizeof id);
    if (id[0] == 0 || id[0] == 0xFF || id[2] < SMALLEST_LOG2 || id[2] >= 32) {
        return NULL;
    }
    nor->flash = (struct flash_device){
        .operations = &operations,
        .ctx = nor,
        .size = 1U << (id[2] < ADDRESS_BITS ? id[2] : ADDRESS_BITS),
        .page_size = SPI_NOR_PAGE,
        .sector_size = SPI_NOR_SECTOR,
    };
    return &nor->flash;
}
