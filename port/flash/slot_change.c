/* SPDX-License-Identifier: MIT */
/*
 * Changes of a slot store: puts and removals, from the first byte to the commit.
 *
 * Implementation notes
 *
 * The device is asked to do one thing at a time, the step. advance() waits for the step under way and begins the next one,
 * until nothing is left to do or the device says "later". What is under way counts as done: if it fails, so does all of the
 * change. Only a header and a commit record count when they are there, for until then the slot is what it was.
 *
 * All data of a step are in the buffer; only a device that never says "later" gets pages straight from the caller.
 *
 * A change that is aborted while a step is under way, or is to be kept, or whose commit has begun, is not over: nobody asks
 * for it any more, and so every other call goes on with it (slot_store_run).
 *
 * What failed, failed: each call says so until the change is given up. The next put takes another slot.
 */
#include <string.h>

#include "slot_private.h"

/* Least bytes between two records of progress. */
#define MIN_INTERVAL 16384U

/* Bytes that one write() takes at most. */
#define MAX_WRITE 4096U

/* `erased`, where nothing is. */
#define NEVER_ERASED UINT32_MAX

_Static_assert(sizeof(void *) > 4 || DORY_MAX_NAME > 64 || sizeof(struct slot_store) <= 512, "a device's RAM is small");

void slot_partial_drop(struct slot_store *store)
{
    if (store->partial.stored > 0) {
        store->slot[store->partial.slot].state = SLOT_FREE;
        store->partial.stored = 0;
    }
}

/* ---- The end of a change ---- */

/* Gives the slot of a put back that comes to nothing, but perhaps a partial. */
static void leave_slot(struct slot_store *store)
{
    struct slot_change *change = &store->change;

    if (!change->headed) {
        if (change->resumed > 0 && change->ending != ENDING_KEEP) {
            slot_partial_drop(store);
        }
    } else if (change->committing) {
        store->slot[change->slot].state = SLOT_STALE;
    } else if (change->ending == ENDING_KEPT && !change->failed) {
        slot_partial_drop(store);
        store->slot[change->slot].state = SLOT_PARTIAL;
        store->partial.slot = change->slot;
        store->partial.stored = change->programmed;
    }
}

static void release(struct slot_store *store)
{
    if (store->change.mode == MODE_PUT) {
        leave_slot(store);
    }
    store->change.mode = MODE_NONE;
}

/* The commit record is there: readers see the new file. In listings it takes the place of the old one. */
static void publish(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    struct slot *slot = &store->slot[change->slot];
    struct slot *old = &store->slot[change->old];
    uint8_t rank = old->rank;

    old->rank = slot->rank;
    slot->rank = rank;
    old->state = SLOT_STALE;
    slot->state = SLOT_LIVE;
    if (change->drops_partial) {
        slot_partial_drop(store);
    }
    change->mode = MODE_NONE;
}

/* ---- Steps ---- */

/* Begins to write to a slot. */
static void enter_slot(struct slot_store *store, unsigned slot)
{
    struct slot_change *change = &store->change;

    change->slot = (uint8_t)slot;
    change->headed = false;
    change->erased = store->device->sector_size != 0 ? 0 : NEVER_ERASED;
}

/* A removal empties stale slots first: those of that name, and the few others of the same tag, of which nobody needs to
 * know the names then. */
static void empty_next(struct slot_store *store)
{
    unsigned next = store->change.old;

    for (unsigned i = 0; i < store->count; i++) {
        if (store->slot[i].state == SLOT_STALE && store->slot[i].tag == store->slot[store->change.old].tag) {
            next = i;
        }
    }
    enter_slot(store, next);
}

static void on_header(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    struct slot *slot = &store->slot[change->slot];

    slot->head ^= 1U;
    slot->state = SLOT_FREE;
    change->headed = true;
    if (change->mode == MODE_PUT) {
        slot->tag = slot_name_tag(change->name);
        if (change->slot == store->partial.slot) {
            store->partial.stored = 0;
        }
    } else if (change->slot != change->old) {
        empty_next(store);
    } else {
        change->mode = MODE_NONE;
    }
}

