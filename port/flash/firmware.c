/* SPDX-License-Identifier: MIT */
/*
 * Firmware in slots: the start, and the store in front of another one. Changes are in firmware_change.c, notes in
 * firmware_notes.c, what an image tells in firmware_image.c.
 *
 * Implementation notes
 *
 * The handle of our open file is the address of the struct; any other is the other store's. A listing begins with the other
 * store; when that has no more names, its handle becomes that address, and behind our name the next one.
 */
#include "firmware.h"

#include <string.h>

#include "firmware_private.h"

/* ---- The start ---- */

int firmware_read(const struct flash_device *slot, uint32_t off, uint8_t *dst, uint32_t len, uint32_t patience)
{
    int result;

    do {
        result = slot->operations->read(slot->ctx, off, dst, len);
    } while (result == DORY_MORE && --patience > 0);
    return result == DORY_MORE ? DORY_BUSY : result;
}

static int read_trailer(const struct flash_device *slot, struct trailer *trailer)
{
    uint8_t bytes[TRAILER_LEN];
    int result = firmware_read(slot, (uint32_t)slot->size - TRAILER_LEN, bytes, sizeof bytes, UINT32_MAX);

    if (result == DORY_OK) {
        trailer_read(trailer, bytes);
    }
    return result;
}

bool firmware_tried(const struct flash_device *slot)
{
    struct trailer trailer;

    return read_trailer(slot, &trailer) == DORY_OK && trailer.state == TRAILER_TRIED;
}

static bool is_fit(const struct flash_device *slot)
{
    return slot->operations->erase != NULL && slot->page_size > 0 && TRAILER_UNIT % slot->page_size == 0 &&
           slot->sector_size >= FIRMWARE_MIN_SECTOR && slot->sector_size % TRAILER_UNIT == 0 &&
           slot->size <= UINT32_MAX && slot->size % slot->sector_size == 0 && slot->size / slot->sector_size >= 2;
}

static bool are_fit(const struct firmware *firmware)
{
    const struct flash_device *a = firmware->slot[0];
    const struct flash_device *b = firmware->slot[1];

    return a != NULL && b != NULL && firmware->running <= 1 && is_fit(a) && is_fit(b) && a->size == b->size &&
           a->sector_size == b->sector_size;
}

/* Reads both slots. DORY_OK, DORY_IO_ERROR. */
static int survey(struct firmware *firmware)
{
    int result = DORY_OK;

    for (unsigned slot = 0; slot < 2 && result == DORY_OK; slot++) {
        result = read_trailer(firmware->slot[slot], &firmware->trailer[slot]);
        if (result == DORY_OK) {
            result = firmware_image_read(firmware, slot);
        }
    }
    if (result == DORY_OK && firmware->image[firmware_other(firmware)].size == 0) {
        result = firmware_notes_read(firmware);
    }
    return result;
}

static void write_hex(char *text, const uint8_t *bytes, unsigned len)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < len; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

void firmware_tell_slot(struct firmware *firmware)
{
    unsigned other = firmware_other(firmware);

    if (firmware->image[other].size == 0) {
        firmware->told.slot = "empty";
    } else if (firmware->is_pending) {
        firmware->told.slot = "pending";
    } else {
        firmware->told.slot = firmware->trailer[other].state == TRAILER_CONFIRMED ? "fallback" : "ready";
    }
}

/* Makes the texts. */
static void tell(struct firmware *firmware)
{
    const struct firmware_image *image = &firmware->image[firmware->running];
    uint8_t boot_id[DORY_BOOT_ID_DIGITS / 2];

    for (unsigned i = 0; i < sizeof boot_id; i++) {
        boot_id[i] = (uint8_t)(firmware->boot_id >> (8 * (sizeof boot_id - 1 - i)));
    }
    write_hex(firmware->boot_id_text, boot_id, sizeof boot_id);
    write_hex(firmware->image_text, image->hash, sizeof image->hash);
    dory_image_version_write(&image->version, firmware->version);
    firmware->told.image = firmware->image_text;
    firmware->told.boot_id = firmware->boot_id_text;
    firmware->told.confirmed = firmware->trailer[firmware->running].state == TRAILER_CONFIRMED;
    firmware_tell_slot(firmware);
}

