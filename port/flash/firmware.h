/* SPDX-License-Identifier: MIT */
/*
 * Firmware in two slots, for the application that runs from one of them: a store
 * in front of another store, where the name `firmware` is the slot that does not
 * run; and the provider of `boot` (core/firmware.h). Whatever operation the
 * power is cut at, the boot stage (boot_choice.h, or a stock MCUboot in swap
 * mode) finds an image that works.
 *
 * A slot is whole sectors of raw storage that is erased, with pages of 8 bytes at most. The image begins with the slot; the
 * last sector is not the image's: at its end are MCUboot's marks (trailer.h), at its beginning notes on a put under way.
 *
 * Shared rules
 *  - The application owns struct firmware, and what it points to, and holds it
 *    still. It sets the members of the first part, and reads those of the second.
 *  - All calls come from one thread and never nest.
 *  - None blocks, but that commit() of a put, and `boot` of an image which was
 *    not put since the device started, check a signature on the way
 *    (port/README.md tells how long that takes, and the stack it needs).
 *
 * The name `firmware`
 *  - put: the header is judged before anything is erased, the rest as it
 *    arrives, the signature at commit. `bad_image` and `bad_signature` leave the
 *    other slot without an image. `busy` while a restart to test an image is
 *    pending, and while the image that runs is on trial.
 *  - A put with a crc32 that breaks off can be resumed: at the very byte, or,
 *    after a restart, at the last whole sector that was noted.
 *  - get is `forbidden` (hidden); stat, delete and list speak of the image in the
 *    other slot.
 *  - A put to a name below it, `firmware/x`, is `bad_name`. What the other store
 *    has of that name is hidden. All else is the other store's.
 */
#ifndef PORT_FLASH_FIRMWARE_H
#define PORT_FLASH_FIRMWARE_H

#include "../../core/firmware.h"
#include "../../core/image.h"
#include "../../core/store.h"
#include "flash_device.h"
#include "trailer.h"

#define FIRMWARE_NAME "firmware"

/* Bytes that are programmed at a time, a power of two: a chip's page, for speed. */
#ifndef FIRMWARE_BUFFER
#define FIRMWARE_BUFFER 256
#endif
#if FIRMWARE_BUFFER < 32 || FIRMWARE_BUFFER > 4096 || (FIRMWARE_BUFFER & (FIRMWARE_BUFFER - 1)) != 0
#error "FIRMWARE_BUFFER: 32 to 4096 bytes, a power of two"
#endif

/* How often storage that is busy is asked, by a call that has no way to say "later". */
#ifndef FIRMWARE_PATIENCE
#define FIRMWARE_PATIENCE 1000
#endif
#if FIRMWARE_PATIENCE < 1 || FIRMWARE_PATIENCE > 1000000
#error "FIRMWARE_PATIENCE: 1 to 1000000 questions"
#endif

/* The smallest sector, in bytes: it must hold marks and some notes. */
#define FIRMWARE_MIN_SECTOR 256U

/* Bytes of the longest note. */
#define FIRMWARE_NOTE 24U

/* An image in a slot, as its own bytes tell it. */
struct firmware_image {
    struct dory_image_version version;
    uint32_t size;    /* bytes, all included; 0: there is none */
    uint32_t counter; /* security counter */
    uint8_t hash[DORY_IMAGE_HASH];
};

/* What is under way: its own. */
struct firmware_change {
    uint8_t mode;  /* enum firmware_mode, in firmware_private.h */
    uint8_t phase; /* enum firmware_phase */
    uint8_t step;  /* enum firmware_step: what the storage is asked to do */
    uint8_t slot;  /* of which slot */
    uint8_t boot;  /* enum dory_boot_mode */
    uint8_t plan;  /* enum trailer_plan */
    uint8_t nth;   /* mark to be made next */
    int8_t result; /* the first failure, or DORY_OK */
    bool committing;
    bool unobserved;   /* nobody asks for it any more */
    bool unsure;       /* `unit` may have been programmed before a start, though nothing is to be seen of that */
    uint16_t unit;     /* of the notes: the next one */
    uint16_t buffered; /* bytes in `buffer` */
    uint16_t counter;  /* of the update, for its marks */
    uint32_t off;      /* in the slot: of the step */
    uint32_t len;      /* bytes of it */
    const uint8_t *data;
    uint32_t at;     /* bytes of the image that are programmed */
    uint32_t erased; /* bytes of the slot that can be programmed, or are */
    uint32_t noted;  /* bytes of the image that the notes tell */
    uint32_t fed;    /* bytes that the check of the image has had */
    uint32_t pieces; /* that may still be checked in this call */
};

