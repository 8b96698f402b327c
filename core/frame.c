/* SPDX-License-Identifier: MIT */
/* Framing, see frame.h. */
#include "frame.h"

#include <string.h>

/* Takes bytes of the prefix. Returns how many. */
static size_t feed_prefix(struct dory_frame *frame, const uint8_t *data, size_t len)
{
    size_t taken = 0;

    while (taken < len && frame->have < DORY_FRAME_PREFIX) {
        frame->header_len |= (uint32_t)data[taken] << (8U * frame->have);
        frame->have++;
        taken++;
    }
    return taken;
}

int dory_frame_feed(struct dory_frame *frame, char *header, size_t limit, const uint8_t *data, size_t len,
                    size_t *taken)
{
    size_t used = feed_prefix(frame, data, len);
    size_t have;
    size_t piece;

    *taken += used;
    if (frame->have < DORY_FRAME_PREFIX) {
        return DORY_MORE;
    }
    if (frame->header_len < DORY_MIN_HEADER || frame->header_len > limit) {
        return DORY_BAD_HEADER;
    }
    have = frame->have - DORY_FRAME_PREFIX;
    piece = frame->header_len - have;
    if (piece > len - used) {
        piece = len - used;
    }
    memcpy(header + have, data + used, piece);
    frame->have += (uint32_t)piece;
    *taken += piece;
    return have + piece == frame->header_len ? DORY_OK : DORY_MORE;
}

void dory_frame_reset(struct dory_frame *frame)
{
    frame->header_len = 0;
    frame->have = 0;
}

void dory_frame_prefix(uint8_t prefix[DORY_FRAME_PREFIX], uint32_t header_len)
{
    for (unsigned i = 0; i < DORY_FRAME_PREFIX; i++) {
        prefix[i] = (uint8_t)(header_len >> (8U * i));
    }
}
