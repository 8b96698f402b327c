/* SPDX-License-Identifier: MIT */
/* Framing, see frame.h. */
#include "frame.h"

int dory_frame_feed(struct dory_frame *frame, char *header, size_t limit, const uint8_t *data, size_t len)
{
    for (const uint8_t *end = data + len; data < end; data++) {
        if (frame->have < DORY_FRAME_PREFIX) {
            frame->header_len |= (uint32_t)*data << (8U * frame->have);
        } else {
            header[frame->have - DORY_FRAME_PREFIX] = (char)*data;
        }
        frame->have++;
        if (frame->have < DORY_FRAME_PREFIX) {
            continue;
        }
        if (frame->header_len < DORY_MIN_HEADER || frame->header_len > limit) {
            return DORY_BAD_HEADER;
        }
        if (frame->have - DORY_FRAME_PREFIX == frame->header_len) {
            return DORY_OK;
        }
    }
    return DORY_MORE;
}

void dory_frame_prefix(uint8_t prefix[DORY_FRAME_PREFIX], uint32_t header_len)
{
    for (unsigned i = 0; i < DORY_FRAME_PREFIX; i++) {
        prefix[i] = (uint8_t)(header_len >> (8U * i));
    }
}
