/* SPDX-License-Identifier: MIT */
/* `stat`: size and version of a file, on demand its CRC-32, read slice by slice; and what of a put could resume. */
#include "operation.h"

/* `status` is DORY_OK, or DORY_NOT_FOUND when there is at most a partial. */
static int answer(struct dory_session *session, enum dory_status status)
{
    const struct dory_server *server = session->server;
    uint64_t partial = server->store->partial(server->store_ctx, dory_session_name(session));
    unsigned what = 0;

    if (status == DORY_OK) {
        what = session->check ? TELL_FILESIZE | TELL_VERSION | TELL_CRC32 : TELL_FILESIZE | TELL_VERSION;
    }
    if (partial > 0) {
        session->job.end = partial;
        what |= TELL_PARTIAL;
    }
    dory_answer(session, status, what, 0);
    return DORY_ANSWERED;
}

int dory_stat_start(struct dory_session *session)
{
    int result = dory_job_open(session);

    if (result == DORY_OK && session->check) {
        dory_session_enter(session, STATE_WORK);
        return DORY_MORE;
    }
    if (result == DORY_OK || result == DORY_NOT_FOUND) {
        return answer(session, (enum dory_status)result);
    }
    return result;
}

int dory_stat_work(struct dory_session *session)
{
    int result = dory_job_check_slice(session);

    return result == DORY_OK ? answer(session, DORY_OK) : result;
}
