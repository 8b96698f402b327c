/* SPDX-License-Identifier: MIT */
/* `list`: parts, each with as many lines as the session's buffer holds. */
#include <string.h>

#include "name.h"
#include "operation.h"

int dory_list_start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    int result = server->store->list(server->store_ctx, dory_session_name(session), &session->job.listing);

    if (result != DORY_OK) {
        return result;
    }
    dory_job_begin(session, HOLDS_LISTING, 0);
    dory_session_enter(session, STATE_WORK);
    return DORY_MORE;
}

/* Only names that the server would take are shown; a folder may hold others. */
static bool is_wanted(const struct dory_session *session, const struct dory_entry *entry)
{
    const char *prefix = dory_session_name(session);

    return strncmp(entry->name, prefix, strlen(prefix)) == 0 &&
           dory_name_check(entry->name, strlen(entry->name), session->server->max_name);
}

static size_t put_line(uint8_t *at, size_t size, const struct dory_entry *entry)
{
    struct dory_encoder encoder;

    dory_header_begin_line(&encoder, at, size);
    dory_header_text(&encoder, "filename", entry->name, strlen(entry->name));
    dory_header_number(&encoder, "filesize", entry->size);
    return dory_header_end_line(&encoder);
}

/* Collects lines behind the room for the answer's header. Returns why it stopped: DORY_OK: the part is full, else as
 * the store's next(). */
static int collect(struct dory_session *session, uint8_t *lines, size_t size, size_t *len)
{
    const struct dory_server *server = session->server;
    size_t longest = DORY_LONGEST_LINE(server->max_name);
    struct dory_entry entry;
    int result = DORY_OK;

    while (result == DORY_OK && size - *len >= longest) {
        result = server->store->next(server->store_ctx, &session->job.listing, &entry);
        if (result == DORY_OK && is_wanted(session, &entry)) {
            *len += put_line(lines + *len, size - *len, &entry);
        }
    }
    return result;
}

int dory_list_work(struct dory_session *session)
{
    size_t size;
    uint8_t *area = dory_session_area(session, &size);
    uint8_t *lines = area + DORY_SHORT_ANSWER;
    size_t len = 0;
    int result = collect(session, lines, size - DORY_SHORT_ANSWER, &len);
    bool last = result == DORY_NOT_FOUND;

    session->store_waits = result == DORY_MORE;
    if (result < 0 && !last) {
        return result;
    }
    if (len > 0 || last) {
        dory_answer(session, last ? DORY_OK : DORY_MORE, 0, len);
        memmove(area + session->out_len, lines, len);
        session->out_len = (uint16_t)(session->out_len + len);
    }
    return last ? DORY_ANSWERED : DORY_MORE;
}
