/* SPDX-License-Identifier: MIT */
/*
 * The slot store: struct dory_store on raw storage (flash_device.h). The device
 * is cut into slots of equal size, each of which holds one file.
 *
 * Whatever operation the power is cut at, the old file or the new one is there
 * afterwards, whole. A put goes to a free slot, the free ones in turn; nothing
 * is erased but just ahead of the data.
 *
 * Shared rules
 *  - The application owns struct slot_store, its buffer and its device, and
 *    holds them still. It sets the first members; the others are opaque.
 *  - There is one writer: a put or removal while another one is under way is
 *    DORY_BUSY, whatever its name. There is one partial, the newest; the space
 *    of it counts as free.
 *  - A file is smaller than 4 GiB, even in a larger slot.
 *
 * Beyond what core/store.h asks for
 *  - What a dropped connection leaves behind is kept to the last byte, and
 *    survives a restart once slot_store_run() no longer says DORY_MORE. What a
 *    cut of the power interrupts is kept up to the last record of progress.
 *    There is one every 16 KiB; where sectors are erased, at least every 12th
 *    part of what was to come, in whole sectors.
 *  - open(), put() and remove() read a few records from the device. While that
 *    is programming or erasing they ask it SLOT_STORE_PATIENCE times, then they
 *    say DORY_BUSY.
 *  - A change whose commit() fails may yet be found after a restart: then the
 *    device has done what it said it had not. Old or new, it is whole.
 */
#ifndef SLOT_STORE_H
#define SLOT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/store.h"
#include "flash_device.h"

/* Most slots that a store can have; each takes 5 bytes of RAM. */
#ifndef SLOT_STORE_MAX_SLOTS
#define SLOT_STORE_MAX_SLOTS 32
#endif
#if SLOT_STORE_MAX_SLOTS < 2 || SLOT_STORE_MAX_SLOTS > 32
#error "SLOT_STORE_MAX_SLOTS: 2 to 32"
#endif

/* How often a device that is busy is asked, by a call that has no way to say "later". The programming of three pages,
 * which a put that broke off leaves to be done, should pass within that many questions. */
#ifndef SLOT_STORE_PATIENCE
#define SLOT_STORE_PATIENCE 1000
#endif
#if SLOT_STORE_PATIENCE < 1 || SLOT_STORE_PATIENCE > 1000000
#error "SLOT_STORE_PATIENCE: 1 to 1000000 questions"
#endif

/* The longest record, in bytes. */
#define SLOT_STORE_RECORD (24U + DORY_MAX_NAME)

/* Bytes of a page, for a product whose only device has pages that are simply written anew, and is not `immediate`: the code
 * for others is left out. 0: any device will do. */
#ifndef SLOT_STORE_PAGE
#define SLOT_STORE_PAGE 0
#endif
#if SLOT_STORE_PAGE != 0 && (SLOT_STORE_PAGE < 512 || SLOT_STORE_PAGE > 4096)
#error "SLOT_STORE_PAGE: 0, or 512 to 4096"
#endif

/* Bytes of buffer that a store needs: one page, or as many as hold a record. */
#define SLOT_STORE_BUFFER(page_size) ((SLOT_STORE_RECORD + (page_size)-1U) / (page_size) * (page_size))

/* Where things lie. What was written by another layout is not looked at. */
struct slot_layout {
    uint32_t page_size;
    uint32_t unit;     /* bytes of a sector, or of a page where nothing is erased */
    uint32_t note_len; /* bytes of each place in a head, whole pages */
    uint32_t head_len; /* bytes of each head, whole units */
    uint32_t slot_len; /* bytes of each slot, whole units */
};

/* A record on the device. */
struct slot_record {
    uint8_t name_len; /* of a header: 0 says that the slot is empty */
    uint8_t has_crc32;
    uint8_t zero[2];
    uint32_t sequence;
    uint32_t size; /* bytes of the file */
    uint32_t crc32;
    uint32_t offset;               /* bytes of it that are there */
    char name[DORY_MAX_NAME + 4U]; /* ends with NUL; on the device the record's CRC-32 is in that place */
};

