/* SPDX-License-Identifier: MIT */
/*
 * A device with two slots for firmware on simulated flash, for tests: its boot stage, its application, and somebody who
 * updates it. All in a header, for each test is a program of one file.
 *
 * Hashes are real; a signature counts as good when the image was made by make_signed(), so that thousands of checks take no
 * time. A test that wants BearSSL's says so (rig_crypto).
 */
#ifndef FIRMWARE_RIG_H
#define FIRMWARE_RIG_H

#include "image_maker.h"

#include "../../core/crc32.h"
#include "../../port/bearssl/image_bearssl.h"
#include "../../port/flash/boot_choice.h"
#include "../../port/flash/firmware.h"
#include "../../port/flash/firmware_private.h"
#include "../../port/flash/flash_window.h"
#include "flash_sim.h"
#include "memory_store.h"

#define RIG_PATIENT 20000 /* calls after which "later" is taken for "never" */
#define RIG_SIGNED 16U

static const struct dory_store *const call = &firmware_store;

/* ---- Images ---- */

struct test_image {
    struct made made;
    uint8_t hash[DORY_IMAGE_HASH];
    char text[DORY_IMAGE_DIGITS + 1];
    uint32_t crc32;
};

static uint8_t rig_signed[RIG_SIGNED][DORY_IMAGE_HASH];
static unsigned rig_signed_count;
static unsigned rig_checks; /* of signatures, so far */

static inline bool rig_verify(const uint8_t point[DORY_IMAGE_POINT], const uint8_t hash[DORY_IMAGE_HASH],
                              const uint8_t *signature, size_t len)
{
    (void)point;
    assert_true(len > 0 && signature != NULL);
    rig_checks++;
    for (unsigned i = 0; i < rig_signed_count; i++) {
        if (memcmp(rig_signed[i], hash, DORY_IMAGE_HASH) == 0) {
            return true;
        }
    }
    return false;
}

static struct dory_image_crypto rig_counting; /* BearSSL's hash, and the above */
static const struct dory_image_crypto *rig_crypto = &rig_counting;
static uint8_t rig_key[DORY_IMAGE_KEY];

static inline void identify(struct test_image *image)
{
    static const char digits[] = "0123456789abcdef";
    const struct made *made = &image->made;
    size_t protected_size = made->bytes[10] | (size_t)made->bytes[11] << 8;
    size_t hashed = (made->bytes[8] | (size_t)made->bytes[9] << 8) + (made->bytes[12] | (size_t)made->bytes[13] << 8) +
                    protected_size;

    hash_of(made->bytes, hashed, image->hash);
    for (unsigned i = 0; i < DORY_IMAGE_HASH; i++) {
        image->text[2 * i] = digits[image->hash[i] >> 4];
        image->text[2 * i + 1] = digits[image->hash[i] & 15];
    }
    image->text[DORY_IMAGE_DIGITS] = '\0';
    image->crc32 = dory_crc32(0, made->bytes, made->len);
}

/* Makes an image whose signature is good. */
static inline void make_signed(struct test_image *image, const struct plan *plan)
{
    image->made = make_image(plan);
    identify(image);
    assert_true(rig_signed_count < RIG_SIGNED);
    memcpy(rig_signed[rig_signed_count++], image->hash, DORY_IMAGE_HASH);
}

/* An image of that version; the smallest is 300 bytes or so. */
static inline void make_version(struct test_image *image, uint8_t major, uint32_t image_size)
{
    struct plan plan = {.image_size = image_size, .version = {.major = major}};

    put_board(&plan.protected_tlvs, "b");
    make_signed(image, &plan);
}

/* An image of that length to the byte. (Signatures differ in length, and so the version in its revision.) */
static inline void make_length(struct test_image *image, uint8_t major, uint32_t len)
{
    struct plan plan = {.image_size = len - 250, .version = {.major = major}};

    put_board(&plan.protected_tlvs, "b");
    image->made = make_image(&plan);
    while (image->made.len != len) {
        plan.image_size += len - (uint32_t)image->made.len;
        plan.version.revision++;
        image->made = make_image(&plan);
    }
    make_signed(image, &plan);
}

