/* SPDX-License-Identifier: MIT */
/*
 * The SD card's protocol over SPI. Numbers in brackets are sections of the SD
 * Physical Layer Simplified Specification, version 6.
 *
 * Implementation notes
 *  - Reading waits for the card, which takes well under 1 ms. Programming takes
 *    longer, so it is only started: the call says DORY_MORE until it is done.
 *  - A block is always read whole, whatever part of it is wanted: only then its
 *    CRC is known. It is kept, as the next read often wants what follows.
 */
#include "sd_card.h"

#include <string.h>

#include "board.h"
#include "spi.h"

/* Commands in SPI mode (7.3.1.3) and their answers (7.3.2). */
enum command {
    GO_IDLE_STATE = 0,
    SEND_IF_COND = 8,
    SEND_CSD = 9,
    SEND_STATUS = 13,
    SET_BLOCKLEN = 16,
    READ_SINGLE_BLOCK = 17,
    WRITE_BLOCK = 24,
    SD_SEND_OP_COND = 41, /* after APP_CMD */
    APP_CMD = 55,
    READ_OCR = 58,
    CRC_ON_OFF = 59,
};

#define R1_READY 0U
#define R1_IDLE 1U
#define R1_NOTHING 0xFFU

#define IF_COND 0x1AAU           /* 2.7 to 3.6 V, and a pattern that comes back (4.3.13) */
#define HIGH_CAPACITY (1U << 30) /* HCS for ACMD41, CCS in the OCR (4.2.3, 5.1) */
#define DATA_TOKEN 0xFEU         /* (7.3.3.2) */
#define DATA_ACCEPTED 0x05U      /* data response token (7.3.3.1) */
#define DATA_RESPONSE_MASK 0x1FU
#define CSD_LEN 16U
#define NO_ADDRESS UINT32_MAX /* of no block: an SDSC card is too small, an SDXC card has at most 2^32 - 1 of them */

#define CLOCK_AT_START_HZ 400000U /* (7.2.1, 6.4.1) */
#define CLOCK_HZ 25000000U
#define BEGIN_MS 1000U  /* (4.2.3) */
#define READ_MS 100U    /* (4.6.2.1) */
#define PROGRAM_MS 500U /* (4.6.2.2) */

static uint8_t read_byte(void)
{
    uint8_t byte;
    spi_read(&byte, 1);
    return byte;
}

/* CRC-7 of a command, with its end bit (4.5). */
static uint8_t crc7(const uint8_t *data, size_t len)
{
    uint32_t crc = 0;
    for (; len > 0; len--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc << 1 ^ ((crc & 0x80) != 0 ? 0x12 : 0);
        }
        crc &= 0xFF;
    }
    return (uint8_t)(crc | 1);
}

/* CRC-16 of data (4.5): x^16 + x^12 + x^5 + 1, a byte at a time and without a table. */
static uint32_t crc16(const uint8_t *data, size_t len)
{
    uint32_t crc = 0;
    for (const uint8_t *end = data + len; data < end; data++) {
        uint32_t mixed = crc >> 8 ^ *data;
        mixed ^= mixed >> 4;
        crc = (crc << 8 ^ mixed << 12 ^ mixed << 5 ^ mixed) & 0xFFFF;
    }
    return crc;
}

/* Reads bytes until one is something else than `idle`. Returns it, or `idle` after `patience_ms`. */
static uint8_t wait_while(uint8_t idle, uint32_t patience_ms)
{
    uint32_t since_ms = board_now_ms();
    uint8_t byte;
    do {
        byte = read_byte();
    } while (byte == idle && board_now_ms() - since_ms <= patience_ms);
    return byte;
}

/* Selects the card and sends a command. Returns its R1, or R1_NOTHING. The caller reads on, then lets the card go. */
static uint8_t send_command(enum command command, uint32_t argument)
{
    uint8_t frame[] = {
        0xFF, /* time to get ready (7.5.1.1, N_CR and N_RC) */
        (uint8_t)(0x40 | command),
        (uint8_t)(argument >> 24),
        (uint8_t)(argument >> 16),
        (uint8_t)(argument >> 8),
        (uint8_t)argument,
        0,
    };
    uint8_t r1 = R1_NOTHING;
    frame[6] = crc7(frame + 1, 5);
    spi_select(true);
    spi_write(frame, sizeof frame);
    for (int i = 0; i < 8 && r1 == R1_NOTHING; i++) {
        r1 = read_byte();
    }
    return r1;
}

/* As send_command(), for commands with a longer answer or none: `rest_len` bytes follow to `rest`. */
static uint8_t ask(enum command command, uint32_t argument, uint8_t *rest, size_t rest_len)
{
    uint8_t r1 = send_command(command, argument);
    spi_read(rest, rest_len);
    spi_select(false);
    return r1;
}

/* Asks for a block of `len` bytes. Returns whether it has arrived, whole. */
static bool read_block(enum command command, uint32_t argument, uint8_t *dst, size_t len)
{
    bool good = false;
    if (send_command(command, argument) == R1_READY && wait_while(0xFF, READ_MS) == DATA_TOKEN) {
        uint8_t crc[2];
        spi_read(dst, len);
        spi_read(crc, sizeof crc);
        good = crc16(dst, len) == (uint32_t)(crc[0] << 8 | crc[1]);
    }
    spi_select(false);
    return good;
}

static uint32_t address_of(const struct sd_card *card, uint64_t off)
{
    return (uint32_t)(card->by_block ? off / SD_CARD_BLOCK : off & ~(uint64_t)(SD_CARD_BLOCK - 1));
}

