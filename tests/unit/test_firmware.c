/* SPDX-License-Identifier: MIT */
/*
 * Firmware in slots, as the application sees it: the name `firmware`, and what `boot` asks. Cuts of the power are in
 * test_firmware_cuts.c.
 */
#include "firmware_rig.h"

#include "../../port/flash/firmware.h" /* a test that needs port, for the Makefile */

static const struct rig_geometry geometry = {8, 512, 5};

#define ROOM (4U * 512U)

static struct test_image first, second, third, full, bad;

static int make_images(void **state)
{
    struct plan plan = {.image_size = 700, .version = {.major = 9}};

    (void)state;
    make_version(&first, 1, 1100);
    make_version(&second, 2, 1500);
    make_version(&third, 3, 900);
    make_length(&full, 4, ROOM);
    put_board(&plan.protected_tlvs, "b");
    bad.made = make_image(&plan);
    identify(&bad);
    return 0;
}

static void begin(struct rig *rig)
{
    make_device(rig, &geometry, &first);
    rig->sim.programs = rig->sim.erasures = 0;
}

static void assert_untouched(const struct rig *rig)
{
    assert_true(rig->sim.programs == 0 && rig->sim.erasures == 0);
}

static void must_put(struct rig *rig, const struct test_image *image)
{
    assert_int_equal(put_image(rig, image, true, NULL), DORY_OK);
}

/* What the slot that runs looked like, marks and all. */
static uint32_t running_crc32(struct rig *rig)
{
    return dory_crc32(0, slot_bytes(rig, rig->firmware.running), (size_t)rig->slot[0]->size);
}

static const char *told_slot(const struct rig *rig)
{
    return rig->firmware.told.slot;
}

/* ---- What is told ---- */

static void the_image_that_runs_is_told(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    assert_string_equal(rig.firmware.told.image, first.text);
    assert_string_equal(rig.firmware.told.boot_id, "0000000000000001");
    assert_string_equal(rig.firmware.version, "1.0.0");
    assert_string_equal(told_slot(&rig), "empty");
    assert_true(rig.firmware.told.confirmed && !rig.firmware.restart);
    rig.starts = 0x7fffffff;
    start(&rig);
    assert_string_equal(rig.firmware.told.boot_id, "0000000080000000");
    assert_untouched(&rig);
    end_rig(&rig);
}

static void the_other_slot_is_told_through_all_of_an_update(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    assert_string_equal(told_slot(&rig), "ready");
    start(&rig);
    assert_true(runs(&rig, &first)); /* nobody asked for the other one */
    assert_string_equal(told_slot(&rig), "ready");
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    assert_string_equal(told_slot(&rig), "pending");
    assert_true(rig.firmware.restart);
    start(&rig);
    assert_true(runs(&rig, &second) && !rig.firmware.told.confirmed && !rig.firmware.restart);
    assert_string_equal(told_slot(&rig), "fallback");
    assert_string_equal(rig.firmware.version, "2.0.0");
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_OK);
    assert_true(rig.firmware.told.confirmed && rig.confirmations == 1);
    assert_string_equal(told_slot(&rig), "fallback");
    start(&rig);
    assert_true(runs(&rig, &second) && rig.firmware.told.confirmed);
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_OK); /* it is already */
    assert_int_equal(rig.confirmations, 1);
    end_rig(&rig);
}

static void a_trial_that_nobody_confirms_goes_back_and_can_be_repeated(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
        start(&rig);
        assert_true(runs(&rig, &second) && rig.booted.on_trial);
        start(&rig);
        assert_true(runs(&rig, &first) && rig.firmware.told.confirmed);
        assert_string_equal(told_slot(&rig), "ready");
    }
    end_rig(&rig);
}

static void the_slots_change_their_roles_with_each_update(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    for (unsigned i = 0; i < 20; i++) {
        const struct test_image *next = i % 3 == 0 ? &second : i % 3 == 1 ? &third : &first; /* older ones as well */

        assert_int_equal(rig.booted.slot, i % 2);
        must_update(&rig, next, i % 2 == 0 ? DORY_BOOT_TEST : DORY_BOOT_PERMANENT);
    }
    end_rig(&rig);
}

static void the_one_before_can_be_started_again_without_an_upload(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_update(&rig, &second, DORY_BOOT_TEST);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &first), DORY_OK);
    start(&rig);
    assert_true(runs(&rig, &first) && rig.booted.on_trial);
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &first), DORY_OK);
    start(&rig);
    assert_true(runs(&rig, &first) && rig.booted.confirmed);
    end_rig(&rig);
}

/* ---- Beginnings that fail ---- */

static void assert_of_no_use(struct rig *rig)
{
    struct dory_put put = putting(&second, true);
    struct dory_writer *writer;
    struct dory_file file;

    assert_int_equal(call->put(&rig->firmware, &put, &writer), DORY_IO_ERROR);
    assert_int_equal(call->remove(&rig->firmware, "firmware", &writer), DORY_IO_ERROR);
    assert_int_equal(call->open(&rig->firmware, "firmware", &file), DORY_IO_ERROR);
    assert_int_equal(firmware_boots.boot(&rig->firmware, DORY_BOOT_CONFIRM, first.text), DORY_IO_ERROR);
    assert_int_equal(call->partial(&rig->firmware, "firmware"), 0);
    assert_null(call->holder(&rig->firmware, "firmware"));
    assert_int_equal(firmware_run(&rig->firmware), DORY_OK);
    put.name = "other";
    put.size = 0;
    assert_int_equal(call->put(&rig->firmware, &put, &writer), DORY_OK);
    assert_int_equal(call->commit(&rig->firmware, writer), DORY_OK);
}

