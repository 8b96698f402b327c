/* SPDX-License-Identifier: MIT */
/*
 * Changes of a slot store: puts and removals, from the first byte to the commit.
 *
 * Implementation notes
 *
 * The device is asked to do one thing at a time, the step. advance() waits for the step under way, takes note of what it
 * did (on_done) and begins the next one, until nothing is left to do or the device says "later". All data of a step are in
 * the buffer; only a device that never says "later" gets pages straight from the caller.
 *
 * A change that is aborted while a step is under way, or whose commit has begun, is not over: nobody asks for it any more,
 * and so every other call goes on with it (slot_store_run).
 *
 * What failed, failed: each call says so until the change is given up. The next put takes another slot.
 */
#include <string.h>

#include "slot_private.h"

/* Least bytes between two records of progress. */
#define MIN_INTERVAL 16384U

/* Bytes that one write() takes at most. */
#define MAX_WRITE 4096U

_Static_assert(SLOT_STORE_MAX_SLOTS <= 32, "slots are bits of an uint32_t");
_Static_assert(sizeof(void *) > 4 || DORY_MAX_NAME > 64 || sizeof(struct slot_store) <= 512, "a device's RAM is small");

static uint32_t bit(unsigned slot)
{
    return UINT32_C(1) << slot;
}

static unsigned lowest(uint32_t bits)
{
    unsigned i = 0;

    while ((bits >> i & 1U) == 0) {
        i++;
    }
    return i;
}

void slot_partial_drop(struct slot_store *store)
{
    if (store->partial.programmed > 0) {
        store->slot[store->partial.slot].state = SLOT_FREE;
        store->partial.programmed = 0;
    }
}

/* ---- The end of a change ---- */

/* Gives a put's slot back. */
static void leave_slot(struct slot_store *store, bool keep)
{
    struct slot_change *change = &store->change;
    struct slot *slot = &store->slot[change->slot];

    if (!change->headed) {
        slot->state = change->before;
        if (change->before == SLOT_PARTIAL && change->programmed > 0 && !keep) {
            slot_partial_drop(store);
        }
    } else if (change->committing) {
        slot->state = SLOT_STALE;
    } else if (keep && !change->failed && store->writer.has_crc32 && change->programmed > 0) {
        slot_partial_drop(store);
        slot->state = SLOT_PARTIAL;
        store->partial =
            (struct slot_partial){.slot = change->slot, .programmed = change->programmed, .erased = change->erased};
    } else {
        slot->state = SLOT_FREE;
    }
}

static void release(struct slot_store *store, bool keep)
{
    if (store->change.mode == MODE_PUT) {
        leave_slot(store, keep);
    }
    store->change.mode = MODE_NONE;
    store->change.ending = ENDING_NOT;
}

/* The commit record is there: readers see the new file. */
static void publish(struct slot_store *store)
{
    struct slot_change *change = &store->change;

    store->slot[change->slot].state = SLOT_LIVE;
    for (struct slot_listing *listing = store->listing; listing < store->listing + SLOT_STORE_LISTINGS; listing++) {
        listing->todo &= ~bit(change->slot);
        if (change->old != NO_SLOT && (listing->todo & bit(change->old)) != 0) {
            listing->todo |= bit(change->slot);
        }
    }
    if (change->old != NO_SLOT) {
        store->slot[change->old].state = SLOT_STALE;
    }
    if (change->drops_partial) {
        slot_partial_drop(store);
    }
    change->mode = MODE_NONE;
    change->ending = ENDING_NOT;
}

/* ---- Steps ---- */

/* A slot is emptied, older copies first. */
static void on_emptied(struct slot_store *store)
{
    struct slot_change *change = &store->change;

    store->slot[change->slot].state = SLOT_FREE;
    if (change->slot == change->old) {
        change->mode = MODE_NONE;
        change->ending = ENDING_NOT;
        return;
    }
    change->victims &= ~bit(change->slot);
    change->slot = change->victims != 0 ? (uint8_t)lowest(change->victims) : change->old;
    change->headed = false;
    change->head_erased = 0;
}

