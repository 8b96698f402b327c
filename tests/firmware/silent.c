/* SPDX-License-Identifier: MIT */
/* Firmware that starts, and then serves nobody: only the trial's timer ends it. */
#include "bad_firmware.h"

int main(void)
{
    bad_firmware_begin("this version serves nobody\n");
    for (;;) {
        __asm volatile("wfi");
    }
}
