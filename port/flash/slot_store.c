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

/* Reads the newer header of slot `i`. DORY_OK, DORY_NOT_FOUND (it has none), DORY_BUSY, DORY_IO_ERROR. */
static int survey_heads(struct slot_store *store, unsigned i, struct slot_record *newer)
{
    struct slot_record record;
    int found = DORY_NOT_FOUND;

    for (unsigned head = 0; head < 2; head++) {
        int result = slot_header_read(store, i, head, &record);

        if (result == DORY_OK && (found != DORY_OK || record.sequence > newer->sequence)) {
            *newer = record;
            store->slot[i].head = (uint8_t)head;
            found = DORY_OK;
        } else if (result != DORY_OK && result != DORY_NOT_FOUND) {
            return result;
        }
    }
    return found;
}

/* Finds how much is there of a put that broke off. */
static int survey_progress(const struct slot_store *store, unsigned i, const struct slot_record *header,
                           uint32_t *programmed)
{
    struct slot_record note;

    *programmed = header->offset;
    for (unsigned k = 1; k <= PROGRESS_RECORDS; k++) {
        int result = slot_note_read(store, i, k, &note);

        if (result == DORY_OK && note.sequence == header->sequence && note.offset > *programmed) {
            *programmed = note.offset;
        } else if (result != DORY_OK && result != DORY_NOT_FOUND) {
            return result;
        }
    }
    return DORY_OK;
}

/* Takes note of a put that broke off in slot `i`, if it is the newest one and worth it. */
static int survey_partial(struct slot_store *store, unsigned i, const struct slot_record *header, uint32_t *newest)
{
    struct slot_partial *partial = &store->partial;
    uint32_t programmed;
    int result;

    if (!header->has_crc32 || header->sequence < *newest) {
        return DORY_OK;
    }
    result = survey_progress(store, i, header, &programmed);
    if (result == DORY_OK && programmed > 0) {
        slot_partial_drop(store);
        *partial = (struct slot_partial){.slot = (uint8_t)i, .programmed = programmed, .erased = programmed};
        store->slot[i].state = SLOT_PARTIAL;
        *newest = header->sequence;
    }
    return result;
}

/* Takes note of the file in slot `i`. Another slot may hold a copy of the same name. */
static int survey_file(struct slot_store *store, unsigned i, const struct slot_record *header)
{
    struct slot_record other;
    int found = slot_find(store, header->name, &other);

    if (found == DORY_BUSY || found == DORY_IO_ERROR) {
        return found;
    }
    store->slot[i].state = SLOT_LIVE;
    store->slot[i].tag = slot_name_tag(header->name);
    if (found >= 0) {
        store->slot[header->sequence > other.sequence ? (unsigned)found : i].state = SLOT_STALE;
    }
    return DORY_OK;
}

/* Finds out what slot `i` is. DORY_OK, DORY_BUSY (once more), DORY_IO_ERROR. */
static int survey(struct slot_store *store, unsigned i, uint32_t *newest_partial)
{
    struct slot_record header;
    struct slot_record note;
    int result = survey_heads(store, i, &header);

    if (result == DORY_NOT_FOUND) {
        return DORY_OK;
    }
    if (result == DORY_OK && header.sequence > store->sequence) {
        store->sequence = header.sequence;
        store->last = (uint8_t)i;
    }
    if (result != DORY_OK || header.kind != RECORD_FILE) {
        return result;
    }
    result = slot_note_read(store, i, 0, &note);
    if (result == DORY_OK && note.sequence == header.sequence) {
        return survey_file(store, i, &header);
    }
    return result == DORY_OK || result == DORY_NOT_FOUND ? survey_partial(store, i, &header, newest_partial) : result;
}

/* A partial ends when its name is published; it may have come to light again. */
static int survey_end(struct slot_store *store)
{
    struct slot_record header;
    struct slot_record other;
    int result;

    if (store->partial.programmed == 0) {
        return DORY_OK;
    }
    result = slot_file_read(store, store->partial.slot, &header);
    if (result == DORY_OK) {
        result = slot_find(store, header.name, &other);
        if (result >= 0 && other.sequence > header.sequence) {
            slot_partial_drop(store);
        }
    }
    return result == DORY_BUSY || result == DORY_IO_ERROR ? result : DORY_OK;
}

int slot_store_begin(struct slot_store *store)
{
    uint32_t newest_partial = 0;
    int result = DORY_OK;

    memset((uint8_t *)store + offsetof(struct slot_store, count), 0,
           sizeof *store - offsetof(struct slot_store, count));
    if (store->device == NULL || store->slots < 2 || store->slots > SLOT_STORE_MAX_SLOTS || !slot_layout_begin(store)) {
        return DORY_IO_ERROR;
    }
    store->count = store->slots;
    for (unsigned i = 0; i <= store->slots; i += result == DORY_OK) {
        result = i < store->slots ? survey(store, i, &newest_partial) : survey_end(store);
        if (result == DORY_IO_ERROR) {
            store->count = 0;
            return result;
        }
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

int slot_file_read(const struct slot_store *store, unsigned slot, struct slot_record *record)
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
    len = len < end - off ? len : (size_t)(end - off);
    len = len < MAX_READ ? len : MAX_READ;
    result =
        device->operations->read(device->ctx, slot_address(store, slot, 2 * store->head_len + (uint32_t)off), dst, len);
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

    *room = (struct dory_room){.writers = 1};
    if (store->count > 0) {
        room->max_file = slot_capacity(store);
    }
    for (unsigned i = 0; i < store->count; i++) {
        if (store->slot[i].state != SLOT_LIVE && store->slot[i].state != SLOT_WRITING) {
            room->free += room->max_file;
        }
    }
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