/* What the store knows of a slot without asking the device. */
struct slot {
    uint8_t state;   /* enum slot_kind, in slot_private.h */
    uint8_t head;    /* 0 or 1: which of its two heads is the newer one */
    uint8_t tag;     /* of the file's name: tells most others apart */
    uint8_t readers; /* how often the file is open */
};

/* What a put that broke off has left behind. */
struct slot_partial {
    uint8_t slot;
    uint32_t stored;   /* bytes; 0: there is no partial */
    uint32_t sequence; /* as it was found when the store began */
};

/* The one change that can be under way. */
struct slot_change {
    uint8_t mode;   /* enum slot_mode */
    uint8_t ending; /* enum slot_ending */
    uint8_t step;   /* enum slot_step: what the device is asked to do */
    uint8_t slot;   /* that is being written, or emptied */
    uint8_t old;    /* that holds the file to be replaced or removed; of a new file: `slot` */
    bool headed;    /* the slot's new head is there */
    bool committing;
    bool failed;
    bool drops_partial;  /* the partial has this name, and goes when the file is published */
    uint8_t notes;       /* of progress, written so far */
    uint32_t off;        /* in the slot: what the device is asked to do */
    uint32_t len;        /* with how many bytes */
    const uint8_t *data; /* that go there */
    uint32_t resumed;    /* bytes of the partial that the put goes on with */
    uint32_t tail;       /* of these, bytes that are still to be read into the buffer */
    uint32_t erased;     /* of the new head, then of the file: up to here pages can be programmed */
    uint32_t buffered;   /* bytes of the file in the buffer */
    uint32_t interval;   /* bytes between two records of progress */
    uint32_t due;        /* where the next one comes */
};

struct slot_store {
    /* Set by the application before slot_store_begin(). */
    const struct flash_device *device; /* NULL: there is no storage */
    uint8_t *buffer;                   /* SLOT_STORE_BUFFER(device->page_size) bytes, aligned as the device likes it */
    uint8_t slots;                     /* 2 to SLOT_STORE_MAX_SLOTS */

    /* The store's own. */
    uint8_t count;   /* slots in use; 0: the storage is of no use */
    uint8_t last;    /* slot that was taken last: the search for a free one begins behind it */
    bool unreadable; /* a read of a record has failed */
    struct slot_change change;
    struct slot_layout layout;
    struct slot_partial partial;
    struct slot_record record; /* of the change, as it is written next; `offset`: bytes that have been programmed */
    struct dory_writer writer; /* of the change */
    uint32_t unerased;         /* `erased` of a slot of which nothing has been erased yet */
    uint32_t seed;             /* of the records' CRC-32: made of the layout */
    uint32_t sequence;         /* the largest one in use; it never goes back */
    uint32_t patience;         /* questions to a device that is busy */
    struct slot slot[SLOT_STORE_MAX_SLOTS];
    uint8_t rank[SLOT_STORE_MAX_SLOTS]; /* of each slot: where listings tell its file */
};

/* The functions; their context is a struct slot_store. */
extern const struct dory_store slot_store;

/*
 * Begins: looks at every slot, and waits for the device where it is slow. It
 * writes nothing, so storage without files need not be prepared, and what is on
 * it that is no file of this geometry is free space.
 *
 * Returns DORY_OK. Or DORY_IO_ERROR: there is no device, it is too small for so
 * many slots, or it can't be read; then each call answers DORY_IO_ERROR, and
 * room() tells that there is none.
 */
int slot_store_begin(struct slot_store *store);

/*
 * Goes on with what the device is at, and with a change that was given up: to
 * keep what is there of it, or while its commit was under way. Every other call
 * does it as well; calling this now and then makes such a change end although
 * nobody asks for anything.
 *
 * Returns DORY_MORE while the device is at work, else DORY_OK or
 * DORY_IO_ERROR, which is of interest to the one who made the change.
 */
int slot_store_run(struct slot_store *store);

#endif
