/* SPDX-License-Identifier: MIT */
/*
 * The slot store: what is on the device at the start, finding files, reading
 * and listing them. Changes are in slot_change.c, records in slot_record.c.
 *
 * Implementation notes
 *
 * A slot begins with two heads, then come the bytes of its file. A head is a header and, in pages of their own, room
 * for notes, one commit record and some records of progress, and for a tail. Every use of a slot, and every removal, takes
 * the head that is not the newer one: it is erased, then its header is programmed, with the next sequence number. So
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
 * How much of a put is there is told by its records of progress, never by what looks erased. While it lasts, they stand at
 * whole sectors only. What is behind the last one is erased again when the put is resumed after a cut: nobody knows what
 * was programmed there. When a put breaks off but the power stays, the bytes that fill no page go to the head's tail, for
 * their own page can't be programmed twice; then a record tells how much there is, to the byte. It is the last thing that is
 * done under that header, so that the rest of its sector is known to be erased.
 *
 * A resumed put gets a new header, and so all the room for notes anew. The header tells how many whole pages there are,
 * of which a cut leaves whole sectors. The tail is read from the old head, which nothing touches until the next use.
 *
 * `struct slot` saves reading every header for every name: the tag is a hash of the name's first component, which names
 * that are equal share, and so does a file `a` with a file `a/b`.
 */
#include "slot_store.h"

#include <string.h>

#include "slot_private.h"

/* ---- The start ---- */

/* Takes note of the file in slot `i`. Another slot may hold a copy of the same name. */
static void survey_file(struct slot_store *store, unsigned i, const struct slot_record *header)
{
    struct slot_record other;
    int found = slot_find(store, header->name, &other);

    store->slot[i].state = SLOT_LIVE;
    store->slot[i].tag = slot_name_tag(header->name);
    if (found >= 0) {
        unsigned older = header->sequence > other.sequence ? (unsigned)found : i;

        store->slot[older].state = SLOT_STALE;
    }
}

/* Takes note of what slot `i` holds, a file or some of a put that broke off: its notes tell. */
static void survey_notes(struct slot_store *store, unsigned i, const struct slot_record *header)
{
    uint32_t stored = header->offset - header->offset % slot_unit(store);
    struct slot_record note;

    for (unsigned place = PLACE_COMMIT; place < PLACE_TAIL; place++) {
        if (slot_record_read(store, i, place, &note) == DORY_OK && note.sequence == header->sequence) {
            if (place == PLACE_COMMIT) {
                survey_file(store, i, header);
                return;
            }
            stored = note.offset > stored ? note.offset : stored;
        }
    }
    if (stored > 0 && header->has_crc32 && header->sequence > store->partial.sequence) {
        slot_partial_drop(store);
        store->partial = (struct slot_partial){.slot = (uint8_t)i, .stored = stored, .sequence = header->sequence};
        store->slot[i].state = SLOT_PARTIAL;
    }
}

/* Reads one of the headers of slot `i`; the sequence is 0 when there is none. */
static void survey_head(struct slot_store *store, unsigned i, unsigned head, struct slot_record *header)
{
    store->slot[i].head = (uint8_t)head;
    if (slot_record_read(store, i, PLACE_HEADER, header) != DORY_OK) {
        header->sequence = 0;
    }
}

/* Finds out what slot `i` is. */
static void survey(struct slot_store *store, unsigned i)
{
    struct slot_record newer;
    struct slot_record other;

    store->rank[i] = (uint8_t)i;
    survey_head(store, i, 0, &newer);
    survey_head(store, i, 1, &other);
    if (other.sequence > newer.sequence) {
        newer = other;
    } else {
        store->slot[i].head = 0;
    }
    if (newer.sequence > store->sequence) {
        store->sequence = newer.sequence;
        store->last = (uint8_t)i;
    }
    if (newer.sequence > 0 && newer.name_len > 0) {
        survey_notes(store, i, &newer);
    }
}

/* A partial ends when its name is published; it may have come to light again. */
static void survey_end(struct slot_store *store)
{
    struct slot_record partial;
    struct slot_record file;

    if (store->partial.stored > 0 && slot_file_read(store, store->partial.slot, &partial) == DORY_OK &&
        slot_find(store, partial.name, &file) >= 0 && file.sequence > partial.sequence) {
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
    unsigned tag = 0;

    while (*name != '\0' && *name != '/') {
        tag = tag * 31 + (uint8_t)*name++;
    }
    return (uint8_t)tag;
}

int slot_file_read(struct slot_store *store, unsigned slot, struct slot_record *record)
{
    int result = slot_record_read(store, slot, PLACE_HEADER, record);

    /* It was there when the store began. */
    return result == DORY_NOT_FOUND ? DORY_IO_ERROR : result;
}

int slot_find(struct slot_store *store, const char *name, struct slot_record *record)
{
    uint8_t tag = slot_name_tag(name);

    if (!slot_is_settled(store)) {
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
    return slot_data_read(ctx, (unsigned)file->handle, slot_data_off(ctx) + (uint32_t)off, (uint32_t)(file->size - off),
                          dst, len);
}

static void close_file(void *ctx, struct dory_file *file)
{
    struct slot_store *store = ctx;

    store->slot[file->handle].readers--;
}

int32_t slot_data_read(struct slot_store *store, unsigned slot, uint32_t off, uint32_t left, uint8_t *dst, size_t len)
{
    const struct flash_device *device = store->device;
    int result;

    if (slot_store_run(store) == DORY_MORE) {
        return 0;
    }
    len = len < left ? len : left;
    result = device->operations->read(device->ctx, slot_address(store, slot, off), dst, len);
    return result == DORY_OK ? (int32_t)len : result == DORY_MORE ? 0 : DORY_IO_ERROR;
}

/* ---- Listing ---- */

/* A listing's handle is the rank of the file to be told next. */
static int begin_list(void *ctx, const char *prefix, struct dory_listing *listing)
{
    const struct slot_store *store = ctx;

    (void)prefix;
    listing->handle = 0;
    return store->count > 0 ? DORY_OK : DORY_IO_ERROR;
}

/* Files that appear meanwhile may be told or not; one that is replaced keeps its rank (slot_change.c, publish). */
static int next_file(void *ctx, struct dory_listing *listing, struct dory_entry *entry)
{
    struct slot_store *store = ctx;
    struct slot_record record;
    int result;

    if (slot_store_run(store) == DORY_MORE) {
        return DORY_MORE;
    }
    for (; listing->handle < store->count; listing->handle++) {
        unsigned i = 0;

        while (store->rank[i] != listing->handle) {
            i++;
        }
        if (store->slot[i].state == SLOT_LIVE) {
            result = slot_file_read(store, i, &record);
            if (result == DORY_OK) {
                listing->handle++;
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
    (void)ctx;
    (void)listing;
}

/* ---- Room ---- */

static int tell_room(void *ctx, struct dory_room *room)
{
    const struct slot_store *store = ctx;
    unsigned free_slots = 0;

    for (unsigned i = 0; i < store->count; i++) {
        free_slots += store->slot[i].state < SLOT_LIVE;
    }
    free_slots -= store->change.mode == MODE_PUT;
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
