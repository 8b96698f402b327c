/* SPDX-License-Identifier: MIT */
/*
 * Changes of the slot that does not run, and of marks: put, delete, boot, confirm.
 *
 * Implementation notes
 *
 * As in slot_change.c the storage is asked to do one thing at a time, the step. advance() waits for the step under way and
 * begins the next one, until nothing is left to do or the storage says "later".
 *
 * The image's first 8 bytes, its magic among them, are programmed last: until then there is no image. Ahead of them comes the
 * note that ends the put. So no put is ever resumed of which they may have been programmed, and notes of an image that is
 * whole, or was, are of no use to anybody.
 *
 * A put closes what there is of another one, with the note of its end; clears the slot's first sector; then the last one. So
 * while notes stand, what they tell is true, and while marks are being erased, there is no image that they could be about.
 * (Notes may look like a partial's once more, when that of the end goes first while they are being erased. Then the first
 * sector is blank, and the partial has no header.)
 *
 * After a start, what notes tell ends with a whole sector: that which comes next is erased again. Marks are made in a sector
 * that has been erased since the start, or it is erased again. Nothing is ever programmed twice, because it looks blank; but
 * copy_done, and the first note after a start, with the same bits (trailer.c, firmware_notes.c).
 */
#include <string.h>

#include "firmware_private.h"

/* Pieces of FIRMWARE_BUFFER bytes that one call checks. */
#define PIECES (4096U / FIRMWARE_BUFFER + 1U)

/* ---- Ends ---- */

static struct firmware_image *other_image(struct firmware *firmware)
{
    return &firmware->image[firmware_other(firmware)];
}

static bool has_notes(const struct firmware *firmware)
{
    return firmware->change.mode == MODE_PUT && firmware->writer.has_crc32 && firmware->change.phase > PHASE_NOTE;
}

/* The image is none for this device. */
static void refuse(struct firmware *firmware, int result)
{
    struct firmware_change *change = &firmware->change;

    change->result = (int8_t)result;
    change->phase = has_notes(firmware) ? PHASE_DROP : PHASE_OVER;
    firmware->fault = firmware->check.fault;
    if (firmware->refused != NULL) {
        firmware->refused(firmware->ctx, (enum dory_image_fault)firmware->check.fault);
    }
}

static void feed(struct firmware *firmware, const uint8_t *data, uint32_t len)
{
    int result = dory_image_feed(&firmware->check, data, len);

    firmware->change.fed += len;
    if (result < 0) {
        refuse(firmware, result);
    }
}

static void publish(struct firmware *firmware)
{
    firmware_image_take(firmware, firmware_other(firmware));
    firmware->verified = true;
    firmware->change.mode = MODE_NONE;
    firmware_tell_slot(firmware);
}

static void be_pending(struct firmware *firmware)
{
    struct trailer *trailer = &firmware->trailer[firmware->change.slot];

    *trailer = (struct trailer){.state = TRAILER_PENDING, .has_counter = true, .counter = firmware->change.counter};
    firmware->is_pending = true;
    firmware->pending = firmware->change.boot;
    firmware->restart = true;
    firmware_tell_slot(firmware);
}

static void be_confirmed(struct firmware *firmware)
{
    struct trailer *trailer = &firmware->trailer[firmware->change.slot];

    trailer->state = TRAILER_CONFIRMED;
    if (firmware->change.plan == TRAILER_ADOPT) {
        trailer->has_counter = true;
        trailer->counter = firmware->change.counter;
    }
    firmware->told.confirmed = true;
    if (firmware->confirmed != NULL) {
        firmware->confirmed(firmware->ctx);
    }
}

/* What has been done is done. */
static void finish(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;

    if (change->mode == MODE_BOOT) {
        if (change->boot == DORY_BOOT_CONFIRM) {
            be_confirmed(firmware);
        } else {
            be_pending(firmware);
        }
    } else if (change->mode == MODE_PUT) {
        publish(firmware);
    }
    change->mode = MODE_NONE;
}

