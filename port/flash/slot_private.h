/* SPDX-License-Identifier: MIT */
/*
 * What the files of the slot store share: where things lie in a slot, and how
 * records look. The agreement about power cuts stands in slot_store.c.
 */
#ifndef SLOT_PRIVATE_H
#define SLOT_PRIVATE_H

#include "slot_store.h"

/* Records of progress that a head has room for. */
#define PROGRESS_RECORDS 12U

/* `erased` of a slot where nothing needs to be. */
#define NEVER_ERASED UINT32_MAX

/* Those before SLOT_LIVE count as free. */
enum slot_kind {
    SLOT_FREE,    /* holds nothing that could be taken for a file */
    SLOT_STALE,   /* holds an older copy of a file, which must not outlive the newer one */
    SLOT_PARTIAL, /* holds the partial */
    SLOT_LIVE     /* holds a file */
};

enum slot_mode { MODE_NONE, MODE_PUT, MODE_REMOVE };

/* How a change goes on that nobody asks for any more. From ENDING_KEPT on there is nothing left to do. */
enum slot_ending { ENDING_NOT, ENDING_UNOBSERVED, ENDING_KEEP, ENDING_KEPT, ENDING_DROP };

enum slot_step { STEP_NONE, STEP_ERASE, STEP_READ, STEP_PROGRAM, STEP_HEADER, STEP_COMMIT };

/* ---- Records: slot_record.c ---- */

/* What a head has room for, in this order. All but the header take note_len bytes. */
enum slot_place { PLACE_COMMIT, PLACE_PROGRESS, PLACE_TAIL = PLACE_PROGRESS + PROGRESS_RECORDS, PLACE_HEADER };

enum slot_head { NEWER_HEAD, OTHER_HEAD };

/* Works out the layout and the seed. Returns whether the device has room for the slots. */
bool slot_layout_begin(struct slot_store *store);

/* Rounds up to whole units of the layout. */
uint32_t slot_whole_units(const struct slot_store *store, uint32_t len);

/* Where a head of a slot has a place. */
uint32_t slot_place_off(const struct slot_store *store, unsigned slot, enum slot_head head, unsigned place);

/* The layout, as far as the compiler does not know it by SLOT_STORE_PAGE. */
static inline uint32_t slot_page_size(const struct slot_store *store)
{
    return SLOT_STORE_PAGE > 0 ? SLOT_STORE_PAGE : store->layout.page_size;
}

static inline uint32_t slot_unit(const struct slot_store *store)
{
    return SLOT_STORE_PAGE > 0 ? SLOT_STORE_PAGE : store->layout.unit;
}

static inline uint32_t slot_note_len(const struct slot_store *store)
{
    return SLOT_STORE_PAGE > 0 ? SLOT_STORE_PAGE : store->layout.note_len;
}

static inline uint32_t slot_head_len(const struct slot_store *store)
{
    return SLOT_STORE_PAGE > 0 ? (PLACE_HEADER + 1) * SLOT_STORE_PAGE : store->layout.head_len;
}

static inline bool slot_is_erased(const struct slot_store *store)
{
    return SLOT_STORE_PAGE == 0 && store->device->sector_size > 0;
}

/* Where the bytes of the file begin. */
static inline uint32_t slot_data_off(const struct slot_store *store)
{
    return 2 * slot_head_len(store);
}

/* How many of them a slot holds. */
static inline uint32_t slot_capacity(const struct slot_store *store)
{
    return store->layout.slot_len - slot_data_off(store);
}

static inline uint64_t slot_address(const struct slot_store *store, unsigned slot, uint32_t off)
{
    return (uint64_t)slot * store->layout.slot_len + off;
}

/* Puts `record` with so much of its name into the store's buffer. Returns its length there, in whole pages. */
uint32_t slot_record_put(const struct slot_store *store, struct slot_record *record, size_t name_len);

/* Reads the record at a place of the newer head of a slot. DORY_OK, DORY_NOT_FOUND (no record,
 * or none that is whole), DORY_BUSY, DORY_IO_ERROR. */
int slot_record_read(struct slot_store *store, unsigned slot, unsigned place, struct slot_record *record);

/* ---- Files: slot_store.c ---- */

/* Finds the slot of a file. Returns its index and fills in `*record`; or DORY_NOT_FOUND, DORY_BAD_NAME (a folder, or below
 * a file), DORY_BUSY, DORY_IO_ERROR. */
int slot_find(struct slot_store *store, const char *name, struct slot_record *record);

/* Reads the header of the file or partial in a slot. DORY_OK, DORY_BUSY, DORY_IO_ERROR. */
int slot_file_read(struct slot_store *store, unsigned slot, struct slot_record *record);

uint8_t slot_name_tag(const char *name);

/* Reads of a slot up to `len` bytes at `off`, behind which there are `left`. Returns as read() of core/store.h. */
int32_t slot_data_read(struct slot_store *store, unsigned slot, uint32_t off, uint32_t left, uint8_t *dst, size_t len);

/* ---- Changes: slot_change.c ---- */

/* Calls slot_store_run() patiently. Returns whether the device can be asked. */
bool slot_is_settled(struct slot_store *store);

/* Forgets the partial, if there is one. */
void slot_partial_drop(struct slot_store *store);

/* As core/store.h says. */
int slot_change_put(void *ctx, const struct dory_put *put, struct dory_writer **writer);
int slot_change_remove(void *ctx, const char *name, struct dory_writer **writer);
int32_t slot_change_write(void *ctx, struct dory_writer *writer, const uint8_t *data, size_t len);
int32_t slot_change_reread(void *ctx, struct dory_writer *writer, uint64_t off, uint8_t *dst, size_t len);
int slot_change_commit(void *ctx, struct dory_writer *writer);
void slot_change_abort(void *ctx, struct dory_writer *writer, bool keep);
struct dory_writer *slot_change_holder(void *ctx, const char *name);
uint64_t slot_change_partial(void *ctx, const char *name);

#endif
