/* SPDX-License-Identifier: MIT */
/*
 * A net of one's own: a pipe of bytes to one peer, such as a UART or USB. What stands between the two marks is shown in
 * port/README.md; the rest stands for the pipe, which takes and brings a few bytes at a time, and puts a file.
 */
#include <stdio.h>
#include <string.h>

#include "../../port/service.h"
#include "../unit/memory_store.h"

/* --- a made-up pipe, and the driver that you have for yours --- */

static const char request[] = "\x36\0\0\0{\"cmd\":\"put\",\"id\":1,\"filename\":\"app.bin\",\"filesize\":5}hello";
static size_t arrived;
static char answer[128];
static size_t answer_len;
static uint32_t clock_ms;

/* Gives at most `size` bytes that have arrived, without waiting. */
static size_t pipe_read(uint8_t *data, size_t size)
{
    size_t len = sizeof request - 1 - arrived;

    len = len < size ? len : size;
    len = len < 10 ? len : 10;
    memcpy(data, request + arrived, len);
    arrived += len;
    return len;
}

/* Takes what it has room for. */
static size_t pipe_write(const uint8_t *data, size_t len)
{
    len = len < 7 ? len : 7;
    len = len < sizeof answer - answer_len ? len : sizeof answer - answer_len;
    memcpy(answer + answer_len, data, len);
    answer_len += len;
    return len;
}

/* README: begin */
struct net_conn {
    void *user;
    bool is_open;
    bool resumed;      /* what is withheld may be offered again */
    bool blocked;      /* writable() was promised */
    uint8_t held[256]; /* what has arrived and was not taken */
    size_t held_len;
};

static struct net_conn peer;

uint32_t net_now_ms(void)
{
    return clock_ms;
}

size_t net_send(struct net_conn *conn, const void *data, size_t len)
{
    size_t taken = pipe_write(data, len);

    conn->blocked = taken < len;
    return taken;
}

/* A pipe doesn't tell. */
uint32_t net_unsent(const struct net_conn *conn)
{
    (void)conn;
    return 0;
}

void net_resume(struct net_conn *conn)
{
    conn->resumed = true;
}

/* There is no FIN to send: what came until now is dropped, and the next byte begins a new session. */
void net_close(struct net_conn *conn)
{
    *conn = (struct net_conn){.is_open = false};
}

void net_reset(struct net_conn *conn)
{
    net_close(conn);
}

void net_set_user(struct net_conn *conn, void *user)
{
    conn->user = user;
}

void *net_user(const struct net_conn *conn)
{
    return conn->user;
}

/* An event may close the connection: look before the next one. */
static void feed(const struct net_events *events, void *app)
{
    size_t taken;

    peer.resumed = false;
    taken = events->received(app, &peer, peer.held, peer.held_len);
    if (peer.is_open) {
        peer.held_len -= taken;
        memmove(peer.held, peer.held + taken, peer.held_len);
    }
}

/* Call it from the main loop, again after as many ms as it returns, or when the pipe has news. */
static uint32_t pipe_poll(const struct net_events *events, void *app)
{
    size_t got = pipe_read(peer.held + peer.held_len, sizeof peer.held - peer.held_len);

    peer.held_len += got;
    if (got > 0 && !peer.is_open) {
        peer.is_open = true;
        events->opened(app, &peer, false);
    }
    if (peer.is_open && peer.held_len > 0 && (got > 0 || peer.resumed)) {
        feed(events, app);
    }
    if (peer.is_open && peer.blocked) {
        peer.blocked = false;
        events->writable(app, &peer);
    }
    return events->tick(app, net_now_ms());
}
/* README: end */

int main(void)
{
    static const char expected[] = "{\"id\":1,\"status\":\"ok\",\"data_size\":0}";
    static struct memory_store store;
    static struct service_slot slot;
    static _Alignas(8) uint8_t buffer[512];
    static uint8_t scratch[64];
    static struct dory_server server = {.store = &memory_functions,
                                        .store_ctx = &store,
                                        .crc32 = dory_crc32,
                                        .name = "example",
                                        .board = "none",
                                        .firmware = "1",
                                        .sessions = 1,
                                        .max_header = 512,
                                        .max_name = 64,
                                        .limits = DORY_LIMITS};
    struct service service = {.server = &server,
                              .slots = &slot,
                              .buffers = buffer,
                              .scratch = scratch,
                              .scratch_len = sizeof scratch,
                              .store_poll_ms = 1};
    bool fine;

    memory_begin(&store);
    dory_server_begin(&server, net_now_ms());
    for (; clock_ms < 100; clock_ms++) {
        (void)pipe_poll(&service_events, &service);
    }
    fine = answer_len == 4 + sizeof expected - 1 && memcmp(answer + 4, expected, sizeof expected - 1) == 0;
    clock_ms += 130000; /* idle for longer than the server waits */
    (void)pipe_poll(&service_events, &service);
    fine = fine && service.active == 0 && !peer.is_open;
    if (!fine) {
        fprintf(stderr, "own_net: the put was not answered as it should be: %.*s\n", (int)answer_len, answer);
    }
    return fine ? 0 : 1;
}
