/* SPDX-License-Identifier: MIT */
/*
 * The functions of board.h for a device that is a process: its Ethernet is the
 * wire, its UART standard output.
 */
#define _GNU_SOURCE
#include "../common/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <lwip/etharp.h>
#include <lwip/stats.h>

#include "host.h"
#include "hosted.h"

const char board_name[] = "hosted";

uint32_t board_now_ms(void)
{
    return host_now_ms();
}

/* A line at a time, for whoever reads a pipe. */
void board_put_char(char c)
{
    (void)putchar(c);
    if (c == '\n') {
        (void)fflush(stdout);
    }
}

/* Standard input is the console's. */
int board_get_char(void)
{
    return -1;
}

uint32_t board_stack_used(void)
{
    return 0;
}

uint32_t board_stack_size(void)
{
    return 0;
}

uint32_t board_random(void)
{
    uint32_t number = 0;

    if (getrandom(&number, sizeof number, 0) != sizeof number) {
        number = host_now_ms();
    }
    return number;
}

static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
    uint8_t copy[ETH_PAD_SIZE + WIRE_FRAME_LEN];
    u16_t len = pbuf_copy_partial(frame, copy, sizeof copy, 0);

    (void)netif;
    wire_send(&hosted.wire, TO_HOST, copy + ETH_PAD_SIZE, len - ETH_PAD_SIZE, host_now_ms());
    LINK_STATS_INC(link.xmit);
    return ERR_OK;
}

err_t board_netif_begin(struct netif *netif)
{
    static const uint8_t address[] = {0x52, 0x54, 0x00, 0x64, 0x6f, 0x72};

    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = 1500;
    netif->hwaddr_len = sizeof address;
    memcpy(netif->hwaddr, address, sizeof address);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

static void check_link(struct netif *netif)
{
    if (hosted.wire.faults.cut && netif_is_link_up(netif)) {
        netif_set_link_down(netif);
    } else if (!hosted.wire.faults.cut && !netif_is_link_up(netif)) {
        netif_set_link_up(netif);
    }
}

static struct pbuf *copy_frame(const struct wire_frame *frame)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)(frame->len + ETH_PAD_SIZE), PBUF_POOL);

    if (copy == NULL) {
        LINK_STATS_INC(link.memerr);
        LINK_STATS_INC(link.drop);
        return NULL;
    }
    LINK_STATS_INC(link.recv);
    (void)pbuf_take_at(copy, frame->data, (u16_t)frame->len, ETH_PAD_SIZE);
    return copy;
}

bool board_netif_poll(struct netif *netif)
{
    struct wire_frame *frame = wire_take(&hosted.wire, TO_DEVICE, host_now_ms());
    struct pbuf *copy;

    check_link(netif);
    if (frame == NULL) {
        return false;
    }
    copy = copy_frame(frame);
    wire_free(&hosted.wire, TO_DEVICE, frame);
    if (copy != NULL && netif->input(copy, netif) != ERR_OK) {
        pbuf_free(copy);
    }
    return true;
}

const struct flash_device *board_flash(void)
{
    return hosted.flash;
}

const char *board_reset_reason(void)
{
    return NULL;
}

void board_fail(const char *text)
{
    fprintf(stderr, "hosted: %s\n", text);
    abort();
}
