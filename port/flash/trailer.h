/* SPDX-License-Identifier: MIT */
/*
 * The marks at the end of a slot for firmware: whether its image is to be tried,
 * has been tried, is confirmed. They lie as MCUboot has them (docs/design.md,
 * "Image Trailer", and boot/bootutil/src/bootutil_public.c), with its write
 * alignment of 8:
 *
 *     end - 16   magic, 16 bytes
 *     end - 24   image_ok     0x01: confirmed
 *     end - 32   copy_done    0x01: it has been started at least once
 *     end - 40   swap_info    byte 0: 2 test, 3 permanent
 *
 * A mark is a unit of 8 bytes, 0xFF where nothing is said. In swap_info, byte 1 is the complement of byte 0, bytes 4 and 5
 * are an update's counter, little-endian, and bytes 6 and 7 its complement: MCUboot looks at byte 0 only. As bits go from
 * 1 to 0 only, a unit that was not wholly programmed differs from its complement.
 *
 * Both the boot stage (boot_choice.h) and the application (firmware.h) read and make marks; this is what they share: what
 * marks mean, and in which order they are made. Whoever makes them calls the flash.
 */
#ifndef TRAILER_H
#define TRAILER_H

#include <stdbool.h>
#include <stdint.h>

#define TRAILER_LEN 40U   /* bytes at the end of a slot */
#define TRAILER_UNIT 8U   /* bytes of a mark */
#define TRAILER_MAGIC 16U /* bytes of the magic */

enum trailer_state {
    TRAILER_PLAIN,    /* no marks, or some that were cut off: nobody asked for this image */
    TRAILER_PENDING,  /* to be started at the next restart */
    TRAILER_TRIED,    /* has been started, and was not confirmed */
    TRAILER_CONFIRMED /* has been started, and stays */
};

struct trailer {
    uint8_t state;    /* enum trailer_state */
    bool permanent;   /* of a pending one: it is confirmed by being started */
    bool has_counter; /* never, when the state is plain */
    uint16_t counter; /* of the update; the newest one counts, see trailer_is_newer() */
};

/* What a slot's marks are made for. */
enum trailer_plan {
    TRAILER_TEST,      /* magic, swap_info */
    TRAILER_PERMANENT, /* magic, image_ok, swap_info */
    TRAILER_START,     /* copy_done: of a pending one, just before it is started */
    TRAILER_CONFIRM,   /* image_ok: of one on trial */
    TRAILER_ADOPT      /* copy_done, image_ok, swap_info, magic: a plain one is confirmed */
};

struct trailer_mark {
    uint8_t from_end; /* bytes from its beginning to the end of the slot */
    uint8_t len;      /* bytes: TRAILER_UNIT or TRAILER_MAGIC */
    uint8_t bytes[TRAILER_MAGIC];
};

/* Tells what the last TRAILER_LEN bytes of a slot mean. */
void trailer_read(struct trailer *trailer, const uint8_t bytes[TRAILER_LEN]);

/* Returns whether `a` has been made after `b`. Counters wrap (serial number arithmetic, RFC 1982); having none is older
 * than having one. */
bool trailer_is_newer(const struct trailer *a, const struct trailer *b);

/* Returns whether `trailer` is to be started, when `other` is the other slot's. One that is not newer than the other is
 * not: the marks of an old update can look pending when their erasing was cut off. */
bool trailer_is_due(const struct trailer *trailer, const struct trailer *other);

/* Returns a counter for the next update, newer than both. */
uint16_t trailer_next_counter(const struct trailer *a, const struct trailer *b);

/* Gives mark number `nth` (0, 1, ...) of `plan`, to be programmed in that order. Returns false when there is no further
 * one. For TRAILER_TEST, TRAILER_PERMANENT and TRAILER_ADOPT the slot's last sector has to be erased first. */
bool trailer_mark(struct trailer_mark *mark, enum trailer_plan plan, unsigned nth, uint16_t counter);

#endif
