/* SPDX-License-Identifier: MIT */
/*
 * Discovery: datagrams in, datagrams out. Not here: how a client asks.
 */
#include "discovery.h"

#include <string.h>

struct question {
    struct dory_text cmd;
    uint64_t id;
    uint64_t data_size;
};

enum { HAS_CMD = 1, HAS_ID = 2 };

#define AT(member) offsetof(struct question, member)

#define FIELDS(X) \
    X("cmd", DORY_FIELD_TEXT, AT(cmd)) \
    X("id", DORY_FIELD_NUMBER, AT(id)) \
    X("data_size", DORY_FIELD_NUMBER, AT(data_size))

static const struct dory_field fields[] = {FIELDS(DORY_FIELD)};
static const struct dory_fields known_fields = {FIELDS(DORY_FIELD_KEY), fields};

/* Whether the datagram is exactly one `info` message that asks for an answer, and is as long as that may become. */
static bool is_question(const struct service *service, const uint8_t *data, size_t len, struct question *question)
{
    struct dory_server *server = service->server;
    char *header = (char *)service->scratch;
    size_t limit = server->max_header < service->scratch_len ? server->max_header : service->scratch_len;
    struct dory_frame frame = {.have = 0};
    struct dory_found found;

    return len >= DISCOVERY_LEN && dory_frame_feed(&frame, header, limit, data, len) == DORY_OK && frame.have == len &&
           dory_header_decode(header, frame.header_len, &server->tokens, &known_fields, question, &found) == DORY_OK &&
           found.wrong == 0 && (found.present & (HAS_CMD | HAS_ID)) == (HAS_CMD | HAS_ID) && question->data_size == 0 &&
           dory_text_find(question->cmd.ptr, question->cmd.len, "info\0") == 0;
}

/* Answers are INTERVAL_MS apart, but for BURST_MS that may be saved up. A time further ahead than that is past. */
#define INTERVAL_MS ((1000U + DISCOVERY_RATE - 1U) / DISCOVERY_RATE)
#define BURST_MS (INTERVAL_MS * DISCOVERY_RATE)

static bool may_answer(struct discovery *discovery, uint32_t now_ms)
{
    uint32_t used_ms = discovery->full_ms - now_ms;

    if (used_ms > BURST_MS) {
        used_ms = 0;
    }
    if (used_ms > BURST_MS - INTERVAL_MS) {
        return false;
    }
    discovery->full_ms = now_ms + used_ms + INTERVAL_MS;
    return true;
}

static size_t encode(const struct service *service, uint64_t id)
{
    const struct dory_server *server = service->server;
    struct dory_encoder encoder;
    struct dory_room room;

    dory_header_begin(&encoder, service->scratch, DISCOVERY_LEN);
    dory_header_number(&encoder, "id", id);
    dory_header_string(&encoder, "status", dory_status_name(DORY_OK));
    dory_header_string(&encoder, "name", server->name);
    dory_header_string(&encoder, "board", server->board);
    dory_header_string(&encoder, "firmware", server->firmware);
    /* A device whose storage is missing wants to be found, too. */
    if (server->store->room(server->store_ctx, &room) == DORY_OK) {
        dory_header_number(&encoder, "free", room.free < DORY_MAX_NUMBER ? room.free : DORY_MAX_NUMBER);
    }
    dory_header_number(&encoder, "data_size", 0);
    return dory_header_end(&encoder);
}

size_t discovery_answer(struct discovery *discovery, const uint8_t *data, size_t len, uint32_t now_ms)
{
    struct question question = {.data_size = 0};

    if (!is_question(discovery->service, data, len, &question)) {
        discovery->ignored++;
        return 0;
    }
    if (!may_answer(discovery, now_ms)) {
        discovery->held_back++;
        return 0;
    }
    discovery->answered++;
    return encode(discovery->service, question.id);
}

void discovery_received(void *app, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data, size_t len)
{
    struct discovery *discovery = app;
    size_t answer_len = discovery_answer(discovery, data, len, net_now_ms());

    if (answer_len > 0) {
        (void)net_udp_send(udp, peer, discovery->service->scratch, answer_len);
    }
}
