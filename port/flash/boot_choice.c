/* SPDX-License-Identifier: MIT */
/*
 * The choice of a boot stage. It needs core's check of images and trailer.c, and nothing else: a boot stage is small.
 *
 * Implementation notes
 *
 * The slots are gone through rank by rank. Each image is verified once at most: one that failed, fails. Marks are made of a
 * verified image, before it is started. When they can't be made, one that is pending is passed over, for nothing would ever
 * stop its trial; one that is to be adopted is started all the same.
 */
#include "boot_choice.h"

#include <string.h>

#include "trailer.h"

enum rank { RANK_PENDING, RANK_CONFIRMED, RANK_PLAIN, RANK_ANY, RANKS };

struct choice {
    struct boot_slots *slots;
    struct trailer trailer[2];
    bool bad[2];
    struct boot_result *result;
};

/* ---- Flash, waiting ---- */

static void wait(const struct boot_slots *slots)
{
    if (slots->working != NULL) {
        slots->working(slots->ctx);
    }
}

static bool read_slot(const struct boot_slots *slots, unsigned slot, uint64_t off, uint8_t *dst, size_t len)
{
    const struct flash_device *flash = slots->slot[slot];
    int result;

    do {
        wait(slots);
        result = flash->operations->read(flash->ctx, off, dst, len);
    } while (result == DORY_MORE);
    return result == DORY_OK;
}

/* Erases the last sector of a slot. */
static bool erase_marks(const struct boot_slots *slots, unsigned slot)
{
    const struct flash_device *flash = slots->slot[slot];
    int result;

    do {
        wait(slots);
        result = flash->operations->erase(flash->ctx, flash->size - flash->sector_size);
    } while (result == DORY_MORE);
    return result == DORY_OK;
}

static bool make_mark(const struct boot_slots *slots, unsigned slot, const struct trailer_mark *mark)
{
    const struct flash_device *flash = slots->slot[slot];
    int result;

    do {
        wait(slots);
        result = flash->operations->program(flash->ctx, flash->size - mark->from_end, mark->bytes, mark->len);
    } while (result == DORY_MORE);
    return result == DORY_OK;
}

static bool make_marks(const struct boot_slots *slots, unsigned slot, enum trailer_plan plan, uint16_t counter)
{
    struct trailer_mark mark;

    for (unsigned nth = 0; trailer_mark(&mark, plan, nth, counter); nth++) {
        if (!make_mark(slots, slot, &mark)) {
            return false;
        }
    }
    return true;
}

/* ---- One image ---- */

/* Reads and checks the next piece, and gives it to load(). Returns as dory_image_feed(). */
static int take_piece(const struct choice *choice, unsigned slot, uint32_t off)
{
    const struct boot_slots *slots = choice->slots;
    struct dory_image *image = &choice->result->image;
    uint64_t len = dory_image_wants(image);
    uint8_t piece[BOOT_PIECE];
    int result;

    len = len < sizeof piece ? len : sizeof piece;
    if (len > slots->rules.max_size - off || !read_slot(slots, slot, off, piece, (size_t)len)) {
        return DORY_IO_ERROR;
    }
    result = dory_image_feed(image, piece, (size_t)len);
    if (result >= 0 && slots->load != NULL && !slots->load(slots->ctx, image, off, piece, (size_t)len)) {
        return DORY_FORBIDDEN;
    }
    return result;
}

static bool verify(struct choice *choice, unsigned slot)
{
    struct boot_slots *slots = choice->slots;
    struct dory_image *image = &choice->result->image;
    uint32_t off = 0;
    int result;

    slots->rules.max_size = slots->slot[slot]->size - slots->slot[slot]->sector_size;
    dory_image_begin(image, &slots->rules, DORY_IMAGE_ANY_SIZE);
    do {
        uint64_t wanted = dory_image_wants(image);

        result = take_piece(choice, slot, off);
        off += wanted < BOOT_PIECE ? (uint32_t)wanted : BOOT_PIECE;
    } while (result == DORY_MORE);
    if (result == DORY_OK) {
        result = dory_image_finish(image);
    }
    choice->bad[slot] = result != DORY_OK;
    return result == DORY_OK;
}

/* ---- The choice ---- */

static void read_trailer(struct choice *choice, unsigned slot)
{
    uint8_t bytes[TRAILER_LEN];

    if (!read_slot(choice->slots, slot, choice->slots->slot[slot]->size - TRAILER_LEN, bytes, sizeof bytes)) {
        memset(bytes, 0, sizeof bytes);
    }
    trailer_read(&choice->trailer[slot], bytes);
}

static bool has_rank(const struct choice *choice, unsigned slot, enum rank rank)
{
    const struct trailer *trailer = &choice->trailer[slot];

    switch (rank) {
    case RANK_PENDING:
        return trailer_is_due(trailer, &choice->trailer[slot ^ 1U]);
    case RANK_CONFIRMED:
        return trailer->state == TRAILER_CONFIRMED;
    case RANK_PLAIN:
        return trailer->state == TRAILER_PLAIN;
    case RANK_ANY:
    case RANKS:
        break;
    }
    return true;
}

/* Confirms an image that nobody asked for. Returns whether it is. Not while the other slot's is confirmed, though it could
 * not be verified: it may have been a read that failed, and then the next start finds it again. */
static bool adopt(const struct choice *choice, unsigned slot)
{
    const struct trailer *other = &choice->trailer[slot ^ 1U];
    uint16_t counter = trailer_next_counter(&choice->trailer[slot], other);

    return other->state != TRAILER_CONFIRMED && erase_marks(choice->slots, slot) &&
           make_marks(choice->slots, slot, TRAILER_ADOPT, counter);
}

/* Makes the marks that go with a start, and tells what they have come to. Returns whether it may be started. */
static bool mark_start(const struct choice *choice, unsigned slot, enum rank rank)
{
    const struct boot_slots *slots = choice->slots;
    const struct trailer *trailer = &choice->trailer[slot];
    struct boot_result *result = choice->result;

    result->slot = (uint8_t)slot;
    result->on_trial = rank == RANK_PENDING && !trailer->permanent;
    result->confirmed = rank < RANK_ANY && !result->on_trial;
    if (rank == RANK_PENDING) {
        return make_marks(slots, slot, TRAILER_START, 0);
    }
    if (rank == RANK_PLAIN) {
        result->confirmed = adopt(choice, slot);
    }
    return true;
}

/* Tries the two slots for one rank. */
static bool choose(struct choice *choice, enum rank rank)
{
    bool b_is_newer = trailer_is_newer(&choice->trailer[1], &choice->trailer[0]);
    bool a_is_newer = trailer_is_newer(&choice->trailer[0], &choice->trailer[1]);
    unsigned first = rank == RANK_ANY ? a_is_newer : b_is_newer;

    for (unsigned n = 0; n < 2; n++) {
        unsigned slot = first ^ n;

        if (!choice->bad[slot] && has_rank(choice, slot, rank) && verify(choice, slot) &&
            mark_start(choice, slot, rank)) {
            return true;
        }
    }
    return false;
}

int boot_choose(struct boot_slots *slots, struct boot_result *result)
{
    struct choice choice = {.slots = slots, .result = result};

    memset(result, 0, sizeof *result);
    read_trailer(&choice, 0);
    read_trailer(&choice, 1);
    for (unsigned rank = 0; rank < RANKS; rank++) {
        if (choose(&choice, (enum rank)rank)) {
            return DORY_OK;
        }
    }
    return DORY_NOT_FOUND;
}
