/* SPDX-License-Identifier: MIT */
/* Firmware of a device with two slots for it: the name `firmware`, and `boot`. Another board leaves it all out. */
#ifndef DEVICE_FIRMWARE_H
#define DEVICE_FIRMWARE_H

struct command_output;
struct device;

#if BOARD_FIRMWARE

#include "../../port/flash/firmware.h"

/* Puts the slots before the store of the server, which then tells of the image that runs. Without slots, or without the
 * word of a boot stage, nothing changes. */
void device_firmware_begin(struct device *device);

/* Does what can wait; asks for the restart when an image is to be started. */
void device_firmware_poll(struct device *device);

/* Writes some lines about the images in the slots. */
void device_firmware_tell(const struct device *device, struct command_output *out);

#else

static inline void device_firmware_begin(struct device *device)
{
    (void)device;
}

static inline void device_firmware_poll(struct device *device)
{
    (void)device;
}

static inline void device_firmware_tell(const struct device *device, struct command_output *out)
{
    (void)device;
    (void)out;
}

#endif

#endif
