/* SPDX-License-Identifier: MIT */
/*
 * How core goes into a product: one connection over a transport of your own. What stands between the two marks is shown in
 * README.md; the rest makes it a program that puts a file into itself and tells whether that went well.
 */
#include <stdio.h>
#include <string.h>

#include "../../core/server.h"
#include "../unit/memory_store.h"

/* --- a made-up transport: what "arrives", and what "left" --- */

static const char request[] = "\x36\0\0\0{\"cmd\":\"put\",\"id\":1,\"filename\":\"app.bin\",\"filesize\":5}hello";
static size_t arrived;
static char answer[128];
static size_t answer_len;

static uint32_t clock_ms(void)
{
    return 0;
}

/* Gives at most `size` bytes that have arrived, without waiting. */
static size_t link_receive(uint8_t *data, size_t size)
{
    size_t len = sizeof request - 1 - arrived < size ? sizeof request - 1 - arrived : size;

    memcpy(data, request + arrived, len);
    arrived += len;
    return len;
}

/* Takes what it has room for. */
static size_t link_send(const uint8_t *data, size_t len)
{
    size_t taken = len < sizeof answer - answer_len ? len : sizeof answer - answer_len;

    memcpy(answer + answer_len, data, taken);
    answer_len += taken;
    return taken;
}

/* README: begin */
static struct dory_server server;   /* one; what all sessions share */
static struct dory_session session; /* one a connection */
static uint8_t header[512];         /* one a session, of dory_session_buffer_size() bytes */
static uint8_t input[256];          /* what has arrived but was not taken yet */
static size_t input_len;

static void serve_begin(const struct dory_store *store, void *store_ctx)
{
    server = (struct dory_server){
        .store = store,
        .store_ctx = store_ctx,
        .crc32 = dory_crc32,
        .name = "sensor-7",
        .board = "my-board",
        .firmware = "1.2.3",
        .sessions = 1,
        .max_header = sizeof header,
        .max_name = 64,
        .limits = DORY_LIMITS,
    };
    dory_server_begin(&server, clock_ms());
    dory_session_begin(&session, &server, clock_ms());
    dory_session_lend(&session, header);
}

/* Call it from the main loop. Returns false when the connection is to be closed. */
static bool serve(void)
{
    uint8_t scratch[256];
    const uint8_t *data;
    size_t len;

    input_len += link_receive(input + input_len, sizeof input - input_len);
    len = dory_session_feed(&session, input, input_len, clock_ms());
    input_len -= len;
    memmove(input, input + len, input_len);

    dory_session_run(&session, clock_ms());
    len = dory_session_output(&session, scratch, sizeof scratch, &data, clock_ms());
    if (len > 0) {
        len = link_send(data, len);
        dory_session_sent(&session, data, len, clock_ms());
    }
    return (dory_session_wants(&session) & (DORY_WANTS_CLOSE | DORY_WANTS_RESET)) == 0;
}
/* README: end */

int main(void)
{
    static struct memory_store store;
    static const char expected[] = "{\"id\":1,\"status\":\"ok\",\"data_size\":0}";

    memory_begin(&store);
    serve_begin(&memory_functions, &store);
    for (int i = 0; i < 10; i++) {
        if (!serve()) {
            break;
        }
    }
    dory_session_end(&session);
    if (answer_len != 4 + sizeof expected - 1 || memcmp(answer + 4, expected, sizeof expected - 1) != 0) {
        fprintf(stderr, "product: the put was not answered as it should be\n");
        return 1;
    }
    printf("product: %s\n", expected);
    return 0;
}
