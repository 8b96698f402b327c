/* SPDX-License-Identifier: MIT */
/* The connection of a link: how it begins and ends, what arrives, what is sent. */
#include "link_private.h"

#include <libdeflate.h>
#include <stdio.h>

/* Of a large file, before a look at what arrived. */
#define TURN_LEN (4U * 1024U * 1024U)

/* ---- Beginning and end ---- */

void link_new_client(struct link *link)
{
    const struct dory_client_options options = {
        .header = link->header,
        .header_size = sizeof link->header,
        .tokens = &link->tokens,
        .crc32 = libdeflate_crc32,
    };

    dory_client_init(&link->client, &options);
}

void link_drop(struct link *link)
{
    if (link->conn != NULL) {
        net_reset(link->conn);
        link->conn = NULL;
    }
    dory_client_end(&link->client);
    link_new_client(link);
    link->out_len = 0;
    link->out_sent = 0;
    link->broken = false;
}

bool link_connect(struct link *link)
{
    link->alive_ms = net_now_ms();
    link->broken = false;
    link->state = LINK_CONNECTING;
    link->conn =
        net_connect(link->net, link->target->host, link->target->port, NULL, link->reason, sizeof link->reason);
    return link->conn != NULL;
}

/* ---- What the net tells ---- */

static void set_broken(struct link *link, const char *reason)
{
    if (!link->broken) {
        snprintf(link->reason, sizeof link->reason, "%s", reason);
    }
    link->broken = true;
}

static void on_opened(void *app, struct net_conn *conn, bool outgoing)
{
    struct link *link = (struct link *)app;

    (void)conn;
    (void)outgoing;
    link->state = LINK_OPEN;
    link->opened_once = true;
    link->alive_ms = net_now_ms();
}

static size_t on_received(void *app, struct net_conn *conn, const uint8_t *data, size_t len)
{
    struct link *link = (struct link *)app;

    (void)conn;
    link->answered = true;
    len = dory_client_feed(&link->client, data, len);
    link->alive_ms = net_now_ms(); /* whoever takes what came may have been slow */
    if (link->client.fault != DORY_FAULT_NONE) {
        link->broken = true;
    }
    return len;
}

static void on_ended(void *app, struct net_conn *conn)
{
    (void)conn;
    set_broken((struct link *)app, "the server closed the connection");
}

static void on_writable(void *app, struct net_conn *conn)
{
    (void)app;
    (void)conn;
}

static void on_closed(void *app, struct net_conn *conn, const char *reason)
{
    struct link *link = (struct link *)app;

    (void)conn;
    link->conn = NULL;
    set_broken(link, reason);
}

const struct net_events link_net_events = {
    .opened = on_opened,
    .received = on_received,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_closed,
    .tick = link_on_tick,
};

/* ---- Sending ---- */

static void fill(struct link *link, uint32_t now_ms)
{
    size_t batch = 0;

    while (batch < LINK_OUT_SIZE) {
        struct job *job = link_take(link, now_ms);

        if (job == NULL) {
            return;
        }
        job->call.ctx = link;
        link->active++;
        batch += job->weight;
        dory_client_start(&link->client, &job->call);
    }
}

/* Sends what was gathered. Returns whether all of it is out. */
static bool flush(struct link *link, uint32_t now_ms)
{
    size_t sent;

    if (link->out_sent == link->out_len) {
        return true;
    }
    sent = net_send(link->conn, link->out + link->out_sent, link->out_len - link->out_sent);
    link->out_sent += sent;
    if (sent > 0) {
        link->alive_ms = now_ms;
    }
    return link->out_sent == link->out_len;
}

/* Gathers headers and small bodies, of further jobs when those that were started are out. Returns how much. */
static size_t gather(struct link *link, uint32_t now_ms)
{
    if (dory_client_sent_all(&link->client)) {
        fill(link, now_ms);
    }
    link->out_sent = 0;
    link->out_len = dory_client_output(&link->client, link->out, sizeof link->out);
    return link->out_len;
}

/* Sends of a body that comes straight from its file. Returns how much. */
static uint64_t send_body(struct link *link, uint32_t now_ms)
{
    struct dory_call *call;
    uint64_t off;
    uint64_t left = dory_client_body(&link->client, &call, &off);
    int64_t sent;

    if (left == 0) {
        return 0;
    }
    sent = net_send_file(link->conn, ((struct job *)call)->fd, off, left);
    if (sent < 0) {
        dory_client_body_failed(&link->client);
        return 0;
    }
    if (sent > 0) {
        link->alive_ms = now_ms;
        dory_client_body_sent(&link->client, (uint64_t)sent);
    }
    return (uint64_t)sent;
}

bool link_pump(struct link *link, uint32_t now_ms)
{
    uint64_t turn = 0;

    while (turn < TURN_LEN && link->client.fault == DORY_FAULT_NONE) {
        uint64_t len;

        if (!flush(link, now_ms)) {
            return false;
        }
        if (dory_client_work(&link->client, link->out, sizeof link->out)) {
            link->alive_ms = now_ms;
            return true;
        }
        len = send_body(link, now_ms);
        if (len == 0) {
            len = gather(link, now_ms);
        }
        if (len == 0) {
            return false;
        }
        turn += len;
    }
    return true;
}
