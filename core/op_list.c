/* SPDX-License-Identifier: MIT */
/* `list`: parts, each with as many lines as the session's buffer holds. */
#include <string.h>

#include "name.h"
#include "operation.h"

int dory_list_start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    int result = server->store->list(server->store_ctx, dory_session_name(session), &session->job.listing);

    return result == DORY_OK ? dory_job_begin(session, HOLDS_LISTING, 0) : result;
}

/* Adds a line for a name that was asked for, and that the server would take: a folder may hold others. */
static void put_line(const struct dory_session *session, const struct dory_entry *entry, struct dory_encoder *lines)
{
    const char *prefix = dory_session_name(session);
    size_t name_len = strlen(entry->name);

    if (strncmp(entry->name, prefix, strlen(prefix)) == 0 &&
        dory_name_check(entry->name, name_len, session->server->max_name)) {
        dory_header_string(lines, "filename", entry->name);
        dory_header_member(lines, "filesize", &entry->size, DORY_MEMBER_UINT64);
        (void)dory_header_end_line(lines);
    }
}

/* Collects lines. Returns why it stopped: DORY_OK: the part is full, else as the store's next(). */
static int collect(struct dory_session *session, struct dory_encoder *lines)
{
    const struct dory_server *server = session->server;
    struct dory_entry entry;
    int result = DORY_OK;

    while (result == DORY_OK && lines->size - lines->len >= DORY_LONGEST_LINE(server->max_name)) {
        result = server->store->next(server->store_ctx, &session->job.listing, &entry);
        if (result == DORY_OK) {
            put_line(session, &entry, lines);
        }
    }
    return result;
}

int dory_list_work(struct dory_session *session)
{
    struct dory_encoder lines;
    size_t size;
    uint8_t *body = dory_answer_body(session, &size);
    int result;
    bool last;

    dory_header_begin_line(&lines, body, size);
    result = collect(session, &lines);
    last = result == DORY_NOT_FOUND;
    session->store_waits = result == DORY_MORE;
    if (result < 0 && !last) {
        return result;
    }
    if (lines.len > 0 || last) {
        dory_answer_with(session, last ? DORY_OK : DORY_MORE, 0, lines.len);
    }
    return last ? DORY_ANSWERED : DORY_MORE;
}
