/* SPDX-License-Identifier: MIT */
/*
 * What a product with lwIP has before dory comes, for product.c. The names are made up; on an STM32 product_poll() would
 * be MX_LWIP_Process(), with the Pico SDK cyw43_arch_poll().
 */
#ifndef PRODUCT_H
#define PRODUCT_H

#include <stdint.h>

/* Brings up clocks and a 1 ms tick, then lwIP: lwip_init(), netif_add(), netif_set_up(), and DHCP or an address. */
void product_begin(void);

/* Gives lwIP a frame, if one has arrived, and calls sys_check_timeouts(). */
void product_poll(void);

/* Sleeps until an interrupt comes, for `ms` at most; returns at once when a frame is waiting. */
void product_sleep(uint32_t ms);

#endif
