/* SPDX-License-Identifier: MIT */
/* The server's answers: which fields they may have, and where they are put. */
#include <string.h>

#include "operation.h"

#define SESSION(member) offsetof(struct dory_session, member)
#define SERVER(member) offsetof(struct dory_server, member)
#define RUNNING(member) offsetof(struct dory_running, member)

/* What answers may tell, in the order of enum dory_tell: key, kind and place of a member, of the session first, then of the
 * server, then of the firmware that runs. */
#define FIELDS(X) \
    X("filesize", DORY_MEMBER_UINT64, SESSION(job.file.size)) \
    X("offset", DORY_MEMBER_UINT64, SESSION(job.off)) \
    X("version", DORY_MEMBER_VERSION, SESSION(job.file.version)) \
    X("crc32", DORY_MEMBER_CRC32, SESSION(crc32)) \
    X("prefix_crc32", DORY_MEMBER_CRC32, SESSION(crc32)) \
    X("partial", DORY_MEMBER_UINT64, SESSION(job.end)) \
    X("stream", DORY_MEMBER_UINT32, SESSION(job.command.stream)) \
    X("exit", DORY_MEMBER_UINT32, SESSION(job.command.exit)) \
    X("max_file", DORY_MEMBER_UINT64, SESSION(job.room.max_file)) \
    X("free", DORY_MEMBER_UINT64, SESSION(job.room.free)) \
    X("writers", DORY_MEMBER_UINT32, SESSION(job.room.writers)) \
    X("dory", DORY_MEMBER_UINT32, SERVER(protocol)) \
    X("name", DORY_MEMBER_TEXT, SERVER(name)) \
    X("server", DORY_MEMBER_TEXT, SERVER(version)) \
    X("board", DORY_MEMBER_TEXT, SERVER(board)) \
    X("firmware", DORY_MEMBER_TEXT, SERVER(firmware)) \
    X("max_header", DORY_MEMBER_UINT32, SERVER(max_header)) \
    X("max_name", DORY_MEMBER_UINT32, SERVER(max_name)) \
    X("sessions", DORY_MEMBER_UINT32, SERVER(sessions)) \
    X("uptime_ms", DORY_MEMBER_UINT64, SERVER(uptime_ms)) \
    X("image", DORY_MEMBER_TEXT, RUNNING(image)) \
    X("confirmed", DORY_MEMBER_BOOL, RUNNING(confirmed)) \
    X("boot_id", DORY_MEMBER_TEXT, RUNNING(boot_id)) \
    X("slot", DORY_MEMBER_TEXT, RUNNING(slot))

struct field {
    uint8_t kind; /* see dory_header_member() */
    uint8_t at;   /* offset in its struct */
};

static const struct field fields[] = {
#define FIELD(key, kind, at) {kind, at},
    FIELDS(FIELD)
#undef FIELD
};

enum { FIELDS_OF_SESSION = 11, FIELDS_OF_BOTH = 20, FIELDS_AT_ALL = sizeof fields / sizeof fields[0] };

_Static_assert((TELL_INFO | TELL_RUNNING) == (2U << FIELDS_AT_ALL) - 2U * TELL_EXIT, "enum dory_tell has other fields");

/* One behind the other. */
static const char keys[] =
#define KEY(key, kind, at) key "\0"
    FIELDS(KEY)
#undef KEY
    ;

static void put_output(struct dory_session *session, uint8_t *out, size_t len)
{
    session->out = out;
    session->out_len = (uint16_t)len;
    session->out_ms = session->now_ms;
    session->more_ms = session->now_ms;
}

/* Writes an answer that tells `what` of the session (enum dory_tell) to `buf` of `size` bytes, which are enough. `id` may be NULL:
 * none. Returns its length. */
static size_t encode(struct dory_session *session, uint8_t *buf, size_t size, const uint64_t *id, int status,
                     unsigned what)
{
    struct dory_encoder encoder;
    const char *key = keys;
    uint64_t data_size = 0;
    size_t len;

    dory_header_begin(&encoder, buf, size);
    if (id != NULL) {
        dory_header_member(&encoder, "id", id, DORY_MEMBER_UINT64);
    }
    dory_header_string(&encoder, "status", dory_status_name((enum dory_status)status));
    if ((what & TELL_DATA) != 0) {
        data_size = session->job.end - session->job.off;
    }
    for (const struct field *field = fields; (what >>= 1) != 0; field++) {
        if ((what & 1U) != 0) {
            const void *base = session->server;

            if (field < fields + FIELDS_OF_SESSION) {
                base = session;
            } else if (field >= fields + FIELDS_OF_BOTH) {
                base = session->server->running;
            }
            dory_header_member(&encoder, key, (const uint8_t *)base + field->at, field->kind);
        }
        key += strlen(key) + 1;
    }
    dory_header_member(&encoder, "data_size", &data_size, DORY_MEMBER_UINT64);
    len = dory_header_end(&encoder);
    if (session != NULL) {
        put_output(session, buf, len);
    }
    return len;
}

void dory_answer_short(struct dory_session *session, const uint64_t *id, int status)
{
    (void)encode(session, session->answer, sizeof session->answer, id, status, 0);
}

void dory_answer(struct dory_session *session, int status, unsigned what)
{
    size_t size;
    uint8_t *area = dory_session_area(session, &size);

    session->out_in_buf = true;
    (void)encode(session, area, size, &session->request.id, status, what);
}

uint8_t *dory_answer_body(struct dory_session *session, size_t *size)
{
    uint8_t *area = dory_session_area(session, size);

    *size -= DORY_SHORT_ANSWER;
    return area + DORY_SHORT_ANSWER;
}

void dory_answer_with(struct dory_session *session, int status, unsigned what, size_t len)
{
    session->job.off = 0;
    session->job.end = len;
    dory_answer(session, status, what | TELL_DATA);
    memmove(session->out + session->out_len, session->out + DORY_SHORT_ANSWER, len);
    session->out_len = (uint16_t)(session->out_len + len);
}

size_t dory_server_busy(uint8_t *buf)
{
    return encode(NULL, buf, DORY_SHORT_ANSWER, NULL, DORY_BUSY, 0);
}
