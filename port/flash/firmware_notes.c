/* SPDX-License-Identifier: MIT */
/*
 * Notes on a put, at the beginning of a slot's last sector: what is being put, and how much of it is there.
 *
 *     0    magic, size, CRC-32 of the image, its first 8 bytes, CRC-32 of these
 *     24   units of 8 bytes: how many bytes of the image are there, and the complement of that; 0: the put is over
 *
 * Implementation notes
 *
 * All numbers are little-endian. The CRC-32 begins with a seed made of the slot's size and sectors: notes of another layout
 * are none. A unit that is not whole differs from its complement, see trailer.h.
 *
 * After a cut the unit under way may have been programmed though nothing is to be seen of it. So the one behind the last that
 * is not blank is left out. The next one tells again what is known, and comes ahead of all others: it may have been left out
 * of sight, too, but then its bits were the same.
 *
 * Where the sector is too small for a note of each sector of the image, there is one of every second, and so on. Some units
 * more are for those that are left out. The last unit of all is kept for the end; a partial for which there is no other is
 * none any more.
 */
#include <string.h>

#include "../../core/crc32.h"
#include "firmware_private.h"

#define MAGIC 0x31303064U /* "d001" */
#define UNITS_OFF FIRMWARE_NOTE
#define MARKS_LEN 48U /* of the trailer, and what a stock MCUboot has ahead of it: swap_size */
#define LEAST_SPARE 10U
#define MOST_SPARE 64U

/* Places of numbers in a note. */
enum { AT_SIZE = 4, AT_CRC32 = 8, AT_FIRST = 12, AT_CHECK = 20 };

_Static_assert(FIRMWARE_MIN_SECTOR - UNITS_OFF - MARKS_LEN >= (LEAST_SPARE + 4) * FIRMWARE_UNIT,
               "there is room for notes");