/* ---- The device ---- */

struct rig_geometry {
    uint32_t page_size;
    uint32_t sector_size;
    uint32_t sectors; /* of a slot */
};

struct rig {
    struct rig_geometry geometry;
    struct flash_sim sim; /* slot A, slot B */
    struct flash_window window[2];
    const struct flash_device *slot[2];
    struct boot_slots boot;
    struct boot_result booted;
    struct firmware firmware;
    unsigned starts;
    unsigned confirmations; /* told by the callback */
    unsigned refusals;
};

static struct memory_store rig_memory; /* the other store, of all rigs */

static inline void on_confirmed(void *ctx)
{
    ((struct rig *)ctx)->confirmations++;
}

static inline void on_refused(void *ctx, enum dory_image_fault fault)
{
    struct rig *rig = (struct rig *)ctx;

    assert_int_equal(fault, rig->firmware.fault);
    rig->refusals++;
}

/* copy_done, see trailer.c, and notes, see firmware_notes.c. */
static inline bool may_retry(const struct flash_sim *sim, uint64_t off)
{
    uint64_t slot_size = sim->device.size / 2;
    uint64_t from_end = slot_size - off % slot_size;

    return (from_end > 24 && from_end <= 32) || (from_end > 48 && from_end <= sim->device.sector_size - FIRMWARE_NOTE);
}

static inline void begin_rig(struct rig *rig, const struct rig_geometry *geometry)
{
    uint64_t slot_size = (uint64_t)geometry->sector_size * geometry->sectors;

    if (rig_counting.verify == NULL) {
        rig_counting = image_bearssl;
        rig_counting.verify = rig_verify;
        make_public_key(KEY_OURS, rig_key);
        memory_begin(&rig_memory);
    }
    memset(rig, 0, sizeof *rig);
    rig->geometry = *geometry;
    flash_begin(&rig->sim, 2 * slot_size, geometry->page_size, geometry->sector_size);
    flash_let_retry(&rig->sim, may_retry);
    for (unsigned i = 0; i < 2; i++) {
        rig->slot[i] =
            flash_window_begin(&rig->window[i], &rig->sim.device, i * slot_size, slot_size, geometry->page_size);
        assert_non_null(rig->slot[i]);
    }
}

static inline void end_rig(struct rig *rig)
{
    flash_end(&rig->sim);
}

static inline uint8_t *slot_bytes(struct rig *rig, unsigned slot)
{
    return rig->sim.bytes + slot * rig->slot[0]->size;
}

/* As somebody does it with a programmer: erases a slot, and writes an image. */
static inline void program_slot(struct rig *rig, unsigned slot, const struct test_image *image)
{
    size_t size = (size_t)rig->slot[0]->size;
    size_t page_size = rig->geometry.page_size;
    bool *used = rig->sim.used + slot * size / page_size;
    size_t len = image != NULL ? image->made.len : 0;

    memset(slot_bytes(rig, slot), 0xff, size);
    memset(used, 0, size / page_size * sizeof *used);
    if (len > 0) {
        memcpy(slot_bytes(rig, slot), image->made.bytes, len);
        memset(used, 1, (len + page_size - 1) / page_size * sizeof *used);
    }
}

static inline int run_boot_stage(struct rig *rig)
{
    rig->sim.pending = false;
    rig->boot.slot[0] = rig->slot[0];
    rig->boot.slot[1] = rig->slot[1];
    rig->boot.rules = (struct dory_image_rules){.crypto = rig_crypto, .key = rig_key, .board = "b"};
    return boot_choose(&rig->boot, &rig->booted);
}

