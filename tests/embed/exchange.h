/* SPDX-License-Identifier: MIT */
/* For the examples of this folder: a server session that is asked one thing and gives its answer, without a network. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdio.h>
#include <string.h>

#include "../../core/server.h"

/* Runs `session` once: a request, from `*taken` on, goes in, its answer comes out, to `answer` of `size` bytes. Returns how
 * much of it came. */
static inline size_t exchange_turn(struct dory_session *session, const char *request, size_t len, size_t *taken,
                                   uint8_t *answer, size_t size)
{
    uint8_t scratch[64];
    const uint8_t *data;
    size_t out;

    *taken += dory_session_feed(session, (const uint8_t *)request + *taken, len - *taken, 0);
    dory_session_run(session, 0);
    out = dory_session_output(session, scratch, sizeof scratch, &data, 0);
    if (out > size) {
        out = size;
    }
    if (out > 0) {
        memcpy(answer, data, out);
        dory_session_sent(session, data, out, 0);
    }
    return out;
}

/* Whether the server of that store answers `header`, followed by `body`, with `expected` (one answer, its length left
 * out). Tells on stderr if not. */
static inline bool exchange(const struct dory_store *store, void *store_ctx, const char *header, const char *body,
                            const char *expected)
{
    struct dory_server server = {.store = store,
                                 .store_ctx = store_ctx,
                                 .crc32 = dory_crc32,
                                 .name = "example",
                                 .board = "none",
                                 .firmware = "1",
                                 .sessions = 1,
                                 .max_header = 512,
                                 .max_name = 64,
                                 .limits = DORY_LIMITS};
    struct dory_session session;
    uint8_t buffer[512];
    uint8_t answer[1024];
    char request[512];
    size_t len = strlen(header) + strlen(body) + 4;
    size_t answer_len = 0;
    size_t taken = 0;

    (void)snprintf(request, sizeof request, "%c%c%c%c%s%s", (int)strlen(header), 0, 0, 0, header, body);
    dory_server_begin(&server, 0);
    dory_session_begin(&session, &server, 0);
    dory_session_lend(&session, buffer);
    for (int i = 0; i < 100000 && answer_len < strlen(expected) + 4; i++) {
        answer_len += exchange_turn(&session, request, len, &taken, answer + answer_len, sizeof answer - answer_len);
    }
    dory_session_end(&session);
    if (answer_len != strlen(expected) + 4 || memcmp(answer + 4, expected, answer_len - 4) != 0) {
        fprintf(stderr, "%s\nwas answered with\n%.*s\ninstead of\n%s\n", header,
                (int)(answer_len < 4 ? 0 : answer_len - 4), (const char *)answer + 4, expected);
        return false;
    }
    return true;
}

#endif
