/* SPDX-License-Identifier: MIT */
/* `info`: what the server is, and what it takes. */
#include "operation.h"

int dory_info_start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_room *room = &session->job.room;
    int result = server->store->room(server->store_ctx, room);

    if (result != DORY_OK) {
        return result;
    }
    if (room->free > DORY_MAX_NUMBER) {
        room->free = DORY_MAX_NUMBER;
    }
    dory_server_tick(session->server, session->now_ms);
    dory_answer(session, DORY_OK, DORY_FIRMWARE && server->boots != NULL ? TELL_INFO | TELL_RUNNING : TELL_INFO);
    return DORY_ANSWERED;
}