/* What the notes tell of the put under way becomes the partial. */
static void keep_noted(struct firmware *firmware)
{
    struct firmware_partial *partial = &firmware->partial;
    const struct firmware_change *change = &firmware->change;
    bool can_go_on = firmware_notes_have_room(firmware_other_slot(firmware), change->unit);

    *partial = (struct firmware_partial){.stored = can_go_on ? change->noted : 0,
                                         .size = (uint32_t)firmware->writer.size,
                                         .crc32 = firmware->writer.crc32,
                                         .unit = change->unit,
                                         .unsure = change->unsure};
}

/* The storage has failed. */
static void fail(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;

    if (change->phase == PHASE_DATA || firmware->partial.live) {
        keep_noted(firmware);
    }
    if (change->result == DORY_OK) {
        change->result = DORY_IO_ERROR;
    }
    firmware->fresh = false; /* for it may have been that erase */
    change->phase = PHASE_OVER;
}

/* ---- Steps ---- */

/* Waits for the step under way. DORY_OK, DORY_MORE, DORY_IO_ERROR. */
static int wait_for_step(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;
    const struct flash_device *slot = firmware->slot[change->slot];
    int result = DORY_OK;

    switch ((enum firmware_step)change->step) {
    case STEP_NONE:
        return DORY_OK;
    case STEP_READ:
        result = slot->operations->read(slot->ctx, change->off, firmware->buffer, change->len);
        break;
    case STEP_PROGRAM:
        result = slot->operations->program(slot->ctx, change->off, change->data, change->len);
        break;
    case STEP_ERASE:
        result = slot->operations->erase(slot->ctx, change->off);
        break;
    }
    if (result == DORY_MORE) {
        return result;
    }
    if (result != DORY_OK) {
        fail(firmware);
    } else if (change->step == STEP_READ) {
        feed(firmware, firmware->buffer, change->len);
    }
    change->step = STEP_NONE;
    return result;
}

static void begin_erase(struct firmware *firmware, uint32_t off)
{
    firmware->change.step = STEP_ERASE;
    firmware->change.off = off;
}

static void begin_program(struct firmware *firmware, uint32_t off, const uint8_t *data, uint32_t len)
{
    firmware->change.step = STEP_PROGRAM;
    firmware->change.off = off;
    firmware->change.data = data;
    firmware->change.len = len;
}

/* Reads the next bytes up to `end`, for the check. */
static void begin_read(struct firmware *firmware, uint32_t end)
{
    struct firmware_change *change = &firmware->change;
    uint32_t left = end - change->fed;

    change->step = STEP_READ;
    change->off = change->fed;
    change->len = left < FIRMWARE_BUFFER ? left : FIRMWARE_BUFFER;
    change->pieces--;
}

/* ---- Phases: each begins the next step, or goes on to another phase ---- */

/* Makes a note of so many bytes, or, with 0, of the end. Returns false when another one comes ahead of it. */
static bool begin_note(struct firmware *firmware, uint32_t number)
{
    struct firmware_change *change = &firmware->change;
    bool unsure = change->unsure;
    uint32_t off = firmware_note_unit(firmware, unsure ? change->noted : number);

    change->unsure = false;
    begin_program(firmware, off, firmware->note, FIRMWARE_UNIT);
    return !unsure;
}

static void on_close(struct firmware *firmware)
{
    if (firmware->partial.stored == 0 || begin_note(firmware, 0)) {
        firmware->change.phase = PHASE_CLEAR;
    }
}

static void on_clear(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;

    other_image(firmware)->size = 0;
    firmware->verified = false;
    firmware->partial.stored = 0;
    firmware_tell_slot(firmware);
    change->phase = change->mode == MODE_REMOVE ? PHASE_OVER : PHASE_UNMARK;
    change->erased = firmware_other_slot(firmware)->sector_size;
    change->unit = 0;
    change->noted = 0;
    begin_erase(firmware, 0);
}

