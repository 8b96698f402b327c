/* SPDX-License-Identifier: MIT */
/* What a boot stage picks, for every state that the two slots can be in. */
#include "firmware_rig.h"

#include "../../port/flash/boot_handoff.h"

static const struct rig_geometry geometry = {8, 512, 5};

static struct test_image first, second, other_board, unsigned_image;

static int make_images(void **state)
{
    struct plan plan = {.image_size = 700, .version = {.major = 9}};
    struct rig rig;

    (void)state;
    make_version(&first, 1, 1100);
    make_version(&second, 2, 600);
    put_board(&plan.protected_tlvs, "c");
    make_signed(&other_board, &plan);
    plan.protected_tlvs.len = 0;
    put_board(&plan.protected_tlvs, "b");
    plan.key = KEY_OTHER;
    unsigned_image.made = make_image(&plan);
    begin_rig(&rig, &geometry); /* for the key */
    end_rig(&rig);
    return 0;
}

/* ---- Slots as they may be found ---- */

#define A 0U
#define B 1U
#define UNMARKED 99U

/* Puts an image into a slot, with all marks of a plan; `started`: and copy_done. */
static void fill(struct rig *rig, unsigned slot, const struct test_image *image, unsigned plan, uint16_t counter,
                 bool started)
{
    uint64_t end = rig->slot[slot]->size;
    struct trailer_mark mark;

    program_slot(rig, slot, image);
    for (unsigned nth = 0; plan != UNMARKED && trailer_mark(&mark, (enum trailer_plan)plan, nth, counter); nth++) {
        assert_int_equal(
            rig->slot[slot]->operations->program(rig->slot[slot]->ctx, end - mark.from_end, mark.bytes, mark.len),
            DORY_OK);
    }
    if (started) {
        assert_true(trailer_mark(&mark, TRAILER_START, 0, 0));
        assert_int_equal(
            rig->slot[slot]->operations->program(rig->slot[slot]->ctx, end - mark.from_end, mark.bytes, mark.len),
            DORY_OK);
    }
    rig->sim.programs = 0;
    rig->sim.erasures = 0;
}

static void begin_empty(struct rig *rig)
{
    begin_rig(rig, &geometry);
    fill(rig, A, NULL, UNMARKED, 0, false);
    fill(rig, B, NULL, UNMARKED, 0, false);
}

static struct trailer marks_of(struct rig *rig, unsigned slot)
{
    struct trailer trailer;

    trailer_read(&trailer, slot_bytes(rig, slot) + rig->slot[slot]->size - TRAILER_LEN);
    return trailer;
}

static void assert_untouched(const struct rig *rig)
{
    assert_true(rig->sim.programs == 0 && rig->sim.erasures == 0);
}

static void assert_starts(struct rig *rig, unsigned slot, const struct test_image *image, bool on_trial, bool confirmed)
{
    assert_int_equal(run_boot_stage(rig), DORY_OK);
    assert_int_equal(rig->booted.slot, slot);
    assert_true(runs(rig, image));
    assert_int_equal(rig->booted.on_trial, on_trial);
    assert_int_equal(rig->booted.confirmed, confirmed);
    assert_int_equal(rig->booted.image.size, image->made.len);
}

/* ---- Nothing to start ---- */

static void without_an_image_nothing_is_started_and_nothing_is_written(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    assert_int_equal(run_boot_stage(&rig), DORY_NOT_FOUND);
    assert_int_equal(rig.booted.image.fault, DORY_IMAGE_FAULT_NO_IMAGE);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void garbage_is_not_started(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, &geometry);
    assert_int_equal(run_boot_stage(&rig), DORY_NOT_FOUND);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void an_image_that_is_wrong_is_never_started_whatever_its_marks(void **state)
{
    static const enum dory_image_fault faults[] = {DORY_IMAGE_FAULT_OTHER_BOARD, DORY_IMAGE_FAULT_OTHER_KEY,
                                                   DORY_IMAGE_FAULT_HASH, DORY_IMAGE_FAULT_NO_IMAGE};
    static const unsigned plans[] = {UNMARKED, TRAILER_TEST, TRAILER_PERMANENT, TRAILER_ADOPT};
    const struct test_image *wrong[] = {&other_board, &unsigned_image, &first, &first};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(plans); i++) {
        for (unsigned j = 0; j < COUNT_OF(wrong); j++) {
            struct rig rig;

            begin_empty(&rig);
            fill(&rig, A, wrong[j], plans[i], 1, false);
            slot_bytes(&rig, A)[700] ^= faults[j] == DORY_IMAGE_FAULT_HASH;
            slot_bytes(&rig, A)[0] ^= faults[j] == DORY_IMAGE_FAULT_NO_IMAGE;
            rig.booted.image.fault = 0;
            assert_int_equal(run_boot_stage(&rig), DORY_NOT_FOUND);
            rig.boot.slot[B] = rig.boot.slot[A];
            assert_int_equal(boot_choose(&rig.boot, &rig.booted),
                             DORY_NOT_FOUND); /* so that its fault is the last one */
            assert_int_equal(rig.booted.image.fault, faults[j]);
            assert_untouched(&rig);
            end_rig(&rig);
        }
    }
}

