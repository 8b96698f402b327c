/* SPDX-License-Identifier: MIT */
/*
 * The commands and the read-only files of a device. Each line of a command's
 * output is a step, so that numbers which change never meet in one line.
 */
#include "device_commands.h"

#include <lwip/memp.h>
#include <lwip/stats.h>

#include "board.h"
#include "crash_log.h"
#include "device.h"
#include "log.h"

#define SECONDS_A_DAY 86400U

/* 2^32 ms in seconds, and the milliseconds over. */
#define WRAP_S 4294967U
#define WRAP_MS 296U

/* ---- Writing ---- */

static struct device *device_of(const struct command_output *out)
{
    return out->table->ctx;
}

static void line(struct command_output *out, const char *name, const char *value)
{
    command_text(out, name);
    command_text(out, ": ");
    command_text(out, value);
    command_text(out, "\n");
}

static void number(struct command_output *out, uint32_t value, const char *unit)
{
    command_decimal(out, value);
    command_text(out, unit);
}

/* Two digits. */
static void digits(struct command_output *out, uint32_t value, const char *end)
{
    number(out, value / 10, "");
    number(out, value % 10, end);
}

/* ---- version, uptime, reboot ---- */

/* A division of 64 bits would be the only one in the image. */
static uint32_t seconds_of(uint64_t ms)
{
    uint32_t wraps = (uint32_t)(ms >> 32);
    uint32_t rest = (uint32_t)ms;

    return wraps * WRAP_S + rest / 1000 + (wraps * WRAP_MS + rest % 1000) / 1000;
}

static int run_version(struct command_output *out, int argc, const char *const *argv)
{
    const struct dory_server *server = &device_of(out)->server;

    (void)argc;
    (void)argv;
    line(out, "dory", DORY_VERSION);
    line(out, "firmware", server->firmware);
    line(out, "board", server->board);
    device_firmware_tell(device_of(out), out);
    return 0;
}

static int run_uptime(struct command_output *out, int argc, const char *const *argv)
{
    uint32_t seconds = seconds_of(device_of(out)->server.uptime_ms);

    (void)argc;
    (void)argv;
    number(out, seconds / SECONDS_A_DAY, " days ");
    digits(out, seconds % SECONDS_A_DAY / 3600, ":");
    digits(out, seconds % 3600 / 60, ":");
    digits(out, seconds % 60, "\n");
    line(out, "started by", crash_log_started_by());
    return 0;
}

static int run_reboot(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    device_restart_soon(device_of(out), CRASH_LOG_COMMAND, "reboot command");
    return 0;
}

/* ---- mem ---- */

#define LWIP_MEMPOOL(name, number, size, description) #name,
static const char *const pool_names[] = {
#include <lwip/priv/memp_std.h>
};

static void usage(struct command_output *out, const char *name, const struct stats_mem *stats)
{
    command_text(out, name);
    command_text(out, ": ");
    number(out, stats->used, " used, ");
    number(out, stats->max, " at most, of ");
    number(out, stats->avail, "; refused ");
    number(out, stats->err, "\n");
}

static int run_mem(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    if (out->step < MEMP_MAX) {
        usage(out, pool_names[out->step], memp_pools[out->step]->stats);
        return COMMAND_MORE;
    }
#if MEM_STATS
    if (out->step == MEMP_MAX) {
        usage(out, "heap", &lwip_stats.mem);
        return COMMAND_MORE;
    }
#endif
    command_text(out, "sessions: ");
    number(out, device_of(out)->service.active, " used, of ");
    number(out, BOARD_SESSIONS, "\n");
    if (board_stack_size() > 0) {
        command_text(out, "stack: ");
        number(out, board_stack_used(), " at most, of ");
        number(out, board_stack_size(), "\n");
    }
    return 0;
}

/* ---- net ---- */

static void address(struct command_output *out, const char *name, const ip4_addr_t *address)
{
    command_text(out, name);
    number(out, ip4_addr1(address), ".");
    number(out, ip4_addr2(address), ".");
    number(out, ip4_addr3(address), ".");
    number(out, ip4_addr4(address), "\n");
}

static void tell_link(struct command_output *out, const struct netif *netif)
{
    command_text(out, "mac");
    for (unsigned i = 0; i < netif->hwaddr_len; i++) {
        command_text(out, i == 0 ? ": " : ":");
        command_hex(out, netif->hwaddr[i], 2);
    }
    line(out, "\nlink", netif_is_link_up(netif) ? "up" : "down");
}

static void counters(struct command_output *out, const char *name, const struct stats_proto *stats)
{
    command_text(out, name);
    number(out, stats->recv, " received, ");
    number(out, stats->xmit, " sent, ");
    number(out, stats->drop, " dropped\n");
}

static void datagrams(struct command_output *out)
{
#if BOARD_DISCOVERY
    const struct discovery *discovery = &device_of(out)->discovery;

    command_text(out, "datagrams: ");
    number(out, discovery->answered, " answered, ");
    number(out, discovery->ignored, " ignored, ");
    number(out, discovery->held_back, " too many\n");
#else
    (void)out;
#endif
}

static int run_net(struct command_output *out, int argc, const char *const *argv)
{
    const struct netif *netif = &device_of(out)->netif;

    (void)argc;
    (void)argv;
    switch (out->step) {
    case 0:
        address(out, "address: ", netif_ip4_addr(netif));
        address(out, "netmask: ", netif_ip4_netmask(netif));
        address(out, "gateway: ", netif_ip4_gw(netif));
        return COMMAND_MORE;
    case 1:
        tell_link(out, netif);
        return COMMAND_MORE;
    default:
        counters(out, "frames: ", &lwip_stats.link);
        counters(out, "tcp: ", &lwip_stats.tcp);
        datagrams(out);
        return 0;
    }
}

/* ---- The tables ---- */

static const struct command commands[] = {
    {"help", "lists the commands", command_help},        {"version", "of dory and the firmware", run_version},
    {"uptime", "and why the board started", run_uptime}, {"mem", "lwIP's heap and pools, sessions, stack", run_mem},
    {"net", "address, link, counters", run_net},         {"reboot", "restarts the board", run_reboot},
};

static const struct own_file files[] = {
    {"log", log_ring_open, log_ring_read, &crash_log},
};

/* ---- For the device ---- */

void device_commands_begin(struct device *device)
{
    struct device_commands *own = &device->commands;

    own->table = (struct command_table){
        .commands = commands,
        .count = sizeof commands / sizeof commands[0],
        .runs = own->runs,
        .run_count = BOARD_SESSIONS + BOARD_PLAIN,
        .ctx = device,
    };
    own->files = (struct own_files){
        .files = files,
        .count = sizeof files / sizeof files[0],
        .store = device->server.store,
        .store_ctx = device->server.store_ctx,
    };
    device->server.commands = &command_table;
    device->server.commands_ctx = &own->table;
    device->server.store = &own_files;
    device->server.store_ctx = &own->files;
    log_text("started by: ");
    log_text(crash_log_started_by());
    log_text("\n");
}

bool device_commands_are_done(const struct device *device)
{
    for (unsigned i = 0; i < BOARD_SESSIONS + BOARD_PLAIN; i++) {
        if (device->commands.runs[i].used) {
            return false;
        }
    }
    return true;
}
