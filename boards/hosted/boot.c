/* SPDX-License-Identifier: MIT */
/* The hosted board's boot stage, and the trial's timer. */
#include "boot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../port/bearssl/image_bearssl.h"
#include "../../port/flash/boot_choice.h"
#include "../../port/flash/firmware.h"
#include "../../port/flash/flash_window.h"
#include "../common/board.h"
#include "../common/crash_log.h"
#include "../common/firmware_key.h"
#include "../common/log.h"

#define SLOT_SIZE (UINT64_C(1) << 20)
#define TEXT_SIZE 4096 /* bytes of an image in which its behaviour is looked for */

static struct {
    const struct boot_options *options;
    struct flash_window windows[3]; /* slot A, slot B, files */
    const struct flash_device *slots[2];
    uint8_t key[DORY_IMAGE_KEY];
    struct boot_result result;
    struct boot_handoff handoff;
    bool timed;
    uint32_t begun_ms;
} boot;

/* ---- Slots ---- */

/* Returns how many bytes of `file` there are, up to `size`, or -1 and a sentence on stderr: it can't be read. One byte more
 * than that means: larger. */
static long read_file(const char *file, uint8_t *dst, size_t size)
{
    FILE *stream = fopen(file, "rb");
    long len = -1;

    if (stream != NULL) {
        len = (long)fread(dst, 1, size, stream);
        len += len == (long)size && fgetc(stream) != EOF;
        len = ferror(stream) ? -1 : len;
        (void)fclose(stream);
    }
    if (len < 0) {
        fprintf(stderr, "hosted: %s can't be read\n", file);
    }
    return len;
}

static bool is_empty(const struct flash_device *slot)
{
    uint8_t first[4];

    return slot->operations->read(slot->ctx, 0, first, sizeof first) == DORY_OK &&
           memcmp(first, (const uint8_t[]){0x3d, 0xb8, 0xf3, 0x96}, sizeof first) != 0;
}

static bool erase(const struct flash_device *slot)
{
    for (uint64_t off = 0; off < slot->size; off += slot->sector_size) {
        if (slot->operations->erase(slot->ctx, off) != DORY_OK) {
            return false;
        }
    }
    return true;
}

static struct dory_image_rules rules(void)
{
    return (struct dory_image_rules){.crypto = &image_bearssl, .key = boot.key, .board = board_name};
}

/* The boot stage would pass over an image that is not right, and tell less. */
static bool is_right(const char *file, const uint8_t *bytes, size_t len)
{
    struct dory_image_rules wanted = rules();
    struct dory_image image;
    int result;

    wanted.max_size = len;
    dory_image_begin(&image, &wanted, len);
    result = dory_image_feed(&image, bytes, len);
    if (result == DORY_OK) {
        result = dory_image_finish(&image);
    }
    if (result != DORY_OK) {
        fprintf(stderr, "hosted: %s: %s\n", file, dory_image_fault_sentence((enum dory_image_fault)image.fault));
    }
    return result == DORY_OK;
}

/* Both slots as they leave the factory. The image's first page comes last: until then the slot is empty. */
static bool make(const char *file)
{
    static uint8_t image[SLOT_SIZE];
    const struct flash_device *slot = boot.slots[0];
    uint32_t room = firmware_room(slot);
    uint32_t page = slot->page_size;
    long len;

    memset(image, 0xFF, sizeof image);
    len = read_file(file, image, room);
    if (len < (long)page || len > (long)room) {
        fprintf(stderr, "hosted: %s: an image has up to %" PRIu32 " bytes\n", file, room);
        return false;
    }
    return is_right(file, image, (size_t)len) && erase(boot.slots[0]) && erase(boot.slots[1]) &&
           slot->operations->program(slot->ctx, page, image + page, room - page) == DORY_OK &&
           slot->operations->program(slot->ctx, 0, image, page) == DORY_OK;
}

static bool read_key(const char *file)
{
    if (file == NULL) {
        memcpy(boot.key, image_key, sizeof boot.key);
        return true;
    }
    if (read_file(file, boot.key, sizeof boot.key) != (long)sizeof boot.key) {
        fprintf(stderr, "hosted: %s: a key has %u bytes, see `dorysign pubkey --format raw`\n", file, DORY_IMAGE_KEY);
        return false;
    }
    return true;
}