/* Old marks go, and old notes. */
static void on_erase(struct firmware *firmware, enum firmware_phase next)
{
    struct firmware_change *change = &firmware->change;

    firmware->trailer[change->slot] = (struct trailer){.state = TRAILER_PLAIN};
    if (change->slot == firmware_other(firmware)) {
        firmware->fresh = true;
        firmware_tell_slot(firmware);
    }
    change->phase = (uint8_t)next;
    begin_erase(firmware, firmware_room(firmware->slot[change->slot]));
}

static void on_note(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;
    change->phase = PHASE_DATA;
    if (firmware->writer.has_crc32) {
        begin_program(firmware, firmware_note_open(firmware), firmware->note, FIRMWARE_NOTE);
    }
}

/* Bytes of the buffer's next piece: it ends with a chip's page, and in no other sector than it began. */
static uint32_t piece_room(const struct firmware *firmware)
{
    uint32_t at = firmware->change.at;
    uint32_t sector_size = firmware_other_slot(firmware)->sector_size;
    uint32_t page = FIRMWARE_BUFFER - at % FIRMWARE_BUFFER;
    uint32_t sector = sector_size - at % sector_size;

    return page < sector ? page : sector;
}

/* Programs what is in the buffer, but for the image's first bytes. */
static void begin_piece(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;
    uint32_t skipped = change->at == 0 ? TRAILER_UNIT : 0;
    uint32_t padded = (change->buffered + TRAILER_UNIT - 1U) & ~(TRAILER_UNIT - 1U);

    if (change->at == change->erased) {
        begin_erase(firmware, change->erased);
        change->erased += firmware_other_slot(firmware)->sector_size;
        return;
    }
    memset(firmware->buffer + change->buffered, 0xff, padded - change->buffered);
    begin_program(firmware, change->at + skipped, firmware->buffer + skipped, padded - skipped);
    change->at += change->buffered;
    change->buffered = 0;
}

static bool note_is_due(const struct firmware *firmware)
{
    const struct firmware_change *change = &firmware->change;
    const struct flash_device *slot = firmware_other_slot(firmware);

    return firmware->writer.has_crc32 && change->at > change->noted && change->at % slot->sector_size == 0 &&
           change->at - change->noted >= firmware_notes_interval(slot) && firmware_notes_have_room(slot, change->unit);
}

/* Returns false when more bytes are needed. */
static bool on_data(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;

    if (change->fed < change->at) {
        begin_read(firmware, change->at);
    } else if (note_is_due(firmware)) {
        change->noted = begin_note(firmware, change->at) ? change->at : change->noted;
    } else if (change->buffered > 0 && (change->committing || change->buffered == piece_room(firmware))) {
        begin_piece(firmware);
    } else if (change->committing) {
        change->phase = PHASE_JUDGE;
    } else {
        return false;
    }
    return true;
}

/* All bytes are there. Here the signature is checked, which blocks. */
static void on_judge(struct firmware *firmware)
{
    int result = dory_image_finish(&firmware->check);

    if (result < 0) {
        refuse(firmware, result);
    } else {
        firmware->change.phase = PHASE_END;
    }
}

/* The put is over: it succeeds now, or has failed. */
static void on_end(struct firmware *firmware, enum firmware_phase next)
{
    if (!has_notes(firmware) || begin_note(firmware, 0)) {
        firmware->change.phase = (uint8_t)next;
    }
}

static void on_publish(struct firmware *firmware)
{
    begin_program(firmware, 0, firmware->first, sizeof firmware->first);
    firmware->change.phase = PHASE_OVER;
}

/* Here the signature is checked, which blocks. */
static void on_check(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;
    uint32_t size = other_image(firmware)->size;
    int result;

    if (change->fed < size) {
        begin_read(firmware, size);
        return;
    }
    result = dory_image_finish(&firmware->check);
    if (result < 0) {
        refuse(firmware, result);
    } else {
        firmware->verified = true;
        change->phase = PHASE_ERASE;
    }
}