static inline int begin_firmware(struct rig *rig, unsigned running, bool on_trial)
{
    struct firmware *firmware = &rig->firmware;

    memset(firmware, 0xc3, sizeof *firmware);
    firmware->slot[0] = rig->slot[0];
    firmware->slot[1] = rig->slot[1];
    firmware->running = (uint8_t)running;
    firmware->on_trial = on_trial;
    firmware->boot_id = ++rig->starts;
    firmware->rules = (struct dory_image_rules){.crypto = rig_crypto, .key = rig_key, .board = "b"};
    firmware->store = &memory_functions;
    firmware->store_ctx = &rig_memory;
    firmware->confirmed = on_confirmed;
    firmware->refused = on_refused;
    firmware->ctx = rig;
    return firmware_begin(firmware);
}

/* The power comes: the boot stage starts an image. */
static inline int try_to_start(struct rig *rig)
{
    int result = run_boot_stage(rig);

    return result == DORY_OK ? begin_firmware(rig, rig->booted.slot, rig->booted.on_trial) : result;
}

static inline void start(struct rig *rig)
{
    assert_int_equal(try_to_start(rig), DORY_OK);
}

/* A device as it leaves the factory: an image in slot A. */
static inline void make_device(struct rig *rig, const struct rig_geometry *geometry, const struct test_image *image)
{
    begin_rig(rig, geometry);
    program_slot(rig, 0, image);
    start(rig);
}

static inline bool runs(const struct rig *rig, const struct test_image *image)
{
    return memcmp(rig->booted.image.hash, image->hash, DORY_IMAGE_HASH) == 0;
}

/* ---- Somebody who updates it ---- */

static inline struct dory_put putting(const struct test_image *image, bool resume)
{
    return (struct dory_put){
        .name = "firmware", .size = image->made.len, .crc32 = image->crc32, .has_crc32 = true, .resume = resume};
}

/* As core does: reads back what is there, and compares. Returns DORY_OK, DORY_CORRUPT, or the failure. */
static inline int read_back(struct rig *rig, struct dory_writer *writer, const struct test_image *image)
{
    uint64_t end = writer->stored;
    uint64_t off = 0;
    uint8_t bytes[100];
    int patience = RIG_PATIENT;

    while (off < end) {
        int32_t got = call->reread(&rig->firmware, writer, off, bytes, sizeof bytes);

        if (got < 0) {
            return got;
        }
        if (memcmp(bytes, image->made.bytes + off, (size_t)got) != 0) {
            return DORY_CORRUPT;
        }
        off += (uint64_t)got;
        patience = got > 0 ? RIG_PATIENT : patience - 1;
        assert_true(patience > 0);
    }
    return DORY_OK;
}

/* Writes until `end` bytes are stored, in pieces that are gone afterwards. */
static inline int write_until(struct rig *rig, struct dory_writer *writer, const struct test_image *image, uint64_t end,
                              size_t piece)
{
    int patience = RIG_PATIENT;

    while (writer->stored < end) {
        uint64_t before = writer->stored;
        size_t len = (size_t)(piece < end - before ? piece : end - before);
        uint8_t *lent = (uint8_t *)malloc(len);
        int32_t taken;

        assert_non_null(lent);
        memcpy(lent, image->made.bytes + before, len);
        taken = call->write(&rig->firmware, writer, lent, len);
        free(lent);
        if (taken < 0) {
            assert_int_equal(writer->stored, before);
            return taken;
        }
        assert_true((size_t)taken <= len && writer->stored == before + (uint64_t)taken);
        patience = taken > 0 ? RIG_PATIENT : patience - 1;
        assert_true(patience > 0);
    }
    return DORY_OK;
}

static inline int commit(struct rig *rig, struct dory_writer *writer)
{
    int patience = RIG_PATIENT;
    int result;

    do {
        result = call->commit(&rig->firmware, writer);
        assert_true(--patience > 0);
    } while (result == DORY_MORE);
    return result;
}

/* Runs until nothing is under way. */
static inline void settle(struct rig *rig)
{
    int patience = RIG_PATIENT;

    while (firmware_run(&rig->firmware) == DORY_MORE) {
        assert_true(--patience > 0);
    }
}

