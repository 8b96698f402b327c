/* SPDX-License-Identifier: MIT */
/*
 * What an image in a slot tells of itself: version, size, hash, security counter. It is believed: the boot stage has checked
 * the one that runs, and the other is checked before anybody starts it. So the bytes between header and TLVs, which are most,
 * need not be read.
 */
#include <string.h>

#include "firmware_private.h"

struct walk {
    const struct flash_device *slot;
    struct firmware_image *image;
    uint32_t off;
    bool has_hash;
};

static uint32_t get16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static int read_bytes(const struct walk *walk, uint32_t off, uint8_t *dst, uint32_t len)
{
    return firmware_read(walk->slot, off, dst, len, UINT32_MAX);
}

/* Takes the value at walk->off. DORY_OK or DORY_IO_ERROR. */
static int take_value(struct walk *walk, uint32_t type, uint32_t len)
{
    uint8_t counter[4];

    if (type == DORY_IMAGE_TLV_HASH && len == DORY_IMAGE_HASH) {
        walk->has_hash = true;
        return read_bytes(walk, walk->off, walk->image->hash, len);
    }
    if (type == DORY_IMAGE_TLV_COUNTER && len == sizeof counter) {
        int result = read_bytes(walk, walk->off, counter, sizeof counter);

        walk->image->counter = get16(counter) | get16(counter + 2) << 16;
        return result;
    }
    return DORY_OK;
}

/* Takes the entries up to `end`. DORY_OK, DORY_BAD_IMAGE, DORY_IO_ERROR. */
static int take_entries(struct walk *walk, uint32_t end)
{
    while (walk->off < end) {
        uint8_t head[DORY_IMAGE_TLV_HEAD];
        uint32_t len;
        int result;

        if (end - walk->off < sizeof head) {
            return DORY_BAD_IMAGE;
        }
        result = read_bytes(walk, walk->off, head, sizeof head);
        walk->off += sizeof head;
        len = get16(head + 2);
        if (result == DORY_OK) {
            result = len <= end - walk->off ? take_value(walk, get16(head), len) : DORY_BAD_IMAGE;
        }
        if (result != DORY_OK) {
            return result;
        }
        walk->off += len;
    }
    return DORY_OK;
}

/* Takes one of the two areas of TLVs. Results as above. */
static int take_area(struct walk *walk, uint32_t magic)
{
    uint8_t head[DORY_IMAGE_TLV_HEAD];
    uint32_t room = firmware_room(walk->slot) - walk->off;
    uint32_t end;
    int result;

    if (room < sizeof head) {
        return DORY_BAD_IMAGE;
    }
    result = read_bytes(walk, walk->off, head, sizeof head);
    if (result != DORY_OK) {
        return result;
    }
    if (get16(head) != magic || get16(head + 2) < sizeof head || get16(head + 2) > room) {
        return DORY_BAD_IMAGE;
    }
    end = walk->off + get16(head + 2);
    walk->off += sizeof head;
    return take_entries(walk, end);
}

static int take_areas(struct walk *walk, const struct dory_image *header)
{
    int result = header->protected_size > 0 ? take_area(walk, DORY_IMAGE_PROTECTED_TLVS) : DORY_OK;

    if (result == DORY_OK) {
        result = take_area(walk, DORY_IMAGE_TLVS);
    }
    return result == DORY_OK && !walk->has_hash ? DORY_BAD_IMAGE : result;
}

int firmware_image_read(struct firmware *firmware, unsigned slot)
{
    const struct dory_image_rules any = {.crypto = firmware->rules.crypto,
                                         .max_size = firmware_room(firmware->slot[slot])};
    struct walk walk = {.slot = firmware->slot[slot], .image = &firmware->image[slot]};
    struct dory_image *header = &firmware->check;
    uint8_t bytes[DORY_IMAGE_HEADER];
    int result = read_bytes(&walk, 0, bytes, sizeof bytes);

    walk.image->size = 0;
    if (result != DORY_OK) {
        return result;
    }
    dory_image_begin(header, &any, DORY_IMAGE_ANY_SIZE);
    result = dory_image_feed(header, bytes, sizeof bytes);
    if (result == DORY_MORE) {
        walk.off = header->header_size + header->image_size; /* inside the slot: it has just been judged */
        walk.image->version = header->version;
        walk.image->counter = 0;
        result = take_areas(&walk, header);
    }
    if (result == DORY_OK) {
        walk.image->size = walk.off;
    }
    return result == DORY_IO_ERROR ? result : DORY_OK;
}

void firmware_image_take(struct firmware *firmware, unsigned slot)
{
    const struct dory_image *check = &firmware->check;
    struct firmware_image *image = &firmware->image[slot];

    image->version = check->version;
    image->size = (uint32_t)check->size;
    image->counter = check->counter;
    memcpy(image->hash, check->hash, sizeof image->hash);
}
