/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a slot of the slot store, and its records.
 *
 * Implementation notes
 *
 * On the device a record is the beginning of struct slot_record up to the last byte of the name, in the machine's own byte
 * order, and the CRC-32 of all that; it lies in pages of its own, padded with 0xFF. The CRC-32 begins with a seed made of
 * the geometry: what another layout has left behind is no record, and neither is what an interrupted operation leaves.
 *
 * The header comes last in a head, so that every place is found in the same way, and as much as a header can be read from
 * any of them.
 */
#include <string.h>

#include "../../core/crc32.h"
#include "slot_private.h"

#define FIXED_LEN ((uint32_t)offsetof(struct slot_record, name))
#define CHECK_LEN 4U
#define NOTE_LEN (FIXED_LEN + CHECK_LEN)

/* Room for a header, whatever DORY_MAX_NAME is: the layout is the same for every builder. */
#define HEADER_ROOM (NOTE_LEN + 255U)

/* Part of the seed: to be changed with the layout. */
#define LAYOUT 2U

/* Slots are measured in these, so that 32 bits will do for the division; bytes. */
#define GRANULE 32U

_Static_assert(SLOT_STORE_RECORD == NOTE_LEN + DORY_MAX_NAME, "slot_store.h tells how long a record is");

static uint32_t whole_pages(const struct slot_store *store, uint32_t len)
{
    uint32_t mask = slot_page_size(store) - 1;

    return (len + mask) & ~mask;
}

/* ---- Layout ---- */

uint32_t slot_whole_units(const struct slot_store *store, uint32_t len)
{
    uint32_t unit = slot_unit(store);

    return (len + unit - 1) / unit * unit;
}

uint32_t slot_place_off(const struct slot_store *store, unsigned slot, enum slot_head head, unsigned place)
{
    return (store->slot[slot].head ^ (unsigned)head) * slot_head_len(store) + place * slot_note_len(store);
}

bool slot_layout_begin(struct slot_store *store)
{
    const struct flash_device *device = store->device;
    struct slot_layout *layout = &store->layout;
    uint64_t granules = device->size / GRANULE;
    uint32_t slot_granules = (granules < UINT32_MAX ? (uint32_t)granules : UINT32_MAX) / store->slots;

    slot_granules = slot_granules < UINT32_MAX / GRANULE ? slot_granules : UINT32_MAX / GRANULE;
    layout->page_size = device->page_size;
    layout->unit = device->sector_size;
    if (device->sector_size == 0) {
        layout->unit = device->page_size;
        store->unerased = NEVER_ERASED;
    }
    layout->note_len = whole_pages(store, NOTE_LEN);
    layout->head_len = slot_whole_units(store, PLACE_HEADER * layout->note_len + HEADER_ROOM);
    layout->slot_len = slot_granules * GRANULE / slot_unit(store) * slot_unit(store);
    store->seed = dory_crc32(LAYOUT, layout, sizeof *layout);
    if (SLOT_STORE_PAGE > 0 && (layout->unit != SLOT_STORE_PAGE || device->sector_size > 0)) {
        return false;
    }
    return layout->slot_len / 2 > layout->head_len;
}

/* ---- Records ---- */

uint32_t slot_record_put(const struct slot_store *store, struct slot_record *record, size_t name_len)
{
    uint32_t len = FIXED_LEN + (uint32_t)name_len;
    uint32_t padded = whole_pages(store, len + CHECK_LEN);
    uint32_t check;

    record->name_len = (uint8_t)name_len;
    check = dory_crc32(store->seed, record, len);
    memset(store->buffer, 0xff, padded);
    memcpy(store->buffer, record, len);
    memcpy(store->buffer + len, &check, CHECK_LEN);
    return padded;
}

int slot_record_read(struct slot_store *store, unsigned slot, unsigned place, struct slot_record *record)
{
    uint32_t off = slot_place_off(store, slot, NEWER_HEAD, place);
    uint32_t patience = store->patience;
    uint32_t check;
    uint32_t len;
    int32_t got;

    do {
        got = slot_data_read(store, slot, off, SLOT_STORE_RECORD, (uint8_t *)record, SLOT_STORE_RECORD);
    } while (got == 0 && --patience > 0);
    if (got <= 0) {
        store->unreadable = true;
        return got == 0 ? DORY_BUSY : DORY_IO_ERROR;
    }
    len = FIXED_LEN + record->name_len;
    if (len > SLOT_STORE_RECORD - CHECK_LEN) {
        return DORY_NOT_FOUND;
    }
    memcpy(&check, (const uint8_t *)record + len, CHECK_LEN);
    if (check != dory_crc32(store->seed, record, len) || record->offset > record->size ||
        record->size > slot_capacity(store)) {
        return DORY_NOT_FOUND;
    }
    record->name[record->name_len] = '\0';
    return DORY_OK;
}