static void on_mark(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;
    const struct flash_device *slot = firmware->slot[change->slot];
    const struct trailer_mark *mark = &firmware->mark;

    if (!trailer_mark(&firmware->mark, (enum trailer_plan)change->plan, change->nth++, change->counter)) {
        change->phase = PHASE_OVER;
        return;
    }
    if (change->slot == firmware->running) {
        firmware->spent = true;
    } else {
        firmware->fresh = false;
    }
    begin_program(firmware, (uint32_t)slot->size - mark->from_end, mark->bytes, mark->len);
}

/* Returns false when nothing is to be done now. */
static bool begin_next(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;

    switch ((enum firmware_phase)change->phase) {
    case PHASE_HEADER:
    case PHASE_OVER:
        return false;
    case PHASE_CLOSE:
        on_close(firmware);
        break;
    case PHASE_CLEAR:
        on_clear(firmware);
        break;
    case PHASE_UNMARK:
        on_erase(firmware, PHASE_NOTE);
        break;
    case PHASE_NOTE:
        on_note(firmware);
        break;
    case PHASE_DATA:
        return on_data(firmware);
    case PHASE_JUDGE:
        on_judge(firmware);
        break;
    case PHASE_END:
        on_end(firmware, PHASE_PUBLISH);
        break;
    case PHASE_PUBLISH:
        on_publish(firmware);
        break;
    case PHASE_DROP:
        on_end(firmware, PHASE_OVER);
        break;
    case PHASE_CHECK:
        on_check(firmware);
        break;
    case PHASE_ERASE:
        if (firmware->fresh && change->slot != firmware->running) {
            change->phase = PHASE_MARK;
        } else {
            on_erase(firmware, PHASE_MARK);
        }
        break;
    case PHASE_MARK:
        on_mark(firmware);
        break;
    }
    return true;
}

/* Goes on as far as it can. DORY_MORE: later. DORY_OK: it waits for more bytes, or is over. Or the failure, when over. */
static int advance(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;

    change->pieces = PIECES;
    do {
        if (wait_for_step(firmware) == DORY_MORE || change->pieces == 0) {
            return DORY_MORE;
        }
    } while (change->mode != MODE_NONE && begin_next(firmware));
    if (change->mode != MODE_NONE && change->phase == PHASE_OVER && change->result == DORY_OK) {
        finish(firmware);
    }
    return change->result;
}

int firmware_run(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;
    int result;

    if (!firmware->ready) {
        return DORY_OK;
    }
    if (!change->unobserved && change->mode != MODE_BOOT) {
        return wait_for_step(firmware) == DORY_MORE ? DORY_MORE : DORY_OK;
    }
    result = advance(firmware);
    if (result != DORY_MORE && change->unobserved) {
        change->unobserved = false;
        change->mode = MODE_NONE;
    }
    return result == DORY_MORE ? DORY_MORE : DORY_OK;
}

/* ---- The beginning of a change ---- */

/* DORY_OK when the slot may be changed. */
static int judge_change(struct firmware *firmware)
{
    const struct firmware_change *change = &firmware->change;

    if (!firmware->ready) {
        return DORY_IO_ERROR;
    }
    if (firmware_run(firmware) == DORY_MORE || change->mode == MODE_PUT || change->mode == MODE_REMOVE) {
        return DORY_BUSY;
    }
    return firmware->is_pending || (firmware->on_trial && !firmware->told.confirmed) ? DORY_BUSY : DORY_OK;
}

static void begin_change(struct firmware *firmware, enum firmware_mode mode, enum firmware_phase phase, unsigned slot)
{
    firmware->change = (struct firmware_change){.mode = (uint8_t)mode, .phase = (uint8_t)phase, .slot = (uint8_t)slot};
}

static void begin_writer(struct firmware *firmware, const struct dory_put *put, uint32_t stored)
{
    firmware->writer =
        (struct dory_writer){.size = put->size, .stored = stored, .crc32 = put->crc32, .has_crc32 = put->has_crc32};
}

/* Goes on with what the notes tell. DORY_OK; DORY_BUSY: the storage works for somebody else; DORY_NOT_FOUND: it can't be used
 * after all, whyever. */