static void without_an_image_in_the_slot_that_runs_the_other_store_works(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    assert_int_equal(begin_firmware(&rig, 1, false), DORY_NOT_FOUND);
    assert_of_no_use(&rig);
    end_rig(&rig);
}

static void slots_that_cannot_be_read_are_of_no_use(void **state)
{
    unsigned nth = 1;

    (void)state;
    for (;; nth++) {
        struct rig rig;
        int result;

        begin(&rig);
        rig.sim.fail_read = nth;
        result = begin_firmware(&rig, 0, false);
        if (rig.sim.fail_read > 0) {
            assert_int_equal(result, DORY_OK);
            end_rig(&rig);
            break;
        }
        assert_int_equal(result, DORY_IO_ERROR);
        assert_of_no_use(&rig);
        end_rig(&rig);
    }
    assert_true(nth > 5);
}

static void storage_that_marks_cannot_be_made_on_is_refused(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    for (unsigned i = 0; i < 8; i++) {
        struct flash_window window = rig.window[1];
        struct flash_operations operations = *window.flash.operations;
        const struct flash_device *good = rig.slot[1];

        rig.slot[1] = &window.flash;
        window.flash.operations = &operations;
        switch (i) {
        case 0:
            window.flash.page_size = 16;
            break;
        case 1:
            operations.erase = NULL;
            break;
        case 2:
            window.flash.sector_size = 128;
            break;
        case 3:
            window.flash.size -= 512;
            break;
        case 4:
            window.flash.sector_size = 1028;
            break;
        case 5:
            window.flash.size = (uint64_t)1 << 33;
            break;
        case 6:
            window.flash.size = 512;
            break;
        default:
            rig.slot[1] = NULL;
            break;
        }
        assert_int_equal(begin_firmware(&rig, 0, false), DORY_IO_ERROR);
        rig.slot[1] = good;
    }
    assert_int_equal(begin_firmware(&rig, 2, false), DORY_IO_ERROR);
    assert_int_equal(begin_firmware(&rig, 0, false), DORY_OK);
    end_rig(&rig);
}

static void a_stock_boot_loader_tells_nothing_but_the_marks_do(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    assert_false(firmware_tried(rig.slot[0]) || firmware_tried(rig.slot[1]));
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    start(&rig);
    assert_true(firmware_tried(rig.slot[1]) && !firmware_tried(rig.slot[0]));
    assert_int_equal(begin_firmware(&rig, 1, firmware_tried(rig.slot[1])), DORY_OK);
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_OK);
    assert_false(firmware_tried(rig.slot[1]));
    end_rig(&rig);
}

/* ---- Puts ---- */

static void a_put_that_ends_at_the_slots_limit_fits(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_update(&rig, &full, DORY_BOOT_TEST);
    must_update(&rig, &first, DORY_BOOT_TEST);
    assert_memory_equal(slot_bytes(&rig, 1), full.made.bytes, ROOM);
    end_rig(&rig);
}

static void a_put_that_is_larger_than_the_slot_is_refused_before_anything_is_erased(void **state)
{
    struct rig rig;
    struct dory_put put = putting(&full, true);
    struct dory_writer *writer;

    (void)state;
    begin(&rig);
    put.size = ROOM + 1;
    assert_int_equal(call->put(&rig.firmware, &put, &writer), DORY_TOO_LARGE);
    put.size = UINT64_C(1) << 40;
    assert_int_equal(call->put(&rig.firmware, &put, &writer), DORY_TOO_LARGE);
    assert_untouched(&rig);
    end_rig(&rig);
}

/* Puts bytes that are wrong; `expected` of the write or of the commit. */
static void assert_refused(struct rig *rig, const struct test_image *image, int status, enum dory_image_fault fault)
{
    unsigned refusals = rig->refusals;

    assert_int_equal(put_image(rig, image, true, NULL), status);
    assert_int_equal(rig->firmware.fault, fault);
    assert_int_equal(rig->refusals, refusals + 1);
    settle(rig);
    assert_null(call->holder(&rig->firmware, "firmware"));
}

static void what_the_header_tells_is_refused_before_anything_is_erased(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        enum dory_image_fault fault;
    } wrong[] = {
        {0, 0, DORY_IMAGE_FAULT_NO_IMAGE},
        {8, 31, DORY_IMAGE_FAULT_SIZES},
        {14, 1, DORY_IMAGE_FAULT_TOO_LARGE},
        {16, 4, DORY_IMAGE_FAULT_FLAGS},
        {20, 0, DORY_IMAGE_FAULT_OLD_VERSION},
        {13, 7, DORY_IMAGE_FAULT_SHORT},
        {13, 0, DORY_IMAGE_FAULT_NONE /* trailing: told at its end */},
    };
    struct rig rig;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    rig.firmware.rules.min_version.major = 1;
    rig.sim.programs = rig.sim.erasures = 0;
    for (unsigned i = 0; i < COUNT_OF(wrong) - 1; i++) {
        struct test_image image = third;

        image.made.bytes[wrong[i].at] = wrong[i].value;
        assert_refused(&rig, &image, DORY_BAD_IMAGE, wrong[i].fault);
        assert_untouched(&rig);
        assert_int_equal(stat_crc32(&rig), second.crc32); /* the other image is still there */
        assert_string_equal(told_slot(&rig), "ready");
    }
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    end_rig(&rig);
}

static void a_put_that_is_shorter_than_a_header_is_no_image(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    rig.sim.programs = rig.sim.erasures = 0;
    for (unsigned len = 0; len < DORY_IMAGE_HEADER; len++) {
        struct test_image image = third;

        image.made.len = len;
        assert_refused(&rig, &image, DORY_BAD_IMAGE, DORY_IMAGE_FAULT_SHORT);
        assert_untouched(&rig);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
    }
    assert_int_equal(stat_crc32(&rig), second.crc32);
    end_rig(&rig);
}

