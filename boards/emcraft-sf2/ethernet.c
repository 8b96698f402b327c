/* SPDX-License-Identifier: MIT */
/*
 * The Ethernet MAC of the SmartFusion2; UG0331, chapter 11, "Ethernet MAC".
 * Which pins it has, and MII as the interface to the PHY, are the FPGA design's.
 *
 * Implementation notes
 *  - The DMA controller goes round rings of descriptors {address, size, next}
 *    (11.4.1, 11.4.2). Bit 31 of the size says whose the descriptor is: "empty" is
 *    the receiver's to fill, or the sender's to be filled by us.
 *  - A receiver that meets a descriptor in use stops, and that frame is lost. It
 *    is started again when all that is there has been taken.
 *  - There is one descriptor to send with, that comes after itself: the sender
 *    finds it empty behind its frame and stops, until it is started anew.
 *  - Buffers begin at words, so lwIP's pad in front of a frame is not in them, and
 *    frames are copied.
 */
#include "ethernet.h"

#include <lwip/pbuf.h>
#include <lwip/stats.h>

#include "../common/board.h"
#include "../common/ethernet_fifo.h"
#include "board_config.h"
#include "registers.h"

#define MAC(offset) REGISTER(0x40041000 + (offset))
#define CFG1 MAC(0x000)
#define CFG2 MAC(0x004)
#define MII_CONFIG MAC(0x020)
#define MII_COMMAND MAC(0x024)
#define MII_ADDRESS MAC(0x028)
#define MII_STATUS MAC(0x030)
#define MII_INDICATORS MAC(0x034)
#define STATION_ADDRESS1 MAC(0x040) /* bytes 1 to 4, the first one in the highest bits */
#define STATION_ADDRESS2 MAC(0x044) /* bytes 5 and 6, likewise */
#define FIFO_CFG0 MAC(0x048)
#define DMA_TX_CTRL MAC(0x180)
#define DMA_TX_DESC MAC(0x184)
#define DMA_TX_STATUS MAC(0x188)
#define DMA_RX_CTRL MAC(0x18C)
#define DMA_RX_DESC MAC(0x190)
#define DMA_RX_STATUS MAC(0x194)
#define DMA_IRQ_MASK MAC(0x198)

#define CFG1_TX_RX_ON 0x05U
#define CFG1_RESET (1U << 31)
#define CFG2_MII_PAD_CRC_DUPLEX \
    0x7107U                      /* preamble of 7 bytes, 10/100 Mbit/s, pad and CRC, full duplex as any switch has */
#define FIFO_CFG0_ENABLE 0x1F00U /* all five parts of the FIFO */
#define FIFO_CFG0_ENABLED 0x1F0000U
#define MII_CONFIG_CLOCK_BY_28 7U
#define MII_COMMAND_READ 1U
#define MII_INDICATORS_BUSY 1U
#define DMA_ENABLE 1U
#define TX_STATUS_SENT (1U << 0) /* written: one frame less to tell of */
#define TX_STATUS_UNDERRUN (1U << 1)
#define RX_STATUS_RECEIVED (1U << 0)
#define RX_STATUS_OVERFLOW (1U << 2)
#define IRQ_RECEIVED (1U << 4)
#define IRQ_RX_OVERFLOW (1U << 6)

#define SIZE_EMPTY (1U << 31)
#define SIZE_BYTES(size) ((size)&0x7FF)
#define BUFFER_SIZE 1536U /* MAX_FRAME_LENGTH after a reset */

#define PHY_ADDRESS 1U
#define PHY_STATUS 1U /* IEEE 802.3, 22.2.4.2: basic mode status */
#define PHY_STATUS_LINK (1U << 2)

#define LINK_POLL_MS 100
#define PATIENCE_MS 100 /* for what takes microseconds */
#define SEND_MS 2       /* a frame at 10 Mbit/s */

struct descriptor {
    uint32_t address;
    uint32_t size;
    uint32_t next;
};

static volatile struct descriptor received[BOARD_RX_FRAMES];
static uint32_t received_frames[BOARD_RX_FRAMES][BUFFER_SIZE / 4];
static unsigned next_received;

static volatile struct descriptor sent;
static uint32_t sent_frame[BUFFER_SIZE / 4];

static uint32_t link_checked_ms;

/* As the DMA controller knows it. */
static uint32_t address_of(const volatile void *object)
{
    return (uint32_t)(uintptr_t)object;
}

/* A frame is in memory before its descriptor is handed over, and what follows does not come before the look at one. */
static void order_memory(void)
{
    __asm volatile("dmb" ::: "memory");
}

/* Waits until `*reg` has `value` in `bits`, but not for ever. */
static void wait_for(const volatile uint32_t *reg, uint32_t bits, uint32_t value, uint32_t patience_ms)
{
    uint32_t since_ms = board_now_ms();
    while ((*reg & bits) != value && board_now_ms() - since_ms < patience_ms) {
    }
}

