/* SPDX-License-Identifier: MIT */
/* `get`: a file, or a stretch of it, in the version that was opened. */
#include "operation.h"

int dory_get_start(struct dory_session *session)
{
    const struct dory_request *request = &session->request;
    struct dory_job *job = &session->job;
    int result = dory_request_open(session);

    if (result != DORY_MORE) {
        return result;
    }
    if (job->file.hidden) {
        return DORY_FORBIDDEN;
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
    dory_answer(session, session->check ? DORY_MORE : DORY_OK, TELL_FILESIZE | TELL_OFFSET | TELL_VERSION | TELL_DATA);
    dory_job_send(session);
    return DORY_MORE;
}

void dory_get_sent(struct dory_session *session, const uint8_t *data, size_t len)
{
    if (session->check) {
        session->crc32 = session->server->crc32(session->crc32, data, len);
    }
    session->job.off += len;
    dory_job_send(session);
}

/* All has left; on demand its CRC-32 follows. */
int dory_get_work(struct dory_session *session)
{
    if (session->check) {
        dory_answer(session, DORY_OK, TELL_CRC32);
    }
    return DORY_ANSWERED;
}
