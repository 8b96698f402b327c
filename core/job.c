/* SPDX-License-Identifier: MIT */
/* The job: what a session holds of the store, for the request in hand. */
#include "operation.h"

int dory_job_begin(struct dory_session *session, enum dory_holding holds, uint64_t end)
{
    session->holds = (uint8_t)holds;
    session->crc32 = 0;
    session->job.off = 0;
    session->job.end = end;
    dory_session_enter(session, STATE_WORK);
    return DORY_MORE;
}

void dory_job_send(struct dory_session *session)
{
    dory_session_enter(session, session->job.off < session->job.end ? STATE_SEND : STATE_WORK);
}

int32_t dory_job_read(struct dory_session *session, uint8_t *dst, size_t len)
{
    const struct dory_server *server = session->server;
    struct dory_job *job = &session->job;
    uint64_t left = job->end - job->off;
    int32_t got;

    if (len > left) {
        len = (size_t)left;
    }
    if (session->holds == HOLDS_WRITER) {
        got = server->store->reread(server->store_ctx, job->writer, job->off, dst, len);
    } else {
        got = server->store->read(server->store_ctx, &job->file, job->off, dst, len);
    }
    session->store_waits = got == 0;
    return got;
}

int dory_job_check_slice(struct dory_session *session)
{
    struct dory_job *job = &session->job;
    size_t size;
    uint8_t *area = dory_session_area(session, &size);
    uint32_t done = 0;

    while (job->off < job->end) {
        int32_t got;

        if (done >= DORY_SLICE) {
            return DORY_MORE;
        }
        got = dory_job_read(session, area, size);
        if (got <= 0) {
            return got < 0 ? (int)got : DORY_MORE;
        }
        session->crc32 = session->server->crc32(session->crc32, area, (size_t)got);
        job->off += (uint32_t)got;
        done += (uint32_t)got;
    }
    return DORY_OK;
}

struct dory_writer *dory_job_release(struct dory_session *session)
{
    struct dory_writer *writer = session->job.writer;

    session->holds = HOLDS_NOTHING;
    writer->session = NULL;
    return writer;
}

void dory_job_abort(struct dory_session *session, bool keep)
{
    const struct dory_server *server = session->server;

    server->store->abort(server->store_ctx, dory_job_release(session), keep);
}

void dory_job_stop(struct dory_session *session)
{
    const struct dory_server *server = session->server;

    switch ((enum dory_holding)session->holds) {
    case HOLDS_NOTHING:
        break;
    case HOLDS_FILE:
        server->store->close(server->store_ctx, &session->job.file);
        break;
    case HOLDS_WRITER:
        dory_job_abort(session, true);
        break;
    case HOLDS_LISTING:
        server->store->end_list(server->store_ctx, &session->job.listing);
        break;
    case HOLDS_COMMAND:
        if (DORY_COMMANDS) {
            server->commands->end(server->commands_ctx, &session->job.command);
        }
        break;
    }
    session->holds = HOLDS_NOTHING;
}

void dory_session_give_up(struct dory_session *session, enum dory_state state)
{
    dory_job_stop(session);
    dory_session_enter(session, state);
}