static bool choose(void)
{
    struct boot_slots slots = {
        .slot = {boot.slots[0], boot.slots[1]},
        .rules = rules(),
    };
    uint32_t trial_ms = (uint32_t)(boot.options->trial_s * 1000);

    if (boot_choose(&slots, &boot.result) != DORY_OK) {
        fprintf(stderr, "hosted: no image can be started. %s\n",
                dory_image_fault_sentence((enum dory_image_fault)boot.result.image.fault));
        return false;
    }
    boot_handoff_write(&boot.handoff, boot.result.slot, boot.result.on_trial, trial_ms);
    return true;
}

const struct flash_device *boot_begin(const struct boot_options *options, const struct flash_device *flash)
{
    uint64_t rest = flash->size > 2 * SLOT_SIZE ? flash->size - 2 * SLOT_SIZE : 0;
    const struct flash_device *files =
        flash_window_begin(&boot.windows[2], flash, flash->size - rest, rest, flash->page_size);

    boot.options = options;
    for (unsigned i = 0; i < 2; i++) {
        boot.slots[i] = flash_window_begin(&boot.windows[i], flash, i * SLOT_SIZE, SLOT_SIZE, TRAILER_UNIT);
    }
    if (rest == 0 || files == NULL || boot.slots[0] == NULL || boot.slots[1] == NULL) {
        fprintf(stderr, "hosted: with slots for firmware the flash needs more than %" PRIu64 " bytes\n", 2 * SLOT_SIZE);
        return NULL;
    }
    if (!read_key(options->key)) {
        return NULL;
    }
    if (is_empty(boot.slots[0]) && is_empty(boot.slots[1]) && !make(options->image)) {
        return NULL;
    }
    return choose() ? files : NULL;
}

/* ---- What the image does ---- */

/* Returns whether a line of `text` is "behaviour: WORD" or "behaviour on REVISION: WORD". */
static bool says(const char *text, const char *word)
{
    const char *revision = boot.options->revision;
    char always[32];
    char here[96];

    (void)snprintf(always, sizeof always, "\nbehaviour: %s\n", word);
    (void)snprintf(here, sizeof here, "\nbehaviour on %s: %s\n", revision, word);
    return strstr(text, always) != NULL || strstr(text, here) != NULL;
}

/* The beginning of the image's binary, as lines. */
static void read_text(char text[TEXT_SIZE])
{
    const struct flash_device *slot = boot.slots[boot.result.slot];
    const struct dory_image *image = &boot.result.image;
    size_t len = image->image_size < TEXT_SIZE - 3 ? image->image_size : TEXT_SIZE - 3;

    memset(text, 0, TEXT_SIZE);
    text[0] = '\n';
    if (len > 0 && slot->operations->read(slot->ctx, image->header_size, (uint8_t *)text + 1, len) == DORY_OK) {
        text[1 + len] = '\n';
    }
}

_Noreturn static void restart(const char *why, enum crash_log_reason reason)
{
    log_text(why);
    crash_log_restarting(reason);
    board_restart();
}

bool boot_start(void)
{
    char text[TEXT_SIZE];

    if (boot.slots[0] == NULL) {
        return true;
    }
    boot.timed = boot.result.on_trial;
    boot.begun_ms = board_now_ms();
    read_text(text);
    if (says(text, "crash")) {
        restart("fault: the image says so\n", CRASH_LOG_FAULT);
    }
    return !says(text, "silent");
}

void boot_poll(void)
{
    if (boot.timed && board_now_ms() - boot.begun_ms >= boot.handoff.trial_ms) {
        restart("restarting: the trial has ended\n", CRASH_LOG_TRIAL);
    }
}

/* ---- board.h ---- */

const struct flash_device *board_slot(unsigned slot)
{
    return boot.slots[slot];
}

const uint8_t *board_key(void)
{
    return boot.key;
}

const struct boot_handoff *board_handoff(void)
{
    return &boot.handoff;
}

void board_trial_end(void)
{
    boot.timed = false;
}
