/* SPDX-License-Identifier: MIT */
/*
 * What a board brings. boards/common calls these functions, each folder of a
 * board implements them; nothing in boards/common knows a register.
 *
 * Shared rules
 *  - One thread; interrupts only take note of things and wake it.
 *  - Nothing allocates.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include <lwip/netif.h>

#include "../../port/flash/boot_handoff.h"
#include "../../port/flash/flash_device.h"

/* As `info` tells it; 16 bytes at most. */
extern const char board_name[];

/* Brings up clocks, UART, the 1 ms tick and the storage; interrupts are on afterwards. Called once, before all else. */
void board_begin(void);

/* Milliseconds since the start, modulo 2^32. */
uint32_t board_now_ms(void);

/* Sleeps until an interrupt comes, the next tick at the latest; returns at once when a frame is waiting. */
void board_sleep(void);

/* Writes one character to the UART. May wait for it. */
void board_put_char(char c);

/* Takes a character from the UART. Returns it, or -1 if there is none. */
int board_get_char(void);

/* The deepest stack so far, in bytes. */
uint32_t board_stack_used(void);

/* Bytes of stack that there are. */
uint32_t board_stack_size(void);

/* Bytes that differ from start to start as well as the board can make them: TCP's first sequence number, ports. */
uint32_t board_random(void);

/* For netif_add(): sets name, hwaddr, mtu, flags and linkoutput, and starts the Ethernet controller. */
err_t board_netif_begin(struct netif *netif);

/* Hands over at most one frame that has arrived to netif->input, and tells lwIP of a link that went up or down. Returns
 * whether there was a frame. */
bool board_netif_poll(struct netif *netif);

/* The storage for files, or NULL when there is none (no SD card in the socket). The same at each call. */
const struct flash_device *board_flash(void);

/* Logs what went wrong, and restarts. */
_Noreturn void board_fail(const char *text);

/* What the board's own registers tell of the last reset, in a few words; NULL when they tell nothing. The same at each
 * call. */
const char *board_reset_reason(void);

/* Restarts the board. */
_Noreturn void board_restart(void);

/* ---- Only of boards with slots for firmware (firmware.NAME in boards.mk) ---- */

/* Slot A (0) or B (1) as port/flash/firmware.h wants it, or NULL: the device has none, and `firmware` is a name like any
 * other. The same at each call. */
const struct flash_device *board_slot(unsigned slot);

/* The public key of whoever signs the firmware: DORY_IMAGE_KEY bytes. firmware_key.h has the one that `make` was given. */
const uint8_t *board_key(void);

/* What the boot stage has told the image that runs. */
const struct boot_handoff *board_handoff(void);

/* The image that runs has been confirmed: stops the timer which would have ended its trial by a restart. With a watchdog in
 * that timer's place, this is where a product begins to calm it without further conditions. */
void board_trial_end(void);

#endif
