/* SPDX-License-Identifier: MIT */
/*
 * The cable between the device and the host: Ethernet frames in both
 * directions, which it can be told to lose, double, delay, reorder or corrupt.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_FRAME_LEN 1518U
#define WIRE_FRAMES 256U

enum wire_end { TO_DEVICE, TO_HOST };

/* What happens to frames, each in parts of 10,000. */
struct wire_faults {
    uint32_t loss;
    uint32_t duplication;
    uint32_t reordering;
    uint32_t corruption;
    uint32_t delay_ms; /* of every frame, one way */
    bool cut;          /* nothing passes */
};

struct wire_frame {
    uint32_t due_ms;
    uint32_t number; /* among those due at once */
    size_t len;      /* 0: free */
    uint8_t data[WIRE_FRAME_LEN];
};

/* Zero but for `seed` at first. */
struct wire {
    struct wire_faults faults;
    uint64_t seed; /* not 0: of the random numbers that choose the frames */
    uint32_t number;
    uint32_t lost; /* frames that did not arrive, for whatever reason */
    struct {
        uint32_t used; /* places from here on have never been used */
        uint32_t count;
        struct wire_frame frames[WIRE_FRAMES];
    } ends[2];
};

/* Puts a frame on the wire. One too long, or one too many, is lost. */
void wire_send(struct wire *wire, enum wire_end end, const void *data, size_t len, uint32_t now_ms);

/* The next frame that has arrived, or NULL. It is the caller's until wire_free(). */
struct wire_frame *wire_take(struct wire *wire, enum wire_end end, uint32_t now_ms);
void wire_free(struct wire *wire, enum wire_end end, struct wire_frame *frame);

/* In how many ms the next frame arrives at `end`: 0 if one is there, UINT32_MAX if none is under way. */
uint32_t wire_next_ms(const struct wire *wire, enum wire_end end, uint32_t now_ms);

#endif
