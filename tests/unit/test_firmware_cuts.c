/* SPDX-License-Identifier: MIT */
/*
 * Power that is cut while firmware is updated: ahead of every page that is programmed and every sector that is erased, in each
 * state that a cut could leave there. Each time, on a copy of the device, the power comes back: an image that was confirmed
 * runs, or one that was asked for; then the whole update is done again, and must succeed.
 */
#include "firmware_rig.h"

#include "../../port/flash/firmware.h" /* a test that needs port, for the Makefile */

static const struct rig_geometry fine = {8, 512, 5};
static const struct rig_geometry coarse = {4, 1024, 3};
static const struct rig_geometry smallest = {1, 256, 9};

static struct test_image first, second, third, bad;

static int make_images(void **state)
{
    struct plan plan = {.image_size = 700, .version = {.major = 9}};

    (void)state;
    make_version(&first, 1, 1100);
    make_version(&second, 2, 1500);
    make_version(&third, 3, 900);
    put_board(&plan.protected_tlvs, "b");
    bad.made = make_image(&plan);
    identify(&bad);
    return 0;
}

#define DEPTH 2U /* cuts: of the device, and of its boot stage when the power is back */

struct cuts;

struct level {
    struct cuts *cuts;
    unsigned depth;
    struct rig after; /* where the power comes back */
};

/* What may come to run. */
struct allowed {
    const struct test_image *next; /* that is being put, or whatever else; NULL: none */
    enum dory_boot_mode mode;      /* of its start */
    bool asked;                    /* it may be started now */
    bool confirming;               /* it may be confirmed */
};

/* What is known of the device when the power goes. */
struct cuts {
    struct rig rig;
    struct level level[DEPTH];
    const struct test_image *safe; /* the image that was confirmed last */
    struct allowed may;
    unsigned left; /* operations of the repeated update that are not cut; then one is */
    unsigned count[DEPTH];
    unsigned resumed;
    unsigned trials;
};

/* The image that was confirmed is still there, whatever runs. */
static void assert_safe(struct rig *rig, const struct cuts *cuts)
{
    size_t len = cuts->safe->made.len;

    assert_true(memcmp(slot_bytes(rig, 0), cuts->safe->made.bytes, len) == 0 ||
                memcmp(slot_bytes(rig, 1), cuts->safe->made.bytes, len) == 0);
}

/* The power has come back: what runs may run. */
static void assert_right_image(struct rig *rig, struct cuts *cuts)
{
    if (runs(rig, cuts->safe)) {
        assert_true(rig->booted.confirmed && !rig->booted.on_trial);
        assert_true(rig->firmware.told.confirmed);
        return;
    }
    assert_true(cuts->may.next != NULL && cuts->may.asked && runs(rig, cuts->may.next));
    if (rig->booted.on_trial) {
        cuts->trials++;
        assert_int_equal(cuts->may.mode, DORY_BOOT_TEST);
        assert_false(rig->firmware.told.confirmed);
        start(rig); /* and isn't confirmed */
        assert_true(runs(rig, cuts->safe) && rig->booted.confirmed);
    } else {
        assert_true(rig->booted.confirmed && (cuts->may.confirming || cuts->may.mode == DORY_BOOT_PERMANENT));
    }
}

static void cut(void *ctx, struct flash_sim *sim, const struct flash_operation *operation);
static void cut_one(void *ctx, struct flash_sim *sim, const struct flash_operation *operation);

/* All of the update is done again, and sometimes cut once more, somewhere. What was noted of a put is not sent again. */
static void repeat(struct cuts *cuts, unsigned depth)
{
    struct rig *rig = &cuts->level[depth].after;
    const struct test_image *goal = cuts->may.next != NULL && cuts->may.next != &bad ? cuts->may.next : &third;
    uint64_t noted = rig->firmware.partial.crc32 == goal->crc32 ? call->partial(&rig->firmware, "firmware") : 0;
    struct allowed before = cuts->may;
    uint64_t resumed;

    if (depth + 1 < DEPTH && cuts->count[depth] % 5 == 0) {
        cuts->may = (struct allowed){.next = goal, .mode = DORY_BOOT_TEST, .asked = true, .confirming = true};
        cuts->left = cuts->count[depth] / 5 % 29;
        rig->sim.before = cut_one;
    }
    assert_int_equal(update(rig, goal, DORY_BOOT_TEST, &resumed), DORY_OK);
    rig->sim.before = NULL;
    assert_true(runs(rig, goal) && rig->firmware.told.confirmed);
    assert_int_equal(resumed, noted);
    cuts->resumed += resumed > 0;
    cuts->may = before;
    start(rig);
    assert_true(runs(rig, goal) && rig->booted.confirmed);
}