static void on_header(struct slot_store *store)
{
    struct slot_change *change = &store->change;

    store->slot[change->slot].head ^= 1U;
    change->headed = true;
    if (change->mode == MODE_REMOVE) {
        on_emptied(store);
        return;
    }
    store->slot[change->slot].tag = slot_name_tag(store->name);
    if (change->before == SLOT_PARTIAL) {
        store->partial.programmed = 0;
    }
}

static void set_due(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    bool wanted = store->writer.has_crc32 && change->interval < (uint32_t)store->writer.size - change->due;

    change->due = wanted ? change->due + change->interval : UINT32_MAX;
}

static void on_done(struct slot_store *store, enum slot_step step)
{
    struct slot_change *change = &store->change;

    switch (step) {
    case STEP_NONE:
        break;
    case STEP_ERASE_HEAD:
        change->head_erased += store->layout.unit;
        break;
    case STEP_HEADER:
        on_header(store);
        break;
    case STEP_ERASE:
        change->erased += store->layout.unit;
        break;
    case STEP_PAGE:
        change->programmed += change->len;
        change->buffered = 0;
        break;
    case STEP_PROGRESS:
        change->records++;
        set_due(store);
        break;
    case STEP_COMMIT:
        publish(store);
        break;
    }
}

/* Waits for the step under way. DORY_OK, DORY_MORE, DORY_IO_ERROR. */
static int wait_for_step(struct slot_store *store)
{
    const struct flash_device *device = store->device;
    struct slot_change *change = &store->change;
    enum slot_step step = (enum slot_step)change->step;
    uint64_t off;
    int result;

    if (step == STEP_NONE) {
        return DORY_OK;
    }
    off = slot_address(store, change->slot, change->off);
    if (change->len == 0) {
        result = device->operations->erase(device->ctx, off);
    } else {
        result = device->operations->program(device->ctx, off, store->buffer, change->len);
    }
    if (result == DORY_MORE) {
        return result;
    }
    change->step = STEP_NONE;
    if (result == DORY_OK) {
        on_done(store, step);
    } else {
        change->failed = true;
    }
    return result;
}

static bool erases(const struct slot_store *store)
{
    return store->device->sector_size != 0;
}

static void begin_step(struct slot_change *change, enum slot_step step, uint32_t off, uint32_t len)
{
    change->step = (uint8_t)step;
    change->off = off;
    change->len = len;
}

/* Bytes between two records of progress, whole units, when `left` bytes are to come. Where a record can't be written over
 * there is room for so many, and more than so many intervals do not fit. */
static uint32_t progress_interval(const struct slot_store *store, uint32_t left)
{
    uint32_t unit = store->layout.unit;
    uint32_t interval = erases(store) ? left / (PROGRESS_RECORDS + 1) + 1 : 0;

    interval = interval > MIN_INTERVAL ? interval : MIN_INTERVAL;
    return (interval + unit - 1) / unit * unit;
}

/* The header of a resumed put tells how much is there, as far as the next start can rely on it. */
static uint32_t put_header(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    struct slot_record record = {.kind = RECORD_EMPTY, .sequence = ++store->sequence};

    if (change->mode == MODE_PUT) {
        record.kind = RECORD_FILE;
        record.has_crc32 = store->writer.has_crc32;
        record.size = (uint32_t)store->writer.size;
        record.crc32 = store->writer.crc32;
        record.offset = change->programmed - change->programmed % store->layout.unit;
        memcpy(record.name, store->name, sizeof store->name);
        change->interval = progress_interval(store, record.size - record.offset);
        change->due = record.offset;
        set_due(store);
    }
    return slot_record_put(store, &record);
}

/* A new head is erased, whatever seems to be in it, and gets its header. */
static void begin_head(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    uint32_t off = store->slot[change->slot].head != 0 ? 0 : store->layout.head_len;

    if (erases(store) && change->head_erased < store->layout.head_len) {
        begin_step(change, STEP_ERASE_HEAD, off + change->head_erased, 0);
    } else {
        begin_step(change, STEP_HEADER, off, put_header(store));
    }
}

