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
    uint32_t mask = store->layout.page_size - 1;

    return (len + mask) & ~mask;
}

/* ---- Layout ---- */

uint32_t slot_whole_units(const struct slot_store *store, uint32_t len)
{
    uint32_t unit = store->layout.unit;

    return (len + unit - 1) / unit * unit;
}

bool slot_layout_begin(struct slot_store *store)
{
    const struct flash_device *device = store->device;
    struct slot_layout *layout = &store->layout;
    uint64_t granules = device->size / GRANULE;
    uint32_t slot_granules = (granules < UINT32_MAX ? (uint32_t)granules : UINT32_MAX) / store->slots;

    slot_granules = slot_granules < UINT32_MAX / GRANULE ? slot_granules : UINT32_MAX / GRANULE;
    layout->page_size = device->page_size;
    layout->unit = device->sector_size != 0 ? device->sector_size : device->page_size;
    layout->note_len = whole_pages(store, NOTE_LEN);
    layout->head_len = slot_whole_units(store, PLACE_HEADER * layout->note_len + HEADER_ROOM);
    layout->slot_len = slot_granules * GRANULE / layout->unit * layout->unit;
    store->seed = dory_crc32(LAYOUT, layout, sizeof *layout);
    return layout->slot_len / 2 > layout->head_len;
}

/* ---- Records ---- */

uint32_t slot_record_put(const struct slot_store *store, struct slot_record *record, const char *name)
{
    uint32_t name_len = (uint32_t)strlen(name);
    uint32_t len = FIXED_LEN + name_len;
    uint32_t padded = whole_pages(store, len + CHECK_LEN);
    uint32_t check;

    record->name_len = (uint8_t)name_len;
    memset(store->buffer, 0xff, padded);
    memcpy(store->buffer, record, FIXED_LEN);
    memcpy(store->buffer + FIXED_LEN, name, name_len);
    check = dory_crc32(store->seed, store->buffer, len);
    memcpy(store->buffer + len, &check, CHECK_LEN);
    return padded;
}

/* Whether `record`, as it came from the device, is a whole one of this layout. */
static bool is_whole(const struct slot_store *store, const struct slot_record *record)
{
    uint32_t len = FIXED_LEN + record->name_len;
    uint32_t check;

    if (len > SLOT_STORE_RECORD - CHECK_LEN) {
        return false;
    }
    memcpy(&check, (const uint8_t *)record + len, CHECK_LEN);
    return check == dory_crc32(store->seed, record, len) && record->offset <= record->size &&
           record->size <= slot_capacity(store);
}

int slot_record_read(struct slot_store *store, unsigned slot, unsigned place, struct slot_record *record)
{
    const struct flash_device *device = store->device;
    uint64_t off = slot_address(store, slot, slot_place_off(store, store->slot[slot].head, place));
    uint32_t patience = store->patience;
    int result;

    do {
        result = device->operations->read(device->ctx, off, (uint8_t *)record, SLOT_STORE_RECORD);
    } while (result == DORY_MORE && --patience > 0);
    if (result != DORY_OK) {
        store->unreadable = true;
        return result == DORY_MORE ? DORY_BUSY : result;
    }
    if (!is_whole(store, record)) {
        return DORY_NOT_FOUND;
    }
    record->name[record->name_len] = '\0';
    return DORY_OK;
}
