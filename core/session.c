/* SPDX-License-Identifier: MIT */
/* What operations ask of their session: its state, and room in its buffer. */
#include <string.h>

#include "operation.h"

void dory_session_restart_clocks(struct dory_session *session)
{
    session->since_ms = session->now_ms;
    session->rate_ms = session->now_ms;
    session->rate_bytes = 0;
}

void dory_session_enter(struct dory_session *session, enum dory_state state)
{
    session->state = (uint8_t)state;
    session->store_waits = false;
    dory_session_restart_clocks(session);
}

size_t dory_session_buffer_size(const struct dory_server *server)
{
    size_t list_size = server->max_name + 1 + DORY_SHORT_ANSWER + DORY_LONGEST_LINE(server->max_name);
    size_t answer_size = list_size > DORY_LONG_ANSWER + 1 ? list_size : DORY_LONG_ANSWER + 1;

    return answer_size > server->max_header ? answer_size : server->max_header;
}

uint8_t *dory_session_area(const struct dory_session *session, size_t *size)
{
    size_t name_size = strlen(dory_session_name(session)) + 1;

    *size = dory_session_buffer_size(session->server) - name_size;
    return (uint8_t *)session->buf + name_size;
}
