/* SPDX-License-Identifier: MIT */
/*
 * The Ethernet controller of the LM3S6965; data sheet, chapter "Ethernet
 * Controller". The link is taken to be up always: QEMU has no PHY here.
 */
#include "ethernet.h"

#include <lwip/pbuf.h>
#include <lwip/stats.h>

#include "../common/board.h"
#include "../common/ethernet_fifo.h"
#include "registers.h"

#define MAC(offset) REGISTER(0x40048000 + (offset))
#define MACIACK MAC(0x000) /* interrupt status, and acknowledge */
#define MACIM MAC(0x004)   /* interrupt mask */
#define MACRCTL MAC(0x008) /* receive control */
#define MACTCTL MAC(0x00C) /* transmit control */
#define MACDATA MAC(0x010) /* both FIFOs */
#define MACIA0 MAC(0x014)  /* address, bytes 0 to 3 */
#define MACIA1 MAC(0x018)  /* address, bytes 4 and 5 */
#define MACNP MAC(0x034)   /* frames in the receive FIFO */
#define MACTR MAC(0x038)   /* transmission request */

#define INT_RX (1U << 0)
#define INT_FOV (1U << 3) /* the receive FIFO has overflown */
#define RCTL_RXEN (1U << 0)
#define RCTL_BADCRC (1U << 3) /* reject frames with a wrong CRC */
#define RCTL_RSTFIFO (1U << 4)
#define TCTL_TXEN (1U << 0)
#define TCTL_PADEN (1U << 1)
#define TCTL_CRC (1U << 2)
#define TCTL_DUPLEX (1U << 4) /* any switch has full duplex */
#define TR_NEWTX (1U << 0)    /* a frame is waiting, or being sent */

#define LENGTH_FIELD 2U /* a received frame begins with its length, this field and the CRC included */
#define SEND_MS 2       /* a frame at 10 Mbit/s */

/* A reset of the controller does not empty the FIFO. */
static void begin_receiving(void)
{
    MACRCTL = RCTL_RSTFIFO;
    MACRCTL = RCTL_BADCRC | RCTL_RXEN;
}

/* The FIFO holds one frame. It begins with the length of what follows the Ethernet header, in the place of lwIP's pad. */
static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    uint32_t since_ms = board_now_ms();

    (void)netif;
    while ((MACTR & TR_NEWTX) != 0) {
        if (board_now_ms() - since_ms > SEND_MS) {
            LINK_STATS_INC(link.drop);
            return ERR_TIMEOUT;
        }
    }
    *(uint16_t *)p->payload = (uint16_t)(p->tot_len - ETH_PAD_SIZE - FRAME_MIN);
    ethernet_fifo_send(&MACDATA, p);
    MACTR = TR_NEWTX;
    return ERR_OK;
}

err_t board_netif_begin(struct netif *netif)
{
    uint32_t mac_low = (USER_REG0 & 0xFFFFFF) | USER_REG1 << 24;
    uint32_t mac_high = USER_REG1 >> 8 & 0xFFFF;

    MACIM = 0;
    MACIA0 = mac_low;
    MACIA1 = mac_high;
    MACTCTL = TCTL_DUPLEX | TCTL_CRC | TCTL_PADEN | TCTL_TXEN;
    begin_receiving();
    cortex_m_enable(ETHERNET_INTERRUPT);
    ethernet_fifo_begin(netif, mac_low, mac_high, send_frame);
    netif->flags |= NETIF_FLAG_LINK_UP; /* and stays: nobody is to be told of it later */
    return ERR_OK;
}

bool board_netif_poll(struct netif *netif)
{
    if (MACNP == 0) {
        return false;
    }
    uint32_t first = MACDATA;
    uint32_t len = (first & 0xFFFF) - LENGTH_FIELD - FRAME_CRC;
    if ((MACIACK & INT_FOV) != 0 || len < FRAME_MIN || len > FRAME_MAX) { /* its contents are in disorder */
        MACIACK = INT_FOV;
        LINK_STATS_INC(link.drop);
        begin_receiving();
    } else {
        ethernet_fifo_receive(netif, &MACDATA, first, len, true);
    }
    return true;
}

bool ethernet_listen(void)
{
    MACIACK = INT_RX;
    MACIM = INT_RX;
    return MACNP > 0;
}

void ethernet_on_interrupt(void)
{
    MACIM = 0;
}