static int resume_noted(struct firmware *firmware, const struct dory_put *put)
{
    struct firmware_change *change = &firmware->change;
    int result = firmware_notes_header(firmware, firmware->buffer, FIRMWARE_PATIENCE);

    if (result != DORY_OK) {
        return result == DORY_BUSY ? DORY_BUSY : DORY_NOT_FOUND;
    }
    memcpy(firmware->first, firmware->buffer, sizeof firmware->first);
    dory_image_begin(&firmware->check, &firmware->rules, put->size);
    if (dory_image_feed(&firmware->check, firmware->buffer, DORY_IMAGE_HEADER) != DORY_MORE) {
        return DORY_NOT_FOUND;
    }
    begin_change(firmware, MODE_PUT, PHASE_DATA, firmware_other(firmware));
    change->at = firmware->partial.stored;
    change->erased = change->at;
    change->noted = change->at;
    change->unit = firmware->partial.unit;
    change->unsure = firmware->partial.unsure;
    change->fed = DORY_IMAGE_HEADER;
    return DORY_OK;
}

/* Goes on with a partial of this content. DORY_OK; DORY_NOT_FOUND: there is none; DORY_BUSY. */
static int resume(struct firmware *firmware, const struct dory_put *put)
{
    struct firmware_partial *partial = &firmware->partial;
    uint32_t stored = partial->stored;
    int result = DORY_OK;

    /* (A step that was under way when it was kept may have failed: then keep_noted() has made it one that is not live.) */
    if (!put->resume || !put->has_crc32 || stored == 0 || partial->size != put->size || partial->crc32 != put->crc32) {
        return DORY_NOT_FOUND;
    }
    if (partial->live) {
        firmware->change.mode = MODE_PUT;
    } else {
        result = resume_noted(firmware, put);
    }
    if (result == DORY_OK) {
        partial->live = false;
        partial->stored = 0;
        begin_writer(firmware, put, stored);
    }
    return result;
}

int firmware_change_put(struct firmware *firmware, const struct dory_put *put, struct dory_writer **writer)
{
    int result = judge_change(firmware);

    if (firmware->ready && put->size > firmware->rules.max_size) {
        return DORY_TOO_LARGE;
    }
    if (result != DORY_OK) {
        return result;
    }
    result = resume(firmware, put);
    if (result == DORY_BUSY) {
        return result;
    }
    if (result == DORY_NOT_FOUND) {
        if (firmware->partial.live) {
            keep_noted(firmware);
        }
        begin_change(firmware, MODE_PUT, PHASE_HEADER, firmware_other(firmware));
        firmware->change.noted = firmware->partial.stored; /* until that is closed */
        firmware->change.unit = firmware->partial.unit;
        firmware->change.unsure = firmware->partial.unsure;
        dory_image_begin(&firmware->check, &firmware->rules, put->size);
        begin_writer(firmware, put, 0);
    }
    *writer = &firmware->writer;
    return DORY_OK;
}

int firmware_change_remove(struct firmware *firmware, struct dory_writer **writer)
{
    int result = judge_change(firmware);

    if (result != DORY_OK) {
        return result;
    }
    if (other_image(firmware)->size == 0) {
        return DORY_NOT_FOUND;
    }
    begin_change(firmware, MODE_REMOVE, PHASE_CLEAR, firmware_other(firmware));
    firmware->writer = (struct dory_writer){0};
    *writer = &firmware->writer;
    return DORY_OK;
}

/* ---- Data ---- */

/* Checks some of the data, and takes them into the buffer. Returns how much. */
static uint32_t take(struct firmware *firmware, const uint8_t *data, uint32_t len)
{
    struct firmware_change *change = &firmware->change;
    uint32_t room = piece_room(firmware) - change->buffered;

    len = len < room ? len : room;
    feed(firmware, data, len);
    if (change->result < 0) {
        return 0;
    }
    memcpy(firmware->buffer + change->buffered, data, len);
    change->buffered = (uint16_t)(change->buffered + len);
    if (change->phase == PHASE_HEADER && change->buffered >= DORY_IMAGE_HEADER) {
        memcpy(firmware->first, firmware->buffer, sizeof firmware->first);
        change->phase = PHASE_CLOSE;
    }
    return len;
}