/* Begins a put; `busy` that passes is waited for. */
static inline int begin_put(struct rig *rig, const struct dory_put *put, struct dory_writer **writer)
{
    settle(rig);
    return call->put(&rig->firmware, put, writer);
}

/* Puts an image, resuming where that can be done; `*resumed`, unless NULL, is told how much was there. */
static inline int put_image(struct rig *rig, const struct test_image *image, bool resume, uint64_t *resumed)
{
    struct dory_put put = putting(image, resume);
    struct dory_writer *writer = NULL;
    int result = begin_put(rig, &put, &writer);

    if (result != DORY_OK) {
        return result;
    }
    if (resumed != NULL) {
        *resumed = writer->stored;
    }
    if (writer->stored > 0) {
        result = read_back(rig, writer, image);
        if (result != DORY_OK) { /* the client starts over without `resume`, as core's other side does */
            call->abort(&rig->firmware, writer, false);
            if (result != DORY_CORRUPT && result != DORY_BAD_IMAGE) {
                return result;
            }
            if (resumed != NULL) {
                *resumed = 0;
            }
            return put_image(rig, image, false, NULL);
        }
    }
    result = write_until(rig, writer, image, put.size, 100);
    if (result == DORY_OK) {
        return commit(rig, writer);
    }
    call->abort(&rig->firmware, writer, true);
    return result;
}

static inline int boot(struct rig *rig, enum dory_boot_mode mode, const struct test_image *image)
{
    int patience = RIG_PATIENT;
    int result;

    do {
        result = firmware_boots.boot(&rig->firmware, mode, image->text);
        assert_true(--patience > 0);
    } while (result == DORY_MORE);
    return result;
}

static inline int remove_firmware(struct rig *rig)
{
    struct dory_writer *writer;
    int result;

    settle(rig);
    result = call->remove(&rig->firmware, "firmware", &writer);
    return result == DORY_OK ? commit(rig, writer) : result;
}

/* Returns the CRC-32 of the other slot's image, as `stat` with `check` tells it; 0 when there is none. */
static inline uint32_t stat_crc32(struct rig *rig)
{
    struct dory_file file;
    uint32_t crc32 = 0;
    uint8_t bytes[100];
    int patience = RIG_PATIENT;

    if (call->open(&rig->firmware, "firmware", &file) != DORY_OK) {
        return 0;
    }
    for (uint64_t off = 0; off < file.size;) {
        int32_t got = call->read(&rig->firmware, &file, off, bytes, sizeof bytes);

        if (got < 0) {
            crc32 = 0;
            break;
        }
        crc32 = dory_crc32(crc32, bytes, (size_t)got);
        off += (uint64_t)got;
        patience = got > 0 ? RIG_PATIENT : patience - 1;
        assert_true(patience > 0);
    }
    call->close(&rig->firmware, &file);
    return crc32;
}

/* All of an update, as `dory flash` does it: what is there already is not done again. */
static inline int update(struct rig *rig, const struct test_image *image, enum dory_boot_mode mode, uint64_t *resumed)
{
    const struct firmware *firmware = &rig->firmware;
    bool there = !runs(rig, image) && stat_crc32(rig) == image->crc32;
    int result = DORY_OK;

    if (resumed != NULL) {
        *resumed = 0;
    }
    if (!runs(rig, image)) {
        result = there ? DORY_OK : put_image(rig, image, true, resumed);
        if (result == DORY_OK) {
            result = boot(rig, mode, image);
        }
        if (result == DORY_OK) {
            assert_true(firmware->restart);
            result = try_to_start(rig);
        }
    }
    if (result == DORY_OK && !runs(rig, image)) {
        return DORY_CHANGED;
    }
    return result == DORY_OK ? boot(rig, DORY_BOOT_CONFIRM, image) : result;
}

static inline void must_update(struct rig *rig, const struct test_image *image, enum dory_boot_mode mode)
{
    assert_int_equal(update(rig, image, mode, NULL), DORY_OK);
    assert_true(runs(rig, image) && rig->firmware.told.confirmed);
}

#endif
