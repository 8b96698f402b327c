/* SPDX-License-Identifier: MIT */
/*
 * The log ring.
 *
 * Implementation notes
 *
 * The version of the file is the epoch and the count of bytes written, which together never come twice. From it and the
 * size a read finds out which bytes the file was when it was opened, and whether they are still there.
 */
#include "log_ring.h"

#include <string.h>

#include "../core/crc32.h"

#define MAGIC UINT32_C(0x6c6f6721)

static uint32_t crc_of(const struct log_ring *ring)
{
    uint32_t crc = dory_crc32(0, &ring->size, offsetof(struct log_ring, text) - offsetof(struct log_ring, size));

    return dory_crc32(crc, ring->text, ring->held);
}

bool log_ring_begin(struct log_ring *ring, char *text, uint32_t size, uint32_t seed)
{
    ring->text = text;
    if (ring->magic == MAGIC && ring->size == size && ring->held <= size && ring->next < size &&
        ring->crc32 == crc_of(ring)) {
        return true;
    }
    *ring = (struct log_ring){.magic = MAGIC, .size = size, .epoch = seed | 1U, .text = text};
    ring->crc32 = crc_of(ring);
    return false;
}

void log_ring_write(struct log_ring *ring, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ring->text[ring->next] = text[i];
        ring->next = ring->next + 1 < ring->size ? ring->next + 1 : 0;
        ring->held += ring->held < ring->size;
        ring->written++;
    }
    ring->crc32 = crc_of(ring);
}

void log_ring_note(struct log_ring *ring, uint32_t note)
{
    ring->note = note;
    ring->crc32 = crc_of(ring);
}

/* Where the byte is that was written `ago` bytes ago, 1 to `held`. */
static uint32_t place(const struct log_ring *ring, uint32_t ago)
{
    return ring->next >= ago ? ring->next - ago : ring->next + ring->size - ago;
}

/* How many of the newest bytes make the file: whole lines, unless there is no end of one. */
static uint32_t file_size(const struct log_ring *ring)
{
    uint32_t most = ring->size - ring->size / 8;

    if (ring->held <= most) {
        return ring->held;
    }
    for (uint32_t ago = most; ago > 1; ago--) {
        if (ring->text[place(ring, ago)] == '\n') {
            return ago - 1;
        }
    }
    return most;
}

void log_ring_open(const void *ring, struct dory_file *file)
{
    const struct log_ring *log = ring;

    file->size = file_size(log);
    file->version = (uint64_t)log->epoch << 32 | log->written;
}

int32_t log_ring_read(const void *ring, const struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    const struct log_ring *log = ring;
    uint32_t left = (uint32_t)(file->size - off);
    uint32_t ago = log->written - (uint32_t)file->version + left;
    uint32_t at;

    if (file->version >> 32 != log->epoch || ago > log->held) {
        return DORY_CHANGED;
    }
    at = place(log, ago);
    len = len < left ? len : left;
    len = len < log->size - at ? len : log->size - at;
    memcpy(dst, log->text + at, len);
    return (int32_t)len;
}
