/* SPDX-License-Identifier: MIT */
/*
 * The older forms of the command service on a board, sized and headed: off, unless the image is made with a port for
 * them (make firmware SIZED_PORT=9003 HEADED_PORT=9004). A board may say other sizes in its board_config.h.
 */
#ifndef PLAIN_CONFIG_H
#define PLAIN_CONFIG_H

#include <board_config.h> /* the board's own */

/* Connections of each form. Each takes 1.4 KiB beside its spool, a pcb, and five pbufs. */
#ifndef BOARD_PLAIN_CONNS
#define BOARD_PLAIN_CONNS 2
#endif

/* Bytes of a command's output; what is more is cut. */
#ifndef BOARD_PLAIN_SPOOL
#define BOARD_PLAIN_SPOOL 4096
#endif

#define BOARD_PLAIN_FORMS ((BOARD_SIZED_PORT != 0) + (BOARD_HEADED_PORT != 0))

/* Connections of both. */
#define BOARD_PLAIN (BOARD_PLAIN_FORMS * BOARD_PLAIN_CONNS)

#endif
