/* SPDX-License-Identifier: MIT */
/*
 * The bench image: dory as the board has it, lwIP's own lwiperf to compare it with, and a meter of the time that they need.
 * tests/bench/boards.py talks to it; it is no part of the firmware.
 *
 * Implementation notes
 *  - A turn of the main loop is busy when it has handled a frame, or when dory wants the next turn at once. A turn that only
 *    finds out that there is nothing to do is awake, as a busy one is. Sleep is neither.
 *  - lwiperf gets the plainest loop there is: a frame, and lwIP's timers. dory is not asked meanwhile.
 *  - Commands are single characters from the UART:
 *      m         tells the meter, in hexadecimal: ticks busy, ticks awake, ticks in the storage, busy turns, ticks a millisecond
 *      s         lets the storage be metered from here on, which costs a little by itself
 *      0, 1, 2   CRC-32 by a table of 16, 256 or 1,024 entries
 *      p         lwiperf takes dory's place, for good, at a port of its own
 */
#include <lwip/apps/lwiperf.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>

#include "../common/board.h"
#include "../common/cortex_m.h"
#include "../common/crash_log.h"
#include "../common/device.h"
#include "../common/log.h"

/* A slot has room for 8 MB then, on each board. */
#define SLOTS 2

/* core/crc32.c, compiled once for each size of its table. */
dory_crc32_function bench_crc32_16;
dory_crc32_function bench_crc32_256;
dory_crc32_function bench_crc32_1024;

static struct device device;

static struct {
    bool (*turn)(void); /* of the main loop; returns whether it was a busy one */
    uint64_t busy;
    uint64_t awake;
    uint64_t storage;
    uint32_t busy_turns;
} bench;

/* The board's storage, and the same with a meter. */
static const struct flash_device *storage;
static struct flash_device metered_storage;

/* Ticks of the core's clock since the start. While an interrupt is pending, board_now_ms() is behind the counter. */
static uint64_t now_ticks(void)
{
    uint32_t per_ms = SYST_RVR + 1;
    uint32_t ms, left;

    do {
        ms = board_now_ms();
        left = SYST_CVR;
    } while (ms != board_now_ms() || (ICSR & ICSR_PENDSTSET) != 0);
    return (uint64_t)ms * per_ms + (per_ms - left);
}

static int read_metered(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    uint64_t begun = now_ticks();
    int result = storage->operations->read(ctx, off, dst, len);
    bench.storage += now_ticks() - begun;
    return result;
}

static int program_metered(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    uint64_t begun = now_ticks();
    int result = storage->operations->program(ctx, off, data, len);
    bench.storage += now_ticks() - begun;
    return result;
}

static void meter_storage(void)
{
    static const struct flash_operations metered = {.read = read_metered, .program = program_metered};
    metered_storage = *storage;
    metered_storage.operations = &metered;
    device.store.device = &metered_storage;
}

static bool turn_of_dory(void)
{
    return device_poll(&device) == 0;
}

static bool turn_of_lwiperf(void)
{
    bool frame = board_netif_poll(&device.netif);
    sys_check_timeouts();
    return frame;
}

static void begin_lwiperf(void)
{
    net_stop_listening(&device.net);
    if (lwiperf_start_tcp_server_default(NULL, NULL) == NULL) {
        board_fail("no memory for lwiperf");
    }
    bench.turn = turn_of_lwiperf;
}

static void log_number(uint64_t value)
{
    log_text(" ");
    log_hex((uint32_t)(value >> 32));
    log_hex((uint32_t)value);
}

static void log_meter(void)
{
    log_text("meter");
    log_number(bench.busy);
    log_number(bench.awake);
    log_number(bench.storage);
    log_number(bench.busy_turns);
    log_number(SYST_RVR + 1);
    log_text("\n");
}

static void obey(int command)
{
    switch (command) {
    case 'm':
        log_meter();
        return;
    case '0':
        device.server.crc32 = bench_crc32_16;
        break;
    case '1':
        device.server.crc32 = bench_crc32_256;
        break;
    case '2':
        device.server.crc32 = bench_crc32_1024;
        break;
    case 's':
        meter_storage();
        break;
    case 'p':
        begin_lwiperf();
        break;
    default:
        return;
    }
    log_text("done\n");
}

static void measure_turn(void)
{
    uint64_t begun = now_ticks();
    bool busy = bench.turn();
    uint64_t ticks = now_ticks() - begun;

    bench.awake += ticks;
    if (busy) {
        bench.busy += ticks;
        bench.busy_turns++;
    } else {
        obey(board_get_char());
        board_sleep();
    }
}

int main(void)
{
    crash_log_begin();
    board_begin();
    device_begin(&device);
    storage = device.store.device;
    device.store.slots = SLOTS;
    if (slot_store_begin(&device.store) != DORY_OK) {
        board_fail("no storage");
    }
    bench.turn = turn_of_dory;
    for (;;) {
        measure_turn();
    }
}
