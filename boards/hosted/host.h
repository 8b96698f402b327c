/* SPDX-License-Identifier: MIT */
/*
 * The other end of the wire: libslirp, a network in this process with a DHCP
 * server, in which a port of the host, TCP and UDP, is forwarded to the device.
 * No rights are needed for that.
 */
#ifndef HOST_H
#define HOST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct host_options {
    struct in_addr address; /* where to listen */
    uint16_t port;          /* 0: any free one */
    bool dhcp;              /* answer the device's DHCP requests */
    uint32_t speed;         /* of the clock, 1 to 100: a bad wire then costs less time */
};

/* Starts the network and forwards the port to the device's 9002. Returns the port, or 0 and a sentence on stderr. */
uint16_t host_begin(struct wire *wire, const struct host_options *options);

/* Forwards one more port (> 0) of the host, to `device_port`. Returns false, and a sentence on stderr, when it can't be had. */
bool host_forward(struct in_addr address, uint16_t port, uint16_t device_port);

/* Waits up to `wait_ms` for anything to happen on the host's side, or a frame to arrive, or input on descriptor `input`
 * (-1: none), and moves frames. Returns whether there is input. */
bool host_poll(uint32_t wait_ms, int input);

/* Milliseconds of the clock that the device and its network have. */
uint32_t host_now_ms(void);

#endif
