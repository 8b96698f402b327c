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
static bool is_question(const struct discovery *discovery, const uint8_t *data, size_t len, struct question *question)
{
    struct dory_server *server = discovery->server;
    size_t limit = server->max_header < discovery->scratch_len ? server->max_header : discovery->scratch_len;
    struct dory_frame frame = {.have = 0};
    struct dory_found found;

    return len >= DISCOVERY_LEN && len <= limit + DORY_FRAME_PREFIX &&
           dory_frame_feed(&frame, (char *)discovery->scratch, limit, data, len) == DORY_OK && frame.have == len &&
           dory_header_decode((char *)discovery->scratch, frame.header_len, &server->tokens, &known_fields, question,
                              &found) == DORY_OK &&
           found.wrong == 0 && (found.present & (HAS_CMD | HAS_ID)) == (HAS_CMD | HAS_ID) && question->data_size == 0 &&
           dory_text_find(&question->cmd, "info\0") == 0;
}

/* A bucket that fills by DISCOVERY_RATE a second, and holds as many. */
static bool may_answer(struct discovery *discovery, uint32_t now_ms)
{
    uint32_t past_ms = now_ms - discovery->since_ms;

    if (past_ms >= 1000) {
        discovery->allowance = DISCOVERY_RATE;
        discovery->since_ms = now_ms;
    } else {
        uint32_t more = past_ms * DISCOVERY_RATE / 1000;
        uint32_t room = DISCOVERY_RATE - discovery->allowance;

        discovery->allowance += more < room ? more : room;
        discovery->since_ms += more * 1000 / DISCOVERY_RATE;
    }
    if (discovery->allowance == 0) {
        return false;
    }
    discovery->allowance--;
    return true;
}

static size_t encode(const struct discovery *discovery, uint64_t id)
{
    const struct dory_server *server = discovery->server;
    struct dory_encoder encoder;
    struct dory_room room;

    dory_header_begin(&encoder, discovery->scratch, DISCOVERY_LEN);
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

    if (!is_question(discovery, data, len, &question)) {
        discovery->ignored++;
        return 0;
    }
    if (!may_answer(discovery, now_ms)) {
        discovery->held_back++;
        return 0;
    }
    discovery->answered++;
    return encode(discovery, question.id);
}

void discovery_received(void *app, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data, size_t len)
{
    struct discovery *discovery = app;
    size_t answer_len = discovery_answer(discovery, data, len, net_now_ms());

    if (answer_len > 0) {
        (void)net_udp_send(udp, peer, discovery->scratch, answer_len);
    }
}