int firmware_begin(struct firmware *firmware)
{
    int result = DORY_IO_ERROR;

    memset((uint8_t *)firmware + offsetof(struct firmware, told), 0,
           sizeof *firmware - offsetof(struct firmware, told));
    if (are_fit(firmware)) {
        result = survey(firmware);
    } else {
        firmware->running = 0;
    }
    if (result == DORY_OK && firmware->image[firmware->running].size == 0) {
        result = DORY_NOT_FOUND;
    }
    firmware->ready = result == DORY_OK;
    firmware->rules.max_size = firmware->ready ? firmware_room(firmware->slot[0]) : 0;
    firmware->rules.min_counter = firmware->image[firmware->running].counter;
    tell(firmware);
    return result;
}

/* ---- Names ---- */

enum relation { UNRELATED, SAME, BELOW };

static enum relation relate(const char *name)
{
    size_t len = strlen(FIRMWARE_NAME);

    if (strncmp(FIRMWARE_NAME, name, len) != 0 || (name[len] != '\0' && name[len] != '/')) {
        return UNRELATED;
    }
    return name[len] == '\0' ? SAME : BELOW;
}

static bool is_ours(const struct firmware *firmware, uintptr_t handle)
{
    return handle == (uintptr_t)firmware || handle == (uintptr_t)(firmware + 1);
}

/* ---- Reading ---- */

/* Never 0, and another one for each image. */
static uint64_t version_of(const struct firmware_image *image)
{
    uint64_t version = 0;

    memcpy(&version, image->hash, sizeof version);
    return version != 0 ? version : 1;
}

static int open_file(void *ctx, const char *name, struct dory_file *file)
{
    struct firmware *firmware = ctx;
    const struct firmware_image *image = &firmware->image[firmware_other(firmware)];

    if (relate(name) != SAME) {
        return firmware->store->open(firmware->store_ctx, name, file);
    }
    (void)firmware_run(firmware);
    if (!firmware->ready) {
        return DORY_IO_ERROR;
    }
    if (image->size == 0) {
        return DORY_NOT_FOUND;
    }
    *file = (struct dory_file){
        .size = image->size, .version = version_of(image), .handle = (uintptr_t)firmware, .hidden = true};
    return DORY_OK;
}

static int32_t read_file(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    struct firmware *firmware = ctx;
    const struct flash_device *slot = firmware_other_slot(firmware);
    const struct firmware_image *image = &firmware->image[firmware_other(firmware)];
    uint64_t left = file->size - off;
    int result;

    if (file->handle != (uintptr_t)firmware) {
        return firmware->store->read(firmware->store_ctx, file, off, dst, len);
    }
    result = firmware_run(firmware);
    if (image->size != file->size || version_of(image) != file->version) {
        return DORY_CHANGED;
    }
    len = len < left ? len : (size_t)left;
    if (result != DORY_MORE || firmware->change.step == STEP_NONE) {
        result = slot->operations->read(slot->ctx, off, dst, len);
    }
    return result == DORY_OK ? (int32_t)len : result == DORY_MORE ? 0 : DORY_IO_ERROR;
}

static void close_file(void *ctx, struct dory_file *file)
{
    const struct firmware *firmware = ctx;

    if (file->handle != (uintptr_t)firmware) {
        firmware->store->close(firmware->store_ctx, file);
    }
}

/* ---- Changes ---- */

static int begin_put(void *ctx, const struct dory_put *put, struct dory_writer **writer)
{
    struct firmware *firmware = ctx;

    switch (relate(put->name)) {
    case SAME:
        return firmware_change_put(firmware, put, writer);
    case BELOW:
        return DORY_BAD_NAME;
    case UNRELATED:
        break;
    }
    return firmware->store->put(firmware->store_ctx, put, writer);
}

static int begin_remove(void *ctx, const char *name, struct dory_writer **writer)
{
    struct firmware *firmware = ctx;

    if (relate(name) == SAME) {
        return firmware_change_remove(firmware, writer);
    }
    return firmware->store->remove(firmware->store_ctx, name, writer);
}

