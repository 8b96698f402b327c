/* SPDX-License-Identifier: MIT */
/*
 * Framing: finds the header of each message in a stream that keeps no message
 * boundaries. A message is a length (u32, little-endian), that many bytes of
 * header, and a body whose length the header tells (see PROTOCOL.md). The body
 * is not this file's business: whoever decoded the header takes it from the
 * stream before the next frame.
 */
#ifndef DORY_FRAME_H
#define DORY_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* Bytes of the length that precedes each header. */
#define DORY_FRAME_PREFIX 4U

/* The shortest header: `{}`. */
#define DORY_MIN_HEADER 2U

/* A header being received. All zero: none of it has arrived. */
struct dory_frame {
    uint32_t header_len; /* as announced; complete after DORY_FRAME_PREFIX bytes */
    uint32_t have;       /* bytes of prefix and header so far */
};

/*
 * Takes bytes of `data` until the header is whole. Collects it in `header`,
 * which has room for `limit` bytes and must be the same in each call of one
 * header. It took as many bytes as `frame->have` has grown by.
 *
 * Returns DORY_OK when the header is whole (frame->header_len bytes of it; call
 * dory_frame_reset() before the next), DORY_MORE when it needs more, or
 * DORY_BAD_HEADER when the length is under DORY_MIN_HEADER or over `limit`.
 */
int dory_frame_feed(struct dory_frame *frame, char *header, size_t limit, const uint8_t *data, size_t len);

/* Gets ready for the next header. */
static inline void dory_frame_reset(struct dory_frame *frame)
{
    frame->header_len = 0;
    frame->have = 0;
}

/* Writes `header_len` as a message's prefix. */
void dory_frame_prefix(uint8_t prefix[DORY_FRAME_PREFIX], uint32_t header_len);

#endif
