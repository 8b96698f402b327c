/* SPDX-License-Identifier: MIT */
/*
 * What firmware on the emcraft-sf2 that is no use has, besides a main(): the
 * start-up, the UART, and the handlers that the boot stage counts on.
 */
#ifndef BAD_FIRMWARE_H
#define BAD_FIRMWARE_H

#include "../../boards/common/cortex_m.h"
#include "../../boards/common/log.h"
#include "../../boards/emcraft-sf2/trial.h"
#include "../../boards/emcraft-sf2/uart.h"

INTERRUPT_VECTORS static const interrupt_vector vectors[TRIAL_INTERRUPT + 1] = {
    [TRIAL_INTERRUPT] = trial_on_timer,
};

static inline void bad_firmware_begin(const char *text)
{
    uart_begin();
    log_text(text);
}

#endif