static int32_t write_data(void *ctx, struct dory_writer *writer, const uint8_t *data, size_t len)
{
    struct firmware *firmware = ctx;

    if (writer == &firmware->writer) {
        return firmware_change_write(firmware, data, len);
    }
    return firmware->store->write(firmware->store_ctx, writer, data, len);
}

static int32_t reread_data(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len)
{
    struct firmware *firmware = ctx;

    if (writer == &firmware->writer) {
        return firmware_change_reread(firmware, off, dst, len);
    }
    return firmware->store->reread(firmware->store_ctx, writer, off, dst, len);
}

static int commit(void *ctx, struct dory_writer *writer)
{
    struct firmware *firmware = ctx;

    if (writer == &firmware->writer) {
        return firmware_change_commit(firmware);
    }
    return firmware->store->commit(firmware->store_ctx, writer);
}

static void abort_change(void *ctx, struct dory_writer *writer, bool keep)
{
    struct firmware *firmware = ctx;

    if (writer == &firmware->writer) {
        firmware_change_abort(firmware, keep);
    } else {
        firmware->store->abort(firmware->store_ctx, writer, keep);
    }
}

static struct dory_writer *holder(void *ctx, const char *name)
{
    struct firmware *firmware = ctx;
    const struct firmware_change *change = &firmware->change;
    bool held = (change->mode == MODE_PUT || change->mode == MODE_REMOVE) && !change->unobserved;

    if (relate(name) == SAME) {
        return held ? &firmware->writer : NULL;
    }
    return firmware->store->holder(firmware->store_ctx, name);
}

static uint64_t tell_partial(void *ctx, const char *name)
{
    struct firmware *firmware = ctx;

    if (relate(name) == SAME) {
        return firmware->partial.stored;
    }
    return firmware->store->partial(firmware->store_ctx, name);
}

/* ---- Listing ---- */

static int begin_list(void *ctx, const char *prefix, struct dory_listing *listing)
{
    const struct firmware *firmware = ctx;

    return firmware->store->list(firmware->store_ctx, prefix, listing);
}

static int next_entry(void *ctx, struct dory_listing *listing, struct dory_entry *entry)
{
    struct firmware *firmware = ctx;
    const struct firmware_image *image = &firmware->image[firmware_other(firmware)];

    if (!is_ours(firmware, listing->handle)) {
        int result;

        do {
            result = firmware->store->next(firmware->store_ctx, listing, entry);
        } while (result == DORY_OK && relate(entry->name) == SAME);
        if (result != DORY_NOT_FOUND) {
            return result;
        }
        firmware->store->end_list(firmware->store_ctx, listing);
        listing->handle = (uintptr_t)firmware;
    }
    if (listing->handle != (uintptr_t)firmware || image->size == 0) {
        return DORY_NOT_FOUND;
    }
    listing->handle = (uintptr_t)(firmware + 1);
    entry->size = image->size;
    memcpy(entry->name, FIRMWARE_NAME, sizeof FIRMWARE_NAME);
    return DORY_OK;
}

static void end_list(void *ctx, struct dory_listing *listing)
{
    const struct firmware *firmware = ctx;

    if (!is_ours(firmware, listing->handle)) {
        firmware->store->end_list(firmware->store_ctx, listing);
    }
}

static int tell_room(void *ctx, struct dory_room *room)
{
    const struct firmware *firmware = ctx;

    return firmware->store->room(firmware->store_ctx, room);
}

const struct dory_store firmware_store = {
    .open = open_file,
    .read = read_file,
    .close = close_file,
    .put = begin_put,
    .remove = begin_remove,
    .write = write_data,
    .reread = reread_data,
    .commit = commit,
    .abort = abort_change,
    .holder = holder,
    .partial = tell_partial,
    .list = begin_list,
    .next = next_entry,
    .end_list = end_list,
    .room = tell_room,
};

const struct dory_firmware firmware_boots = {.boot = firmware_change_boot};
