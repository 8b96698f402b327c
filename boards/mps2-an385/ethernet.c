/* SPDX-License-Identifier: MIT */
/*
 * SMSC LAN9118 Ethernet controller, with its internal PHY. Numbers in brackets
 * are sections of its data sheet (revision 1.5).
 */
#include "ethernet.h"

#include <lwip/pbuf.h>
#include <lwip/stats.h>

#include "../common/board.h"
#include "../common/cortex_m.h"
#include "../common/ethernet_fifo.h"

#define LAN9118(offset) REGISTER(0x40200000 + (offset))

#define RX_DATA LAN9118(0x00)      /* receive data FIFO (5.2) */
#define TX_DATA LAN9118(0x20)      /* transmit data FIFO (5.2) */
#define RX_STATUS LAN9118(0x40)    /* of the next frame; reading takes it out (3.13.3) */
#define TX_STATUS LAN9118(0x48)    /* of a frame that was sent; reading takes it out (3.12.4) */
#define IRQ_CFG LAN9118(0x54)      /* (5.3.2) */
#define INT_STS LAN9118(0x58)      /* (5.3.3) */
#define INT_EN LAN9118(0x5C)       /* (5.3.4) */
#define FIFO_INT LAN9118(0x68)     /* (5.3.6) */
#define RX_CFG LAN9118(0x6C)       /* (5.3.7) */
#define TX_CFG LAN9118(0x70)       /* (5.3.8) */
#define HW_CFG LAN9118(0x74)       /* (5.3.9) */
#define RX_FIFO_INF LAN9118(0x7C)  /* (5.3.11) */
#define TX_FIFO_INF LAN9118(0x80)  /* (5.3.12) */
#define MAC_CSR_CMD LAN9118(0xA4)  /* the way to the registers of the MAC (5.3.20) */
#define MAC_CSR_DATA LAN9118(0xA8) /* (5.3.21) */
#define E2P_CMD LAN9118(0xB0)      /* (5.3.23) */

#define IRQ_CFG_PUSH_PULL_HIGH_ON 0x111U
#define INT_RSFL (1U << 3) /* the receive status FIFO holds more than the level in FIFO_INT */
#define RX_CFG_OFFSET (2U << 8)
#define RX_STATUS_LENGTH(status) ((status) >> 16 & 0x3FFF) /* with CRC */
#define RX_STATUS_ERROR (1U << 15)
#define TX_CFG_ON (1U << 1)
#define TX_OFFSET (2U << 16) /* command A (3.12.2) */
#define TX_FIRST_AND_LAST 0x3000U
#define HW_CFG_RESET (1U << 0)
#define HW_CFG_DEFAULT 0x00150000U /* store and forward, 5 KiB of the FIFO for sending */
#define FIFO_INF_COUNT(inf) ((inf) >> 16 & 0xFF)
#define FIFO_INF_BYTES(inf) ((inf)&0xFFFF)
#define E2P_CMD_BUSY (1U << 31)

#define MAC_CSR_BUSY (1U << 31)
#define MAC_CSR_READ (1U << 30)

enum mac_register { /* (5.4) */
                    MAC_CR = 1,
                    MAC_ADDRH = 2,
                    MAC_ADDRL = 3,
                    MII_ACC = 6,
                    MII_DATA = 7,
};
#define MAC_CR_DUPLEX_TX_RX 0x0010000CU /* any switch has full duplex */
#define MII_ACC_BUSY 1U
#define MII_ACC_INTERNAL_PHY (1U << 11)
#define MII_ACC_REGISTER(index) ((index) << 6)

#define PHY_STATUS 1U /* IEEE 802.3, 22.2.4.2: basic mode status */
#define PHY_STATUS_LINK (1U << 2)

#define LINK_POLL_MS 100
#define PATIENCE_MS 100 /* for what takes microseconds */
#define SEND_MS 2       /* a frame at 10 Mbit/s */

static uint32_t link_checked_ms;

/* Waits until none of `bits` is set in `*reg`, but not for ever. */
static void wait_while(const volatile uint32_t *reg, uint32_t bits)
{
    uint32_t since_ms = board_now_ms();
    while ((*reg & bits) != 0 && board_now_ms() - since_ms < PATIENCE_MS) {
    }
}

