/* SPDX-License-Identifier: MIT */
/*
 * The cable, good or bad.
 */
#include "wire.h"

#include <string.h>

/* A reordered frame arrives this much later, at most, so that others overtake it. */
#define REORDER_MS 8U

/* George Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003), section 4. */
static uint32_t next_random(struct wire *wire)
{
    wire->seed ^= wire->seed << 13;
    wire->seed ^= wire->seed >> 7;
    wire->seed ^= wire->seed << 17;
    return (uint32_t)(wire->seed >> 16);
}

static bool happens(struct wire *wire, uint32_t parts)
{
    return parts > 0 && next_random(wire) % 10000 < parts;
}

static struct wire_frame *free_frame(struct wire *wire, enum wire_end end)
{
    for (uint32_t i = 0; i < WIRE_FRAMES; i++) {
        struct wire_frame *frame = &wire->ends[end].frames[i];

        if (frame->len == 0) {
            if (i >= wire->ends[end].used) {
                wire->ends[end].used = i + 1;
            }
            return frame;
        }
    }
    return NULL;
}

static void send_one(struct wire *wire, enum wire_end end, const void *data, size_t len, uint32_t now_ms)
{
    struct wire_frame *frame = len > 0 && len <= WIRE_FRAME_LEN ? free_frame(wire, end) : NULL;

    if (frame == NULL || wire->faults.cut || happens(wire, wire->faults.loss)) {
        wire->lost++;
        return;
    }
    frame->len = len;
    memcpy(frame->data, data, len);
    frame->number = wire->number++;
    frame->due_ms = now_ms + wire->faults.delay_ms;
    if (happens(wire, wire->faults.reordering)) {
        frame->due_ms += 1 + next_random(wire) % REORDER_MS;
    }
    if (happens(wire, wire->faults.corruption)) {
        frame->data[next_random(wire) % len] ^= (uint8_t)(1U << next_random(wire) % 8);
    }
    wire->ends[end].count++;
}

void wire_send(struct wire *wire, enum wire_end end, const void *data, size_t len, uint32_t now_ms)
{
    send_one(wire, end, data, len, now_ms);
    if (happens(wire, wire->faults.duplication)) {
        send_one(wire, end, data, len, now_ms);
    }
}

/* The one that arrives first, or NULL. */
static const struct wire_frame *first(const struct wire *wire, enum wire_end end)
{
    const struct wire_frame *best = NULL;

    for (uint32_t i = 0; i < wire->ends[end].used && wire->ends[end].count > 0; i++) {
        const struct wire_frame *frame = &wire->ends[end].frames[i];
        int32_t later = best != NULL ? (int32_t)(frame->due_ms - best->due_ms) : -1;

        if (frame->len > 0 && (later < 0 || (later == 0 && (int32_t)(frame->number - best->number) < 0))) {
            best = frame;
        }
    }
    return best;
}

uint32_t wire_next_ms(const struct wire *wire, enum wire_end end, uint32_t now_ms)
{
    const struct wire_frame *frame = first(wire, end);

    if (frame == NULL) {
        return UINT32_MAX;
    }
    return (int32_t)(frame->due_ms - now_ms) > 0 ? frame->due_ms - now_ms : 0;
}

struct wire_frame *wire_take(struct wire *wire, enum wire_end end, uint32_t now_ms)
{
    const struct wire_frame *frame = wire_next_ms(wire, end, now_ms) == 0 ? first(wire, end) : NULL;

    return frame != NULL ? &wire->ends[end].frames[frame - wire->ends[end].frames] : NULL;
}

void wire_free(struct wire *wire, enum wire_end end, struct wire_frame *frame)
{
    frame->len = 0;
    wire->ends[end].count--;
}
