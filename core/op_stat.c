/* SPDX-License-Identifier: MIT */
/* `stat`: size and version of a file, on demand its CRC-32, read slice by slice; and what of a put could resume. */
#include "operation.h"

static int32_t read_piece(struct dory_session *session, uint64_t off, uint8_t *dst, size_t len)
{
    const struct dory_server *server = session->server;

    return server->store->read(server->store_ctx, &session->job.read.file, off, dst, len);
}

/* `status` is DORY_OK, or DORY_NOT_FOUND when there is at most a partial. */
static void answer(struct dory_session *session, enum dory_status status)
{
    const struct dory_server *server = session->server;
    const struct dory_file *file = &session->job.read.file;
    uint64_t partial = server->store->partial(server->store_ctx, dory_session_name(session));
    struct dory_encoder encoder;

    dory_answer_begin(session, &encoder, status);
    if (status == DORY_OK) {
        dory_header_number(&encoder, "filesize", file->size);
        dory_header_version(&encoder, "version", file->version);
        if (session->request.check) {
            dory_header_crc32(&encoder, "crc32", session->job.read.crc32);
        }
    }
    if (partial > 0) {
        dory_header_number(&encoder, "partial", partial);
    }
    dory_answer_end(session, &encoder, 0);
    dory_session_answered(session);
}

static int start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_file *file = &session->job.read.file;
    int result = server->store->open(server->store_ctx, dory_session_name(session), file);

    if (result == DORY_NOT_FOUND) {
        answer(session, DORY_NOT_FOUND);
        return DORY_MORE;
    }
    if (result != DORY_OK) {
        return result;
    }
    session->job_open = true;
    session->job.read.off = 0;
    session->job.read.crc32 = 0;
    if (session->request.check) {
        dory_session_enter(session, STATE_WORK);
    } else {
        answer(session, DORY_OK);
    }
    return DORY_MORE;
}

static int work(struct dory_session *session)
{
    int result = dory_session_check_slice(session, read_piece, &session->job.read.off, session->job.read.file.size,
                                          &session->job.read.crc32);

    if (result != DORY_OK) {
        return result;
    }
    answer(session, DORY_OK);
    return DORY_MORE;
}

static void stop(struct dory_session *session)
{
    session->server->store->close(session->server->store_ctx, &session->job.read.file);
}

const struct dory_operation dory_op_stat = {
    .cmd = "stat",
    .name_field = FIELD_FILENAME,
    .start = start,
    .work = work,
    .stop = stop,
};