static uint32_t read_mac(enum mac_register index)
{
    MAC_CSR_CMD = MAC_CSR_BUSY | MAC_CSR_READ | index;
    wait_while(&MAC_CSR_CMD, MAC_CSR_BUSY);
    return MAC_CSR_DATA;
}

static void write_mac(enum mac_register index, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = MAC_CSR_BUSY | index;
    wait_while(&MAC_CSR_CMD, MAC_CSR_BUSY);
}

static uint32_t read_phy(unsigned index)
{
    uint32_t since_ms = board_now_ms();
    write_mac(MII_ACC, MII_ACC_INTERNAL_PHY | MII_ACC_REGISTER(index) | MII_ACC_BUSY);
    while ((read_mac(MII_ACC) & MII_ACC_BUSY) != 0 && board_now_ms() - since_ms < PATIENCE_MS) {
    }
    return read_mac(MII_DATA);
}

/* The PHY remembers a link that was down for a moment until it is read: both changes are told. */
static void check_link(struct netif *netif)
{
    if (board_now_ms() - link_checked_ms < LINK_POLL_MS) {
        return;
    }
    link_checked_ms = board_now_ms();
    if ((read_phy(PHY_STATUS) & PHY_STATUS_LINK) != 0) {
        netif_set_link_up(netif);
    } else {
        netif_set_link_down(netif);
    }
}

/* The FIFO drains at the speed of the wire: a frame that finds it full waits for about one that goes. */
static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    uint32_t len = p->tot_len - ETH_PAD_SIZE;
    uint32_t since_ms = board_now_ms();

    (void)netif;
    while (FIFO_INF_BYTES(TX_FIFO_INF) < p->tot_len + 12U) { /* two commands; the last word is whole */
        if (board_now_ms() - since_ms > SEND_MS) {
            LINK_STATS_INC(link.drop);
            return ERR_TIMEOUT;
        }
    }
    while (FIFO_INF_COUNT(TX_FIFO_INF) > 0) {
        (void)TX_STATUS;
    }
    TX_DATA = TX_OFFSET | TX_FIRST_AND_LAST | len;
    TX_DATA = len;
    ethernet_fifo_send(&TX_DATA, p);
    return ERR_OK;
}

err_t board_netif_begin(struct netif *netif)
{
    HW_CFG = HW_CFG_RESET;
    wait_while(&HW_CFG, HW_CFG_RESET);
    wait_while(&E2P_CMD, E2P_CMD_BUSY); /* the EEPROM's MAC address is on its way */
    HW_CFG = HW_CFG_DEFAULT;
    IRQ_CFG = IRQ_CFG_PUSH_PULL_HIGH_ON;
    FIFO_INT = 0; /* RSFL from the first frame on */
    RX_CFG = RX_CFG_OFFSET;
    TX_CFG = TX_CFG_ON;
    write_mac(MAC_CR, MAC_CR_DUPLEX_TX_RX);
    cortex_m_enable(
        ETHERNET_INTERRUPT); /* not earlier: until IRQ_CFG is written, the line is low and means an interrupt */
    ethernet_fifo_begin(netif, read_mac(MAC_ADDRL), read_mac(MAC_ADDRH), send_frame);
    return ERR_OK;
}

bool board_netif_poll(struct netif *netif)
{
    if (FIFO_INF_COUNT(RX_FIFO_INF) == 0) {
        check_link(netif);
        return false;
    }
    uint32_t status = RX_STATUS;
    uint32_t len = RX_STATUS_LENGTH(status) - FRAME_CRC;
    ethernet_fifo_receive(netif, &RX_DATA, RX_DATA, len, (status & RX_STATUS_ERROR) == 0);
    return true;
}

bool ethernet_listen(void)
{
    INT_STS = INT_RSFL;
    INT_EN = INT_RSFL;
    return FIFO_INF_COUNT(RX_FIFO_INF) > 0;
}

void ethernet_on_interrupt(void)
{
    INT_EN = 0;
}
