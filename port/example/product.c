/* SPDX-License-Identifier: MIT */
/*
 * A product that has lwIP, and gets dory. What stands between the two marks is shown in port/README.md. `make lib-all` links
 * it with the library, and a test lets it run in QEMU.
 */
#include "product.h"

/* README: begin */
#include "../discovery.h"
#include "../flash/ram_device.h"
#include "../flash/slot_store.h"
#include "../lwip/net_lwip.h"
#include "../lwip/net_udp_lwip.h"
#include "../service.h"

#define SESSIONS 2 /* clients that are served at once */
#define CONNS 4    /* and some more to say "busy" and good-bye with */
#define BACKLOG 2  /* handshakes under way */
#define PAGE 256   /* of the flash */

_Static_assert(PBUF_POOL_SIZE >= NET_LWIP_POOL(SESSIONS), "lwipopts.h: PBUF_POOL_SIZE");
_Static_assert(MEMP_NUM_TCP_PCB >= CONNS + BACKLOG, "lwipopts.h: MEMP_NUM_TCP_PCB");

static struct dory_server server;
static struct service service;
static struct service_slot sessions[SESSIONS];
static _Alignas(8) uint8_t headers[SESSIONS][512]; /* service_buffer_size() each */
static uint8_t scratch[1024];                      /* what is sent passes through here */
static struct net net;
static struct net_conn conns[CONNS];
static struct net_udp udp; /* these two: `dory discover` finds it */
static struct discovery discovery;
static struct slot_store store;
static uint8_t page[SLOT_STORE_BUFFER(PAGE)];

/* Files in RAM. In their place goes your flash: see "Another flash". */
static struct flash_device flash;
static uint8_t bytes[128 * 1024];

static bool files_begin(void)
{
    ram_device_begin(&flash, bytes, sizeof bytes, PAGE);
    store.device = &flash;
    store.buffer = page;
    store.slots = 4; /* of 32 KiB: three files, and one being replaced */
    server = (struct dory_server){
        .store = &slot_store,
        .store_ctx = &store,
        .crc32 = dory_crc32,
        .name = "sensor-7",
        .board = "my-board",
        .firmware = "1.2.3",
        .sessions = SESSIONS,
        .max_header = sizeof headers[0],
        .max_name = DORY_MAX_NAME,
        .limits = DORY_LIMITS,
    };
    product_commands_begin(&server); /* if it is to have any */
    service = (struct service){
        .server = &server,
        .slots = sessions,
        .buffers = headers[0],
        .scratch = scratch,
        .scratch_len = sizeof scratch,
        .store_poll_ms = 1,
    };
    net = (struct net){
        .main = {.events = &service_events, .app = &service},
        .conns = conns,
        .conn_count = CONNS,
        .linger_ms = 2000,
    };
    discovery = (struct discovery){.service = &service};
    udp = (struct net_udp){.received = discovery_received, .app = &discovery};
    dory_server_begin(&server, net_now_ms());
    return slot_store_begin(&store) == DORY_OK && service_buffer_size(&server) <= sizeof headers[0] &&
           net_listen(&net, NULL, 9002, BACKLOG) == ERR_OK && net_udp_open(&udp, 9002) == ERR_OK;
}

int main(void)
{
    product_begin();
    if (!files_begin()) {
        return 1;
    }
    for (;;) {
        product_poll();
        (void)slot_store_run(&store);
        product_sleep(net_poll(&net)); /* 0: there is more to do at once */
    }
}
/* README: end */
