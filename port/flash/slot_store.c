/* SPDX-License-Identifier: MIT */
/*
 * The slot store: what is on the device at the start, finding files, reading
 * and listing them. Changes are in slot_change.c, records in slot_record.c.
 *
 * Implementation notes
 *
 * A slot begins with two heads, then come the bytes of its file. A head is a header and, in pages of their own, room
 * for notes: one commit record and some records of progress. Every use of a slot, and every removal, takes the head that
 * is not the newer one: it is erased, then its header is programmed, with the next sequence number. So
 *
 *  - the newer of the two headers that are whole tells what the slot is: a file (when the commit record with the same
 *    sequence number is there), a put under way, or empty;
 *  - until the new header is whole, the slot still is what it was: torn headers and half-erased heads count for nothing;
 *  - the newer header is never touched, so the largest sequence number is never lost. No version comes twice.
 *
 * A put publishes by its commit record, the last page it programs. Of two files of one name the one with the larger
 * sequence number counts; the other's slot is stale: free to be taken, but as long as it is not, it would come back if the
 * newer one vanished. So a removal empties the stale slots of that name first, and the file's own slot last. A commit
 * whose program failed may yet be there: its slot is stale, too.
 *
 * Where nothing is erased pages are written anew, and a torn one is a mixture of the new and whatever was there. Only the
 * older head and the bytes of a free slot are ever written over; a note of an older use has another sequence number.
 *
 * How much of a put is there is told by its records of progress, never by what looks erased. They stand at whole sectors
 * only, and what lies behind the last one is erased again when the put is resumed after a restart: nobody knows what was
 * programmed there. A resumed put gets a new header that tells the offset, and so all the room for notes anew.
 *
 * `struct slot` saves reading every header for every name: the tag is a hash of the name's first component, which names
 * that are equal share, and so does a file `a` with a file `a/b`.
 */
#include "slot_store.h"

#include <string.h>

#include "../../core/crc32.h"
#include "slot_private.h"

/* Bytes that one call reads at most. */
#define MAX_READ 4096U

/* ---- The start ---- */

/* Reads the newer header of slot `i`. Returns false when there is none. */
static bool survey_heads(struct slot_store *store, unsigned i, struct slot_record *newer)
{
    struct slot_record record;

    newer->sequence = 0;
    for (unsigned head = 0; head < 2; head++) {
        if (slot_header_read(store, i, head, &record) == DORY_OK && record.sequence > newer->sequence) {
            *newer = record;
            store->slot[i].head = (uint8_t)head;
        }
    }
    return newer->sequence > 0;
}

/* Takes note of a put that broke off in slot `i`, if anything is there of it. */
static void survey_partial(struct slot_store *store, unsigned i, const struct slot_record *header)
{
    uint32_t programmed = header->offset;
    struct slot_record note;

    for (unsigned k = 1; k <= PROGRESS_RECORDS; k++) {
        if (slot_note_read(store, i, k, &note) == DORY_OK && note.sequence == header->sequence &&
            note.offset > programmed) {
            programmed = note.offset;
        }
    }
    if (programmed > 0) {
        slot_partial_drop(store);
        store->partial = (struct slot_partial){
            .slot = (uint8_t)i, .programmed = programmed, .erased = programmed, .sequence = header->sequence};
        store->slot[i].state = SLOT_PARTIAL;
    }
}

/* Takes note of the file in slot `i`. Another slot may hold a copy of the same name. */
static void survey_file(struct slot_store *store, unsigned i, const struct slot_record *header)
{
    struct slot_record other;
    int found = slot_find(store, header->name, &other);

    store->slot[i].state = SLOT_LIVE;
    store->slot[i].tag = slot_name_tag(header->name);
    if (found >= 0) {
        store->slot[header->sequence > other.sequence ? (unsigned)found : i].state = SLOT_STALE;
    }
}

/* Finds out what slot `i` is. */
static void survey(struct slot_store *store, unsigned i)
{
    struct slot_record header;
    struct slot_record note;

    if (!survey_heads(store, i, &header)) {
        return;
    }
    if (header.sequence > store->sequence) {
        store->sequence = header.sequence;
        store->last = (uint8_t)i;
    }
    if (header.kind != RECORD_FILE) {
        return;
    }
    if (slot_note_read(store, i, 0, &note) == DORY_OK && note.sequence == header.sequence) {
        survey_file(store, i, &header);
    } else if (header.has_crc32 && header.sequence > store->partial.sequence) {
        survey_partial(store, i, &header);
    }
}

/* A partial ends when its name is published; it may have come to light again. */
static void survey_end(struct slot_store *store)
{
    struct slot_record header;
    struct slot_record other;

    if (store->partial.programmed > 0 && slot_file_read(store, store->partial.slot, &header) == DORY_OK &&
        slot_find(store, header.name, &other) >= 0 && other.sequence > header.sequence) {
        slot_partial_drop(store);
    }
}

int slot_store_begin(struct slot_store *store)
{
    memset((uint8_t *)store + offsetof(struct slot_store, count), 0,
           sizeof *store - offsetof(struct slot_store, count));
    if (store->device == NULL || store->slots < 2 || store->slots > SLOT_STORE_MAX_SLOTS || !slot_layout_begin(store)) {
        return DORY_IO_ERROR;
    }
    store->patience = UINT32_MAX;
    store->count = store->slots;
    for (unsigned i = 0; i < store->slots; i++) {
        survey(store, i);
    }
    survey_end(store);
    store->patience = SLOT_STORE_PATIENCE;
    if (store->unreadable) {
        store->count = 0;
        return DORY_IO_ERROR;
    }
    return DORY_OK;
}

/* ---- Names ---- */

enum relation { UNRELATED, SAME, FOLDER };