static void an_image_that_is_damaged_at_any_byte_is_refused_and_the_running_one_is_left_alone(void **state)
{
    struct rig rig;
    uint32_t running;

    (void)state;
    begin(&rig);
    running = running_crc32(&rig);
    for (size_t at = 0; at < third.made.len; at += at < 40 || at > 930 ? 1 : 37) {
        struct test_image image = third;
        int result;

        image.made.bytes[at] ^= 0x10;
        result = put_image(&rig, &image, at % 2 != 0, NULL);
        /* The stub takes any signature for an image that it knows. */
        if (result == DORY_OK) {
            assert_true(at > third.made.len - 72);
            continue;
        }
        assert_true(result == DORY_BAD_IMAGE || result == DORY_BAD_SIGNATURE);
        assert_true(rig.firmware.fault != DORY_IMAGE_FAULT_NONE);
        settle(&rig);
        assert_int_equal(running_crc32(&rig), running);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
        assert_int_equal(boot(&rig, DORY_BOOT_TEST, &third),
                         at < 32 && rig.firmware.image[1].size > 0 ? DORY_OK : DORY_NOT_FOUND);
    }
    end_rig(&rig);
}

static void an_image_that_nobody_signed_is_refused_and_is_no_partial(void **state)
{
    struct rig rig;
    uint64_t resumed;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    assert_refused(&rig, &bad, DORY_BAD_SIGNATURE, DORY_IMAGE_FAULT_SIGNATURE);
    assert_string_equal(told_slot(&rig), "empty");
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
    start(&rig);
    assert_true(runs(&rig, &first));
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
    assert_int_equal(put_image(&rig, &bad, true, &resumed), DORY_BAD_SIGNATURE);
    assert_int_equal(resumed, 0);
    end_rig(&rig);
}

static void an_image_with_a_lower_security_counter_than_the_running_one_is_refused(void **state)
{
    static struct test_image high, low;
    struct plan plan = {.image_size = 300, .version = {.major = 5}};
    struct rig rig;

    (void)state;
    put_board(&plan.protected_tlvs, "b");
    put_counter(&plan.protected_tlvs, 7);
    make_signed(&high, &plan);
    plan.protected_tlvs.len = 0;
    put_board(&plan.protected_tlvs, "b");
    put_counter(&plan.protected_tlvs, 6);
    make_signed(&low, &plan);
    begin(&rig);
    must_update(&rig, &low, DORY_BOOT_TEST);
    must_update(&rig, &high, DORY_BOOT_TEST);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &low), DORY_BAD_IMAGE);
    assert_int_equal(rig.firmware.fault, DORY_IMAGE_FAULT_OLD_COUNTER);
    assert_refused(&rig, &low, DORY_BAD_IMAGE, DORY_IMAGE_FAULT_OLD_COUNTER);
    assert_refused(&rig, &second, DORY_BAD_IMAGE, DORY_IMAGE_FAULT_OLD_COUNTER);
    end_rig(&rig);
}

static void a_put_without_a_crc32_works_and_leaves_no_partial(void **state)
{
    struct rig rig;
    struct dory_put put = {.name = "firmware", .size = second.made.len};
    struct dory_writer *writer;

    (void)state;
    begin(&rig);
    assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
    assert_int_equal(write_until(&rig, writer, &second, 1300, 64), DORY_OK);
    call->abort(&rig.firmware, writer, true);
    settle(&rig);
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
    start(&rig);
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
    assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
    assert_int_equal(writer->stored, 0);
    assert_int_equal(write_until(&rig, writer, &second, put.size, 7), DORY_OK);
    assert_int_equal(commit(&rig, writer), DORY_OK);
    assert_int_equal(stat_crc32(&rig), second.crc32);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    start(&rig);
    assert_true(runs(&rig, &second));
    end_rig(&rig);
}

static void an_image_arrives_in_pieces_of_any_size_on_storage_that_takes_its_time(void **state)
{
    static const size_t pieces[] = {1, 2, 31, 32, 33, 255, 256, 257, 511, 512, 513, 5000};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(pieces); i++) {
        struct rig rig;
        struct dory_put put = putting(&second, true);
        struct dory_writer *writer;

        begin(&rig);
        rig.sim.most_later = i % 3 * 4;
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        assert_int_equal(write_until(&rig, writer, &second, put.size, pieces[i]), DORY_OK);
        assert_int_equal(commit(&rig, writer), DORY_OK);
        assert_memory_equal(slot_bytes(&rig, 1), second.made.bytes, second.made.len);
        assert_int_equal(stat_crc32(&rig), second.crc32);
        end_rig(&rig);
    }
}

static void an_image_that_has_all_arrived_while_the_slot_is_erased_is_there(void **state)
{
    struct test_image small;
    struct dory_writer *writer;
    struct dory_put put;
    struct rig rig;

    (void)state;
    make_version(&small, 5, 4);
    assert_true(small.made.len < FIRMWARE_BUFFER);
    for (unsigned seed = 1; seed < 20; seed++) {
        begin(&rig);
        rig.sim.random = seed;
        rig.sim.most_later = 1; /* some operations take time, others don't */
        put = putting(&small, true);
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        assert_int_equal(write_until(&rig, writer, &small, put.size, put.size), DORY_OK);
        assert_int_equal(commit(&rig, writer), DORY_OK);
        assert_int_equal(stat_crc32(&rig), small.crc32);
        end_rig(&rig);
    }
}

