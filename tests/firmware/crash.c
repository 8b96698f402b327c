/* SPDX-License-Identifier: MIT */
/* Firmware that crashes as soon as it has said so: what a board with a boot stage must come back from. */
#include "bad_firmware.h"

int main(void)
{
    bad_firmware_begin("this version crashes\n");
    __asm volatile("udf #0");
    return 0;
}