static void a_real_signature_is_checked(void **state)
{
    struct rig rig;

    (void)state;
    rig_crypto = &image_bearssl;
    begin_empty(&rig);
    fill(&rig, A, &unsigned_image, UNMARKED, 0, false);
    assert_int_equal(run_boot_stage(&rig), DORY_NOT_FOUND);
    fill(&rig, A, &first, UNMARKED, 0, false);
    assert_starts(&rig, A, &first, false, true);
    slot_bytes(&rig, A)[first.made.len - 1] ^= 1;
    assert_int_equal(run_boot_stage(&rig), DORY_NOT_FOUND);
    end_rig(&rig);
    rig_crypto = &rig_counting;
}

static void an_image_that_fills_the_slot_but_for_its_marks_is_started(void **state)
{
    static struct test_image full;
    struct rig rig;

    (void)state;
    make_length(&full, 4, 4 * 512);
    begin_empty(&rig);
    fill(&rig, A, &full, UNMARKED, 0, false);
    assert_starts(&rig, A, &full, false, true);
    end_rig(&rig);
}

/* ---- The factory ---- */

static void the_image_of_the_factory_is_confirmed_by_its_first_start(void **state)
{
    struct rig rig;
    struct trailer trailer;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, UNMARKED, 0, false);
    assert_starts(&rig, A, &first, false, true);
    trailer = marks_of(&rig, A);
    assert_true(trailer.state == TRAILER_CONFIRMED && trailer.has_counter && trailer.counter == 1);
    rig.sim.programs = rig.sim.erasures = 0;
    assert_starts(&rig, A, &first, false, true);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void slot_a_comes_first_in_the_factory_and_an_upload_never_wins(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, UNMARKED, 0, false);
    fill(&rig, B, &second, UNMARKED, 0, false);
    assert_starts(&rig, A, &first, false, true);
    assert_starts(&rig, A, &first, false, true);
    fill(&rig, A, NULL, UNMARKED, 0, false);
    assert_starts(&rig, B, &second, false, true); /* better than none */
    end_rig(&rig);
}

static void an_upload_is_started_but_not_confirmed_while_a_confirmed_one_cannot_be_read(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
    fill(&rig, B, &second, UNMARKED, 0, false);
    slot_bytes(&rig, A)[700] ^= 1;
    assert_starts(&rig, B, &second, false, false);
    assert_untouched(&rig);
    slot_bytes(&rig, A)[700] ^= 1;
    assert_starts(&rig, A, &first, false, true);
    end_rig(&rig);
}

static void an_image_is_started_though_it_cannot_be_marked(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, UNMARKED, 0, false);
    rig.sim.fail_erase = 1;
    assert_starts(&rig, A, &first, false, false);
    for (unsigned nth = 1; nth <= 5; nth++) {
        rig.sim.fail_program = nth;
        assert_starts(&rig, A, &first, false, false);
    }
    assert_starts(&rig, A, &first, false, true);
    end_rig(&rig);
}

/* ---- Tests and trials ---- */

static void an_image_to_be_tested_is_started_once(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
    fill(&rig, B, &second, TRAILER_TEST, 2, false);
    assert_starts(&rig, B, &second, true, false);
    assert_int_equal(rig.sim.programs, 1);
    assert_int_equal(marks_of(&rig, B).state, TRAILER_TRIED);
    assert_starts(&rig, A, &first, false, true);
    assert_starts(&rig, A, &first, false, true);
    assert_int_equal(rig.sim.programs, 1);
    end_rig(&rig);
}

static void an_image_for_good_stays(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &second, TRAILER_PERMANENT, 9, false);
    fill(&rig, B, &first, TRAILER_ADOPT, 8, false);
    assert_starts(&rig, A, &second, false, true);
    assert_starts(&rig, A, &second, false, true);
    assert_int_equal(rig.sim.programs, 1);
    end_rig(&rig);
}

