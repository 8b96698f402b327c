/* SPDX-License-Identifier: MIT */
/* MSS SPI 0 as the bus of the NOR flash. */
#ifndef EMCRAFT_SPI_H
#define EMCRAFT_SPI_H

#include "../../port/flash/spi_nor.h"

/* Takes SPI 0 out of its reset. Returns the bus. */
const struct spi_nor_bus *spi_begin(void);

#endif
