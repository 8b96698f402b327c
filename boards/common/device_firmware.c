/* SPDX-License-Identifier: MIT */
/* What a device does with port/flash/firmware.h: the server gets it, the log tells of it, and restarts come in time. */
#include "device_firmware.h"

#include "../../port/bearssl/image_bearssl.h"
#include "board.h"
#include "device.h"
#include "log.h"

#define SLOT_NAME(slot) ((slot) == 0 ? "A" : "B")

static void on_confirmed(void *ctx)
{
    (void)ctx;
    board_trial_end();
    log_text("firmware confirmed\n");
}

static void on_refused(void *ctx, enum dory_image_fault fault)
{
    (void)ctx;
    log_text("image refused: ");
    log_text(dory_image_fault_sentence(fault));
    log_text("\n");
}

static void log_slots(const struct firmware *firmware)
{
    unsigned other = firmware->running ^ 1U;

    log_text("firmware ");
    log_text(firmware->version);
    log_text(" in slot ");
    log_text(SLOT_NAME(firmware->running));
    log_text(firmware->told.confirmed ? "\n" : firmware->on_trial ? ", on trial\n" : ", not confirmed\n");
    if (!firmware->on_trial && firmware_tried(firmware->slot[other])) {
        log_text("rolled back: what is in slot ");
        log_text(SLOT_NAME(other));
        log_text(" was tried, and not confirmed\n");
    }
}

/* Member by member: as a whole it would be built on the stack first. */
static void set_up(struct firmware *firmware, const struct boot_handoff *handoff)
{
    firmware->slot[0] = board_slot(0);
    firmware->slot[1] = board_slot(1);
    firmware->running = (uint8_t)handoff->slot;
    firmware->on_trial = handoff->on_trial != 0;
    firmware->boot_id = (uint64_t)board_random() << 32 | board_random();
    firmware->rules.crypto = &image_bearssl;
    firmware->rules.key = board_key();
    firmware->rules.board = board_name;
    firmware->confirmed = on_confirmed;
    firmware->refused = on_refused;
}

void device_firmware_begin(struct device *device)
{
    const struct boot_handoff *handoff = board_handoff();
    struct firmware *firmware = &device->firmware;
    struct dory_server *server = &device->server;

    if (board_slot(0) == NULL) {
        return;
    }
    if (!boot_handoff_is_good(handoff)) {
        log_text("no word from a boot stage\n");
        return;
    }
    set_up(firmware, handoff);
    firmware->store = server->store;
    firmware->store_ctx = server->store_ctx;
    server->store = &firmware_store;
    server->store_ctx = firmware;
    if (firmware_begin(firmware) != DORY_OK) {
        log_text("the slots for firmware can't be read\n");
        return;
    }
    server->boots = &firmware_boots;
    server->boots_ctx = firmware;
    server->running = &firmware->told;
    server->firmware = firmware->version;
    log_slots(firmware);
}

void device_firmware_poll(struct device *device)
{
    if (device->server.boots == NULL) {
        return;
    }
    (void)firmware_run(&device->firmware);
    if (device->firmware.restart) {
        device_restart_soon(device, CRASH_LOG_UPDATE, "another image is to be started");
    }
}

static void tell(struct command_output *out, const char *name, const char *value)
{
    command_text(out, name);
    command_text(out, value);
    command_text(out, "\n");
}

void device_firmware_tell(const struct device *device, struct command_output *out)
{
    const struct firmware *firmware = &device->firmware;

    if (device->server.boots == NULL) {
        return;
    }
    tell(out, "image: ", firmware->told.image);
    tell(out, "slot: ", SLOT_NAME(firmware->running));
    tell(out, "confirmed: ", firmware->told.confirmed ? "yes" : "no");
    tell(out, "other slot: ", firmware->told.slot);
}
