/* SPDX-License-Identifier: MIT */
/*
 * What a product with lwIP has before dory comes, for product.c, and what its two files share. The names are made up; on an STM32 product_poll() would
 * be MX_LWIP_Process(), with the Pico SDK cyw43_arch_poll().
 */
#ifndef PRODUCT_H
#define PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/server.h"

/* Brings up clocks and a 1 ms tick, then lwIP: lwip_init(), netif_add(), netif_set_up(), and DHCP or an address. */
void product_begin(void);

/* Gives lwIP a frame, if one has arrived, and calls sys_check_timeouts(). */
void product_poll(void);

/* Turns a light on or off: something for a command to do. */
void product_led(bool on);

/* A number that differs from start to start. */
uint32_t product_random(void);

/* Sleeps until an interrupt comes, for `ms` at most; returns at once when a frame is waiting. */
void product_sleep(uint32_t ms);

/* In product_commands.c: gives the server commands and files of the product's own, before it serves; and appends to the log,
 * from then on. */
void product_commands_begin(struct dory_server *server);
void product_log(const char *text);

#endif
