/* SPDX-License-Identifier: MIT */
/* `delete`: removes a file; `ok` once that is durable. */
#include "operation.h"

int dory_delete_start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_writer *writer;
    int result = server->store->remove(server->store_ctx, dory_session_name(session), &writer);

    return result == DORY_OK ? dory_session_commit(session, writer) : result;
}
