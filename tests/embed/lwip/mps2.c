/* SPDX-License-Identifier: MIT */
/*
 * What port/example/product.c takes for granted, from the board mps2-an385: it lets the example run in QEMU, as the test
 * in tests/system/test_documents.py does.
 */
#include <lwip/dhcp.h>
#include <lwip/init.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "../../../boards/common/board.h"
#include "../../../boards/common/cortex_m.h"
#include "../../../port/example/product.h"

static struct netif netif;

void product_begin(void)
{
    board_begin();
    lwip_init();
    (void)netif_add(&netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, board_netif_begin, ethernet_input);
    netif_set_default(&netif);
    netif_set_up(&netif);
    (void)dhcp_start(&netif);
}

void product_poll(void)
{
    (void)board_netif_poll(&netif);
    sys_check_timeouts();
}

void product_sleep(uint32_t ms)
{
    if (ms > 0) {
        board_sleep(); /* until the next tick at the latest */
    }
}

/* Application Note AN385, section 4.6: FPGAIO, LED0. */
void product_led(bool on)
{
    REGISTER(0x40028000) = on ? 1 : 0;
}

void product_fail(const char *text)
{
    board_fail(text);
}

uint32_t product_random(void)
{
    return board_random();
}

u32_t sys_now(void)
{
    return board_now_ms();
}
