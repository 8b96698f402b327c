/* SPDX-License-Identifier: MIT */
/*
 * An SD card in SPI mode as raw storage: SDSC, SDHC and SDXC, blocks of 512
 * bytes, no file system. Every transfer carries its CRC, and has a time-out.
 */
#ifndef SD_CARD_H
#define SD_CARD_H

#include <stdbool.h>

#include "../../port/flash/flash_device.h"

#define SD_CARD_BLOCK 512U

/* Members are the driver's own. */
struct sd_card {
    struct flash_device flash;
    bool by_block;       /* the card counts in blocks, not in bytes (SDHC, SDXC) */
    bool busy;           /* the card is programming */
    uint32_t busy_since; /* ms */
    size_t programmed;   /* bytes of the call under way */
    uint32_t block_address;
    uint8_t block[SD_CARD_BLOCK]; /* as read last, from there */
};

/* Looks for a card on the bus of spi.h and starts it, which takes up to 1 s. `card` must stay. Returns its storage, or
 * NULL: no card, or none that works. */
const struct flash_device *sd_card_begin(struct sd_card *card);

#endif