/* The device as `tear` leaves it: the boot stage runs; then the update is done again. */
static void come_back(struct cuts *cuts, unsigned depth, const struct flash_sim *from,
                      const struct flash_operation *operation, enum flash_tear tear)
{
    struct rig *rig = &cuts->level[depth].after;

    flash_copy(&rig->sim, from);
    rig->sim.random = ++cuts->count[depth] * 7919U;
    flash_tear(&rig->sim, operation, tear);
    rig->sim.before = depth + 1 < DEPTH ? cut : NULL;
    start(rig);
    rig->sim.before = NULL;
    assert_safe(rig, cuts);
    assert_right_image(rig, cuts);
    repeat(cuts, depth);
}

static void cut(void *ctx, struct flash_sim *sim, const struct flash_operation *operation)
{
    struct level *level = ctx;

    for (unsigned tear = 0; tear < FLASH_TEARS; tear++) {
        come_back(level->cuts, level->depth, sim, operation, (enum flash_tear)tear);
    }
}

static void cut_one(void *ctx, struct flash_sim *sim, const struct flash_operation *operation)
{
    struct cuts *cuts = ((struct level *)ctx)->cuts;

    if (cuts->left-- == 0) {
        cut(ctx, sim, operation);
    }
}

/* A device that runs the first image; from now on the power is cut. */
static void begin_cuts(struct cuts *cuts, const struct rig_geometry *geometry)
{
    static struct level device; /* its `before` has depth 0, that of level 0 has depth 1 */

    memset(cuts, 0, sizeof *cuts);
    make_device(&cuts->rig, geometry, &first);
    device = (struct level){.cuts = cuts};
    for (unsigned i = 0; i < DEPTH; i++) {
        begin_rig(&cuts->level[i].after, geometry);
        cuts->level[i].cuts = cuts;
        cuts->level[i].depth = i + 1;
        cuts->level[i].after.sim.before_ctx = &cuts->level[i];
    }
    cuts->safe = &first;
    cuts->rig.sim.before = cut;
    cuts->rig.sim.before_ctx = &device;
}

static void end_cuts(struct cuts *cuts)
{
    assert_true(cuts->count[0] > 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        end_rig(&cuts->level[i].after);
    }
    end_rig(&cuts->rig);
}

/* Puts, starts and confirms an image. */
static void update_and_cut(struct cuts *cuts, const struct test_image *image, enum dory_boot_mode mode)
{
    struct rig *rig = &cuts->rig;

    cuts->may.next = image;
    cuts->may.mode = mode;
    assert_int_equal(put_image(rig, image, true, NULL), DORY_OK);
    cuts->may.asked = true;
    assert_int_equal(boot(rig, mode, image), DORY_OK);
    start(rig);
    assert_true(runs(rig, image));
    if (mode == DORY_BOOT_TEST) {
        cuts->may.confirming = true;
        assert_int_equal(boot(rig, DORY_BOOT_CONFIRM, image), DORY_OK);
    }
    cuts->may.confirming = false;
    cuts->may.asked = false;
    cuts->safe = image;
    cuts->may.next = NULL;
}

/* ---- Tests ---- */

static const struct rig_geometry *const geometries[] = {&fine, &coarse, &smallest};

static void a_cut_in_an_update_leaves_an_image_that_works_and_the_update_can_be_repeated(void **state)
{
    static struct cuts cuts;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(geometries); i++) {
        begin_cuts(&cuts, geometries[i]);
        update_and_cut(&cuts, &second, DORY_BOOT_TEST);
        update_and_cut(&cuts, &third, DORY_BOOT_TEST); /* the slots have changed their roles */
        update_and_cut(&cuts, &first, DORY_BOOT_TEST);
        assert_true(cuts.resumed > 0 && cuts.trials > 0 && cuts.count[1] > 0);
        end_cuts(&cuts);
    }
}

static void a_cut_in_an_update_for_good_leaves_an_image_that_works(void **state)
{
    static struct cuts cuts;

    (void)state;
    begin_cuts(&cuts, &fine);
    update_and_cut(&cuts, &second, DORY_BOOT_PERMANENT);
    update_and_cut(&cuts, &third, DORY_BOOT_PERMANENT);
    update_and_cut(&cuts, &first, DORY_BOOT_TEST);
    end_cuts(&cuts);
}

