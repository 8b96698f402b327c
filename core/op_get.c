/* SPDX-License-Identifier: MIT */
/* `get`: a file, or a stretch of it, in the version that was opened. */
#include "operation.h"

/* All data have left: with `check` their CRC-32 follows. */
static void end_data(struct dory_session *session)
{
    if (session->request.check) {
        dory_session_enter(session, STATE_WORK);
    } else {
        dory_session_answered(session);
    }
}

static int start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    const struct dory_request *request = &session->request;
    struct dory_file *file = &session->job.read.file;
    struct dory_encoder encoder;
    uint64_t left;
    int result = server->store->open(server->store_ctx, dory_session_name(session), file);

    if (result != DORY_OK) {
        return result;
    }
    session->job_open = true;
    if (DORY_HAS(session, FIELD_IF_VERSION) && request->if_version != file->version) {
        return DORY_CHANGED;
    }
    if (request->offset > file->size) {
        return DORY_BAD_REQUEST;
    }
    left = file->size - request->offset;
    if (DORY_HAS(session, FIELD_LENGTH) && request->length < left) {
        left = request->length;
    }
    session->job.read.off = request->offset;
    session->job.read.end = request->offset + left;
    session->job.read.crc32 = 0;
    dory_answer_begin(session, &encoder, request->check ? DORY_MORE : DORY_OK);
    dory_header_number(&encoder, "filesize", file->size);
    dory_header_number(&encoder, "offset", request->offset);
    dory_header_version(&encoder, "version", file->version);
    dory_answer_end(session, &encoder, left);
    dory_session_enter(session, STATE_SEND);
    if (left == 0) {
        end_data(session);
    }
    return DORY_MORE;
}

static int32_t produce(struct dory_session *session, uint8_t *dst, size_t len)
{
    const struct dory_server *server = session->server;
    uint64_t left = session->job.read.end - session->job.read.off;

    return server->store->read(server->store_ctx, &session->job.read.file, session->job.read.off, dst,
                               left < len ? (size_t)left : len);
}

static void sent(struct dory_session *session, const uint8_t *data, size_t len)
{
    if (session->request.check) {
        session->job.read.crc32 = session->server->crc32(session->job.read.crc32, data, len);
    }
    session->job.read.off += len;
    if (session->job.read.off == session->job.read.end) {
        end_data(session);
    }
}

/* Tells the CRC-32 of what was sent. */
static int work(struct dory_session *session)
{
    struct dory_encoder encoder;

    dory_answer_begin(session, &encoder, DORY_OK);
    dory_header_crc32(&encoder, "crc32", session->job.read.crc32);
    dory_answer_end(session, &encoder, 0);
    dory_session_answered(session);
    return DORY_MORE;
}

static void stop(struct dory_session *session)
{
    session->server->store->close(session->server->store_ctx, &session->job.read.file);
}

const struct dory_operation dory_op_get = {
    .cmd = "get",
    .name_field = FIELD_FILENAME,
    .start = start,
    .work = work,
    .produce = produce,
    .sent = sent,
    .stop = stop,
};