static void the_signature_is_checked_once_however_long_the_storage_takes(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    rig.sim.most_later = 9;
    rig_checks = 0;
    must_put(&rig, &second);
    assert_int_equal(rig_checks, 1);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK); /* which needs no second check */
    assert_int_equal(rig_checks, 1);
    end_rig(&rig);
}

/* ---- Partials ---- */

/* A put of which only the first bytes come. */
static void break_off(struct rig *rig, const struct test_image *image, uint64_t end, bool keep)
{
    struct dory_put put = putting(image, true);
    struct dory_writer *writer;

    assert_int_equal(begin_put(rig, &put, &writer), DORY_OK);
    assert_int_equal(write_until(rig, writer, image, end, 100), DORY_OK);
    call->abort(&rig->firmware, writer, keep);
    settle(rig);
}

static void what_a_dropped_connection_leaves_is_resumed_at_the_very_byte(void **state)
{
    (void)state;
    for (uint64_t end = DORY_IMAGE_HEADER; end <= second.made.len; end += end % 2 != 0 ? 61 : 60) {
        struct rig rig;
        uint64_t resumed;

        begin(&rig);
        rig.sim.most_later = (unsigned)(end % 3);
        break_off(&rig, &second, end, true);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), end);
        assert_int_equal(put_image(&rig, &second, true, &resumed), DORY_OK);
        assert_int_equal(resumed, end);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
        assert_memory_equal(slot_bytes(&rig, 1), second.made.bytes, second.made.len);
        end_rig(&rig);
    }
}

static void what_a_restart_leaves_is_resumed_at_the_last_whole_sector(void **state)
{
    (void)state;
    for (uint64_t end = DORY_IMAGE_HEADER; end <= second.made.len; end += 50) {
        struct rig rig;
        struct dory_put put = putting(&second, true);
        struct dory_writer *writer;
        uint64_t resumed;

        begin(&rig);
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        assert_int_equal(write_until(&rig, writer, &second, end, 100), DORY_OK);
        start(&rig);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), end / 512 * 512);
        assert_int_equal(put_image(&rig, &second, true, &resumed), DORY_OK);
        assert_int_equal(resumed, end / 512 * 512);
        assert_int_equal(stat_crc32(&rig), second.crc32);
        end_rig(&rig);
    }
}

static void a_partial_outlives_a_put_while_the_chip_works_for_somebody_else(void **state)
{
    struct dory_put put = putting(&second, true);
    struct dory_writer *writer;
    struct rig rig;

    (void)state;
    begin(&rig);
    break_off(&rig, &second, 1300, true);
    start(&rig);
    rig.sim.stuck = true;
    assert_int_equal(call->put(&rig.firmware, &put, &writer), DORY_BUSY);
    rig.sim.stuck = false;
    assert_int_equal(call->put(&rig.firmware, &put, &writer), DORY_OK);
    assert_int_equal(writer->stored, 1024);
    end_rig(&rig);
}

static void a_partial_is_resumed_by_the_same_content_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct rig rig;
        struct dory_put put = putting(&second, true);
        struct dory_writer *writer;

        begin(&rig);
        break_off(&rig, &second, 1200, true);
        if (i % 2 != 0) {
            start(&rig);
        }
        put.crc32 ^= i < 2;
        put.resume = i < 2;
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        assert_int_equal(writer->stored, 0);
        assert_int_equal(write_until(&rig, writer, &second, put.size, 100), DORY_OK);
        assert_int_equal(commit(&rig, writer), DORY_OK);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
        start(&rig);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
        assert_int_equal(stat_crc32(&rig), second.crc32);
        end_rig(&rig);
    }
}

static void a_partial_outlives_another_put_whose_header_is_wrong(void **state)
{
    struct rig rig;
    struct test_image image = third;
    uint64_t resumed;

    (void)state;
    begin(&rig);
    break_off(&rig, &second, 1400, true);
    image.made.bytes[0] ^= 1;
    assert_int_equal(put_image(&rig, &image, true, NULL), DORY_BAD_IMAGE);
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 1024); /* whole sectors: what was in RAM is gone */
    assert_int_equal(put_image(&rig, &second, true, &resumed), DORY_OK);
    assert_int_equal(resumed, 1024);
    assert_int_equal(stat_crc32(&rig), second.crc32);
    end_rig(&rig);
}

static void a_put_that_is_given_up_for_good_leaves_nothing(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    break_off(&rig, &second, 1200, false);
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
    assert_int_equal(stat_crc32(&rig), 0);
    assert_string_equal(told_slot(&rig), "empty");
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_NOT_FOUND);
    start(&rig);
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
    assert_int_equal(put_image(&rig, &second, true, NULL), DORY_OK);
    end_rig(&rig);
}

static void a_put_can_break_off_many_times(void **state)
{
    struct rig rig;
    uint64_t resumed = 0;

    (void)state;
    begin(&rig);
    break_off(&rig, &full, 600, true);
    for (unsigned i = 0; i < 40; i++) { /* more often than the notes have room for */
        struct dory_put put = putting(&full, true);
        struct dory_writer *writer;

        start(&rig);
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        if (writer->stored > 0) {
            assert_int_equal(read_back(&rig, writer, &full), DORY_OK);
        }
        assert_int_equal(write_until(&rig, writer, &full, 1100 + i, 100), DORY_OK);
    }
    start(&rig);
    assert_int_equal(put_image(&rig, &full, true, &resumed), DORY_OK);
    assert_int_equal(stat_crc32(&rig), full.crc32);
    end_rig(&rig);
}

