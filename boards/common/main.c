/* SPDX-License-Identifier: MIT */
/* dory on a board: everything up, then what there is to do, then sleep. A `?` from the UART asks for statistics. */
#include "board.h"
#include "crash_log.h"
#include "device.h"

static struct device device;

int main(void)
{
    crash_log_begin();
    board_begin();
    device_begin(&device);
    for (;;) {
        if (device_poll(&device) == 0) {
            continue;
        }
        if (board_get_char() == '?') {
            device_log_statistics(&device);
        }
        board_sleep();
    }
}
