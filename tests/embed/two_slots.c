/* SPDX-License-Identifier: MIT */
/*
 * A product with two slots for firmware: its boot stage, and what its application adds. What stands between the marks is shown
 * in port/README.md; the rest stands for the flash and the board, and updates it: from slot A to slot B.
 */
#include <assert.h>
#include <string.h>

#include "signed_image.h"

#include "../../core/server.h"

/* --- the board --- */

#define SECTOR 4096U
#define SLOT_SIZE (4U * SECTOR)
#define TRIAL_MS 180000U

static uint8_t bytes[2][SLOT_SIZE];
static bool trial_timer_runs;
static const uint8_t *started; /* where the boot stage has jumped to */
static bool restarts;

static int flash_read(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    memcpy(dst, (uint8_t *)ctx + off, len);
    return 0;
}

static int flash_program(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)ctx)[off + i] &= data[i];
    }
    return 0;
}

static int flash_erase(void *ctx, uint64_t off)
{
    memset((uint8_t *)ctx + off, 0xff, SECTOR);
    return 0;
}

static void feed_watchdog(void *ctx)
{
    (void)ctx;
}

static void trial_timer_start(uint32_t ms)
{
    trial_timer_runs = ms > 0;
}

static void trial_timer_stop(void)
{
    trial_timer_runs = false;
}

static void jump_to(const uint8_t *image)
{
    started = image;
}

static uint64_t random_number(void)
{
    return 0x0123456789abcdefU;
}

static bool answer_is_out(void)
{
    return true;
}

static void restart(void)
{
    restarts = true;
}

/* README: begin */
#include "../../port/bearssl/image_bearssl.h"
#include "../../port/flash/boot_choice.h"
#include "../../port/flash/boot_handoff.h"

/* Two parts of the flash, each the `ctx` of its functions. */
static const struct flash_operations operations = {.read = flash_read, .program = flash_program, .erase = flash_erase};
static const struct flash_device slot_a = {
    .operations = &operations, .ctx = bytes[0], .size = SLOT_SIZE, .page_size = 8, .sector_size = SECTOR};
static const struct flash_device slot_b = {
    .operations = &operations, .ctx = bytes[1], .size = SLOT_SIZE, .page_size = 8, .sector_size = SECTOR};

static struct boot_handoff handoff; /* in RAM that neither start-up code clears, where both look for it */

/* The boot stage: starts an image that is right. */
static void boot_stage(void)
{
    struct boot_result result;
    struct boot_slots slots = {
        .slot = {&slot_a, &slot_b},
        .rules = {.crypto = &image_bearssl, .key = image_key, .board = "my-board"},
        .working = feed_watchdog,
    };

    if (boot_choose(&slots, &result) == DORY_OK) {
        boot_handoff_write(&handoff, result.slot, result.on_trial, TRIAL_MS);
        if (result.on_trial) {
            trial_timer_start(TRIAL_MS); /* its interrupt restarts the device, whatever the application does */
        }
        jump_to(bytes[result.slot] + result.image.header_size);
    }
}
/* README: end */

/* README: begin */
#include "../../port/flash/firmware.h"

static struct firmware firmware;

static void on_confirmed(void *ctx)
{
    (void)ctx;
    trial_timer_stop();
}

/* In the application: puts the slots before the store that the server has, and lets it answer `boot`. */
static void add_firmware(struct dory_server *server)
{
    if (!boot_handoff_is_good(&handoff)) {
        return;
    }
    firmware.slot[0] = &slot_a;
    firmware.slot[1] = &slot_b;
    firmware.running = (uint8_t)handoff.slot;
    firmware.on_trial = handoff.on_trial != 0;
    firmware.boot_id = random_number();
    firmware.rules = (struct dory_image_rules){.crypto = &image_bearssl, .key = image_key, .board = "my-board"};
    firmware.store = server->store;
    firmware.store_ctx = server->store_ctx;
    firmware.confirmed = on_confirmed;
    server->store = &firmware_store;
    server->store_ctx = &firmware;
    if (firmware_begin(&firmware) == DORY_OK) {
        server->boots = &firmware_boots;
        server->boots_ctx = &firmware;
        server->running = &firmware.told;
        server->firmware = firmware.version;
    }
}

/* In its main loop. */
static void run_firmware(void)
{
    (void)firmware_run(&firmware);
    if (firmware.restart && answer_is_out()) { /* or a second has passed */
        restart();
    }
}
/* README: end */

static const struct dory_store no_files = {0};

/* As the server does it. */
static void put_image(const struct dory_server *server)
{
    struct dory_put put = {.name = "firmware", .size = sizeof signed_image};
    struct dory_writer *writer = NULL;
    int result = server->store->put(server->store_ctx, &put, &writer);
    int32_t taken = 0;

    assert(result == DORY_OK);
    while (writer->stored < writer->size && taken >= 0) {
        size_t left = sizeof signed_image - (size_t)writer->stored;

        taken = server->store->write(server->store_ctx, writer, signed_image + writer->stored, left);
    }
    do {
        result = server->store->commit(server->store_ctx, writer);
    } while (result == DORY_MORE);
    assert(taken >= 0 && result == DORY_OK);
}

static int boot(const struct dory_server *server, enum dory_boot_mode mode)
{
    int result;

    do {
        result = server->boots->boot(server->boots_ctx, mode, server->running->image);
    } while (result == DORY_MORE);
    return result;
}

/* The device starts, from the boot stage on. */
static struct dory_server power_on(unsigned slot, bool confirmed)
{
    struct dory_server server = {.store = &no_files};

    started = NULL;
    boot_stage();
    assert(started == bytes[slot] + 32);
    assert(trial_timer_runs == !confirmed);
    add_firmware(&server);
    assert(server.boots != NULL && server.running->confirmed == confirmed);
    assert(strcmp(server.firmware, "1.2.3") == 0 && strcmp(server.running->boot_id, "0123456789abcdef") == 0);
    return server;
}

int main(void)
{
    struct dory_server server;

    memset(bytes, 0xff, sizeof bytes);
    memcpy(bytes[0], signed_image, sizeof signed_image); /* in the factory */
    server = power_on(0, true);
    put_image(&server);
    assert(boot(&server, DORY_BOOT_TEST) == DORY_OK);
    run_firmware();
    assert(restarts);
    server = power_on(1, false);
    assert(boot(&server, DORY_BOOT_CONFIRM) == DORY_OK);
    assert(!trial_timer_runs);
    (void)power_on(1, true);
    return 0;
}