/* The simulation has nothing else programmed where something was, seen or not. */
static void a_note_that_was_cut_off_without_a_trace_is_not_written_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct test_image *next = i == 0 ? &third : &second;
        struct dory_put put = putting(&second, true);
        struct dory_writer *writer;
        struct rig rig;

        begin(&rig);
        break_off(&rig, &second, 700, true);
        start(&rig);
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        assert_int_equal(writer->stored, 512);
        rig.sim.fail_program = 512 / 8 + 1; /* behind the pages of the second sector */
        rig.sim.fail_as = TEAR_NOTHING;
        assert_int_equal(write_until(&rig, writer, &second, 1100, 100), DORY_IO_ERROR);
        start(&rig);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 512);
        must_put(&rig, next);
        assert_int_equal(stat_crc32(&rig), next->crc32);
        end_rig(&rig);
    }
}

static void notes_that_are_damaged_are_no_partial(void **state)
{
    struct rig rig;
    uint8_t *notes;

    (void)state;
    begin(&rig);
    break_off(&rig, &second, 1200, true);
    notes = slot_bytes(&rig, 1) + ROOM;
    for (unsigned i = 0; i < FIRMWARE_NOTE; i++) {
        notes[i] ^= 4;
        start(&rig);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 0);
        notes[i] ^= 4;
    }
    for (unsigned bit = 0; bit < 64; bit++) { /* of the last progress: then the one before counts */
        notes[FIRMWARE_NOTE + 8 + bit / 8] ^= (uint8_t)(1U << bit % 8);
        start(&rig);
        assert_int_equal(call->partial(&rig.firmware, "firmware"), 512);
        notes[FIRMWARE_NOTE + 8 + bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    start(&rig);
    assert_int_equal(call->partial(&rig.firmware, "firmware"), 1024);
    end_rig(&rig);
}

static void bytes_that_rot_in_a_partial_are_found(void **state)
{
    (void)state;
    for (unsigned at = 8; at < 1024; at += 31) {
        struct rig rig;
        struct dory_put put = putting(&second, true);
        struct dory_writer *writer;
        int result;

        begin(&rig);
        break_off(&rig, &second, 1100, true);
        start(&rig);
        slot_bytes(&rig, 1)[at] ^= 8;
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        if (writer->stored > 0) { /* a client that doesn't compare; nobody reads it back either */
            result = write_until(&rig, writer, &second, put.size, 100);
            result = result == DORY_OK ? commit(&rig, writer) : result;
            assert_int_equal(result, DORY_BAD_IMAGE);
        } else { /* the header is wrong, so there is nothing to resume */
            assert_true(at < DORY_IMAGE_HEADER);
        }
        end_rig(&rig);
    }
}

/* ---- Two at once ---- */

static void a_second_writer_is_busy_and_finds_the_first_one(void **state)
{
    struct rig rig;
    struct dory_put put = putting(&second, true);
    struct dory_writer *writer;
    struct dory_writer *other;

    (void)state;
    begin(&rig);
    assert_null(call->holder(&rig.firmware, "firmware"));
    assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
    assert_int_equal(write_until(&rig, writer, &second, 700, 100), DORY_OK);
    assert_int_equal(call->put(&rig.firmware, &put, &other), DORY_BUSY);
    assert_int_equal(call->remove(&rig.firmware, "firmware", &other), DORY_BUSY);
    assert_int_equal(firmware_boots.boot(&rig.firmware, DORY_BOOT_TEST, second.text), DORY_BUSY);
    assert_ptr_equal(call->holder(&rig.firmware, "firmware"), writer);
    call->abort(&rig.firmware, writer, true); /* as the one does that takes over */
    assert_null(call->holder(&rig.firmware, "firmware"));
    assert_int_equal(begin_put(&rig, &put, &other), DORY_OK);
    assert_int_equal(other->stored, 700);
    assert_int_equal(read_back(&rig, other, &second), DORY_OK);
    assert_int_equal(write_until(&rig, other, &second, put.size, 100), DORY_OK);
    assert_int_equal(commit(&rig, other), DORY_OK);
    end_rig(&rig);
}

static void a_put_that_failed_is_not_taken_away_from_its_writer_by_a_boot(void **state)
{
    struct rig rig;
    struct dory_put put = putting(&third, true);
    struct dory_writer *writer;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
    assert_int_equal(write_until(&rig, writer, &first, 20, 20), DORY_OK);
    assert_int_equal(call->write(&rig.firmware, writer, first.made.bytes + 20, 100), DORY_BAD_IMAGE); /* too long */
    assert_int_equal(firmware_boots.boot(&rig.firmware, DORY_BOOT_TEST, second.text), DORY_BUSY);
    assert_ptr_equal(call->holder(&rig.firmware, "firmware"), writer);
    call->abort(&rig.firmware, writer, true);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    end_rig(&rig);
}

static void a_commit_whose_client_has_gone_ends_by_itself(void **state)
{
    static struct test_image small; /* all of it has arrived before the slot is erased */
    const struct test_image *images[] = {&second, &small};

    (void)state;
    make_version(&small, 5, 4);
    for (unsigned i = 0; i < COUNT_OF(images); i++) {
        struct rig rig;
        struct dory_put put = putting(images[i], true);
        struct dory_writer *writer;

        begin(&rig);
        rig.sim.stuck = i != 0;
        assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
        assert_int_equal(write_until(&rig, writer, images[i], put.size, 300), DORY_OK);
        rig.sim.stuck = true;
        assert_int_equal(call->commit(&rig.firmware, writer), DORY_MORE);
        call->abort(&rig.firmware, writer, true);
        assert_int_equal(call->put(&rig.firmware, &put, &writer), DORY_BUSY);
        rig.sim.stuck = false;
        settle(&rig);
        assert_int_equal(stat_crc32(&rig), images[i]->crc32);
        assert_int_equal(boot(&rig, DORY_BOOT_TEST, images[i]), DORY_OK);
        end_rig(&rig);
    }
}

static void an_image_that_is_being_read_changes_when_another_one_comes(void **state)
{
    struct rig rig;
    struct dory_put put = putting(&third, true);
    struct dory_writer *writer;
    struct dory_file file;
    uint64_t version;
    uint8_t bytes[16];

    (void)state;
    begin(&rig);
    assert_int_equal(call->open(&rig.firmware, "firmware", &file), DORY_NOT_FOUND);
    must_put(&rig, &second);
    assert_int_equal(call->open(&rig.firmware, "firmware", &file), DORY_OK);
    assert_true(file.size == second.made.len && file.hidden && file.version != 0);
    version = file.version;
    assert_int_equal(call->read(&rig.firmware, &file, file.size - 5, bytes, sizeof bytes), 5);
    assert_int_equal(begin_put(&rig, &put, &writer), DORY_OK);
    assert_int_equal(call->read(&rig.firmware, &file, 0, bytes, sizeof bytes),
                     sizeof bytes); /* nothing is erased yet */
    assert_int_equal(write_until(&rig, writer, &third, 100, 100), DORY_OK);
    assert_int_equal(call->read(&rig.firmware, &file, 0, bytes, sizeof bytes), DORY_CHANGED);
    assert_int_equal(write_until(&rig, writer, &third, put.size, 100), DORY_OK);
    assert_int_equal(commit(&rig, writer), DORY_OK);
    assert_int_equal(call->read(&rig.firmware, &file, 0, bytes, sizeof bytes), DORY_CHANGED);
    call->close(&rig.firmware, &file);
    assert_int_equal(call->open(&rig.firmware, "firmware", &file), DORY_OK);
    assert_int_not_equal(file.version, version);
    call->close(&rig.firmware, &file);
    end_rig(&rig);
}

/* ---- Boot ---- */

static void boot_wants_the_image_that_is_there(void **state)
{
    char wrong[DORY_IMAGE_DIGITS + 2];
    struct rig rig;

    (void)state;
    begin(&rig);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_NOT_FOUND);
    must_put(&rig, &second);
    rig.sim.programs = rig.sim.erasures = 0;
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &third), DORY_CHANGED);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &first), DORY_CHANGED);
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_CHANGED);
    for (unsigned i = 0; i <= DORY_IMAGE_DIGITS; i++) { /* each digit another one; and each length */
        memcpy(wrong, second.text, sizeof second.text);
        wrong[i] ^= 1;
        wrong[DORY_IMAGE_DIGITS + 1] = '\0';
        assert_int_equal(firmware_boots.boot(&rig.firmware, DORY_BOOT_TEST, wrong), DORY_CHANGED);
        memcpy(wrong, second.text, sizeof second.text);
        wrong[i] = '\0';
        if (i < DORY_IMAGE_DIGITS) {
            assert_int_equal(firmware_boots.boot(&rig.firmware, DORY_BOOT_TEST, guard_copy(wrong, i + 1)),
                             DORY_CHANGED);
        }
    }
    assert_untouched(&rig);
    must_put(&rig, &third); /* somebody else was faster */
    assert_int_equal(boot(&rig, DORY_BOOT_PERMANENT, &second), DORY_CHANGED);
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &first), DORY_OK);
    end_rig(&rig);
}

