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
        store->partial.stored = store->record.offset;
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
    uint8_t rank = store->rank[change->old];

    store->rank[change->old] = store->rank[change->slot];
    store->rank[change->slot] = rank;
    store->slot[change->old].state = SLOT_STALE;
    store->slot[change->slot].state = SLOT_LIVE;
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
    change->erased = store->unerased;
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
        slot->tag = slot_name_tag(store->record.name);
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
    if (slot_is_erased(store) && step == STEP_ERASE) {
        result = device->operations->erase(device->ctx, off);
    } else if (step == STEP_READ) {
        result = device->operations->read(device->ctx, off, store->buffer, change->len);
    } else {
        result = device->operations->program(device->ctx, off, change->data, change->len);
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

/* Erases the next sector of the head or of the file, which begins at `base`. */
static void begin_erase(struct slot_store *store, uint32_t base)
{
    store->change.step = STEP_ERASE;
    store->change.off = base + store->change.erased;
    store->change.erased += slot_unit(store);
}

/* Works out where records of progress come: after whole units. Where a record can't be written over there is room for so
 * many, that of the end among them, and no more than so many intervals fit. */
static void plan_progress(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    uint32_t begin = slot_whole_units(store, store->record.offset);
    uint32_t interval = MIN_INTERVAL;

    if (slot_is_erased(store)) {
        uint32_t share = (store->record.size - store->record.offset) / PROGRESS_RECORDS + 1;

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

    if (slot_is_erased(store) && change->erased < slot_head_len(store)) {
        begin_erase(store, slot_place_off(store, change->slot, OTHER_HEAD, 0));
        return;
    }
    plan_progress(store);
    store->record.sequence = ++store->sequence;
    change->step = STEP_HEADER;
    change->off = slot_place_off(store, change->slot, OTHER_HEAD, PLACE_HEADER);
    change->len = slot_record_put(store, &store->record, change->mode == MODE_PUT ? strlen(store->record.name) : 0);
}

/* What is in the buffer goes to the device, padded to a page: to its place in the file, or, when the put is over before
 * the page is full, to the head's page for tails. */
static void begin_page(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    uint32_t left = slot_page_size(store) - change->buffered;

    change->off = slot_data_off(store) + store->record.offset;
    if (change->ending == ENDING_KEEP && left > 0) {
        change->off = slot_place_off(store, change->slot, NEWER_HEAD, PLACE_TAIL);
    } else if (slot_is_erased(store) && store->record.offset == change->erased) {
        begin_erase(store, slot_data_off(store));
        return;
    }
    memset(store->buffer + change->buffered, 0xff, left);
    change->step = STEP_PROGRAM;
    store->record.offset += change->buffered;
    change->buffered = 0;
}

static void begin_note(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    unsigned place = PLACE_PROGRESS + change->notes++ % PROGRESS_RECORDS;

    change->step = STEP_PROGRAM;
    change->due += change->interval;
    if (change->committing) {
        change->step = STEP_COMMIT;
        place = PLACE_COMMIT;
    }
    if (change->ending == ENDING_KEEP) {
        change->ending = ENDING_KEPT;
    }
    change->off = slot_place_off(store, change->slot, NEWER_HEAD, place);
    change->len = slot_record_put(store, &store->record, 0);
}

/* The old head has the last bytes of the partial. */
static void begin_tail(struct slot_store *store)
{
    struct slot_change *change = &store->change;

    change->step = STEP_READ;
    change->off = slot_place_off(store, change->slot, OTHER_HEAD, PLACE_TAIL);
    change->buffered = change->tail;
    change->tail = 0;
}

/* Begins the next step; wait_for_step() does it. Returns false when nothing is to be done. */
static bool begin_next(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    bool closing = change->committing || change->ending == ENDING_KEEP;

    if (change->mode == MODE_NONE || change->failed || change->ending >= ENDING_KEPT ||
        (change->ending == ENDING_KEEP && !change->headed)) {
        return false;
    }
    change->data = store->buffer;
    change->len = slot_page_size(store);
    if (!change->headed) {
        begin_head(store);
    } else if (change->tail > 0) {
        begin_tail(store);
    } else if (change->buffered == slot_page_size(store) || (closing && change->buffered > 0)) {
        begin_page(store);
    } else if (closing || store->record.offset == change->due) {
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
 * `name` can't be changed. Of the record only the name is set: a removal writes headers of which nothing else counts. */
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
        memset(&store->writer, 0, sizeof store->writer);
        memcpy(store->record.name, name, strlen(name) + 1);
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
    change->tail = change->resumed & (slot_page_size(store) - 1);
    store->record.offset = change->resumed - change->tail;
    store->record.has_crc32 = put->has_crc32;
    store->record.size = (uint32_t)put->size;
    store->record.crc32 = put->crc32;
    store->writer.size = put->size;
    store->writer.stored = change->resumed;
    store->writer.crc32 = put->crc32;
    store->writer.has_crc32 = put->has_crc32;
    store->last = change->slot;
    *writer = &store->writer;
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
    *writer = &store->writer;
    return DORY_OK;
}

/* ---- Data ---- */

/* Whole pages that a device which is immediate can take now, in bytes: up to the next record of progress, and to what has
 * been erased. */
static uint32_t straight_len(const struct slot_store *store, uint32_t len)
{
    const struct slot_change *change = &store->change;
    uint32_t room = change->due - store->record.offset;
    uint32_t erased = change->erased - store->record.offset;

    if (SLOT_STORE_PAGE > 0 || !store->device->immediate || change->buffered > 0) {
        return 0;
    }
    room = room < erased ? room : erased;
    len = len < room ? len : room;
    return len & ~(slot_page_size(store) - 1);
}

/* Takes some of the data, which are in the buffer then or programmed next. Returns how much. */
static uint32_t take(struct slot_store *store, const uint8_t *data, uint32_t len)
{
    struct slot_change *change = &store->change;
    uint32_t straight = straight_len(store, len);
    uint32_t room = slot_page_size(store) - change->buffered;

    if (straight > 0) {
        change->step = STEP_PROGRAM;
        change->off = slot_data_off(store) + store->record.offset;
        change->len = straight;
        change->data = data;
        store->record.offset += straight;
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
    uint32_t pages = change->resumed & ~(slot_page_size(store) - 1);
    uint32_t begin = slot_data_off(store);
    uint32_t end = pages;

    (void)writer;
    if (off >= pages) {
        begin = slot_place_off(store, change->slot, change->headed ? OTHER_HEAD : NEWER_HEAD, PLACE_TAIL) - pages;
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
    bool held = change->mode != MODE_NONE && change->ending == ENDING_NOT && strcmp(store->record.name, name) == 0;

    return held ? &store->writer : NULL;
}

uint64_t slot_change_partial(void *ctx, const char *name)
{
    struct slot_store *store = ctx;
    struct slot_record record;

    return slot_is_settled(store) && read_partial(store, name, &record) == DORY_OK ? store->partial.stored : 0;
}
