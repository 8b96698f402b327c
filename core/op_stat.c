/* SPDX-License-Identifier: MIT */
/* `stat`: size and version of a file, on demand its CRC-32, read slice by slice; and what of a put could resume. */
#include "operation.h"

/* `status` is DORY_OK, or DORY_NOT_FOUND when there is at most a partial. */
static int answer(struct dory_session *session, enum dory_status status)
{
    const struct dory_server *server = session->server;
    unsigned what = 0;

    session->job.end = server->store->partial(server->store_ctx, dory_session_name(session));
    if (session->job.end > 0) {
        what = TELL_PARTIAL;
    }
    if (status == DORY_OK) {
        what |= session->check ? TELL_FILESIZE | TELL_VERSION | TELL_CRC32 : TELL_FILESIZE | TELL_VERSION;
    }
    dory_answer(session, status, what);
    return DORY_ANSWERED;
}

int dory_stat_start(struct dory_session *session)
{
    int result = dory_request_open(session);

    return result == DORY_NOT_FOUND ? answer(session, DORY_NOT_FOUND) : result;
}

int dory_stat_work(struct dory_session *session)
{
    int result = session->check ? dory_job_check_slice(session) : DORY_OK;

    return result == DORY_OK ? answer(session, DORY_OK) : result;
}