static void a_cut_after_a_trial_that_failed_leaves_the_confirmed_image(void **state)
{
    static struct cuts cuts;
    struct rig *rig = &cuts.rig;

    (void)state;
    begin_cuts(&cuts, &fine);
    for (unsigned i = 0; i < 3; i++) {
        cuts.may.next = i < 2 ? &second : &third;
        if (i != 1) {
            assert_int_equal(put_image(rig, cuts.may.next, true, NULL), DORY_OK);
        }
        cuts.may.asked = true;
        assert_int_equal(boot(rig, DORY_BOOT_TEST, cuts.may.next), DORY_OK);
        start(rig);
        assert_true(rig->booted.on_trial && runs(rig, cuts.may.next));
        start(rig);
        assert_true(runs(rig, &first) && rig->booted.confirmed);
        cuts.may.asked = false;
    }
    end_cuts(&cuts);
}

static void a_cut_on_the_way_back_to_the_image_before_leaves_one_that_works(void **state)
{
    static struct cuts cuts;
    struct rig *rig = &cuts.rig;

    (void)state;
    begin_cuts(&cuts, &fine);
    update_and_cut(&cuts, &second, DORY_BOOT_PERMANENT);
    for (unsigned mode = DORY_BOOT_TEST; mode <= DORY_BOOT_PERMANENT; mode++) {
        const struct test_image *back = mode == DORY_BOOT_TEST ? &first : &second;

        start(rig); /* its own checks are done anew */
        assert_string_equal(rig->firmware.told.slot, "fallback");
        cuts.may.next = back;
        cuts.may.mode = (enum dory_boot_mode)mode;
        cuts.may.asked = true;
        assert_int_equal(boot(rig, cuts.may.mode, back), DORY_OK);
        start(rig);
        assert_true(runs(rig, back));
        cuts.may.confirming = true;
        assert_int_equal(boot(rig, DORY_BOOT_CONFIRM, back), DORY_OK);
        cuts.may.confirming = false;
        cuts.may.asked = false;
        cuts.safe = back;
    }
    end_cuts(&cuts);
}

static void a_cut_in_a_put_that_comes_to_nothing_leaves_the_confirmed_image(void **state)
{
    static struct cuts cuts;
    struct rig *rig = &cuts.rig;
    struct dory_put put = putting(&second, true);
    struct dory_writer *writer;

    (void)state;
    begin_cuts(&cuts, &fine);
    update_and_cut(&cuts, &second, DORY_BOOT_TEST);
    cuts.may.next = &bad;
    assert_int_equal(put_image(rig, &bad, true, NULL), DORY_BAD_SIGNATURE);
    for (unsigned keep = 0; keep < 2; keep++) {
        cuts.may.next = &third;
        put = putting(&third, true);
        assert_int_equal(begin_put(rig, &put, &writer), DORY_OK);
        assert_int_equal(write_until(rig, writer, &third, 700, 100), DORY_OK);
        call->abort(&rig->firmware, writer, keep);
        settle(rig);
        cuts.may.next = &bad; /* another content takes its place */
        assert_int_equal(put_image(rig, &bad, true, NULL), DORY_BAD_SIGNATURE);
    }
    end_cuts(&cuts);
}

static void a_cut_in_a_removal_leaves_the_confirmed_image(void **state)
{
    static struct cuts cuts;
    struct rig *rig = &cuts.rig;

    (void)state;
    begin_cuts(&cuts, &fine);
    assert_int_equal(put_image(rig, &second, true, NULL), DORY_OK);
    assert_int_equal(remove_firmware(rig), DORY_OK);
    update_and_cut(&cuts, &second, DORY_BOOT_TEST);
    assert_int_equal(remove_firmware(rig), DORY_OK); /* of the image before */
    update_and_cut(&cuts, &third, DORY_BOOT_TEST);
    end_cuts(&cuts);
}

static void a_cut_at_the_first_start_leaves_the_image_of_the_factory(void **state)
{
    static struct cuts cuts;
    struct rig *rig = &cuts.rig;

    (void)state;
    begin_cuts(&cuts, &fine);
    program_slot(rig, 0, &first);
    start(rig);
    program_slot(rig, 0, NULL); /* in slot B, behind which an image of slot A has gone */
    program_slot(rig, 1, &first);
    start(rig);
    assert_int_equal(rig->booted.slot, 1);
    assert_true(cuts.count[0] > 0);
    end_cuts(&cuts);
}

