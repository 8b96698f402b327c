/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a slot of the slot store, and its records.
 *
 * Implementation notes
 *
 * On the device a record is the beginning of struct slot_record up to the last byte of the name, in the machine's own byte
 * order, and the CRC-32 of all that; it lies in pages of its own, padded with 0xFF. The CRC-32 begins with a seed made of
 * the geometry: what another layout has left behind is no record, and neither is what an interrupted operation leaves.
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
#define LAYOUT 1U

_Static_assert(SLOT_STORE_RECORD == NOTE_LEN + DORY_MAX_NAME, "slot_store.h tells how long a record is");

static uint32_t whole_pages(const struct slot_store *store, uint32_t len)
{
    uint32_t mask = store->layout.page_size - 1;

    return (len + mask) & ~mask;
}

/* ---- Layout ---- */

uint32_t slot_note_off(const struct slot_store *store, unsigned head, unsigned index)
{
    return head * store->layout.head_len + whole_pages(store, HEADER_ROOM) + index * whole_pages(store, NOTE_LEN);
}

bool slot_layout_begin(struct slot_store *store)
{
    const struct flash_device *device = store->device;
    struct slot_layout *layout = &store->layout;
    uint32_t unit = device->sector_size != 0 ? device->sector_size : device->page_size;
    uint64_t len = device->size / store->slots;

    layout->page_size = device->page_size;
    layout->unit = unit;
    layout->head_len = (slot_note_off(store, 0, PROGRESS_RECORDS + 1) + unit - 1) / unit * unit;
    layout->slot_len = (len < UINT32_MAX ? (uint32_t)len : UINT32_MAX) / unit * unit;
    store->seed = dory_crc32(LAYOUT, layout, sizeof *layout);
    return layout->slot_len / 2 > layout->head_len;
}

/* ---- Records ---- */

uint32_t slot_record_put(const struct slot_store *store, struct slot_record *record)
{
    uint32_t name_len = (uint32_t)strlen(record->name);
    uint32_t len = FIXED_LEN + name_len;
    uint32_t padded = whole_pages(store, len + CHECK_LEN);
    uint32_t check;

    record->name_len = (uint8_t)name_len;
    check = dory_crc32(store->seed, record, len);
    memset(store->buffer, 0xff, padded);
    memcpy(store->buffer, record, len);
    memcpy(store->buffer + len, &check, CHECK_LEN);
    return padded;
}

/* Reads the record at `off`, `room` bytes at most. */
static int read_record(struct slot_store *store, uint64_t off, uint32_t room, struct slot_record *record)
{
    const struct flash_device *device = store->device;
    uint32_t patience = store->patience;
    uint32_t check;
    uint32_t len;
    int result;

    do {
        result = device->operations->read(device->ctx, off, (uint8_t *)record, room);
    } while (result == DORY_MORE && --patience > 0);
    if (result != DORY_OK) {
        store->unreadable = true;
        return result == DORY_MORE ? DORY_BUSY : result;
    }
    len = FIXED_LEN + record->name_len;
    if (len > room - CHECK_LEN) {
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

int slot_header_read(struct slot_store *store, unsigned slot, unsigned head, struct slot_record *record)
{
    return read_record(store, slot_address(store, slot, head * store->layout.head_len), SLOT_STORE_RECORD, record);
}

int slot_note_read(struct slot_store *store, unsigned slot, unsigned index, struct slot_record *record)
{
    uint32_t off = slot_note_off(store, store->slot[slot].head, index);

    return read_record(store, slot_address(store, slot, off), NOTE_LEN, record);
}