/* What is in the buffer goes to the device, the last page padded. */
static void begin_page(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    uint32_t page_size = store->layout.page_size;

    if (erases(store) && change->programmed == change->erased) {
        begin_step(change, STEP_ERASE, slot_data_off(store) + change->erased, 0);
        return;
    }
    memset(store->buffer + change->buffered, 0xff, page_size - change->buffered);
    begin_step(change, STEP_PAGE, slot_data_off(store) + change->programmed, page_size);
}

static void begin_note(struct slot_store *store, enum slot_step step, enum slot_record_kind kind, unsigned index)
{
    struct slot_change *change = &store->change;
    struct slot_record record = {
        .kind = (uint8_t)kind, .sequence = store->sequence, .size = change->programmed, .offset = change->programmed};

    begin_step(change, step, slot_note_off(store, store->slot[change->slot].head, index),
               slot_record_put(store, &record));
}

/* Begins the next step; wait_for_step() does it. Returns false when nothing is to be done. */
static bool begin_next(struct slot_store *store)
{
    const struct slot_change *change = &store->change;

    if (change->mode == MODE_NONE) {
        return false;
    }
    if (!change->headed) {
        begin_head(store);
    } else if (change->buffered == store->layout.page_size || (change->committing && change->buffered > 0)) {
        begin_page(store);
    } else if (change->committing) {
        begin_note(store, STEP_COMMIT, RECORD_COMMIT, 0);
    } else if (change->programmed == change->due) {
        begin_note(store, STEP_PROGRESS, RECORD_PROGRESS, 1U + change->records % PROGRESS_RECORDS);
    } else {
        return false;
    }
    return true;
}

/* Goes on with the change as far as it can. DORY_OK: no step is under way, and it could take data, or it has ended.
 * DORY_MORE: later. Or the failure. */
static int advance(struct slot_store *store)
{
    struct slot_change *change = &store->change;

    do {
        int result = wait_for_step(store);

        if (result == DORY_MORE) {
            return result;
        }
        if (change->ending == ENDING_DROP || change->ending == ENDING_KEEP ||
            (change->ending == ENDING_UNOBSERVED && change->failed)) {
            release(store, change->ending == ENDING_KEEP);
            return DORY_OK;
        }
        if (change->failed) {
            return DORY_IO_ERROR;
        }
    } while (begin_next(store));
    return DORY_OK;
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

        if (slot->state == SLOT_FREE || slot->state == SLOT_STALE) {
            if (slot->readers == 0) {
                return (int)i;
            }
            failure = DORY_BUSY;
        }
    }
    return store->partial.programmed > 0 ? store->partial.slot : failure;
}

/* Takes the one writer there is. DORY_OK; DORY_BUSY; or why `name` can't be changed, DORY_NOT_FOUND not being a failure. */
static int begin_change(struct slot_store *store, const char *name)
{
    struct slot_change *change = &store->change;
    struct slot_record record;
    int found;

    if (change->mode != MODE_NONE && change->ending == ENDING_NOT) {
        return DORY_BUSY;
    }
    found = slot_find(store, name, &record); /* with it, a change that nobody asks for any more has ended */
    if (found < 0 && found != DORY_NOT_FOUND) {
        return found;
    }
    memset(change, 0, sizeof *change);
    memset(&store->writer, 0, sizeof store->writer);
    change->old = found >= 0 ? (uint8_t)found : NO_SLOT;
    memcpy(store->name, name, strlen(name) + 1);
    return DORY_OK;
}

