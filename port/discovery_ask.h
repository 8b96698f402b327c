/* SPDX-License-Identifier: MIT */
/*
 * The other side of discovery.h: the question, and what an answer tells. Sending, waiting and asking again are the caller's.
 */
#ifndef DORY_DISCOVERY_ASK_H
#define DORY_DISCOVERY_ASK_H

#include "discovery.h"

/* What a server told. The texts stand in `text`; they may hold anything but invalid UTF-8: clean them before a terminal
 * sees them. */
struct discovery_found {
    struct dory_text name;
    struct dory_text board;    /* empty when it did not tell */
    struct dory_text firmware; /* likewise */
    uint64_t free;
    bool has_free;
    char text[DISCOVERY_LEN];
};

/* Writes the question: DISCOVERY_LEN bytes. `id` (DORY_MAX_NUMBER at most) had better be one that nobody can guess. */
void discovery_ask(uint8_t datagram[DISCOVERY_LEN], uint64_t id);

/* Reads a datagram of `len` bytes, by means of `tokens`. Returns whether it is an answer to the question with that `id`; if
 * not, `found` is spoilt. */
bool discovery_read(struct discovery_found *found, const uint8_t *data, size_t len, uint64_t id,
                    struct dory_tokens *tokens);

#endif
