/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes discovery: whatever a datagram is, a server answers with no more than it got, and only a question; and what the
 * side that asks believes is an answer that it can show.
 *
 * The first byte chooses: bit 0, a question or an answer; bit 1, the rest is the datagram, or a header to which the length
 * and blanks up to the least length are added.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../port/discovery_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IS_ANSWER = 1, IS_HEADER = 2 };

#define ANSWER_ID 7U

static struct dory_tokens tokens;

static int tell_room(void *ctx, struct dory_room *room)
{
    (void)ctx;
    *room = (struct dory_room){.free = UINT64_MAX};
    return DORY_OK;
}

static const struct dory_store store = {.room = tell_room};
static struct dory_server server = {
    .store = &store, .name = "\"fuzz\"", .board = "linux", .firmware = "1.2.3", .max_header = 1024};

/* The datagram in memory of its own, so that a read beyond it is found. */
static uint8_t *make_datagram(const uint8_t *data, size_t size, bool is_header, size_t least, size_t *len)
{
    size_t header_len = size + DORY_FRAME_PREFIX < least ? least - DORY_FRAME_PREFIX : size;
    uint8_t *datagram;

    *len = is_header ? DORY_FRAME_PREFIX + header_len : size;
    datagram = malloc(*len > 0 ? *len : 1);
    assert(datagram != NULL);
    if (is_header) {
        dory_frame_prefix(datagram, (uint32_t)header_len);
        memset(datagram + DORY_FRAME_PREFIX, ' ', header_len);
    }
    if (size > 0) {
        memcpy(datagram + *len - (is_header ? header_len : size), data, size);
    }
    return datagram;
}

/* What a question's id is, by another way. */
static uint64_t id_of(const uint8_t *datagram, size_t len)
{
    static const struct dory_field field = {DORY_FIELD_NUMBER, 0};
    static const struct dory_fields fields = {"id\0", &field};
    char *header = malloc(len);
    struct dory_found found;
    uint64_t id = 0;

    assert(header != NULL);
    memcpy(header, datagram, len);
    assert(dory_header_decode(header + DORY_FRAME_PREFIX, len - DORY_FRAME_PREFIX, &tokens, &fields, &id, &found) ==
           DORY_OK);
    assert(found.present == 1);
    free(header);
    return id;
}

static void try_question(const uint8_t *datagram, size_t len)
{
    static uint32_t now_ms;
    uint8_t *scratch = malloc(1024);
    struct service service = {.server = &server, .scratch = scratch, .scratch_len = 1024};
    struct discovery discovery = {.service = &service};
    struct discovery_found found;
    size_t answer_len;

    assert(scratch != NULL);
    now_ms += 5000;
    answer_len = discovery_answer(&discovery, datagram, len, now_ms);
    assert(discovery.answered + discovery.ignored == 1 && discovery.held_back == 0);
    assert(answer_len <= len && answer_len <= DISCOVERY_LEN && (answer_len > 0) == (discovery.answered == 1));
    if (answer_len > 0) {
        assert(discovery_read(&found, scratch, answer_len, id_of(datagram, len), &tokens));
        assert(strcmp(found.name.ptr, server.name) == 0 && found.free == DORY_MAX_NUMBER);
    }
    free(scratch);
}

static void check_text(const struct discovery_found *found, const struct dory_text *text)
{
    assert(text->len == 0 || (text->ptr > found->text && text->ptr + text->len < found->text + sizeof found->text));
    assert(text->ptr[text->len] == '\0' && dory_utf8_check(text->ptr, text->len));
}

static void try_answer(const uint8_t *datagram, size_t len)
{
    struct discovery_found found;

    if (discovery_read(&found, datagram, len, ANSWER_ID, &tokens)) {
        assert(len <= DISCOVERY_LEN);
        check_text(&found, &found.name);
        check_text(&found, &found.board);
        check_text(&found, &found.firmware);
        assert(!found.has_free || found.free <= DORY_MAX_NUMBER);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool is_answer = size > 0 && (data[0] & IS_ANSWER) != 0;
    bool is_header = size > 0 && (data[0] & IS_HEADER) != 0;
    uint8_t *datagram;
    size_t len;

    if (size == 0) {
        return 0;
    }
    datagram = make_datagram(data + 1, size - 1, is_header, is_answer ? 0 : DISCOVERY_LEN, &len);
    (is_answer ? try_answer : try_question)(datagram, len);
    free(datagram);
    return 0;
}