/* What becomes of the partial: the put resumes it, or drops it now or when it is published. */
static int judge_partial(struct slot_store *store, const struct dory_put *put)
{
    struct slot_change *change = &store->change;
    const struct slot_partial *partial = &store->partial;
    struct slot_record record;
    int result;

    if (partial->programmed == 0) {
        return DORY_OK;
    }
    result = slot_file_read(store, partial->slot, &record);
    if (result != DORY_OK || strcmp(record.name, put->name) != 0) {
        return result;
    }
    change->drops_partial = true;
    if (put->has_crc32 && put->size == record.size && put->crc32 == record.crc32) {
        if (put->resume) {
            change->programmed = partial->programmed;
            change->erased = partial->erased;
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
    int result;

    if (store->count > 0 && put->size > slot_capacity(store)) {
        return DORY_TOO_LARGE;
    }
    result = begin_change(store, put->name);
    if (result == DORY_OK) {
        result = judge_partial(store, put);
    }
    if (result != DORY_OK) {
        return result;
    }
    result = change->programmed > 0 ? store->partial.slot : pick_slot(store);
    if (result < 0) {
        return result;
    }
    change->mode = MODE_PUT;
    change->slot = (uint8_t)result;
    change->before = store->slot[result].state;
    store->writer.size = put->size;
    store->writer.stored = change->programmed;
    store->writer.crc32 = put->crc32;
    store->writer.has_crc32 = put->has_crc32;
    store->slot[result].state = SLOT_WRITING;
    store->last = change->slot;
    *writer = &store->writer;
    return DORY_OK;
}

/* Finds the stale copies of the name: they have to go before the file itself does. */
static int find_victims(struct slot_store *store)
{
    struct slot_change *change = &store->change;
    struct slot_record record;

    for (unsigned i = 0; i < store->count; i++) {
        if (store->slot[i].state == SLOT_STALE && store->slot[i].tag == store->slot[change->old].tag) {
            int result = slot_file_read(store, i, &record);

            if (result != DORY_OK) {
                return result;
            }
            if (strcmp(record.name, store->name) == 0) {
                change->victims |= bit(i);
            }
        }
    }
    return DORY_OK;
}

int slot_change_remove(void *ctx, const char *name, struct dory_writer **writer)
{
    struct slot_store *store = ctx;
    struct slot_change *change = &store->change;
    int result = begin_change(store, name);

    if (result == DORY_OK) {
        result = change->old != NO_SLOT ? find_victims(store) : DORY_NOT_FOUND;
    }
    if (result != DORY_OK) {
        return result;
    }
    change->mode = MODE_REMOVE;
    change->slot = change->victims != 0 ? (uint8_t)lowest(change->victims) : change->old;
    *writer = &store->writer;
    return DORY_OK;
}

/* ---- Data ---- */

/* Whole pages that a device which is immediate can take now, in bytes: up to the next record of progress. */
static uint32_t straight_len(const struct slot_store *store, uint32_t len)
{
    const struct slot_change *change = &store->change;
    uint32_t room = change->due - change->programmed;

    if (!store->device->immediate || change->buffered > 0) {
        return 0;
    }
    len = len < room ? len : room;
    return len & ~(store->layout.page_size - 1);
}

/* Takes some of the data, which are to be programmed or in the buffer then. Returns how much. */
static uint32_t take(struct slot_store *store, const uint8_t *data, uint32_t len)
{
    const struct flash_device *device = store->device;
    struct slot_change *change = &store->change;
    uint32_t straight = straight_len(store, len);
    uint32_t room = device->page_size - change->buffered;

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

int32_t slot_change_reread(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len)
{
    struct slot_store *store = ctx;

    (void)writer;
    return slot_data_read(store, store->change.slot, off, store->change.programmed, dst, len);
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
        release(store, false);
    }
    return result;
}

void slot_change_abort(void *ctx, struct dory_writer *writer, bool keep)
{
    struct slot_store *store = ctx;
    struct slot_change *change = &store->change;

    (void)writer;
    change->ending = change->committing ? ENDING_UNOBSERVED : keep ? ENDING_KEEP : ENDING_DROP;
    slot_store_run(store);
}

struct dory_writer *slot_change_holder(void *ctx, const char *name)
{
    struct slot_store *store = ctx;
    struct slot_change *change = &store->change;
    bool held = change->mode != MODE_NONE && change->ending == ENDING_NOT && strcmp(store->name, name) == 0;

    return held ? &store->writer : NULL;
}

uint64_t slot_change_partial(void *ctx, const char *name)
{
    struct slot_store *store = ctx;
    const struct slot_partial *partial = &store->partial;
    struct slot_record record;

    if (store->count == 0 || !slot_is_settled(store) || partial->programmed == 0 ||
        slot_file_read(store, partial->slot, &record) != DORY_OK || strcmp(record.name, name) != 0) {
        return 0;
    }
    return partial->programmed;
}
