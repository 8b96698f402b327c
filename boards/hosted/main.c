/* SPDX-License-Identifier: MIT */
/*
 * The hosted board: dory over lwIP as a device has it, in a process of Linux,
 * for debuggers, sanitizers and bad networks.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lwip/timeouts.h>

#include "../common/crash_log.h"
#include "../common/device.h"
#include "boot.h"
#include "host.h"
#include "hosted.h"
#include "restart.h"

#define STORAGE_SIZE (32ULL << 20)
#define SECTOR 4096U
#define MAX_TRIAL_S 4000000U /* in milliseconds it has to fit 32 bits */

#define EXIT_USAGE 2
#define IDLE_MS 100

struct hosted hosted;

static volatile sig_atomic_t signalled;

/* Where the host listens for one of the forms of the command service; port 0: nowhere. */
struct plain_address {
    struct in_addr address;
    uint16_t port;
};

struct options {
    struct host_options host;
    struct plain_address sized;
    struct plain_address headed;
    struct boot_options boot;
    const char *storage;
    uint64_t size;
    bool no_storage;
};

static const char help[] =
    "usage: hosted [OPTION]...\n"
    "dory over lwIP, as on a device, reached through a network inside this process.\n"
    "\n"
    "  --listen ADDR:PORT      where the host listens (127.0.0.1:9002; port 0 picks one)\n"
    "  --sized-commands ADDR:PORT, --headed-commands ADDR:PORT\n"
    "                          and for plain clients of the command service (nowhere)\n"
    "  --storage FILE          keep the flash in FILE, not in memory\n"
    "  --size BYTES            of the flash (33554432), a multiple of 4096\n"
    "  --firmware IMAGE        the flash has slots for firmware, and this image when it leaves the factory\n"
    "  --trial S               a new image must be confirmed in S seconds (180)\n"
    "  --key FILE              the public key of images, from `dorysign pubkey --format raw` (compiled in)\n"
    "  --revision TEXT         of the hardware: what an image may say it dislikes\n"
    "  --no-storage            as a board whose SD card is missing\n"
    "  --no-dhcp               nobody answers the device's DHCP requests\n"
    "  --loss, --duplication, --reordering, --corruption PERCENT, --delay MS\n"
    "                          what the wire does to frames, in both directions\n"
    "  --seed N                chooses which frames (1)\n"
    "  --speed N               let the clock of device and wire run N times as fast (1)\n"
    "  --help, --version\n"
    "\n"
    "The command `reboot` keeps the process, its port, the flash and the log; ending the process is like\n"
    "taking the power away: what was in memory is gone.\n"
    "\n"
    "Lines on standard input change that while it runs: `loss 5`, `delay 20`, `link down`, `link up`,\n"
    "`storage ok|fails-read|fails-program|fails-erase|busy`, `statistics`, `quit`; `half-open N` and\n"
    "`vanish N` let N peers connect that are never heard of again.\n"
    "\n"
    "Example:  hosted --loss 5 --seed 7 &  dory put app.bin 127.0.0.1\n";

static void on_signal(int number)
{
    (void)number;
    signalled = 1;
}

static bool parse_listen(const char *text, struct in_addr *in_addr, uint16_t *number)
{
    const char *colon = strrchr(text, ':');
    char address[INET_ADDRSTRLEN];
    unsigned long port;
    char *end;

    if (colon == NULL || (size_t)(colon - text) >= sizeof address || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    memcpy(address, text, (size_t)(colon - text));
    address[colon - text] = '\0';
    port = strtoul(colon + 1, &end, 10);
    *number = (uint16_t)port;
    return *end == '\0' && port <= UINT16_MAX && inet_pton(AF_INET, address, in_addr) == 1;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;

    *number = strtoull(text, &end, 10);
    return end != text && *end == '\0' && *text != '-' && *number > 0;
}

static bool set_text(struct options *options, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
    } list[] = {
        {"storage", &options->storage},
        {"firmware", &options->boot.image},
        {"key", &options->boot.key},
        {"revision", &options->boot.revision},
    };

    for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
        if (strcmp(name, list[i].name) == 0) {
            *list[i].text = value;
            return true;
        }
    }
    return false;
}

static bool set_option(struct options *options, const char *name, const char *value)
{
    uint64_t number;

    if (strcmp(name, "listen") == 0) {
        return parse_listen(value, &options->host.address, &options->host.port);
    }
    if (strcmp(name, "sized-commands") == 0) {
        return parse_listen(value, &options->sized.address, &options->sized.port) && options->sized.port != 0;
    }
    if (strcmp(name, "headed-commands") == 0) {
        return parse_listen(value, &options->headed.address, &options->headed.port) && options->headed.port != 0;
    }
    if (set_text(options, name, value)) {
        return true;
    }
    if (strcmp(name, "trial") == 0) {
        return parse_number(value, &options->boot.trial_s) && options->boot.trial_s <= MAX_TRIAL_S;
    }
    if (strcmp(name, "size") == 0) {
        return parse_number(value, &options->size) && options->size % SECTOR == 0;
    }
    if (strcmp(name, "no-storage") == 0) {
        options->no_storage = true;
        return true;
    }
    if (strcmp(name, "no-dhcp") == 0) {
        options->host.dhcp = false;
        return true;
    }
    if (strcmp(name, "speed") == 0) {
        return parse_number(value, &number) && (options->host.speed = (uint32_t)number) == number && number <= 100;
    }
    if (strcmp(name, "seed") == 0) {
        return parse_number(value, &hosted.wire.seed);
    }
    return console_set_fault(&hosted.wire.faults, name, value);
}

