/* SPDX-License-Identifier: MIT */
/* Whatever a server says: each call of a client session ends once, and nothing is read or written out of bounds. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/client.h"

#define CALLS 7U

static const char file[] = "hello world";
static unsigned ends[CALLS];
static struct dory_call calls[CALLS];

static int32_t on_read(void *ctx, struct dory_call *call, uint64_t off, uint8_t *dst, size_t len)
{
    (void)ctx;
    assert(len > 0 && off < call->filesize && len <= call->filesize - off);
    memcpy(dst, file + off, len);
    return (int32_t)len;
}

static int32_t on_write(void *ctx, struct dory_call *call, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)call;
    assert(len > 0);
    return data[0] == 0xff ? -1 : data[len - 1] == 0xfe ? (int32_t)(len / 2) : (int32_t)len;
}

static void on_part(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    (void)ctx;
    (void)call;
    if (dory_answer_has(answer, DORY_ANSWER_VERSION)) {
        assert(strlen(answer->version.ptr) <= answer->version.len);
    }
}

static void on_done(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    (void)ctx;
    ends[call - calls]++;
    assert(call->fault != DORY_FAULT_NONE || answer != NULL);
}

static void send_all(struct dory_client *client)
{
    uint8_t *out = malloc(DORY_MAX_REQUEST);
    uint8_t scratch[5];
    size_t len;

    do {
        struct dory_call *call;
        uint64_t off;

        while (dory_client_work(client, scratch, sizeof scratch)) {
        }
        len = dory_client_output(client, out, DORY_MAX_REQUEST);
        if (len == 0 && (len = (size_t)dory_client_body(client, &call, &off)) > 0) {
            assert(off + len == call->filesize);
            dory_client_body_sent(client, len > 3 ? 3 : len);
        }
    } while (len > 0);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dory_call_events events = {on_read, NULL, on_write, on_part, on_done};
    static struct dory_tokens tokens;
    char *header = malloc(DORY_MAX_ANSWER);
    const struct dory_client_options options = {header, DORY_MAX_ANSWER, &tokens, dory_crc32};
    static const enum dory_command commands[CALLS] = {DORY_INFO, DORY_PUT, DORY_GET, DORY_STAT, DORY_PUT, DORY_LIST, DORY_DELETE};
    struct dory_client client;
    size_t first = size > 0 ? data[0] % CALLS : 0;
    size_t piece = size > 1 ? data[1] : 1;

    dory_client_init(&client, &options);
    for (size_t i = 0; i < CALLS; i++) {
        size_t k = (first + i) % CALLS;
        calls[i] = (struct dory_call){.command = commands[k], .events = &events, .name = "n"};
        calls[i].filesize = sizeof file - 1;
        calls[i].crc32 = 0x0d4a1185;
        calls[i].has_crc32 = true;
        calls[i].resume = k == 4;
        calls[i].body_by_caller = k == 4;
        calls[i].check = k == 2 || k == 3;
        ends[i] = 0;
        dory_client_start(&client, &calls[i]);
    }
    if (size > 2) {
        data += 2;
        size -= 2;
        for (unsigned idle = 0; size > 0 && idle < 2;) {
            size_t len = piece == 0 || piece > size ? size : piece;
            uint8_t *copy = malloc(len);
            size_t taken;

            send_all(&client);
            memcpy(copy, data, len);
            taken = dory_client_feed(&client, copy, len);
            assert(taken <= len);
            free(copy);
            idle = taken == 0 ? idle + 1 : 0;
            data += taken;
            size -= taken;
        }
    }
    send_all(&client);
    dory_client_end(&client);
    for (size_t i = 0; i < CALLS; i++) {
        assert(ends[i] == 1);
    }
    free(header);
    return 0;
}
