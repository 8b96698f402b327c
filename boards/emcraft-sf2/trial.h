/* SPDX-License-Identifier: MIT */
/*
 * The time that firmware on trial has: MSS timer 1. The boot stage starts it,
 * and it interrupts the application whatever that is at; when the time is up
 * before somebody has confirmed, the board restarts, and the boot stage goes
 * back to the firmware that was confirmed.
 *
 * It is in the place of a watchdog, which QEMU doesn't have for this part. A
 * product uses its own, which also ends an application that has interrupts off:
 * the boot stage starts it where it calls trial_begin(), the main loop feeds it,
 * and trial_on_timer() stays as it is.
 */
#ifndef EMCRAFT_TRIAL_H
#define EMCRAFT_TRIAL_H

#include <stdint.h>

/* UG0331, chapter "Cortex-M3 Processor", interrupts: TIMER1_INTR. */
#define TRIAL_INTERRUPT 14

/* Gives what is started next `seconds`. */
void trial_begin(uint32_t seconds);

/* Stops the time: it was confirmed, or nothing is on trial. Also to be called at the beginning, for a reset of the processor
 * doesn't stop the timer in QEMU. */
void trial_end(void);

/* Handler for the vector table. Ahead of the end of its time it needs nothing that start-up prepares. */
void trial_on_timer(void);

#endif
