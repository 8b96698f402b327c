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
    struct dory_writer *other = server->store->holder(server->store_ctx, dory_session_name(session));

    if (!session->resume || other == NULL || other->session == NULL || !other->has_crc32 || other->size != put->size ||
        other->crc32 != put->crc32) {
        return false;
    }
    dory_session_give_up(other->session, STATE_RESET);
    return true;
}

/* Asks the store for a writer. Returns as start(). */
static int begin(struct dory_session *session, struct dory_writer **writer)
{
    const struct dory_server *server = session->server;
    struct dory_put *put = &session->request.put;
    int result;

    put->name = dory_session_name(session);
    put->resume = session->resume;
    put->has_crc32 = DORY_HAS(session, FIELD_CRC32);
    do {
        result = server->store->put(server->store_ctx, put, writer);
    } while (result == DORY_BUSY && take_over(session, put));
    /* It may be an earlier put of this very session that is still being synced; and who cannot be told waits. */
    if (result == DORY_BUSY && (session->commits != NULL || !DORY_HAS(session, FIELD_ID))) {
        return DORY_CONTINUE;
    }
    return result;
}

static void take_body(struct dory_session *session)
{
    if (session->request.body_left > 0) {
        dory_session_enter(session, STATE_BODY);
    }
}

int dory_put_start(struct dory_session *session)
{
    struct dory_writer *writer;
    int result = begin(session, &writer);

    if (result != DORY_OK) {
        return result;
    }
    writer->session = session;
    session->job.writer = writer;
    result = dory_job_begin(session, HOLDS_WRITER, writer->stored);
    take_body(session);
    return result;
}

int32_t dory_put_body(struct dory_session *session, const uint8_t *data, size_t len)
{
    const struct dory_server *server = session->server;
    struct dory_writer *writer = session->job.writer;
    int32_t taken = server->store->write(server->store_ctx, writer, data, len);

    if (taken > 0 && writer->has_crc32) {
        session->crc32 = server->crc32(session->crc32, data, (size_t)taken);
    }
    return taken;
}

/* Tells the client how much of the file is there already, and takes the rest. */
static void resume(struct dory_session *session)
{
    const struct dory_writer *writer = session->job.writer;

    session->resume = false;
    session->request.body_left = writer->size - writer->stored;
    dory_answer(session, DORY_CONTINUE, TELL_OFFSET | TELL_PREFIX_CRC32);
    take_body(session);
}

/* Reads a partial back, or ends a put that is whole. What cannot be read, or has another CRC-32, is of no further use. */
int dory_put_work(struct dory_session *session)
{
    const struct dory_writer *writer = session->job.writer;
    int result = DORY_CORRUPT;

    if (session->resume) {
        result = dory_job_check_slice(session);
    } else if (!writer->has_crc32 || writer->crc32 == session->crc32) {
        return dory_session_commit(session, dory_job_release(session));
    }
    if (result == DORY_OK) {
        resume(session);
        return DORY_MORE;
    }
    if (result < 0) {
        dory_job_abort(session, false);
    }
    return result;
}
