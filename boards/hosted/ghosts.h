/* SPDX-License-Identifier: MIT */
/*
 * Peers that vanish: hosts on the device's network that connect to it, and are
 * never heard of again. A port scan, or a crowd that has lost its network.
 */
#ifndef GHOSTS_H
#define GHOSTS_H

#include <stdbool.h>

#include "wire.h"

/* Where a ghost falls silent. */
enum ghost_silence {
    AFTER_SYN, /* the connection stays half open */
    AFTER_ACK, /* it is open */
};

/* Sends the first SYN of `count` ghosts, each from a port of its own. */
void ghosts_connect(struct wire *wire, unsigned count, enum ghost_silence silence);

/* Looks at a frame from the device. Returns true when it was for a ghost, who may have answered. */
bool ghosts_receive(struct wire *wire, const uint8_t *frame, size_t len);

#endif