static void put32(uint8_t *at, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ---- Layout ---- */

static uint32_t sectors_of(const struct flash_device *slot)
{
    return firmware_room(slot) / slot->sector_size;
}

static uint32_t units_of(const struct flash_device *slot)
{
    uint32_t units = (slot->sector_size - UNITS_OFF - MARKS_LEN) / FIRMWARE_UNIT;
    uint32_t wanted = sectors_of(slot) + MOST_SPARE;

    return units < wanted ? units : wanted;
}

uint32_t firmware_notes_interval(const struct flash_device *slot)
{
    uint32_t notes = units_of(slot) - LEAST_SPARE;

    return (sectors_of(slot) + notes - 1) / notes * slot->sector_size;
}

bool firmware_notes_have_room(const struct flash_device *slot, unsigned unit)
{
    return unit + 1 < units_of(slot);
}

static uint32_t place_of(const struct flash_device *slot, uint32_t unit)
{
    return firmware_room(slot) + UNITS_OFF + unit * FIRMWARE_UNIT;
}

static uint32_t check_of(const struct flash_device *slot, const uint8_t *note)
{
    uint8_t seed[8];

    put32(seed, (uint32_t)slot->size);
    put32(seed + 4, slot->sector_size);
    return dory_crc32(dory_crc32(0, seed, sizeof seed), note, AT_CHECK);
}

/* ---- Making notes ---- */

uint32_t firmware_note_open(struct firmware *firmware)
{
    uint8_t *note = firmware->note;

    put32(note, MAGIC);
    put32(note + AT_SIZE, (uint32_t)firmware->writer.size);
    put32(note + AT_CRC32, firmware->writer.crc32);
    memcpy(note + AT_FIRST, firmware->first, sizeof firmware->first);
    put32(note + AT_CHECK, check_of(firmware_other_slot(firmware), note));
    return firmware_room(firmware_other_slot(firmware));
}

uint32_t firmware_note_unit(struct firmware *firmware, uint32_t number)
{
    put32(firmware->note, number);
    put32(firmware->note + 4, ~number);
    return place_of(firmware_other_slot(firmware), firmware->change.unit++);
}

/* ---- Reading notes ---- */

/* Reads the note that opens a put. DORY_OK, DORY_NOT_FOUND, DORY_BUSY, DORY_IO_ERROR. */
static int read_open(const struct firmware *firmware, uint8_t note[FIRMWARE_NOTE], uint32_t patience)
{
    const struct flash_device *slot = firmware_other_slot(firmware);
    int result = firmware_read(slot, firmware_room(slot), note, FIRMWARE_NOTE, patience);

    if (result == DORY_OK && (get32(note) != MAGIC || get32(note + AT_CHECK) != check_of(slot, note) ||
                              get32(note + AT_SIZE) > firmware_room(slot))) {
        return DORY_NOT_FOUND;
    }
    return result;
}

static bool is_blank(const uint8_t *unit)
{
    return get32(unit) == UINT32_MAX && get32(unit + 4) == UINT32_MAX;
}

/* Takes a unit that is not blank. Returns false when it ends the put. */
static bool take_unit(struct firmware_partial *partial, const uint8_t *unit, uint32_t sector_size)
{
    uint32_t stored = get32(unit);

    if (stored != ~get32(unit + 4)) {
        return true;
    }
    if (stored > partial->stored && stored <= partial->size && stored % sector_size == 0) {
        partial->stored = stored;
    }
    return stored != 0;
}

/* Reads the units. DORY_OK; DORY_NOT_FOUND: the put is over; DORY_IO_ERROR. */
static int read_units(const struct flash_device *slot, struct firmware_partial *partial)
{
    uint32_t units = units_of(slot);
    uint8_t unit[FIRMWARE_UNIT];

    for (uint32_t i = 0; i < units; i++) {
        int result = firmware_read(slot, place_of(slot, i), unit, FIRMWARE_UNIT, UINT32_MAX);

        if (result != DORY_OK) {
            return result;
        }
        if (!is_blank(unit)) {
            partial->unit = (uint16_t)(i + 2);
            if (!take_unit(partial, unit, slot->sector_size)) {
                return DORY_NOT_FOUND;
            }
        }
    }
    return firmware_notes_have_room(slot, partial->unit) ? DORY_OK : DORY_NOT_FOUND;
}

int firmware_notes_header(struct firmware *firmware, uint8_t header[DORY_IMAGE_HEADER], uint32_t patience)
{
    const struct flash_device *slot = firmware_other_slot(firmware);
    uint32_t first_len = sizeof firmware->first;
    uint8_t note[FIRMWARE_NOTE];
    int result = read_open(firmware, note, patience);

    if (result != DORY_OK) {
        return result;
    }
    memcpy(header, note + AT_FIRST, first_len);
    return firmware_read(slot, first_len, header + first_len, DORY_IMAGE_HEADER - first_len, patience);
}

/* Whether what the notes tell can be true: its header is there. DORY_OK, DORY_NOT_FOUND, DORY_IO_ERROR. */
static int judge_header(struct firmware *firmware)
{
    const struct dory_image_rules any = {.crypto = firmware->rules.crypto,
                                         .max_size = firmware_room(firmware_other_slot(firmware))};
    uint8_t header[DORY_IMAGE_HEADER];
    int result = firmware_notes_header(firmware, header, UINT32_MAX);

    if (result == DORY_OK) {
        dory_image_begin(&firmware->check, &any, firmware->partial.size);
        result = dory_image_feed(&firmware->check, header, sizeof header) == DORY_MORE ? DORY_OK : DORY_NOT_FOUND;
    }
    return result;
}

int firmware_notes_read(struct firmware *firmware)
{
    struct firmware_partial *partial = &firmware->partial;
    uint8_t note[FIRMWARE_NOTE];
    int result = read_open(firmware, note, UINT32_MAX);

    *partial = (struct firmware_partial){0};
    if (result == DORY_OK) {
        partial->size = get32(note + AT_SIZE);
        partial->crc32 = get32(note + AT_CRC32);
        partial->unsure = true;
        result = read_units(firmware_other_slot(firmware), partial);
    }
    if (result == DORY_OK && partial->stored > 0) {
        result = judge_header(firmware);
    }
    if (result != DORY_OK) {
        partial->stored = 0;
    }
    return result == DORY_NOT_FOUND ? DORY_OK : result;
}