/* Waits for the step under way. DORY_OK, DORY_MORE, DORY_IO_ERROR. */
static int wait_for_step(struct slot_store *store)
{
    const struct flash_device *device = store->device;
    struct slot_change *change = &store->change;
    unsigned step = change->step;
    uint64_t off;
    int result;

    if (step == STEP_NONE) {
        return DORY_OK;
    }
    off = slot_address(store, change->slot, change->off);
    if (step == STEP_ERASE) {
        result = device->operations->erase(device->ctx, off);
    } else if (step == STEP_READ) {
        result = device->operations->read(device->ctx, off, store->buffer, change->len);
    } else {
        result = device->operations->program(device->ctx, off, store->buffer, change->len);
    }
    if (result == DORY_MORE) {
        return result;
    }
    change->step = STEP_NONE;
    if (result != DORY_OK) {
        change->failed = true;
    } else if (step == STEP_HEADER) {
        on_header(store);
    } else if (step == STEP_COMMIT) {
        publish(store);
    }
    return result;
}

static void begin_step(struct slot_change *change, enum slot_step step, uint32_t off, uint32_t len)
{
    change->step = (uint8_t)step;
    change->off = off;
    change->len = len;
}

/* Erases the next sector of the head or of the file. */
static void begin_erase(struct slot_store *store, uint32_t base)
{
    begin_step(&store->change, STEP_ERASE, base + store->change.erased, 0);
    store->change.erased += store->layout.unit;
}

static void begin_record(struct slot_store *store, enum slot_step step, uint32_t off)
{
    struct slot_change *change = &store->change;
    struct slot_record record = {.has_crc32 = change->writer.has_crc32,
                                 .sequence = store->sequence,
                                 .size = (uint32_t)change->writer.size,
                                 .crc32 = change->writer.crc32,
                                 .offset = change->programmed};
    const char *name = step == STEP_HEADER && change->mode == MODE_PUT ? change->name : "";

    begin_step(change, step, off, slot_record_put(store, &record, name));
}

/* Works out where records of progress come: after whole units. Where a record can't be written over there is room for so
 * many, that of the end among them, and no more than so many intervals fit. */
static void plan_progress(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    uint32_t begin = slot_whole_units(store, change->programmed);
    uint32_t interval = MIN_INTERVAL;

    if (change->erased != NEVER_ERASED) {
        uint32_t share = ((uint32_t)change->writer.size - change->programmed) / PROGRESS_RECORDS + 1;

        change->erased = begin;
        interval = share > interval ? share : interval;
    }
    change->interval = slot_whole_units(store, interval);
    change->due = begin + change->interval;
}

/* A new head is erased, whatever seems to be in it, and gets its header. */
static void begin_head(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    unsigned head = store->slot[change->slot].head ^ 1U;

    if (change->erased < store->layout.head_len) {
        begin_erase(store, slot_place_off(store, head, 0));
        return;
    }
    store->sequence++;
    plan_progress(store);
    begin_record(store, STEP_HEADER, slot_place_off(store, head, PLACE_HEADER));
}

/* What is in the buffer goes to the device, padded to a page: to its place in the file, or, when the put is over before
 * the page is full, to the head's page for tails. */
static void begin_page(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    uint32_t page_size = store->layout.page_size;
    uint32_t off = slot_data_off(store) + change->programmed;

    if (change->ending == ENDING_KEEP && change->buffered < page_size) {
        off = slot_place_off(store, store->slot[change->slot].head, PLACE_TAIL);
    } else if (change->programmed == change->erased) {
        begin_erase(store, slot_data_off(store));
        return;
    }
    memset(store->buffer + change->buffered, 0xff, page_size - change->buffered);
    begin_step(change, STEP_PROGRAM, off, page_size);
    change->programmed += change->buffered;
    change->buffered = 0;
}

static void begin_note(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    unsigned place = PLACE_COMMIT;

    if (!change->committing) {
        place = PLACE_PROGRESS + change->notes++ % PROGRESS_RECORDS;
        change->due += change->interval;
    }
    begin_record(store, change->committing ? STEP_COMMIT : STEP_PROGRAM,
                 slot_place_off(store, store->slot[change->slot].head, place));
    if (change->ending == ENDING_KEEP) {
        change->ending = ENDING_KEPT;
    }
}

/* The old head has the last bytes of the partial. */
static void begin_tail(struct slot_store *store)
{
    struct slot_change *change = &store->change;

    begin_step(change, STEP_READ, slot_place_off(store, store->slot[change->slot].head ^ 1U, PLACE_TAIL), change->tail);
    change->buffered = change->tail;
    change->tail = 0;
}

/* Begins the next step; wait_for_step() does it. Returns false when nothing is to be done. */
static bool begin_next(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    bool closing = change->committing || change->ending == ENDING_KEEP;

    if (change->mode == MODE_NONE || change->failed || change->ending >= ENDING_KEPT) {
        return false;
    }
    if (!change->headed) {
        if (change->ending == ENDING_KEEP) {
            return false;
        }
        begin_head(store);
    } else if (change->tail > 0) {
        begin_tail(store);
    } else if (change->buffered == store->layout.page_size || (closing && change->buffered > 0)) {
        begin_page(store);
    } else if (closing || change->programmed == change->due) {
        begin_note(store);
    } else {
        return false;
    }
    return true;
}

