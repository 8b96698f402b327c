/* SPDX-License-Identifier: MIT */
/* dory on a board: everything up, then what there is to do, then sleep. */
#include "board.h"
#include "device.h"

static struct device device;

int main(void)
{
    board_begin();
    device_begin(&device);
    for (;;) {
        if (device_poll(&device) > 0) {
            board_sleep();
        }
    }
}
