/* SPDX-License-Identifier: MIT */
/*
 * An SPI bus with one device on it, mode 0, bytes with their highest bit first:
 * what sd_card.c needs. A board that has one implements it.
 */
#ifndef SPI_H
#define SPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets the clock: `hz` at most. */
void spi_set_clock(uint32_t hz);

/* Pulls the device's chip select low, or lets it go. */
void spi_select(bool selected);

/* Sends `len` bytes; what comes back is dropped. */
void spi_write(const uint8_t *data, size_t len);

/* Receives `len` bytes, sending 0xFF meanwhile. */
void spi_read(uint8_t *dst, size_t len);

#endif
