/* SPDX-License-Identifier: MIT */
/*
 * `put`: the body goes to a place of its own; when it is whole and its CRC-32 is right, the store publishes it. With
 * `resume`, what a broken put left behind is read back first, so that its CRC-32 can be compared and continued.
 */
#include "operation.h"

/* A put that resumes takes over from an older connection that still writes that very file. */
static bool take_over(struct dory_session *session, const struct dory_put *put)
{
    const struct dory_server *server = session->server;
    struct dory_writer *other = server->store->holder(server->store_ctx, put->name);

    if (!put->resume || other == NULL || other->session == NULL || !other->has_crc32 || other->size != put->size ||
        other->crc32 != put->crc32) {
        return false;
    }
    dory_session_lose_put(other->session);
    return true;
}

/* Asks the store for a writer. Returns as start(). */
static int begin(struct dory_session *session, struct dory_writer **writer)
{
    const struct dory_server *server = session->server;
    const struct dory_put put = {
        .name = dory_session_name(session),
        .size = session->request.filesize,
        .crc32 = session->request.crc32,
        .has_crc32 = DORY_HAS(session, FIELD_CRC32),
        .resume = session->request.resume,
    };
    int result = server->store->put(server->store_ctx, &put, writer);

    if (result == DORY_BUSY && take_over(session, &put)) {
        result = server->store->put(server->store_ctx, &put, writer);
    }
    /* It may be an earlier put of this very session that is still being synced; and who cannot be told waits. */
    if (result == DORY_BUSY && (session->commits != NULL || !DORY_HAS(session, FIELD_ID))) {
        return DORY_CONTINUE;
    }
    return result;
}

static int start(struct dory_session *session)
{
    struct dory_writer *writer;
    int result = begin(session, &writer);

    if (result != DORY_OK) {
        return result;
    }
    writer->session = session;
    session->job.put.writer = writer;
    session->job.put.off = 0;
    session->job_open = true;
    if (session->request.resume || session->body_left == 0) {
        dory_session_enter(session, STATE_WORK);
    } else {
        dory_session_enter(session, STATE_BODY);
    }
    return DORY_MORE;
}

static int32_t body(struct dory_session *session, const uint8_t *data, size_t len)
{
    const struct dory_server *server = session->server;
    struct dory_writer *writer = session->job.put.writer;
    int32_t taken = server->store->write(server->store_ctx, writer, data, len);

    if (taken > 0 && writer->has_crc32) {
        writer->running_crc32 = server->crc32(writer->running_crc32, data, (size_t)taken);
    }
    return taken;
}

static int32_t read_piece(struct dory_session *session, uint64_t off, uint8_t *dst, size_t len)
{
    const struct dory_server *server = session->server;

    return server->store->reread(server->store_ctx, session->job.put.writer, off, dst, len);
}

/* Lets go of the writer. */
static void release(struct dory_session *session)
{
    session->job.put.writer->session = NULL;
    session->job_open = false;
}

/* Tells the client how much of the file is there already. */
static void answer_continue(struct dory_session *session, const struct dory_writer *writer)
{
    struct dory_encoder encoder;

    session->request.resume = false;
    session->body_left = writer->size - writer->stored;
    dory_answer_begin(session, &encoder, DORY_CONTINUE);
    dory_header_number(&encoder, "offset", writer->stored);
    dory_header_crc32(&encoder, "prefix_crc32", writer->running_crc32);
    dory_answer_end(session, &encoder, 0);
    if (session->body_left > 0) {
        dory_session_enter(session, STATE_BODY);
    }
}

/* Reads the partial back. One that cannot be read is of no further use. */
static int work_resume(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_writer *writer = session->job.put.writer;
    int result = dory_session_check_slice(session, read_piece, &session->job.put.off, writer->stored,
                                          &writer->running_crc32);

    if (result == DORY_OK) {
        answer_continue(session, writer);
        return DORY_MORE;
    }
    if (result < 0) {
        release(session);
        server->store->abort(server->store_ctx, writer, false);
    }
    return result;
}

static int work(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_writer *writer = session->job.put.writer;

    if (session->request.resume) {
        return work_resume(session);
    }
    release(session);
    if (writer->has_crc32 && writer->running_crc32 != writer->crc32) {
        server->store->abort(server->store_ctx, writer, false);
        return DORY_CORRUPT;
    }
    return dory_session_commit(session, writer);
}

static void stop(struct dory_session *session)
{
    struct dory_writer *writer = session->job.put.writer;

    release(session);
    session->server->store->abort(session->server->store_ctx, writer, true);
}

const struct dory_operation dory_op_put = {
    .cmd = "put",
    .name_field = FIELD_FILENAME,
    .acts_without_id = true,
    .overlaps_commits = true,
    .start = start,
    .body = body,
    .work = work,
    .stop = stop,
};