static void while_a_restart_is_pending_everything_else_is_busy(void **state)
{
    struct rig rig;
    struct dory_put put = putting(&third, true);
    struct dory_writer *writer;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    rig.sim.programs = rig.sim.erasures = 0;
    rig.firmware.restart = false;
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK); /* it has been done */
    assert_true(rig.firmware.restart);
    assert_int_equal(boot(&rig, DORY_BOOT_PERMANENT, &second), DORY_BUSY);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &third), DORY_BUSY);
    assert_int_equal(call->put(&rig.firmware, &put, &writer), DORY_BUSY);
    assert_int_equal(call->remove(&rig.firmware, "firmware", &writer), DORY_BUSY);
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &first), DORY_OK);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void while_a_trial_runs_everything_but_its_confirmation_is_busy(void **state)
{
    struct rig rig;
    struct dory_put put = putting(&third, true);
    struct dory_writer *writer;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    start(&rig);
    rig.sim.programs = rig.sim.erasures = 0;
    assert_int_equal(call->put(&rig.firmware, &put, &writer), DORY_BUSY);
    assert_int_equal(call->remove(&rig.firmware, "firmware", &writer), DORY_BUSY);
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &first), DORY_BUSY);
    assert_int_equal(boot(&rig, DORY_BOOT_PERMANENT, &first), DORY_BUSY);
    assert_untouched(&rig);
    assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_OK);
    assert_true(rig.sim.programs == 1 && rig.sim.erasures == 0); /* one mark */
    must_put(&rig, &third);
    end_rig(&rig);
}

static void an_image_that_has_rotted_is_not_started(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    start(&rig);
    slot_bytes(&rig, 1)[1000] ^= 1;
    rig.sim.programs = rig.sim.erasures = 0;
    rig.sim.most_later = 3;
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_BAD_IMAGE);
    assert_int_equal(rig.firmware.fault, DORY_IMAGE_FAULT_HASH);
    assert_untouched(&rig);
    slot_bytes(&rig, 1)[1000] ^= 1;
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
    end_rig(&rig);
}

/* The simulation has no page programmed twice. */
static void marks_that_could_not_be_erased_are_erased_by_the_next_boot(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_update(&rig, &second, DORY_BOOT_TEST);
    rig.sim.fail_erase = 1;
    rig.sim.fail_as = TEAR_NOTHING;
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &first), DORY_IO_ERROR);
    must_update(&rig, &first, DORY_BOOT_TEST);
    end_rig(&rig);
}

