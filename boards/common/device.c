/* SPDX-License-Identifier: MIT */
/*
 * dory on a device. It knows lwIP and the board's functions (board.h), and no
 * register.
 */
#include "device.h"

#include <lwip/dhcp.h>
#include <lwip/init.h>
#include <lwip/memp.h>
#include <lwip/stats.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "board.h"
#include "crash_log.h"
#include "log.h"

_Static_assert(PBUF_POOL_SIZE >= NET_LWIP_POOL(BOARD_SESSIONS + BOARD_PLAIN),
               "BOARD_PBUFS: too few for what sessions may hold back");
_Static_assert(sizeof BOARD_NAME - 1 <= DORY_MAX_TOLD, "BOARD_NAME: too long to be told");
_Static_assert(BOARD_CONNS > BOARD_SESSIONS, "BOARD_CONNS: one more is needed to say busy with");

#define LINGER_MS 2000
#define MAX_HEADER 512

/* Without an answer from a DHCP server the board takes its static address; a late answer still counts. */
#define DHCP_PATIENCE_MS 8000

u32_t sys_now(void)
{
    return board_now_ms();
}

static void log_address(struct device *device)
{
    const ip4_addr_t *address = netif_ip4_addr(&device->netif);

    if (ip4_addr_cmp(address, &device->address)) {
        return;
    }
    device->address = *address;
    log_text("address ");
    log_ip4(ip4_addr_get_u32(address));
    log_text(" port ");
    log_decimal(DEVICE_PORT);
    log_text("\n");
}

static void take_static_address(struct device *device)
{
    static const ip4_addr_t address = {BOARD_ADDRESS};
    static const ip4_addr_t netmask = {BOARD_NETMASK};
    static const ip4_addr_t gateway = {BOARD_GATEWAY};

    netif_set_addr(&device->netif, &address, &netmask, &gateway);
    log_text("no DHCP server, static address\n");
}

static void check_address(struct device *device)
{
    if (!ip4_addr_isany(netif_ip4_addr(&device->netif))) {
        log_address(device);
    } else if (board_now_ms() - device->begun_ms >= DHCP_PATIENCE_MS) {
        take_static_address(device);
    }
}

static void begin_server(struct device *device)
{
    device->server = (struct dory_server){
        .store = &slot_store,
        .store_ctx = &device->store,
        .crc32 = dory_crc32,
        .name = BOARD_NAME,
        .board = board_name,
        .firmware = DORY_VERSION,
        .sessions = BOARD_SESSIONS,
        .max_header = MAX_HEADER,
        .max_name = DORY_MAX_NAME,
        .limits = DORY_LIMITS,
    };
    device_firmware_begin(device);
    device_commands_begin(device);
    dory_server_begin(&device->server, board_now_ms());
    device->service = (struct service){
        .server = &device->server,
        .slots = device->slots,
        .buffers = device->buffers[0],
        .scratch = device->scratch,
        .scratch_len = sizeof device->scratch,
        .store_poll_ms = 1,
    };
    if (service_buffer_size(&device->server) > DEVICE_BUFFER_SIZE) {
        board_fail("DEVICE_BUFFER_SIZE: too small for a session");
    }
    device->net = (struct net){
        .main = {.events = &service_events, .app = &device->service},
        .conns = device->conns,
        .conn_count = BOARD_CONNS + BOARD_PLAIN,
        .linger_ms = LINGER_MS,
    };
}

static void begin_store(struct device *device)
{
    device->store.device = board_flash();
    device->store.buffer = device->page;
    device->store.slots = BOARD_SLOTS;
    if (slot_store_begin(&device->store) != DORY_OK) {
        log_text("no storage\n");
    }
}

void device_begin(struct device *device)
{
    log_text("dory " DORY_VERSION " on ");
    log_text(board_name);
    log_text("\n");
    begin_store(device);
    begin_server(device);
    lwip_init();
    (void)netif_add(&device->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, board_netif_begin,
                    ethernet_input);
    netif_set_default(&device->netif);
    netif_set_up(&device->netif);
    (void)dhcp_start(&device->netif);
    device->begun_ms = board_now_ms();
    if (net_listen(&device->net, NULL, DEVICE_PORT, BOARD_BACKLOG) != ERR_OK) {
        log_text("no memory to listen with\n");
    }
    device_begin_discovery(device);
    device_plain_begin(device);
}

static uint32_t count_used(const struct memp_desc *pool)
{
    uint32_t used = pool->num;

    for (const struct memp *element = *pool->tab; element != NULL; element = element->next) {
        used--;
    }
    return used;
}

void device_log_statistics(const struct device *device)
{
    crash_log_pause(true);
    log_text("heap ");
    log_decimal(BOARD_HEAP_USED);
    log_text(" pools");
    for (unsigned i = 0; i < MEMP_MAX; i++) {
        log_text(" ");
        log_decimal(count_used(memp_pools[i]));
    }
    log_text(" sessions ");
    log_decimal(device->service.active);
    log_text(" stack ");
    log_decimal(board_stack_used());
    log_text(" of ");
    log_decimal(board_stack_size());
    log_text("\n");
    device_log_discovery(device);
    crash_log_pause(false);
}

/* lwIP's timers, and what else goes by the clock or can wait. */
static void keep_house(struct device *device)
{
    sys_check_timeouts();
    check_address(device);
    (void)slot_store_run(&device->store);
    device_firmware_poll(device);
    device_restart_poll(device);
}

uint32_t device_poll(struct device *device)
{
    bool frame = board_netif_poll(&device->netif);
    uint32_t now_ms = board_now_ms();
    uint32_t wait_ms;

    if (!frame || now_ms != device->housekept_ms) {
        device->housekept_ms = now_ms;
        keep_house(device);
    }
    wait_ms = net_poll(&device->net);
    return frame ? 0 : wait_ms;
}