/* Goes on with the change as far as it can. DORY_OK: no step is under way, and it could take data, or it has ended.
 * DORY_MORE: later. Or the failure. */
static int advance(struct slot_store *store)
{
    do {
        if (wait_for_step(store) == DORY_MORE) {
            return DORY_MORE;
        }
    } while (begin_next(store));
    if (store->change.ending != ENDING_NOT) {
        release(store);
        return DORY_OK;
    }
    return store->change.failed ? DORY_IO_ERROR : DORY_OK;
}

int slot_store_run(struct slot_store *store)
{
    return store->change.ending != ENDING_NOT ? advance(store) : wait_for_step(store);
}

bool slot_is_settled(struct slot_store *store)
{
    uint32_t patience = store->patience;

    while (slot_store_run(store) == DORY_MORE) {
        if (--patience == 0) {
            return false;
        }
    }
    return true;
}

/* ---- The beginning of a change ---- */

/* Finds a slot to write to, the one that was used longest ago. Returns its index, DORY_BUSY (those that are free are
 * being read) or DORY_NO_SPACE. */
static int pick_slot(const struct slot_store *store)
{
    int failure = DORY_NO_SPACE;

    for (unsigned k = 1; k <= store->count; k++) {
        unsigned i = (store->last + k) % store->count;
        const struct slot *slot = &store->slot[i];

        if (slot->state < SLOT_PARTIAL) {
            if (slot->readers == 0) {
                return (int)i;
            }
            failure = DORY_BUSY;
        }
    }
    return store->partial.stored > 0 ? store->partial.slot : failure;
}

/* Takes the one writer there is. Returns the slot of the file, or DORY_NOT_FOUND when there is none; DORY_BUSY; or why
 * `name` can't be changed. */
static int begin_change(struct slot_store *store, const char *name)
{
    struct slot_change *change = &store->change;
    struct slot_record record;
    int found;

    if (change->mode != MODE_NONE && change->ending == ENDING_NOT) {
        return DORY_BUSY;
    }
    found = slot_find(store, name, &record); /* with it, a change that nobody asks for any more has ended */
    if (found >= 0 || found == DORY_NOT_FOUND) {
        memset(change, 0, sizeof *change);
        memcpy(change->name, name, strlen(name) + 1);
    }
    return found;
}

/* Reads the header of the partial of a name. DORY_OK; DORY_NOT_FOUND: there is none; DORY_BUSY, DORY_IO_ERROR. */
static int read_partial(struct slot_store *store, const char *name, struct slot_record *record)
{
    int result = DORY_NOT_FOUND;

    if (store->partial.stored > 0) {
        result = slot_file_read(store, store->partial.slot, record);
        if (result == DORY_OK && strcmp(record->name, name) != 0) {
            result = DORY_NOT_FOUND;
        }
    }
    return result;
}

/* What becomes of the partial: the put resumes it, or drops it now or when it is published. */
static int judge_partial(struct slot_store *store, const struct dory_put *put)
{
    struct slot_change *change = &store->change;
    struct slot_record record;
    int result = read_partial(store, put->name, &record);

    if (result != DORY_OK) {
        return result == DORY_NOT_FOUND ? DORY_OK : result;
    }
    change->drops_partial = true;
    if (put->has_crc32 && put->size == record.size && put->crc32 == record.crc32) {
        if (put->resume) {
            change->resumed = store->partial.stored;
        } else {
            slot_partial_drop(store);
        }
    }
    return DORY_OK;
}

int slot_change_put(void *ctx, const struct dory_put *put, struct dory_writer **writer)
{
    struct slot_store *store = ctx;
    struct slot_change *change = &store->change;
    int found = begin_change(store, put->name);
    int slot;

    if (found < 0 && found != DORY_NOT_FOUND) {
        return found;
    }
    if (put->size > slot_capacity(store)) {
        return DORY_TOO_LARGE;
    }
    slot = judge_partial(store, put);
    if (slot == DORY_OK) {
        slot = change->resumed > 0 ? store->partial.slot : pick_slot(store);
    }
    if (slot < 0) {
        return slot;
    }
    enter_slot(store, (unsigned)slot);
    change->mode = MODE_PUT;
    change->old = found >= 0 ? (uint8_t)found : change->slot;
    change->tail = change->resumed & (store->layout.page_size - 1);
    change->programmed = change->resumed - change->tail;
    change->writer.size = put->size;
    change->writer.stored = change->resumed;
    change->writer.crc32 = put->crc32;
    change->writer.has_crc32 = put->has_crc32;
    store->last = change->slot;
    *writer = &change->writer;
    return DORY_OK;
}