static void a_boot_whose_client_has_gone_ends_by_itself(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    must_put(&rig, &second);
    rig.sim.stuck = true;
    assert_int_equal(firmware_boots.boot(&rig.firmware, DORY_BOOT_TEST, second.text), DORY_MORE);
    assert_int_equal(firmware_boots.boot(&rig.firmware, DORY_BOOT_TEST, second.text), DORY_MORE);
    assert_int_equal(firmware_boots.boot(&rig.firmware, DORY_BOOT_PERMANENT, second.text), DORY_BUSY);
    rig.sim.stuck = false;
    settle(&rig);
    assert_true(rig.firmware.restart);
    assert_string_equal(told_slot(&rig), "pending");
    start(&rig);
    assert_true(runs(&rig, &second) && rig.booted.on_trial);
    end_rig(&rig);
}

static void a_confirmation_that_failed_can_be_repeated(void **state)
{
    (void)state;
    for (unsigned as = 0; as < FLASH_TEARS; as++) {
        struct rig rig;

        begin(&rig);
        must_put(&rig, &second);
        assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
        start(&rig);
        rig.sim.fail_program = 1;
        rig.sim.fail_as = (enum flash_tear)as;
        assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_IO_ERROR);
        assert_true(!rig.firmware.told.confirmed && rig.confirmations == 0);
        rig.sim.fail_erase = 1;
        assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_IO_ERROR);
        assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_OK);
        assert_int_equal(rig.confirmations, 1);
        start(&rig);
        assert_true(runs(&rig, &second) && rig.booted.confirmed);
        end_rig(&rig);
    }
}

static void an_image_that_runs_as_the_last_resort_can_be_confirmed_and_replaced(void **state)
{
    struct rig rig;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(&rig);
        must_put(&rig, &second);
        assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_OK);
        start(&rig);
        slot_bytes(&rig, 0)[100] ^= 1; /* the image to go back to rots */
        start(&rig);
        assert_true(runs(&rig, &second) && !rig.booted.on_trial && !rig.firmware.told.confirmed);
        if (i == 0) {
            assert_int_equal(boot(&rig, DORY_BOOT_CONFIRM, &second), DORY_OK);
            start(&rig);
            assert_true(runs(&rig, &second) && rig.booted.confirmed);
        }
        must_update(&rig, &third, DORY_BOOT_TEST);
        end_rig(&rig);
    }
}

/* ---- Names ---- */

static void the_image_is_removed_but_never_the_one_that_runs(void **state)
{
    struct rig rig;
    struct dory_writer *writer;
    uint32_t running;

    (void)state;
    begin(&rig);
    running = running_crc32(&rig);
    assert_int_equal(remove_firmware(&rig), DORY_NOT_FOUND);
    must_put(&rig, &second);
    assert_int_equal(call->remove(&rig.firmware, "firmware", &writer), DORY_OK);
    assert_ptr_equal(call->holder(&rig.firmware, "firmware"), writer);
    call->abort(&rig.firmware, writer, false); /* before it has begun */
    assert_int_equal(stat_crc32(&rig), second.crc32);
    assert_int_equal(remove_firmware(&rig), DORY_OK);
    assert_string_equal(told_slot(&rig), "empty");
    assert_int_equal(boot(&rig, DORY_BOOT_TEST, &second), DORY_NOT_FOUND);
    assert_int_equal(remove_firmware(&rig), DORY_NOT_FOUND);
    assert_int_equal(running_crc32(&rig), running);
    start(&rig);
    assert_string_equal(told_slot(&rig), "empty");
    end_rig(&rig);
}

static int put_other(struct rig *rig, const char *name)
{
    struct dory_put put = {.name = name, .size = 3};
    struct dory_writer *writer;
    int result = call->put(&rig->firmware, &put, &writer);

    if (result == DORY_OK) {
        assert_int_equal(call->write(&rig->firmware, writer, (const uint8_t *)"abc", 3), 3);
        result = call->commit(&rig->firmware, writer);
    }
    return result;
}

static unsigned count_names(struct rig *rig, const char *name, uint64_t *size)
{
    struct dory_listing listing;
    struct dory_entry entry;
    unsigned count = 0;

    assert_int_equal(call->list(&rig->firmware, "", &listing), DORY_OK);
    while (call->next(&rig->firmware, &listing, &entry) == DORY_OK) {
        if (strcmp(entry.name, name) == 0) {
            count++;
            *size = entry.size;
        }
    }
    assert_int_equal(call->next(&rig->firmware, &listing, &entry), DORY_NOT_FOUND);
    call->end_list(&rig->firmware, &listing);
    return count;
}