static void parse_options(struct options *options, int argc, char **argv)
{
    static const struct option list[] = {
        {"listen", required_argument, NULL, 0},
        {"sized-commands", required_argument, NULL, 0},
        {"headed-commands", required_argument, NULL, 0},
        {"storage", required_argument, NULL, 0},
        {"size", required_argument, NULL, 0},
        {"firmware", required_argument, NULL, 0},
        {"trial", required_argument, NULL, 0},
        {"key", required_argument, NULL, 0},
        {"revision", required_argument, NULL, 0},
        {"no-storage", no_argument, NULL, 0},
        {"no-dhcp", no_argument, NULL, 0},
        {"loss", required_argument, NULL, 0},
        {"duplication", required_argument, NULL, 0},
        {"reordering", required_argument, NULL, 0},
        {"corruption", required_argument, NULL, 0},
        {"delay", required_argument, NULL, 0},
        {"seed", required_argument, NULL, 0},
        {"speed", required_argument, NULL, 0},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int which = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", list, &which)) != -1) {
        if (option == 'h') {
            (void)fputs(help, stdout);
            exit(EXIT_SUCCESS);
        }
        if (option == 'v') {
            puts("hosted " DORY_VERSION);
            exit(EXIT_SUCCESS);
        }
        if (option == '?') {
            exit(EXIT_USAGE);
        }
        if (!set_option(options, list[which].name, optarg)) {
            fprintf(stderr, "hosted: '%s' is no value for --%s\n", optarg, list[which].name);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "hosted: '%s' is not understood\n", argv[optind]);
        exit(EXIT_USAGE);
    }
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void ignore_frames(void)
{
    struct wire_frame *frame;

    while ((frame = wire_take(&hosted.wire, TO_DEVICE, host_now_ms())) != NULL) {
        wire_free(&hosted.wire, TO_DEVICE, frame);
    }
}

/* Does what there is to do, and tells how long there will be nothing. */
static uint32_t poll_device(struct device *device)
{
    boot_poll();
    if (device == NULL) {
        ignore_frames();
        return IDLE_MS;
    }
    return least(device_poll(device), sys_timeouts_sleeptime());
}

/* `device` is NULL when nobody is to hear of it. */
static void run(struct device *device)
{
    bool reads = true;

    while (!hosted.stopping && !signalled) {
        uint32_t wait_ms = poll_device(device);

        if (host_poll(wait_ms, reads ? STDIN_FILENO : -1)) {
            reads = console_read();
        }
    }
}

/* Only when the device has its address does it answer. */
static void wait_for_address(struct device *device)
{
    while (ip4_addr_isany(netif_ip4_addr(&device->netif)) && !signalled) {
        (void)host_poll(poll_device(device), -1);
    }
}

static void serve(const struct options *options, uint16_t port)
{
    static struct device device;

    hosted.device = &device;
    device_begin(&device);
    wait_for_address(&device);
    printf("listening on %s:%u\n", inet_ntoa(options->host.address), port);
    (void)fflush(stdout);
    run(&device);
}

static const struct flash_device *begin_flash(const struct options *options)
{
    const struct flash_device *flash = options->no_storage ? NULL : storage_begin(options->storage, options->size);

    return flash == NULL || options->boot.image == NULL ? flash : boot_begin(&options->boot, flash);
}

static bool forward(const struct plain_address *from, uint16_t device_port)
{
    return from->port == 0 || host_forward(from->address, from->port, device_port);
}

int main(int argc, char **argv)
{
    static struct options options = {
        .host = {.port = 9002, .dhcp = true, .speed = 1},
        .size = STORAGE_SIZE,
        .boot = {.revision = "", .trial_s = BOARD_TRIAL_S},
    };
    uint16_t port = restart_begin(argv);

    crash_log_begin();
    hosted.wire.seed = 1;
    options.host.address.s_addr = htonl(INADDR_LOOPBACK);
    parse_options(&options, argc, argv);
    if (port != 0) {
        options.host.port = port;
    }
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGPIPE, SIG_IGN);
    hosted.flash = begin_flash(&options);
    if (hosted.flash == NULL && !options.no_storage) {
        return EXIT_FAILURE;
    }
    port = host_begin(&hosted.wire, &options.host);
    if (port == 0 || !forward(&options.sized, BOARD_SIZED_PORT) || !forward(&options.headed, BOARD_HEADED_PORT)) {
        return EXIT_FAILURE;
    }
    restart_set_port(port);
    if (boot_start()) {
        serve(&options, port);
    } else {
        run(NULL);
    }
    return EXIT_SUCCESS;
}
