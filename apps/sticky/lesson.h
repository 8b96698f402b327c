/* SPDX-License-Identifier: MIT */
/* The two halves of the demonstration. */
#ifndef STICKY_LESSON_H
#define STICKY_LESSON_H

#include <stdbool.h>
#include <stddef.h>

#include "tell.h"

#define MAX_READS 16
#define MAX_READ TELL_MAX

struct lesson {
    struct teller teller;
    size_t reads[MAX_READS]; /* what each recv() asks for at most, 1 to MAX_READ bytes; the last holds for all others */
    unsigned read_count;     /* 1 at least */
};

/* Sends two messages as they are, and tells what the receives give. */
void lesson_raw(const struct lesson *lesson);

/* Sends the same messages framed. Returns whether they arrived as they were sent. */
bool lesson_framed(const struct lesson *lesson);

#endif
