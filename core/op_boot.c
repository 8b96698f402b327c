/* SPDX-License-Identifier: MIT */
/* `boot`: has a firmware image tried, or made permanent, or confirms the one that runs. */
#include <string.h>

#include "operation.h"

/* Whether the request says what to do, and with which image. */
static bool is_whole(const struct dory_session *session)
{
    const struct dory_text *image = &session->texts.image;

    return session->request.found.present >> FIELD_MODE == 3U && strlen(image->ptr) == image->len;
}

/* Start and work alike: the texts of the request stay where they are, for there is no job. */
int dory_boot_work(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    int result;

    if (!DORY_FIRMWARE || server->boots == NULL) {
        return DORY_UNSUPPORTED;
    }
    if (!is_whole(session)) {
        return DORY_BAD_REQUEST;
    }
    dory_session_enter(session, STATE_WORK);
    result = server->boots->boot(server->boots_ctx, (enum dory_boot_mode)session->mode, session->texts.image.ptr);
    session->store_waits = result == DORY_MORE;
    return result;
}