static int read_card(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    struct sd_card *card = ctx;
    while (len > 0) {
        size_t skip = (size_t)(off % SD_CARD_BLOCK);
        size_t count = len < SD_CARD_BLOCK - skip ? len : SD_CARD_BLOCK - skip;
        uint32_t address = address_of(card, off);
        if (card->block_address != address) {
            card->block_address = NO_ADDRESS;
            if (!read_block(READ_SINGLE_BLOCK, address, card->block, SD_CARD_BLOCK)) {
                return DORY_IO_ERROR;
            }
            card->block_address = address;
        }
        memcpy(dst, card->block + skip, count);
        off += count;
        dst += count;
        len -= count;
    }
    return DORY_OK;
}

/* Sends a block; the card begins to program it. */
static bool write_block(uint32_t argument, const uint8_t *data)
{
    bool good = false;
    if (send_command(WRITE_BLOCK, argument) == R1_READY) {
        static const uint8_t token[] = {0xFF, DATA_TOKEN};
        uint32_t crc = crc16(data, SD_CARD_BLOCK);
        uint8_t tail[] = {(uint8_t)(crc >> 8), (uint8_t)crc};
        spi_write(token, sizeof token);
        spi_write(data, SD_CARD_BLOCK);
        spi_write(tail, sizeof tail);
        good = (read_byte() & DATA_RESPONSE_MASK) == DATA_ACCEPTED;
    }
    spi_select(false);
    return good;
}

/* Looks whether the card has programmed its block, and whether that went well (7.2.4). */
static int finish_block(struct sd_card *card)
{
    uint8_t r2;
    spi_select(true);
    bool busy = wait_while(0, 0) != 0xFF;
    spi_select(false);
    if (busy && board_now_ms() - card->busy_since <= PROGRAM_MS) {
        return DORY_MORE;
    }
    card->busy = false;
    return !busy && ask(SEND_STATUS, 0, &r2, 1) == R1_READY && r2 == 0 ? DORY_OK : DORY_IO_ERROR;
}

static int program_card(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    struct sd_card *card = ctx;
    int result = DORY_IO_ERROR;
    if (!card->busy) {
        card->block_address = NO_ADDRESS;
        card->busy = write_block(address_of(card, off + card->programmed), data + card->programmed);
        card->busy_since = board_now_ms();
    }
    if (card->busy) {
        result = finish_block(card);
    }
    if (result == DORY_OK) {
        card->programmed += SD_CARD_BLOCK;
        result = card->programmed < len ? DORY_MORE : DORY_OK;
    }
    if (result != DORY_MORE) {
        card->programmed = 0;
    }
    return result;
}

/* From power-up to the transfer state (7.2.1). Returns whether there is a card that works. */
static bool start_card(struct sd_card *card)
{
    uint8_t answer[4];
    uint32_t since_ms = board_now_ms();
    uint32_t capacity = 0;
    uint8_t r1;

    if (ask(GO_IDLE_STATE, 0, NULL, 0) != R1_IDLE) {
        return false;
    }
    if (ask(SEND_IF_COND, IF_COND, answer, 4) == R1_IDLE) { /* version 2 and later */
        if (answer[3] != (uint8_t)IF_COND) {
            return false;
        }
        capacity = HIGH_CAPACITY;
    }
    if (ask(CRC_ON_OFF, 1, NULL, 0) != R1_IDLE) {
        return false;
    }
    do {
        (void)ask(APP_CMD, 0, NULL, 0);
        r1 = ask(SD_SEND_OP_COND, capacity, NULL, 0);
    } while (r1 == R1_IDLE && board_now_ms() - since_ms <= BEGIN_MS);
    if (r1 != R1_READY ||
        ask(READ_OCR, 0, answer, 4) > R1_IDLE) { /* QEMU's card says R1_IDLE here, whatever its state */
        return false;
    }
    card->by_block = (answer[0] & HIGH_CAPACITY >> 24) != 0;
    return ask(SET_BLOCKLEN, SD_CARD_BLOCK, NULL, 0) == R1_READY;
}

/* The size in bytes from the card-specific data, versions 1 and 2 (5.3.2, 5.3.3). */
static uint64_t size_from(const uint8_t *csd)
{
    if (csd[0] >> 6 == 0) {
        uint32_t c_size = (csd[6] & 0x03U) << 10 | (uint32_t)csd[7] << 2 | csd[8] >> 6;
        uint32_t c_size_mult = (csd[9] & 0x03U) << 1 | csd[10] >> 7;
        uint32_t read_bl_len = csd[5] & 0x0FU;
        return (uint64_t)((c_size + 1) << (c_size_mult + 2 + read_bl_len - 9)) * 512; /* read_bl_len is 9 to 11 */
    }
    uint32_t c_size = (csd[7] & 0x3FU) << 16 | (uint32_t)csd[8] << 8 | csd[9];
    return (uint64_t)(c_size + 1) << 19;
}

const struct flash_device *sd_card_begin(struct sd_card *card)
{
    static const struct flash_operations operations = {.read = read_card, .program = program_card};
    static const uint8_t clocks[10] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    uint8_t csd[CSD_LEN];

    card->busy = false;
    card->programmed = 0;
    card->block_address = NO_ADDRESS;
    spi_set_clock(CLOCK_AT_START_HZ);
    spi_select(false);
    spi_write(clocks, sizeof clocks); /* 74 at least (6.4.1) */
    if (!start_card(card) || !read_block(SEND_CSD, 0, csd, CSD_LEN)) {
        return NULL;
    }
    spi_set_clock(CLOCK_HZ);
    card->flash = (struct flash_device){
        .operations = &operations, .ctx = card, .size = size_from(csd), .page_size = SD_CARD_BLOCK};
    return &card->flash;
}