int32_t firmware_change_write(struct firmware *firmware, const uint8_t *data, size_t len)
{
    struct dory_writer *writer = &firmware->writer;
    uint32_t left = (uint32_t)(writer->size - writer->stored);
    uint32_t taken = 0;
    int result = advance(firmware);

    len = len < left ? len : left;
    while (result == DORY_OK && taken < len) {
        taken += take(firmware, data + taken, (uint32_t)len - taken);
        result = advance(firmware);
    }
    writer->stored += taken;
    return taken > 0 || result == DORY_MORE ? (int32_t)taken : result;
}

/* Copies what is not on the storage yet, up to `len` bytes at `off`. Returns how many, 0 when they are there. */
static uint32_t reread_kept(const struct firmware *firmware, uint32_t off, uint8_t *dst, uint32_t len)
{
    const struct firmware_change *change = &firmware->change;
    const uint8_t *from = firmware->buffer;
    uint32_t begin = change->at;
    uint32_t end = change->at + change->buffered;

    if (off < sizeof firmware->first && change->at > 0) {
        from = firmware->first;
        begin = 0;
        end = sizeof firmware->first;
    } else if (off < change->at) {
        return 0;
    }
    len = len < end - off ? len : end - off;
    memcpy(dst, from + (off - begin), len);
    return len;
}

int32_t firmware_change_reread(struct firmware *firmware, uint64_t off, uint8_t *dst, size_t len)
{
    const struct flash_device *slot = firmware_other_slot(firmware);
    struct firmware_change *change = &firmware->change;
    uint64_t left = firmware->writer.stored - off;
    uint32_t got;

    if (wait_for_step(firmware) == DORY_MORE) {
        return 0;
    }
    len = len < left ? len : (size_t)left;
    got = reread_kept(firmware, (uint32_t)off, dst, (uint32_t)len);
    if (got == 0) {
        uint32_t programmed = change->at - (uint32_t)off;
        int result;

        got = len < programmed ? (uint32_t)len : programmed;
        result = slot->operations->read(slot->ctx, off, dst, got);
        if (result != DORY_OK) {
            return result == DORY_MORE ? 0 : DORY_IO_ERROR;
        }
    }
    if (off <= change->fed && off + got > change->fed) {
        uint32_t known = change->fed - (uint32_t)off;

        feed(firmware, dst + known, got - known);
    }
    return change->result < 0 ? change->result : (int32_t)got;
}

/* ---- The end ---- */

int firmware_change_commit(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;
    int result;

    if (firmware->writer.stored != firmware->writer.size) {
        fail(firmware); /* against the contract, and half an image is never published */
    } else if (change->phase == PHASE_HEADER) {
        refuse(firmware, dory_image_finish(&firmware->check));
    }
    change->committing = true;
    result = advance(firmware);
    if (result != DORY_MORE) {
        change->mode = MODE_NONE;
    }
    return result;
}

/* Keeps what is there, to the byte. */
static void keep_partial(struct firmware *firmware)
{
    struct firmware_partial *partial = &firmware->partial;

    partial->stored = (uint32_t)firmware->writer.stored;
    partial->size = (uint32_t)firmware->writer.size;
    partial->crc32 = firmware->writer.crc32;
    partial->live = true;
    firmware->change.mode = MODE_NONE;
}

/* Gives up what has been begun. */
static void drop(struct firmware *firmware)
{
    struct firmware_change *change = &firmware->change;

    change->phase = has_notes(firmware) ? PHASE_DROP : PHASE_OVER;
    change->result = DORY_CHANGED; /* so that it is not published; nobody is told */
    change->unobserved = true;
}