int slot_change_remove(void *ctx, const char *name, struct dory_writer **writer)
{
    struct slot_store *store = ctx;
    int found = begin_change(store, name);

    if (found < 0) {
        return found;
    }
    store->change.mode = MODE_REMOVE;
    store->change.old = (uint8_t)found;
    empty_next(store);
    *writer = &store->change.writer;
    return DORY_OK;
}

/* ---- Data ---- */

/* Whole pages that a device which is immediate can take now, in bytes: up to the next record of progress, and to what has
 * been erased. */
static uint32_t straight_len(const struct slot_store *store, uint32_t len)
{
    const struct slot_change *change = &store->change;
    uint32_t room = change->due - change->programmed;
    uint32_t erased = change->erased - change->programmed;

    if (!store->device->immediate || change->buffered > 0) {
        return 0;
    }
    room = room < erased ? room : erased;
    len = len < room ? len : room;
    return len & ~(store->layout.page_size - 1);
}

/* Takes some of the data, which are to be programmed or in the buffer then. Returns how much. */
static uint32_t take(struct slot_store *store, const uint8_t *data, uint32_t len)
{
    const struct flash_device *device = store->device;
    struct slot_change *change = &store->change;
    uint32_t straight = straight_len(store, len);
    uint32_t room = store->layout.page_size - change->buffered;

    if (straight > 0) {
        uint32_t off = slot_data_off(store) + change->programmed;

        change->failed =
            device->operations->program(device->ctx, slot_address(store, change->slot, off), data, straight) != DORY_OK;
        change->programmed += straight;
        return straight;
    }
    len = len < room ? len : room;
    memcpy(store->buffer + change->buffered, data, len);
    change->buffered += len;
    return len;
}

int32_t slot_change_write(void *ctx, struct dory_writer *writer, const uint8_t *data, size_t len)
{
    struct slot_store *store = ctx;
    uint32_t left = (uint32_t)(writer->size - writer->stored);
    uint32_t taken = 0;
    int result = advance(store);

    len = len < left ? len : left;
    len = len < MAX_WRITE ? len : MAX_WRITE;
    while (result == DORY_OK && taken < len) {
        taken += take(store, data + taken, (uint32_t)len - taken);
        result = advance(store);
    }
    writer->stored += taken;
    return taken > 0 || result == DORY_MORE ? (int32_t)taken : result;
}

/* What was programmed, then the tail, which the head has that was there before the put. */
int32_t slot_change_reread(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len)
{
    struct slot_store *store = ctx;
    const struct slot_change *change = &store->change;
    uint32_t pages = change->resumed & ~(store->layout.page_size - 1);
    uint32_t begin = slot_data_off(store);
    uint32_t end = pages;

    (void)writer;
    if (off >= pages) {
        begin = slot_place_off(store, store->slot[change->slot].head ^ change->headed, PLACE_TAIL) - pages;
        end = change->resumed;
    }
    return slot_data_read(store, change->slot, begin + (uint32_t)off, end - (uint32_t)off, dst, len);
}

/* ---- The end ---- */

int slot_change_commit(void *ctx, struct dory_writer *writer)
{
    struct slot_store *store = ctx;
    int result;

    if (writer->stored != writer->size) {
        store->change.failed = true; /* against the contract, and half a file is never published */
    }
    store->change.committing = true;
    result = advance(store);
    if (result < 0) {
        release(store);
    }
    return result;
}

void slot_change_abort(void *ctx, struct dory_writer *writer, bool keep)
{
    struct slot_store *store = ctx;
    struct slot_change *change = &store->change;

    keep = keep && writer->has_crc32 && writer->stored > 0;
    change->ending = change->committing ? ENDING_UNOBSERVED : keep ? ENDING_KEEP : ENDING_DROP;
    slot_store_run(store);
}

struct dory_writer *slot_change_holder(void *ctx, const char *name)
{
    struct slot_store *store = ctx;
    struct slot_change *change = &store->change;
    bool held = change->mode != MODE_NONE && change->ending == ENDING_NOT && strcmp(change->name, name) == 0;

    return held ? &change->writer : NULL;
}

uint64_t slot_change_partial(void *ctx, const char *name)
{
    struct slot_store *store = ctx;
    struct slot_record record;

    return slot_is_settled(store) && read_partial(store, name, &record) == DORY_OK ? store->partial.stored : 0;
}
