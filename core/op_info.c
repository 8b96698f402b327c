/* SPDX-License-Identifier: MIT */
/* `info`: what the server is, and what it takes. */
#include <string.h>

#include "operation.h"

/* Bytes told of each text, so that the answer stays within DORY_MAX_ANSWER. */
#define MAX_NAME_TOLD 32U
#define MAX_BOARD_TOLD 16U
#define MAX_FIRMWARE_TOLD 32U

/* Adds at most `max_len` bytes of `text`, cut between characters. */
static void add_text(struct dory_encoder *encoder, const char *key, const char *text, size_t max_len)
{
    size_t len = strlen(text);

    if (len > max_len) {
        len = max_len;
        while (len > 0 && ((unsigned char)text[len] & 0xc0U) == 0x80U) {
            len--;
        }
    }
    dory_header_text(encoder, key, text, len);
}

void dory_info_tell(const struct dory_session *session, struct dory_encoder *encoder)
{
    const struct dory_server *server = session->server;
    const struct dory_room *room = &session->job.room;

    dory_header_number(encoder, "dory", DORY_PROTOCOL);
    add_text(encoder, "name", server->name, MAX_NAME_TOLD);
    add_text(encoder, "server", DORY_VERSION, sizeof DORY_VERSION - 1);
    add_text(encoder, "board", server->board, MAX_BOARD_TOLD);
    add_text(encoder, "firmware", server->firmware, MAX_FIRMWARE_TOLD);
    dory_header_number(encoder, "max_header", server->max_header);
    dory_header_number(encoder, "max_name", server->max_name);
    dory_header_number(encoder, "max_file", room->max_file);
    dory_header_number(encoder, "free", room->free < DORY_MAX_NUMBER ? room->free : DORY_MAX_NUMBER);
    dory_header_number(encoder, "sessions", server->sessions);
    dory_header_number(encoder, "writers", room->writers);
    dory_header_number(encoder, "uptime_ms", server->uptime_ms);
}

int dory_info_start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    int result = server->store->room(server->store_ctx, &session->job.room);

    if (result != DORY_OK) {
        return result;
    }
    dory_answer(session, DORY_OK, TELL_INFO, 0);
    return DORY_ANSWERED;
}