static void a_pending_image_that_is_wrong_is_passed_over_and_not_marked(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
    fill(&rig, B, &unsigned_image, TRAILER_PERMANENT, 2, false);
    assert_starts(&rig, A, &first, false, true);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void a_pending_image_that_is_older_than_the_confirmed_one_is_not_started(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 2, false);
    fill(&rig, B, &second, TRAILER_PERMANENT, 1, false);
    assert_starts(&rig, A, &first, false, true);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void a_trial_whose_start_cannot_be_marked_does_not_begin(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
    fill(&rig, B, &second, TRAILER_TEST, 2, false);
    rig.sim.fail_program = 1;
    assert_starts(&rig, A, &first, false, true);
    slot_bytes(&rig, A)[0] ^= 1;
    rig.sim.fail_program = 1;
    assert_starts(&rig, B, &second, false, false); /* the last resort */
    end_rig(&rig);
}

static void of_two_confirmed_images_the_newer_one_is_started(void **state)
{
    static const uint16_t counters[][2] = {{1, 2}, {0xffff, 0}, {0x7fff, 0x8000}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(counters); i++) {
        for (unsigned newer = A; newer <= B; newer++) {
            struct rig rig;

            begin_empty(&rig);
            fill(&rig, newer ^ 1U, &first, TRAILER_ADOPT, counters[i][0], false);
            fill(&rig, newer, &second, TRAILER_ADOPT, counters[i][1], false);
            assert_starts(&rig, newer, &second, false, true);
            slot_bytes(&rig, newer)[100] ^= 1; /* and the older one when that has been damaged */
            assert_starts(&rig, newer ^ 1U, &first, false, true);
            assert_untouched(&rig);
            end_rig(&rig);
        }
    }
}

static void a_confirmed_image_without_a_counter_is_the_older_one(void **state)
{
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 9, false);
    memset(slot_bytes(&rig, A) + rig.slot[A]->size - TRAILER_LEN, 0xff, TRAILER_UNIT);
    fill(&rig, B, &second, TRAILER_ADOPT, 3, false);
    assert_starts(&rig, B, &second, false, true);
    fill(&rig, B, &second, TRAILER_TEST, 1, false);
    assert_starts(&rig, B, &second, true, false);
    end_rig(&rig);
}

static void the_last_resort_is_an_image_that_was_tried_the_older_one_first(void **state)
{
    struct rig rig;

    (void)state;
    for (unsigned older = A; older <= B; older++) {
        begin_empty(&rig);
        fill(&rig, older, &first, TRAILER_TEST, 1, true);
        fill(&rig, older ^ 1U, &second, TRAILER_TEST, 2, true);
        assert_starts(&rig, older, &first, false, false);
        slot_bytes(&rig, older)[100] ^= 1;
        assert_starts(&rig, older ^ 1U, &second, false, false);
        assert_untouched(&rig);
        end_rig(&rig);
    }
}

/* ---- The board's part ---- */

struct loaded {
    uint8_t bytes[MADE_ROOM];
    size_t len;
    unsigned calls;
    unsigned begins; /* calls at an image's beginning */
    unsigned working;
    unsigned refuse; /* the call that is refused, 0: none */
};

static bool load(void *ctx, const struct dory_image *image, uint32_t off, const uint8_t *data, size_t len)
{
    struct loaded *loaded = ctx;

    assert_int_equal(image->load_addr, 0x20000400);
    assert_true(image->header_size == 32 && image->image_size > 0);
    if (off == 0) {
        loaded->len = 0;
        loaded->begins++;
    }
    assert_true(off == loaded->len && len <= sizeof loaded->bytes - off);
    memcpy(loaded->bytes + off, data, len);
    loaded->len += len;
    loaded->calls++;
    return loaded->calls != loaded->refuse;
}

static void be_working(void *ctx)
{
    struct loaded *loaded = ctx;

    loaded->working++;
}

static void an_image_is_loaded_as_it_is_checked(void **state)
{
    static struct loaded loaded;
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
    fill(&rig, B, &second, TRAILER_ADOPT, 2, false);
    rig.boot.load = load;
    rig.boot.working = be_working;
    rig.boot.ctx = &loaded;
    rig.sim.most_later = 5;
    assert_starts(&rig, B, &second, false, true);
    assert_int_equal(loaded.len, second.made.len);
    assert_memory_equal(loaded.bytes, second.made.bytes, loaded.len);
    assert_true(loaded.working > loaded.calls);
    slot_bytes(&rig, B)[500] ^= 1; /* then the other one takes its place */
    assert_starts(&rig, A, &first, false, true);
    assert_int_equal(loaded.len, first.made.len);
    assert_memory_equal(loaded.bytes, first.made.bytes, loaded.len);
    end_rig(&rig);
}

