/* SPDX-License-Identifier: MIT */
/* The SSI module, an SPI bus for spi.h. */
#ifndef SSI_H
#define SSI_H

/* Gives SSI0 its clock and its pins. Before any function of spi.h. */
void ssi_begin(void);

#endif