static void cuts_do_no_harm_where_the_storage_takes_its_time(void **state)
{
    static struct cuts cuts;

    (void)state;
    begin_cuts(&cuts, &fine);
    cuts.rig.sim.most_later = 3;
    cuts.level[0].after.sim.most_later = 2;
    update_and_cut(&cuts, &second, DORY_BOOT_TEST);
    end_cuts(&cuts);
}

static void cuts_do_no_harm_to_images_whose_signatures_are_checked_in_earnest(void **state)
{
    static struct cuts cuts;

    (void)state;
    rig_crypto = &image_bearssl;
    begin_cuts(&cuts, &coarse);
    cuts.rig.sim.before = NULL;
    assert_int_equal(put_image(&cuts.rig, &second, true, NULL), DORY_OK);
    cuts.may.next = &second;
    cuts.may.asked = true;
    cuts.rig.sim.before = cut; /* in boot and first start: few operations */
    assert_int_equal(boot(&cuts.rig, DORY_BOOT_TEST, &second), DORY_OK);
    start(&cuts.rig);
    end_cuts(&cuts);
    rig_crypto = &rig_counting;
}

/* ---- Storage that fails ---- */

enum failing { FAIL_READ, FAIL_PROGRAM, FAIL_ERASE };

/* The n-th operation of a kind fails. Returns false when there are not that many. */
static bool fail_one(enum failing kind, unsigned nth, enum flash_tear as, bool for_good, enum dory_boot_mode mode)
{
    struct rig rig;
    unsigned *count;
    unsigned left;
    int result;

    make_device(&rig, &fine, &first);
    must_update(&rig, &third, DORY_BOOT_TEST);
    count = kind == FAIL_READ ? &rig.sim.fail_read : kind == FAIL_PROGRAM ? &rig.sim.fail_program : &rig.sim.fail_erase;
    *count = nth;
    rig.sim.fail_as = as;
    rig.sim.fail_for_good = for_good;
    result = update(&rig, &second, mode, NULL);
    left = *count;
    if (result == DORY_OK) {
        assert_true(runs(&rig, &second) && rig.firmware.told.confirmed);
    }
    *count = 0;
    start(&rig);
    assert_true(runs(&rig, &second) || (result != DORY_OK && runs(&rig, &third)));
    if (rig.booted.on_trial) { /* asked for, though the answer was lost */
        assert_true(result != DORY_OK);
        start(&rig);
        assert_true(runs(&rig, &third));
    }
    must_update(&rig, &second, DORY_BOOT_TEST);
    start(&rig);
    assert_true(runs(&rig, &second) && rig.booted.confirmed);
    end_rig(&rig);
    return for_good ? result != DORY_OK : left == 0;
}

static void storage_that_fails_is_told_and_costs_no_image(void **state)
{
    (void)state;
    for (unsigned kind = FAIL_READ; kind <= FAIL_ERASE; kind++) {
        for (unsigned as = 0; as < FLASH_TEARS; as++) {
            for (unsigned for_good = 0; for_good < 2; for_good++) {
                for (unsigned mode = DORY_BOOT_TEST; mode <= DORY_BOOT_PERMANENT; mode++) {
                    unsigned nth = 1;

                    while (
                        fail_one((enum failing)kind, nth, (enum flash_tear)as, for_good, (enum dory_boot_mode)mode)) {
                        nth++;
                    }
                    assert_true(nth > 3);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_in_an_update_leaves_an_image_that_works_and_the_update_can_be_repeated),
        cmocka_unit_test(a_cut_in_an_update_for_good_leaves_an_image_that_works),
        cmocka_unit_test(a_cut_after_a_trial_that_failed_leaves_the_confirmed_image),
        cmocka_unit_test(a_cut_on_the_way_back_to_the_image_before_leaves_one_that_works),
        cmocka_unit_test(a_cut_in_a_put_that_comes_to_nothing_leaves_the_confirmed_image),
        cmocka_unit_test(a_cut_in_a_removal_leaves_the_confirmed_image),
        cmocka_unit_test(a_cut_at_the_first_start_leaves_the_image_of_the_factory),
        cmocka_unit_test(cuts_do_no_harm_where_the_storage_takes_its_time),
        cmocka_unit_test(cuts_do_no_harm_to_images_whose_signatures_are_checked_in_earnest),
        cmocka_unit_test(storage_that_fails_is_told_and_costs_no_image),
    };

    return cmocka_run_group_tests(tests, make_images, NULL);
}