/* What a put that broke off has left: its own. */
struct firmware_partial {
    uint32_t stored; /* bytes; 0: there is none */
    uint32_t size;   /* of the whole image */
    uint32_t crc32;
    uint16_t unit; /* of the notes: the next one that can be used */
    bool unsure;   /* as in struct firmware_change */
    bool live;     /* its state is still in `change` */
};

struct firmware {
    /* Set by the application before firmware_begin(). */
    const struct flash_device *slot[2]; /* slots A and B, of equal size and sectors */
    uint8_t running;                    /* the slot that runs: 0 or 1 */
    bool on_trial;                      /* as the boot stage tells; firmware_tried() where that is no one of ours */
    uint64_t boot_id;                   /* another one at each start */
    struct dory_image_rules rules;      /* crypto, key, board and min_version; the others are set by firmware_begin() */
    const struct dory_store *store;     /* the other one */
    void *store_ctx;
    void (*confirmed)(
        void *ctx); /* called when the image that runs was confirmed: stop the trial's timer. May be NULL */
    void (*refused)(void *ctx, enum dory_image_fault fault); /* called when an image is refused. May be NULL */
    void *ctx;                                               /* of both */

    /* Readable after firmware_begin(), and kept up to date. */
    struct dory_running told;              /* for struct dory_server */
    char version[DORY_IMAGE_VERSION_TEXT]; /* of the image that runs; for `firmware` of struct dory_server */
    uint8_t fault;                         /* enum dory_image_fault of the image that was refused last */
    bool restart; /* an image is to be started: restart as soon as the answer is acknowledged, or after 1 s */

    /* Its own. */
    bool ready;      /* firmware_begin() was content */
    bool is_pending; /* marks were made that the next restart heeds */
    bool verified;   /* the image in the other slot has been checked since the start */
    bool fresh;      /* its last sector has been erased since the start, and no mark has been made */
    bool spent;      /* image_ok of the slot that runs may have been programmed */
    uint8_t pending; /* enum dory_boot_mode, when one is */
    struct trailer trailer[2];
    struct firmware_image image[2];
    struct firmware_change change;
    struct firmware_partial partial;
    struct dory_writer writer;
    struct trailer_mark mark;
    struct dory_image check;
    uint8_t first[TRAILER_UNIT]; /* the image's first bytes, which are programmed last */
    uint8_t note[FIRMWARE_NOTE]; /* being programmed */
    char image_text[DORY_IMAGE_DIGITS + 1];
    char boot_id_text[DORY_BOOT_ID_DIGITS + 1];
    uint8_t buffer[FIRMWARE_BUFFER];
};

/* The functions; their context is a struct firmware. */
extern const struct dory_store firmware_store;
extern const struct dory_firmware firmware_boots;

/*
 * Begins: reads marks, notes and what the images tell of themselves, and waits
 * for the storage where it is slow. It writes nothing. The image that runs is
 * taken to be what the boot stage has checked.
 *
 * Returns DORY_OK. Or DORY_IO_ERROR: the slots can't be read, or are no such
 * storage; DORY_NOT_FOUND: the slot that should run holds no image. Then the
 * name `firmware` is DORY_IO_ERROR, as is every `boot`; the other store works.
 */
int firmware_begin(struct firmware *firmware) __attribute__((warn_unused_result));

/* For a product whose boot stage tells nothing, such as a stock MCUboot: returns whether the marks of the slot say that the
 * image in it was started, and not confirmed. Waits for the storage. */
bool firmware_tried(const struct flash_device *slot);

/* Bytes that a slot has for an image: all but its last sector. */
static inline uint32_t firmware_room(const struct flash_device *slot)
{
    return (uint32_t)slot->size - slot->sector_size;
}

/*
 * Goes on with what the storage is at, and with what nobody asks for any more.
 * Every other call does it as well; calling this now and then makes such things
 * end although nobody asks for anything.
 *
 * Returns DORY_MORE while the storage is at work, else DORY_OK.
 */
int firmware_run(struct firmware *firmware);

#endif