/* FOLDER: one of them would have to be a folder for the other. */
static enum relation relate(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    if (*a == *b) {
        return SAME;
    }
    return (*a == '\0' && *b == '/') || (*b == '\0' && *a == '/') ? FOLDER : UNRELATED;
}

uint8_t slot_name_tag(const char *name)
{
    return (uint8_t)dory_crc32(0, name, strcspn(name, "/"));
}

int slot_file_read(struct slot_store *store, unsigned slot, struct slot_record *record)
{
    int result = slot_header_read(store, slot, store->slot[slot].head, record);

    /* It was there when the store began. */
    return result == DORY_NOT_FOUND ? DORY_IO_ERROR : result;
}

int slot_find(struct slot_store *store, const char *name, struct slot_record *record)
{
    uint8_t tag = slot_name_tag(name);

    if (store->count > 0 && !slot_is_settled(store)) {
        return DORY_BUSY;
    }
    for (unsigned i = 0; i < store->count; i++) {
        if (store->slot[i].state == SLOT_LIVE && store->slot[i].tag == tag) {
            int result = slot_file_read(store, i, record);
            enum relation relation;

            if (result != DORY_OK) {
                return result;
            }
            relation = relate(record->name, name);
            if (relation != UNRELATED) {
                return relation == SAME ? (int)i : DORY_BAD_NAME;
            }
        }
    }
    return store->count > 0 ? DORY_NOT_FOUND : DORY_IO_ERROR;
}

/* ---- Reading ---- */

static int open_file(void *ctx, const char *name, struct dory_file *file)
{
    struct slot_store *store = ctx;
    struct slot_record record;
    int found = slot_find(store, name, &record);

    if (found < 0) {
        return found;
    }
    if (store->slot[found].readers == UINT8_MAX) {
        return DORY_BUSY;
    }
    store->slot[found].readers++;
    *file = (struct dory_file){.size = record.size, .version = record.sequence, .handle = (uintptr_t)found};
    return DORY_OK;
}

/* The slot of a file that is open is not taken for another one: the bytes stay the same. */
static int32_t read_file(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    return slot_data_read(ctx, (unsigned)file->handle, off, file->size, dst, len);
}

static void close_file(void *ctx, struct dory_file *file)
{
    struct slot_store *store = ctx;

    store->slot[file->handle].readers--;
}

int32_t slot_data_read(struct slot_store *store, unsigned slot, uint64_t off, uint64_t end, uint8_t *dst, size_t len)
{
    const struct flash_device *device = store->device;
    int result;

    if (off >= end) {
        return DORY_IO_ERROR;
    }
    if (slot_store_run(store) == DORY_MORE) {
        return 0;
    }
    len = len < MAX_READ ? len : MAX_READ;
    len = len < end - off ? len : (size_t)(end - off);
    result = device->operations->read(device->ctx, slot_address(store, slot, slot_data_off(store) + (uint32_t)off), dst,
                                      len);
    return result == DORY_OK ? (int32_t)len : result == DORY_MORE ? 0 : DORY_IO_ERROR;
}

/* ---- Listing ---- */

static int begin_list(void *ctx, const char *prefix, struct dory_listing *listing)
{
    struct slot_store *store = ctx;
    unsigned i = 0;

    (void)prefix;
    if (store->count == 0) {
        return DORY_IO_ERROR;
    }
    while (i < SLOT_STORE_LISTINGS && store->listing[i].used) {
        i++;
    }
    if (i == SLOT_STORE_LISTINGS) {
        return DORY_BUSY;
    }
    store->listing[i] = (struct slot_listing){.used = true, .todo = UINT32_MAX};
    listing->handle = i;
    return DORY_OK;
}

/* Files that appear meanwhile may be told or not; one that is replaced stays what it was, told or still to be
 * (slot_change.c, publish). */
static int next_file(void *ctx, struct dory_listing *listing, struct dory_entry *entry)
{
    struct slot_store *store = ctx;
    uint32_t *todo = &store->listing[listing->handle].todo;
    struct slot_record record;

    if (slot_store_run(store) == DORY_MORE) {
        return DORY_MORE;
    }
    for (unsigned i = 0; i < store->count; i++) {
        if ((*todo >> i & 1U) != 0 && store->slot[i].state == SLOT_LIVE) {
            int result = slot_file_read(store, i, &record);

            if (result == DORY_OK) {
                *todo &= ~(UINT32_C(1) << i);
                entry->size = record.size;
                memcpy(entry->name, record.name, sizeof entry->name);
            }
            return result == DORY_BUSY ? DORY_MORE : result;
        }
    }
    return DORY_NOT_FOUND;
}

static void end_list(void *ctx, struct dory_listing *listing)
{
    struct slot_store *store = ctx;

    store->listing[listing->handle].used = false;
}

/* ---- Room ---- */

static int tell_room(void *ctx, struct dory_room *room)
{
    const struct slot_store *store = ctx;
    unsigned free_slots = 0;

    for (unsigned i = 0; i < store->count; i++) {
        free_slots += store->slot[i].state < SLOT_LIVE;
    }
    room->max_file = store->count > 0 ? slot_capacity(store) : 0;
    room->free = free_slots * room->max_file;
    room->writers = 1;
    return DORY_OK;
}

const struct dory_store slot_store = {
    .open = open_file,
    .read = read_file,
    .close = close_file,
    .put = slot_change_put,
    .remove = slot_change_remove,
    .write = slot_change_write,
    .reread = slot_change_reread,
    .commit = slot_change_commit,
    .abort = slot_change_abort,
    .holder = slot_change_holder,
    .partial = slot_change_partial,
    .list = begin_list,
    .next = next_file,
    .end_list = end_list,
    .room = tell_room,
};
