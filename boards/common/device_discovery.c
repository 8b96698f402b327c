/* SPDX-License-Identifier: MIT */
/* The device lets itself be found, unless it was built with DISCOVERY=0: then these two do nothing. */
#include "device.h"
#include "log.h"

#if BOARD_DISCOVERY

_Static_assert(BOARD_SCRATCH >= DISCOVERY_LEN, "BOARD_SCRATCH: too small for an answer to a datagram");

void device_begin_discovery(struct device *device)
{
    device->discovery = (struct discovery){.service = &device->service};
    device->udp = (struct net_udp){.received = discovery_received, .app = &device->discovery};
    if (net_udp_open(&device->udp, DEVICE_PORT) != ERR_OK) {
        log_text("no memory for datagrams\n");
    }
}

void device_log_discovery(const struct device *device)
{
    log_text("datagrams answered ");
    log_decimal(device->discovery.answered);
    log_text(" ignored ");
    log_decimal(device->discovery.ignored);
    log_text(" too many ");
    log_decimal(device->discovery.held_back);
    log_text("\n");
}

#else

void device_begin_discovery(struct device *device)
{
    (void)device;
}

void device_log_discovery(const struct device *device)
{
    (void)device;
}

#endif
