/* SPDX-License-Identifier: MIT */
/* Reads a stream of answers, and insists that each is one by the protocol. Shared by unit tests and fuzz targets. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <assert.h>
#include <string.h>

#include "../../core/header.h"
#include "../../core/server.h"

struct answer {
    uint64_t id;
    bool has_id;
    bool has_offset;
    uint64_t offset;
    uint64_t data_size;
    uint64_t filesize;
    enum dory_status status;
};

struct answer_fields {
    uint64_t id;
    uint64_t data_size;
    uint64_t offset;
    uint64_t filesize;
    struct dory_text status;
};

enum answer_field { ANSWER_ID, ANSWER_STATUS, ANSWER_DATA_SIZE, ANSWER_OFFSET, ANSWER_FILESIZE, ANSWER_FIELDS };

#define ANSWER_AT(member) offsetof(struct answer_fields, member)

/* In the order of enum answer_field. */
#define ANSWER_KNOWN(X) \
    X("id", DORY_FIELD_NUMBER, ANSWER_AT(id)) \
    X("status", DORY_FIELD_TEXT, ANSWER_AT(status)) \
    X("data_size", DORY_FIELD_NUMBER, ANSWER_AT(data_size)) \
    X("offset", DORY_FIELD_NUMBER, ANSWER_AT(offset)) \
    X("filesize", DORY_FIELD_NUMBER, ANSWER_AT(filesize))

/* Decodes one answer's header of `len` bytes, which must be well formed. */
static inline struct answer answer_decode(const uint8_t *header, size_t len)
{
    static const struct dory_field fields[ANSWER_FIELDS] = {ANSWER_KNOWN(DORY_FIELD)};
    static const struct dory_fields known = {ANSWER_KNOWN(DORY_FIELD_KEY), fields};
    static struct dory_tokens tokens;
    static char text[DORY_MAX_ANSWER];
    struct answer_fields decoded = {.id = 0};
    struct dory_found found;
    struct answer answer = {.id = 0};
    int result;

    assert(len >= DORY_MIN_HEADER && len <= DORY_MAX_ANSWER);
    memcpy(text, header, len);
    result = dory_header_decode(text, len, &tokens, &known, &decoded, &found);
    assert(result == DORY_OK && found.wrong == 0);
    assert((found.present >> ANSWER_STATUS & 1U) != 0 && (found.present >> ANSWER_DATA_SIZE & 1U) != 0);
    result = dory_status_find(decoded.status.ptr, (unsigned)decoded.status.len, &answer.status);
    assert(result == 0);
    answer.has_id = (found.present >> ANSWER_ID & 1U) != 0;
    answer.id = decoded.id;
    answer.has_offset = (found.present >> ANSWER_OFFSET & 1U) != 0;
    answer.offset = decoded.offset;
    answer.data_size = decoded.data_size;
    answer.filesize = decoded.filesize;
    /* Only these two go without an id. */
    assert(answer.has_id || answer.status == DORY_BAD_HEADER || answer.status == DORY_BUSY);
    return answer;
}

/* Reads the answer at `*at` of a stream of `len` bytes and moves `*at` behind its body. Returns whether it is whole. */
static inline bool answer_next(const uint8_t *stream, size_t len, size_t *at, struct answer *answer)
{
    size_t left = len - *at;
    size_t header_len = 0;

    if (left < DORY_FRAME_PREFIX) {
        return false;
    }
    for (unsigned i = 0; i < DORY_FRAME_PREFIX; i++) {
        header_len |= (size_t)stream[*at + i] << (8 * i);
    }
    assert(header_len >= DORY_MIN_HEADER && header_len <= DORY_MAX_ANSWER);
    if (left - DORY_FRAME_PREFIX < header_len) {
        return false;
    }
    *answer = answer_decode(stream + *at + DORY_FRAME_PREFIX, header_len);
    if (answer->data_size > left - DORY_FRAME_PREFIX - header_len) {
        return false;
    }
    *at += DORY_FRAME_PREFIX + header_len + (size_t)answer->data_size;
    return true;
}

/* Final answers end a request; parts and `continue` don't. */
static inline bool answer_is_final(const struct answer *answer)
{
    return answer->status != DORY_MORE && answer->status != DORY_CONTINUE;
}

#endif
