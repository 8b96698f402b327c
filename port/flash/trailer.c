/* SPDX-License-Identifier: MIT */
/*
 * The marks of slots: what they mean, and their order. It calls no flash.
 *
 * Implementation notes: why a cut of the power, which leaves any mixture in the unit or sector under way, does no harm
 *
 *  - To be tried: swap_info comes last, and tells whether it is whole. Without it the slot is plain. image_ok comes
 *    before it, so that an image to be started for good never looks like one on trial.
 *  - Started: copy_done counts when it is not erased, whatever it looks like. At worst an image counts as tried that
 *    never ran. It is the one mark that can be programmed twice: when nothing can be seen of the first time. Then its bits
 *    are the same.
 *  - Confirmed: image_ok counts when it is whole. Until then the one that was confirmed before is started.
 *  - Adopted: the magic comes last. Without it the slot is plain, and is adopted again.
 *  - The last sector is erased only when no put, test or confirmation has been answered that depends on it. While it is
 *    being erased a slot may look like anything that it was, with some of its marks taken back: most of all pending, when
 *    copy_done goes first. Where it held a new update, that one was asked for. An old one has an older counter than the
 *    slot that runs, and is not due.
 */
#include "trailer.h"

#include <string.h>

#define TYPE_TEST 2U
#define TYPE_PERMANENT 3U
#define SET 0x01U
#define ERASED 0xffU

/* From the end of the slot. */
enum { AT_MAGIC = 16, AT_IMAGE_OK = 24, AT_COPY_DONE = 32, AT_SWAP_INFO = 40 };

static const uint8_t magic[TRAILER_MAGIC] = {0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f,
                                             0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80};

/* ---- Reading ---- */

static bool is_erased(const uint8_t *unit)
{
    for (unsigned i = 0; i < TRAILER_UNIT; i++) {
        if (unit[i] != ERASED) {
            return false;
        }
    }
    return true;
}

static bool are_complements(uint8_t a, uint8_t b)
{
    return (a ^ b) == 0xff;
}

/* Reads the counter. Returns false when swap_info isn't whole. */
static bool read_swap_info(struct trailer *trailer, const uint8_t *unit)
{
    trailer->counter = (uint16_t)(unit[4] | unit[5] << 8);
    return are_complements(unit[0], unit[1]) && are_complements(unit[4], unit[6]) && are_complements(unit[5], unit[7]);
}

void trailer_read(struct trailer *trailer, const uint8_t bytes[TRAILER_LEN])
{
    const uint8_t *swap_info = &bytes[TRAILER_LEN - AT_SWAP_INFO];
    bool confirmed = bytes[TRAILER_LEN - AT_IMAGE_OK] == SET;

    *trailer = (struct trailer){.state = TRAILER_PLAIN};
    if (memcmp(&bytes[TRAILER_LEN - AT_MAGIC], magic, sizeof magic) != 0) {
        return;
    }
    trailer->has_counter = read_swap_info(trailer, swap_info);
    if (!is_erased(&bytes[TRAILER_LEN - AT_COPY_DONE])) {
        trailer->state = confirmed ? TRAILER_CONFIRMED : TRAILER_TRIED;
    } else if (trailer->has_counter && confirmed == (swap_info[0] == TYPE_PERMANENT)) {
        trailer->state = TRAILER_PENDING;
        trailer->permanent = confirmed;
    } else {
        trailer->has_counter = false;
    }
}

/* ---- Counters ---- */

bool trailer_is_newer(const struct trailer *a, const struct trailer *b)
{
    if (!a->has_counter || !b->has_counter) {
        return a->has_counter;
    }
    return (uint16_t)(a->counter - b->counter - 1U) < INT16_MAX;
}

bool trailer_is_due(const struct trailer *trailer, const struct trailer *other)
{
    return trailer->state == TRAILER_PENDING && trailer_is_newer(trailer, other);
}

uint16_t trailer_next_counter(const struct trailer *a, const struct trailer *b)
{
    const struct trailer *newest = trailer_is_newer(a, b) ? a : b;

    return newest->has_counter ? (uint16_t)(newest->counter + 1U) : 1;
}

/* ---- Marks ---- */

static void make_mark(struct trailer_mark *mark, uint8_t from_end, uint8_t type, uint16_t counter)
{
    uint8_t swap_info[] = {type,
                           (uint8_t)~type,
                           ERASED,
                           ERASED,
                           (uint8_t)counter,
                           (uint8_t)(counter >> 8),
                           (uint8_t)~counter,
                           (uint8_t)(~(unsigned)counter >> 8)};

    mark->from_end = from_end;
    mark->len = TRAILER_UNIT;
    memset(mark->bytes, ERASED, sizeof mark->bytes);
    mark->bytes[0] = SET;
    if (from_end == AT_MAGIC) {
        mark->len = TRAILER_MAGIC;
        memcpy(mark->bytes, magic, sizeof magic);
    } else if (from_end == AT_SWAP_INFO) {
        memcpy(mark->bytes, swap_info, sizeof swap_info);
    }
}

bool trailer_mark(struct trailer_mark *mark, enum trailer_plan plan, unsigned nth, uint16_t counter)
{
    static const uint8_t order[][4] = {
        [TRAILER_TEST] = {AT_MAGIC, AT_SWAP_INFO},
        [TRAILER_PERMANENT] = {AT_MAGIC, AT_IMAGE_OK, AT_SWAP_INFO},
        [TRAILER_START] = {AT_COPY_DONE},
        [TRAILER_CONFIRM] = {AT_IMAGE_OK},
        [TRAILER_ADOPT] = {AT_COPY_DONE, AT_IMAGE_OK, AT_SWAP_INFO, AT_MAGIC},
    };

    if (nth >= sizeof order[0] || order[plan][nth] == 0) {
        return false;
    }
    make_mark(mark, order[plan][nth], plan == TRAILER_TEST ? TYPE_TEST : TYPE_PERMANENT, counter);
    return true;
}