static void other_names_are_the_other_stores(void **state)
{
    struct rig rig;
    struct dory_writer *writer;
    struct dory_file file = {0};
    struct dory_room room;
    uint64_t size = 0;
    uint8_t bytes[3];

    (void)state;
    memory_begin(&rig_memory);
    begin(&rig);
    assert_int_equal(put_other(&rig, "firmwares"), DORY_OK);
    assert_int_equal(put_other(&rig, "firm"), DORY_OK);
    assert_int_equal(put_other(&rig, "firmware/x"), DORY_BAD_NAME);
    assert_int_equal(call->open(&rig.firmware, "firmware/x", &file), DORY_NOT_FOUND);
    assert_int_equal(call->open(&rig.firmware, "firm", &file), DORY_OK);
    assert_int_equal(call->read(&rig.firmware, &file, 0, bytes, 3), 3);
    assert_memory_equal(bytes, "abc", 3);
    assert_false(file.hidden);
    call->close(&rig.firmware, &file);
    assert_null(call->holder(&rig.firmware, "firm"));
    assert_int_equal(call->partial(&rig.firmware, "firm"), 0);
    assert_int_equal(call->room(&rig.firmware, &room), DORY_OK);
    assert_int_equal(room.max_file, rig_memory.max_file);
    assert_int_equal(count_names(&rig, "firm", &size), 1);
    assert_int_equal(call->remove(&rig.firmware, "firm", &writer), DORY_OK);
    assert_int_equal(call->commit(&rig.firmware, writer), DORY_OK);
    assert_int_equal(count_names(&rig, "firm", &size), 0);
    assert_int_equal(count_names(&rig, "firmwares", &size), 1);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void the_other_slot_is_listed_when_it_holds_an_image(void **state)
{
    struct rig rig;
    uint64_t size = 0;
    struct dory_put put = {.name = "firmware"};
    struct dory_writer *writer;

    (void)state;
    memory_begin(&rig_memory);
    begin(&rig);
    assert_int_equal(memory_functions.put(&rig_memory, &put, &writer), DORY_OK); /* a file of that name is hidden */
    assert_int_equal(memory_functions.commit(&rig_memory, writer), DORY_OK);
    assert_int_equal(count_names(&rig, "firmware", &size), 0);
    must_put(&rig, &second);
    assert_int_equal(count_names(&rig, "firmware", &size), 1);
    assert_int_equal(size, second.made.len);
    end_rig(&rig);
    memory_begin(&rig_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_that_runs_is_told),
        cmocka_unit_test(the_other_slot_is_told_through_all_of_an_update),
        cmocka_unit_test(a_trial_that_nobody_confirms_goes_back_and_can_be_repeated),
        cmocka_unit_test(the_slots_change_their_roles_with_each_update),
        cmocka_unit_test(the_one_before_can_be_started_again_without_an_upload),
        cmocka_unit_test(without_an_image_in_the_slot_that_runs_the_other_store_works),
        cmocka_unit_test(slots_that_cannot_be_read_are_of_no_use),
        cmocka_unit_test(storage_that_marks_cannot_be_made_on_is_refused),
        cmocka_unit_test(a_stock_boot_loader_tells_nothing_but_the_marks_do),
        cmocka_unit_test(a_put_that_ends_at_the_slots_limit_fits),
        cmocka_unit_test(a_put_that_is_larger_than_the_slot_is_refused_before_anything_is_erased),
        cmocka_unit_test(what_the_header_tells_is_refused_before_anything_is_erased),
        cmocka_unit_test(a_put_that_is_shorter_than_a_header_is_no_image),
        cmocka_unit_test(an_image_that_is_damaged_at_any_byte_is_refused_and_the_running_one_is_left_alone),
        cmocka_unit_test(an_image_that_nobody_signed_is_refused_and_is_no_partial),
        cmocka_unit_test(an_image_with_a_lower_security_counter_than_the_running_one_is_refused),
        cmocka_unit_test(a_put_without_a_crc32_works_and_leaves_no_partial),
        cmocka_unit_test(an_image_arrives_in_pieces_of_any_size_on_storage_that_takes_its_time),
        cmocka_unit_test(an_image_that_has_all_arrived_while_the_slot_is_erased_is_there),
        cmocka_unit_test(the_signature_is_checked_once_however_long_the_storage_takes),
        cmocka_unit_test(what_a_dropped_connection_leaves_is_resumed_at_the_very_byte),
        cmocka_unit_test(what_a_restart_leaves_is_resumed_at_the_last_whole_sector),
        cmocka_unit_test(a_partial_outlives_a_put_while_the_chip_works_for_somebody_else),
        cmocka_unit_test(a_partial_is_resumed_by_the_same_content_only),
        cmocka_unit_test(a_partial_outlives_another_put_whose_header_is_wrong),
        cmocka_unit_test(a_put_that_is_given_up_for_good_leaves_nothing),
        cmocka_unit_test(a_put_can_break_off_many_times),
        cmocka_unit_test(a_note_that_was_cut_off_without_a_trace_is_not_written_over),
        cmocka_unit_test(notes_that_are_damaged_are_no_partial),
        cmocka_unit_test(bytes_that_rot_in_a_partial_are_found),
        cmocka_unit_test(a_second_writer_is_busy_and_finds_the_first_one),
        cmocka_unit_test(a_put_that_failed_is_not_taken_away_from_its_writer_by_a_boot),
        cmocka_unit_test(a_commit_whose_client_has_gone_ends_by_itself),
        cmocka_unit_test(an_image_that_is_being_read_changes_when_another_one_comes),
        cmocka_unit_test(boot_wants_the_image_that_is_there),
        cmocka_unit_test(while_a_restart_is_pending_everything_else_is_busy),
        cmocka_unit_test(while_a_trial_runs_everything_but_its_confirmation_is_busy),
        cmocka_unit_test(an_image_that_has_rotted_is_not_started),
        cmocka_unit_test(marks_that_could_not_be_erased_are_erased_by_the_next_boot),
        cmocka_unit_test(a_boot_whose_client_has_gone_ends_by_itself),
        cmocka_unit_test(a_confirmation_that_failed_can_be_repeated),
        cmocka_unit_test(an_image_that_runs_as_the_last_resort_can_be_confirmed_and_replaced),
        cmocka_unit_test(the_image_is_removed_but_never_the_one_that_runs),
        cmocka_unit_test(other_names_are_the_other_stores),
        cmocka_unit_test(the_other_slot_is_listed_when_it_holds_an_image),
    };

    return cmocka_run_group_tests(tests, make_images, NULL);
}
