/* SPDX-License-Identifier: MIT */
/* What the files of firmware.h share. Not for others. */
#ifndef FIRMWARE_PRIVATE_H
#define FIRMWARE_PRIVATE_H

#include "firmware.h"

enum firmware_mode {
    MODE_NONE, /* nothing; or a partial that is kept in RAM */
    MODE_PUT,
    MODE_REMOVE,
    MODE_BOOT /* test, permanent or confirm; with a failure: it has ended, and waits to be told */
};

enum firmware_phase {
    PHASE_HEADER,  /* put: the first bytes are still to come */
    PHASE_CLOSE,   /* put: the note that ends another one */
    PHASE_CLEAR,   /* put, remove: first sector */
    PHASE_UNMARK,  /* put: last sector */
    PHASE_NOTE,    /* put: the note that opens it */
    PHASE_DATA,    /* put: bytes, as they come */
    PHASE_JUDGE,   /* put: all of it */
    PHASE_END,     /* put: the note that ends it */
    PHASE_PUBLISH, /* put: the image's first bytes */
    PHASE_DROP,    /* put that failed: the note that ends it */
    PHASE_CHECK,   /* boot: of the image */
    PHASE_ERASE,   /* boot: old marks */
    PHASE_MARK,    /* boot: new ones */
    PHASE_OVER
};

enum firmware_step { STEP_NONE, STEP_READ, STEP_PROGRAM, STEP_ERASE };

#define FIRMWARE_UNIT 8U

/* ---- Slots ---- */

static inline unsigned firmware_other(const struct firmware *firmware)
{
    return firmware->running ^ 1U;
}

static inline const struct flash_device *firmware_other_slot(const struct firmware *firmware)
{
    return firmware->slot[firmware_other(firmware)];
}

/* Reads, asking storage that is busy `patience` times at most. DORY_OK, DORY_BUSY, DORY_IO_ERROR. */
int firmware_read(const struct flash_device *slot, uint32_t off, uint8_t *dst, uint32_t len, uint32_t patience);

/* Brings told.slot up to date. */
void firmware_tell_slot(struct firmware *firmware);

/* ---- What an image tells of itself: firmware_image.c ---- */

/* Reads what is in a slot: size 0 when that is no image, or not a whole one. DORY_OK, DORY_IO_ERROR. */
int firmware_image_read(struct firmware *firmware, unsigned slot);

/* Takes over what the check has found. */
void firmware_image_take(struct firmware *firmware, unsigned slot);

/* ---- Notes: firmware_notes.c ---- */

/* Bytes between two notes. */
uint32_t firmware_notes_interval(const struct flash_device *slot);

/* Returns whether a further note of progress has room; that which ends a put always has. */
bool firmware_notes_have_room(const struct flash_device *slot, unsigned unit);

/* Makes the note that opens a put, in firmware->note. Returns where in the slot it goes. */
uint32_t firmware_note_open(struct firmware *firmware);

/* Makes the next note in firmware->note, FIRMWARE_UNIT bytes: so many bytes are there, or 0: the put is over. Returns where
 * it goes. */
uint32_t firmware_note_unit(struct firmware *firmware, uint32_t number);

/* Finds the partial of the other slot. DORY_OK, DORY_IO_ERROR. */
int firmware_notes_read(struct firmware *firmware);

/* Reads the header of the partial: the first bytes from the notes, the rest from their place. DORY_OK, DORY_NOT_FOUND,
 * DORY_BUSY, DORY_IO_ERROR. */
int firmware_notes_header(struct firmware *firmware, uint8_t header[DORY_IMAGE_HEADER], uint32_t patience);

/* ---- Changes: firmware_change.c ---- */

/* As core/store.h and core/firmware.h say, of the name `firmware`. */
int firmware_change_put(struct firmware *firmware, const struct dory_put *put, struct dory_writer **writer);
int firmware_change_remove(struct firmware *firmware, struct dory_writer **writer);
int32_t firmware_change_write(struct firmware *firmware, const uint8_t *data, size_t len);
int32_t firmware_change_reread(struct firmware *firmware, uint64_t off, uint8_t *dst, size_t len);
int firmware_change_commit(struct firmware *firmware);
void firmware_change_abort(struct firmware *firmware, bool keep);
int firmware_change_boot(void *ctx, enum dory_boot_mode mode, const char *image);

#endif
