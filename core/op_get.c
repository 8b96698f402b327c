/* SPDX-License-Identifier: MIT */
/* `get`: a file, or a stretch of it, in the version that was opened. */
#include "operation.h"

/* When all data have left, their CRC-32 follows if it was asked for. */
static void end_data(struct dory_session *session)
{
    if (session->job.off < session->job.end) {
        return;
    }
    if (session->check) {
        dory_session_enter(session, STATE_WORK);
    } else {
        dory_session_answered(session);
    }
}

int dory_get_start(struct dory_session *session)
{
    const struct dory_request *request = &session->request;
    struct dory_job *job = &session->job;
    int result = dory_job_open(session);

    if (result != DORY_OK) {
        return result;
    }
    if (DORY_HAS(session, FIELD_IF_VERSION) && request->if_version != job->file.version) {
        return DORY_CHANGED;
    }
    if (request->offset > job->end) {
        return DORY_BAD_REQUEST;
    }
    job->off = request->offset;
    if (DORY_HAS(session, FIELD_LENGTH) && request->length < job->end - job->off) {
        job->end = job->off + request->length;
    }
    dory_answer(session, session->check ? DORY_MORE : DORY_OK, TELL_FILESIZE | TELL_OFFSET | TELL_VERSION,
                job->end - job->off);
    dory_session_enter(session, STATE_SEND);
    end_data(session);
    return DORY_MORE;
}

void dory_get_sent(struct dory_session *session, const uint8_t *data, size_t len)
{
    if (session->check) {
        session->crc32 = session->server->crc32(session->crc32, data, len);
    }
    session->job.off += len;
    end_data(session);
}

int dory_get_work(struct dory_session *session)
{
    return dory_answer_last(session, DORY_OK, TELL_CRC32);
}
