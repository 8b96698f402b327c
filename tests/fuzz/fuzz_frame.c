/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes framing: a receiver that takes headers from a stream and skips bodies sees the same messages, whatever the
 * pieces in which the stream arrives. The first two bytes of the input choose the limit and the pieces.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/crc32.h"
#include "../../core/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A receiver, and what it has seen. */
struct receiver {
    struct dory_frame frame;
    char *header;
    size_t limit;
    uint64_t skip; /* of the body in hand */
    bool bad;
    uint64_t at; /* bytes taken */
    uint32_t messages;
    uint32_t crc32; /* of all that was seen, in order */
};

struct body {
    uint64_t data_size;
};

/* Returns the bytes of body that follow the header in hand. */
static uint64_t body_of(struct receiver *receiver)
{
    static const struct dory_field field = {DORY_FIELD_NUMBER, offsetof(struct body, data_size)};
    static const struct dory_fields known = {"data_size\0", &field};
    static struct dory_tokens tokens;
    struct body body = {0};
    struct dory_found found;

    if (dory_header_decode(receiver->header, receiver->frame.header_len, &tokens, &known, &body, &found) != DORY_OK) {
        return 0;
    }
    return (found.present & 1U) != 0 ? body.data_size : 0;
}

static void see(struct receiver *receiver, const void *data, size_t len)
{
    receiver->crc32 = dory_crc32(receiver->crc32, data, len);
}

static size_t take_header(struct receiver *receiver, const uint8_t *data, size_t len)
{
    uint32_t before = receiver->frame.have;
    int result = dory_frame_feed(&receiver->frame, receiver->header, receiver->limit, data, len);
    size_t taken = receiver->frame.have - before;

    assert(taken <= len);
    if (result == DORY_OK) {
        assert(receiver->frame.header_len >= DORY_MIN_HEADER && receiver->frame.header_len <= receiver->limit);
        see(receiver, receiver->header, receiver->frame.header_len);
        receiver->messages++;
        receiver->skip = body_of(receiver);
        dory_frame_reset(&receiver->frame);
    } else if (result == DORY_BAD_HEADER) {
        receiver->bad = true;
    } else {
        assert(result == DORY_MORE && taken == len);
    }
    return taken;
}

/* Takes a piece, which is gone afterwards. */
static void take(struct receiver *receiver, const uint8_t *data, size_t len)
{
    uint8_t *piece = (uint8_t *)malloc(len);
    size_t at = 0;

    assert(piece != NULL);
    memcpy(piece, data, len);
    while (at < len && !receiver->bad) {
        size_t step = 0;

        if (receiver->skip > 0) {
            step = receiver->skip < len - at ? (size_t)receiver->skip : len - at;
            receiver->skip -= step;
        } else {
            step = take_header(receiver, piece + at, len - at);
        }
        at += step;
        receiver->at += step;
    }
    free(piece);
}

/* A step of any size, from a small generator (Numerical Recipes). */
static size_t next_step(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return 1 + (*seed >> 24) % 13;
}

/* Receives the stream: whole (seed 0), byte by byte (1), or in pieces of any size. */
static struct receiver receive(const uint8_t *data, size_t len, size_t limit, uint32_t seed)
{
    struct receiver receiver = {.header = (char *)malloc(limit), .limit = limit};

    assert(receiver.header != NULL);
    for (size_t at = 0; at < len;) {
        size_t step = seed == 0 ? len : seed == 1 ? 1 : next_step(&seed);

        step = step < len - at ? step : len - at;
        take(&receiver, data + at, step);
        at += step;
    }
    free(receiver.header);
    return receiver;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct receiver whole;
    size_t limit;

    if (size < 2) {
        return 0;
    }
    limit = DORY_MIN_HEADER + 2U * data[0];
    whole = receive(data + 2, size - 2, limit, 0);
    for (uint32_t seed = 1; seed < 4; seed++) {
        struct receiver split = receive(data + 2, size - 2, limit, seed == 1 ? 1 : data[1] * 2U + seed);

        assert(split.messages == whole.messages && split.crc32 == whole.crc32);
        assert(split.bad == whole.bad && split.at == whole.at && split.skip == whole.skip);
    }
    return 0;
}