static void an_image_that_the_board_does_not_want_is_passed_over(void **state)
{
    static struct loaded loaded;
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
    fill(&rig, B, &second, TRAILER_TEST, 2, false);
    rig.boot.load = load;
    rig.boot.ctx = &loaded;
    loaded.refuse = 1;
    assert_starts(&rig, A, &first, false, true);
    assert_untouched(&rig);
    end_rig(&rig);
}

static void an_image_that_is_wrong_is_read_once(void **state)
{
    static struct loaded loaded;
    struct rig rig;

    (void)state;
    begin_empty(&rig);
    fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
    slot_bytes(&rig, A)[700] ^= 1;
    rig.boot.load = load;
    rig.boot.ctx = &loaded;
    assert_int_equal(run_boot_stage(&rig), DORY_NOT_FOUND);
    assert_int_equal(loaded.begins, 1);
    end_rig(&rig);
}

static void a_slot_that_cannot_be_read_is_passed_over(void **state)
{
    unsigned nth = 1;

    (void)state;
    for (;; nth++) {
        struct rig rig;

        begin_empty(&rig);
        fill(&rig, A, &first, TRAILER_ADOPT, 1, false);
        fill(&rig, B, &second, TRAILER_ADOPT, 2, false);
        rig.sim.fail_read = nth;
        assert_int_equal(run_boot_stage(&rig), DORY_OK);
        assert_true(runs(&rig, &first) || runs(&rig, &second));
        if (rig.sim.fail_read > 0) {
            end_rig(&rig);
            break;
        }
        assert_starts(&rig, B, &second, false, true); /* it can be read again */
        assert_untouched(&rig);
        end_rig(&rig);
    }
    assert_true(nth > 5);
}

static void the_application_is_told_what_runs_and_takes_nothing_else_for_it(void **state)
{
    struct boot_handoff handoff;

    (void)state;
    for (unsigned slot = 0; slot < 2; slot++) {
        for (unsigned on_trial = 0; on_trial < 2; on_trial++) {
            boot_handoff_write(&handoff, slot, on_trial, 180000);
            assert_true(boot_handoff_is_good(&handoff));
            assert_true(handoff.slot == slot && handoff.on_trial == on_trial && handoff.trial_ms == 180000);
            for (unsigned bit = 0; bit < 8 * sizeof handoff; bit++) {
                struct boot_handoff wrong = handoff;

                ((uint8_t *)&wrong)[bit / 8] ^= (uint8_t)(1U << bit % 8);
                assert_false(boot_handoff_is_good(&wrong));
            }
        }
    }
    memset(&handoff, 0, sizeof handoff);
    assert_false(boot_handoff_is_good(&handoff));
    memset(&handoff, 0xff, sizeof handoff);
    assert_false(boot_handoff_is_good(&handoff));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_image_nothing_is_started_and_nothing_is_written),
        cmocka_unit_test(garbage_is_not_started),
        cmocka_unit_test(an_image_that_is_wrong_is_never_started_whatever_its_marks),
        cmocka_unit_test(a_real_signature_is_checked),
        cmocka_unit_test(an_image_that_fills_the_slot_but_for_its_marks_is_started),
        cmocka_unit_test(the_image_of_the_factory_is_confirmed_by_its_first_start),
        cmocka_unit_test(slot_a_comes_first_in_the_factory_and_an_upload_never_wins),
        cmocka_unit_test(an_upload_is_started_but_not_confirmed_while_a_confirmed_one_cannot_be_read),
        cmocka_unit_test(an_image_is_started_though_it_cannot_be_marked),
        cmocka_unit_test(an_image_to_be_tested_is_started_once),
        cmocka_unit_test(an_image_for_good_stays),
        cmocka_unit_test(a_pending_image_that_is_wrong_is_passed_over_and_not_marked),
        cmocka_unit_test(a_pending_image_that_is_older_than_the_confirmed_one_is_not_started),
        cmocka_unit_test(a_trial_whose_start_cannot_be_marked_does_not_begin),
        cmocka_unit_test(of_two_confirmed_images_the_newer_one_is_started),
        cmocka_unit_test(a_confirmed_image_without_a_counter_is_the_older_one),
        cmocka_unit_test(the_last_resort_is_an_image_that_was_tried_the_older_one_first),
        cmocka_unit_test(an_image_is_loaded_as_it_is_checked),
        cmocka_unit_test(an_image_that_the_board_does_not_want_is_passed_over),
        cmocka_unit_test(an_image_that_is_wrong_is_read_once),
        cmocka_unit_test(a_slot_that_cannot_be_read_is_passed_over),
        cmocka_unit_test(the_application_is_told_what_runs_and_takes_nothing_else_for_it),
    };

    return cmocka_run_group_tests(tests, make_images, NULL);
}
