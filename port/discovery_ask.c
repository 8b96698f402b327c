/* SPDX-License-Identifier: MIT */
/* Discovery, the side that asks. */
#include "discovery_ask.h"

#include <string.h>

struct answer {
    uint64_t id;
    uint64_t free;
    uint64_t data_size;
    struct dory_text status;
    struct dory_text name;
    struct dory_text board;
    struct dory_text firmware;
};

enum { HAS_ID = 1, HAS_STATUS = 2, HAS_NAME = 4, HAS_FREE = 8, NEEDED = HAS_ID | HAS_STATUS | HAS_NAME };

#define AT(member) offsetof(struct answer, member)

/* In the order of the bits above. */
#define FIELDS(X) \
    X("id", DORY_FIELD_NUMBER, AT(id)) \
    X("status", DORY_FIELD_TEXT, AT(status)) \
    X("name", DORY_FIELD_TEXT, AT(name)) \
    X("free", DORY_FIELD_NUMBER, AT(free)) \
    X("board", DORY_FIELD_TEXT, AT(board)) \
    X("firmware", DORY_FIELD_TEXT, AT(firmware)) \
    X("data_size", DORY_FIELD_NUMBER, AT(data_size))

static const struct dory_field fields[] = {FIELDS(DORY_FIELD)};
static const struct dory_fields known_fields = {FIELDS(DORY_FIELD_KEY), fields};

/* Bytes of `,"pad":""}`. */
#define AROUND_PADDING 10U

void discovery_ask(uint8_t datagram[DISCOVERY_LEN], uint64_t id)
{
    struct dory_encoder encoder;
    char padding[DISCOVERY_LEN];

    memset(padding, '.', sizeof padding);
    dory_header_begin(&encoder, datagram, DISCOVERY_LEN);
    dory_header_text(&encoder, "cmd", "info", 4);
    dory_header_number(&encoder, "id", id);
    dory_header_text(&encoder, "pad", padding, DISCOVERY_LEN - encoder.len - AROUND_PADDING);
    (void)dory_header_end(&encoder);
}

/* Takes the datagram apart into the caller's text, where its strings are unescaped. */
static bool decode(struct answer *answer, struct dory_found *found, char *text, const uint8_t *data, size_t len,
                   struct dory_tokens *tokens)
{
    struct dory_frame frame = {.have = 0};

    return len <= DISCOVERY_LEN && dory_frame_feed(&frame, text, DISCOVERY_LEN, data, len) == DORY_OK &&
           frame.have == len &&
           dory_header_decode(text, frame.header_len, tokens, &known_fields, answer, found) == DORY_OK;
}

bool discovery_read(struct discovery_found *found, const uint8_t *data, size_t len, uint64_t id,
                    struct dory_tokens *tokens)
{
    struct answer answer = {.board = {"", 0}, .firmware = {"", 0}};
    struct dory_found keys;

    if (!decode(&answer, &keys, found->text, data, len, tokens) || keys.wrong != 0 ||
        (keys.present & NEEDED) != NEEDED || answer.id != id ||
        dory_text_find(answer.status.ptr, answer.status.len, "ok\0") != 0 || answer.data_size != 0) {
        return false;
    }
    found->name = answer.name;
    found->board = answer.board;
    found->firmware = answer.firmware;
    found->free = answer.free;
    found->has_free = (keys.present & HAS_FREE) != 0;
    return true;
}