static uint32_t read_phy(unsigned index)
{
    MII_ADDRESS = PHY_ADDRESS << 8 | index;
    MII_COMMAND = 0;
    MII_COMMAND = MII_COMMAND_READ;
    wait_for(&MII_INDICATORS, MII_INDICATORS_BUSY, 0, PATIENCE_MS);
    return MII_STATUS;
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

/* A frame that finds the one before it not sent waits for that, as long as the wire may take. */
static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    (void)netif;
    wait_for(&sent.size, SIZE_EMPTY, SIZE_EMPTY, SEND_MS);
    if ((sent.size & SIZE_EMPTY) == 0 || p->tot_len > BUFFER_SIZE) {
        LINK_STATS_INC(link.drop);
        return ERR_TIMEOUT;
    }
    sent.size = pbuf_copy_partial(p, sent_frame, BUFFER_SIZE, ETH_PAD_SIZE);
    order_memory();
    DMA_TX_STATUS = TX_STATUS_UNDERRUN | TX_STATUS_SENT;
    DMA_TX_DESC = address_of(&sent);
    DMA_TX_CTRL = DMA_ENABLE;
    LINK_STATS_INC(link.xmit);
    return ERR_OK;
}

static void begin_rings(void)
{
    for (unsigned i = 0; i < BOARD_RX_FRAMES; i++) {
        received[i].address = address_of(received_frames[i]);
        received[i].next = address_of(&received[(i + 1) % BOARD_RX_FRAMES]);
        received[i].size = SIZE_EMPTY;
    }
    next_received = 0;
    sent.address = address_of(sent_frame);
    sent.next = address_of(&sent);
    sent.size = SIZE_EMPTY;
    order_memory();
}

static void begin_receiving(void)
{
    DMA_RX_STATUS = RX_STATUS_OVERFLOW;
    DMA_RX_DESC = address_of(&received[next_received]);
    DMA_RX_CTRL = DMA_ENABLE;
}

err_t board_netif_begin(struct netif *netif)
{
    static const uint8_t mac[NETIF_MAX_HWADDR_LEN] = {BOARD_MAC};

    SOFT_RST_CR |= SOFT_RST_MAC;
    SOFT_RST_CR &= ~SOFT_RST_MAC;
    CFG1 = CFG1_RESET;
    CFG1 = 0;
    begin_rings();
    CFG2 = CFG2_MII_PAD_CRC_DUPLEX;
    MII_CONFIG = MII_CONFIG_CLOCK_BY_28;
    STATION_ADDRESS1 = (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    STATION_ADDRESS2 = (uint32_t)mac[4] << 24 | (uint32_t)mac[5] << 16;
    FIFO_CFG0 = FIFO_CFG0_ENABLE;
    wait_for(&FIFO_CFG0, FIFO_CFG0_ENABLED, FIFO_CFG0_ENABLED, PATIENCE_MS);
    CFG1 = CFG1_TX_RX_ON;
    begin_receiving();
    cortex_m_enable(ETHERNET_INTERRUPT);
    ethernet_fifo_begin(netif, mac[0] | (uint32_t)mac[1] << 8 | (uint32_t)mac[2] << 16 | (uint32_t)mac[3] << 24,
                        mac[4] | (uint32_t)mac[5] << 8, send_frame);
    return ERR_OK;
}

static bool is_frame_there(void)
{
    return (received[next_received].size & SIZE_EMPTY) == 0;
}

/* Hands over a frame of `len` bytes, or drops it and counts that. */
static void receive_frame(struct netif *netif, const void *frame, uint32_t len)
{
    bool good = len >= FRAME_MIN && len <= BUFFER_SIZE;
    struct pbuf *p = good ? pbuf_alloc(PBUF_RAW, (u16_t)(len + ETH_PAD_SIZE), PBUF_POOL) : NULL;

    if (p == NULL || pbuf_take_at(p, frame, (u16_t)len, ETH_PAD_SIZE) != ERR_OK) {
        LINK_STATS_INC(link.drop);
    } else {
        LINK_STATS_INC(link.recv);
        (void)board_random(); /* a frame's time of arrival is the best there is to stir in */
        if (netif->input(p, netif) == ERR_OK) {
            return;
        }
    }
    if (p != NULL) {
        pbuf_free(p);
    }
}

bool board_netif_poll(struct netif *netif)
{
    if (!is_frame_there()) {
        if ((DMA_RX_STATUS & RX_STATUS_OVERFLOW) != 0) {
            LINK_STATS_INC(link.drop);
            begin_receiving();
        }
        check_link(netif);
        return false;
    }
    order_memory();
    receive_frame(netif, received_frames[next_received], SIZE_BYTES(received[next_received].size));
    order_memory();
    received[next_received].size = SIZE_EMPTY;
    next_received = (next_received + 1) % BOARD_RX_FRAMES;
    DMA_RX_STATUS = RX_STATUS_RECEIVED;
    return true;
}

bool ethernet_listen(void)
{
    DMA_IRQ_MASK = IRQ_RECEIVED | IRQ_RX_OVERFLOW;
    return is_frame_there() || (DMA_RX_STATUS & RX_STATUS_OVERFLOW) != 0;
}

void ethernet_on_interrupt(void)
{
    DMA_IRQ_MASK = 0;
}
