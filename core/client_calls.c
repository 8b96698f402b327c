/* SPDX-License-Identifier: MIT */
/* What each command says and expects. To add one: a row in the table, and what differs from the others. */
#include "client_calls.h"

#include <string.h>

#include "commands.h"

static void encode_text(struct dory_encoder *encoder, const char *key, const char *text)
{
    dory_header_text(encoder, key, text, strlen(text));
}

static void encode_info(const struct dory_call *call, struct dory_encoder *encoder)
{
    (void)call;
    (void)encoder;
}

static void encode_put(const struct dory_call *call, struct dory_encoder *encoder)
{
    encode_text(encoder, "filename", call->name);
    dory_header_number(encoder, "filesize", call->filesize);
    if (call->has_crc32) {
        dory_header_crc32(encoder, "crc32", call->crc32);
    }
    if (call->resume) {
        dory_header_bool(encoder, "resume", true);
    }
}

/* An early `ok` would have us believe in bytes that nobody has seen; for a put that waits for its `continue` it is
 * fine. */
static enum dory_fault part_put(struct dory_call *call, const struct dory_answer *answer)
{
    bool unsent = call->phase == DORY_CALL_SENDING || call->phase == DORY_CALL_CHECKING;

    return unsent && answer->status == DORY_OK ? DORY_FAULT_PROTOCOL : DORY_FAULT_NONE;
}

static void encode_get(const struct dory_call *call, struct dory_encoder *encoder)
{
    encode_text(encoder, "filename", call->name);
    if (call->offset > 0) {
        dory_header_number(encoder, "offset", call->offset);
    }
    if (call->length > 0) {
        dory_header_number(encoder, "length", call->length);
    }
    if (call->if_version != NULL) {
        encode_text(encoder, "if_version", call->if_version);
    }
    if (call->check) {
        dory_header_bool(encoder, "check", true);
    }
}

/* Bytes that a get still has to bring. Needs filesize >= offset. */
static uint64_t missing(const struct dory_call *call)
{
    uint64_t whole = call->filesize - call->offset;

    if (call->length > 0 && whole > call->length) {
        whole = call->length;
    }
    return whole - call->received;
}

static enum dory_fault part_get(struct dory_call *call, const struct dory_answer *answer)
{
    if (!call->begun && dory_answer_has(answer, DORY_ANSWER_FILESIZE)) {
        if (!dory_answer_has(answer, DORY_ANSWER_OFFSET) || answer->offset != call->offset ||
            answer->offset > answer->filesize) {
            return DORY_FAULT_PROTOCOL;
        }
        call->filesize = answer->filesize;
        call->begun = true;
    }
    if (!call->begun) {
        return answer->data_size > 0 || answer->status == DORY_OK ? DORY_FAULT_PROTOCOL : DORY_FAULT_NONE;
    }
    return answer->data_size > missing(call) ? DORY_FAULT_PROTOCOL : DORY_FAULT_NONE;
}

static enum dory_fault finish_get(const struct dory_call *call, const struct dory_answer *answer)
{
    if (call->check && !dory_answer_has(answer, DORY_ANSWER_CRC32)) {
        return DORY_FAULT_PROTOCOL;
    }
    if (missing(call) > 0 || (call->check && answer->crc32 != call->running_crc32)) {
        return DORY_FAULT_MISMATCH;
    }
    return DORY_FAULT_NONE;
}

static void encode_stat(const struct dory_call *call, struct dory_encoder *encoder)
{
    encode_text(encoder, "filename", call->name);
    if (call->check) {
        dory_header_bool(encoder, "check", true);
    }
}

static enum dory_fault finish_stat(const struct dory_call *call, const struct dory_answer *answer)
{
    bool complete =
        dory_answer_has(answer, DORY_ANSWER_FILESIZE) && (!call->check || dory_answer_has(answer, DORY_ANSWER_CRC32));

    return complete ? DORY_FAULT_NONE : DORY_FAULT_PROTOCOL;
}

static void encode_list(const struct dory_call *call, struct dory_encoder *encoder)
{
    if (call->name != NULL) {
        encode_text(encoder, "prefix", call->name);
    }
}

static void encode_delete(const struct dory_call *call, struct dory_encoder *encoder)
{
    encode_text(encoder, "filename", call->name);
}

static void encode_run(const struct dory_call *call, struct dory_encoder *encoder)
{
    encode_text(encoder, "line", call->name);
}

static enum dory_fault part_run(struct dory_call *call, const struct dory_answer *answer)
{
    if (answer->data_size > 0) {
        if (!dory_answer_has(answer, DORY_ANSWER_STREAM) || answer->stream < DORY_STDOUT ||
            answer->stream > DORY_STDERR) {
            return DORY_FAULT_PROTOCOL;
        }
        call->stream = (uint8_t)answer->stream;
    }
    if (answer->status == DORY_OK) {
        if (!dory_answer_has(answer, DORY_ANSWER_EXIT) || answer->exit > UINT8_MAX) {
            return DORY_FAULT_PROTOCOL;
        }
        call->exit = (uint8_t)answer->exit;
    }
    return DORY_FAULT_NONE;
}

static void encode_boot(const struct dory_call *call, struct dory_encoder *encoder)
{
    const char *mode = dory_boot_modes;

    for (unsigned i = 0; i < (unsigned)call->mode; i++) {
        mode += strlen(mode) + 1;
    }
    encode_text(encoder, "mode", mode);
    encode_text(encoder, "image", call->name);
}

const struct dory_call_kind *dory_call_kind(enum dory_call_command command)
{
    static const struct dory_call_kind kinds[] = {
        [DORY_INFO] = {"info", encode_info, NULL, NULL},        [DORY_PUT] = {"put", encode_put, part_put, NULL},
        [DORY_GET] = {"get", encode_get, part_get, finish_get}, [DORY_STAT] = {"stat", encode_stat, NULL, finish_stat},
        [DORY_LIST] = {"list", encode_list, NULL, NULL},        [DORY_DELETE] = {"delete", encode_delete, NULL, NULL},
        [DORY_RUN] = {"run", encode_run, part_run, NULL},       [DORY_BOOT] = {"boot", encode_boot, NULL, NULL},
    };
    return &kinds[command];
}