void firmware_change_abort(struct firmware *firmware, bool keep)
{
    struct firmware_change *change = &firmware->change;

    if (change->phase == PHASE_HEADER || (change->mode == MODE_REMOVE && change->phase == PHASE_CLEAR)) {
        change->mode = MODE_NONE;
    } else if (change->mode == MODE_REMOVE || change->committing || change->phase >= PHASE_JUDGE) {
        change->unobserved = true;
    } else if (keep && firmware->writer.has_crc32) {
        keep_partial(firmware);
    } else {
        drop(firmware);
    }
    (void)firmware_run(firmware);
}

/* ---- Boot ---- */

static bool is_named(const struct firmware_image *image, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned i = 0;

    while (i < DORY_IMAGE_HASH && text[2 * i] == digits[image->hash[i] >> 4] &&
           text[2 * i + 1] == digits[image->hash[i] & 15]) {
        i++;
    }
    return i == DORY_IMAGE_HASH && text[2 * i] == '\0';
}

static int begin_confirm(struct firmware *firmware, const char *image)
{
    struct firmware_change *change = &firmware->change;
    unsigned running = firmware->running;
    bool one_mark = firmware->on_trial && !firmware->spent && firmware->trailer[running].state == TRAILER_TRIED;

    if (!is_named(&firmware->image[running], image)) {
        return DORY_CHANGED;
    }
    if (firmware->told.confirmed) {
        return DORY_OK;
    }
    if (firmware->partial.live) {
        keep_noted(firmware);
    }
    begin_change(firmware, MODE_BOOT, one_mark ? PHASE_MARK : PHASE_ERASE, running);
    change->boot = DORY_BOOT_CONFIRM;
    change->plan = one_mark ? TRAILER_CONFIRM : TRAILER_ADOPT;
    change->counter = trailer_next_counter(&firmware->trailer[0], &firmware->trailer[1]);
    return DORY_MORE;
}

static int begin_start(struct firmware *firmware, enum dory_boot_mode mode, const char *image)
{
    struct firmware_change *change = &firmware->change;
    bool there = other_image(firmware)->size > 0;
    bool named = there && is_named(other_image(firmware), image);

    if (firmware->is_pending && firmware->pending == (uint8_t)mode && named) {
        firmware->restart = true;
        return DORY_OK;
    }
    if (firmware->is_pending || (firmware->on_trial && !firmware->told.confirmed)) {
        return DORY_BUSY;
    }
    if (!named) {
        return there ? DORY_CHANGED : DORY_NOT_FOUND;
    }
    begin_change(firmware, MODE_BOOT, firmware->verified ? PHASE_ERASE : PHASE_CHECK, firmware_other(firmware));
    change->boot = (uint8_t)mode;
    change->plan = mode == DORY_BOOT_TEST ? TRAILER_TEST : TRAILER_PERMANENT;
    change->counter = trailer_next_counter(&firmware->trailer[0], &firmware->trailer[1]);
    if (!firmware->verified) {
        dory_image_begin(&firmware->check, &firmware->rules, other_image(firmware)->size);
    }
    return DORY_MORE;
}

/* Whether that is what is under way. */
static bool is_asked(const struct firmware *firmware, enum dory_boot_mode mode, const char *image)
{
    const struct firmware_change *change = &firmware->change;

    return change->boot == (uint8_t)mode && is_named(&firmware->image[change->slot], image);
}

int firmware_change_boot(void *ctx, enum dory_boot_mode mode, const char *image)
{
    struct firmware *firmware = ctx;
    struct firmware_change *change = &firmware->change;
    int result = DORY_MORE;

    if (!firmware->ready) {
        return DORY_IO_ERROR;
    }
    if (change->mode == MODE_BOOT && is_asked(firmware, mode, image)) {
        result = advance(firmware);
        if (result != DORY_MORE) {
            change->mode = MODE_NONE;
        }
        return result;
    }
    if (firmware_run(firmware) == DORY_MORE || change->mode == MODE_PUT || change->mode == MODE_REMOVE) {
        return DORY_BUSY;
    }
    change->mode = MODE_NONE;
    return mode == DORY_BOOT_CONFIRM ? begin_confirm(firmware, image) : begin_start(firmware, mode, image);
}
