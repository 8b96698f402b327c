/* SPDX-License-Identifier: MIT */
/* Requests: which there are, what fields they have, and whether one may be started. */
#include <string.h>

#include "name.h"
#include "operation.h"

static const char cmds[] = "put\0get\0info\0stat\0list\0delete\0run\0boot\0";

/* In the order of `cmds`. */
static const struct dory_operation operations[] = {
    {.traits = FILENAME | TAKES_FILE | ACTS_WITHOUT_ID | OVERLAPS_COMMITS,
     .start = dory_put_start,
     .work = dory_put_work},
    {.traits = FILENAME, .start = dory_get_start, .work = dory_get_work},
    {.start = dory_info_start},
    {.traits = FILENAME, .start = dory_stat_start, .work = dory_stat_work},
    {.traits = PREFIX, .start = dory_list_start, .work = dory_list_work},
    {.traits = FILENAME, .start = dory_delete_start},
    {.traits = LINE, .start = dory_run_start, .work = dory_run_work},
    {.start = dory_boot_work, .work = dory_boot_work},
};

#define AT(member) offsetof(struct dory_session, member)

/* In the order of enum dory_request_field. */
#define FIELDS(X) \
    X("cmd", DORY_FIELD_TEXT, AT(texts.of[0])) \
    X("filename", DORY_FIELD_TEXT, AT(texts.of[FILENAME])) \
    X("prefix", DORY_FIELD_TEXT, AT(texts.of[PREFIX])) \
    X("line", DORY_FIELD_TEXT, AT(texts.of[LINE])) \
    X("id", DORY_FIELD_NUMBER, AT(request.id)) \
    X("filesize", DORY_FIELD_NUMBER, AT(request.put.size)) \
    X("data_size", DORY_FIELD_NUMBER, AT(request.body_left)) \
    X("resume", DORY_FIELD_BOOL, AT(resume)) \
    X("crc32", DORY_FIELD_CRC32, AT(request.put.crc32)) \
    X("offset", DORY_FIELD_NUMBER, AT(request.offset)) \
    X("length", DORY_FIELD_NUMBER, AT(request.length)) \
    X("if_version", DORY_FIELD_VERSION, AT(request.if_version)) \
    X("check", DORY_FIELD_BOOL, AT(check)) \
    X("mode", DORY_FIELD_MODE, AT(mode)) \
    X("image", DORY_FIELD_TEXT, AT(texts.image))

static const struct dory_field request_fields[FIELD_COUNT] = {FIELDS(DORY_FIELD)};
static const struct dory_fields known_fields = {FIELDS(DORY_FIELD_KEY), request_fields};

#define BIT(field) (UINT32_C(1) << (field))

/* Of these a wrong value leaves the stream out of step. */
#define FATAL_WHEN_WRONG \
    (BIT(FIELD_CMD) | BIT(FIELD_ID) | BIT(FIELD_FILENAME) | BIT(FIELD_FILESIZE) | BIT(FIELD_DATA_SIZE) | \
     BIT(FIELD_RESUME))

/* Judges the text that the request is about, and keeps it in the buffer. Returns as judge(). */
static int judge_text(struct dory_session *session)
{
    unsigned kind = session->operation->traits & TEXT_KINDS;
    const struct dory_text *text = &session->texts.of[kind];

    if (kind == 0) {
        return DORY_MORE;
    }
    if (!DORY_HAS(session, FIELD_CMD + kind)) {
        return kind == PREFIX ? DORY_MORE : DORY_BAD_REQUEST;
    }
    if (kind == FILENAME) {
        if (!dory_name_check(text->ptr, text->len, session->server->max_name)) {
            return DORY_BAD_NAME;
        }
    } else if (strlen(text->ptr) != text->len) {
        return kind == PREFIX ? DORY_OK : DORY_BAD_REQUEST;
    } else if (kind == PREFIX && text->len > session->server->max_name) {
        return DORY_OK; /* no name begins so */
    }
    memmove(session->buf, text->ptr, text->len + 1);
    return DORY_MORE;
}

static int judge(struct dory_session *session)
{
    const struct dory_operation *operation = session->operation;

    if (operation == NULL) {
        return DORY_UNKNOWN_CMD;
    }
    if (!DORY_HAS(session, FIELD_ID) && (operation->traits & ACTS_WITHOUT_ID) == 0) {
        return DORY_OK;
    }
    if (session->request.found.wrong != 0 ||
        (session->resume && (!DORY_HAS(session, FIELD_ID) || !DORY_HAS(session, FIELD_CRC32)))) {
        return DORY_BAD_REQUEST;
    }
    return judge_text(session);
}

static bool decode(struct dory_session *session)
{
    struct dory_request *request = &session->request;
    int place;

    memset(request, 0, sizeof *request);
    session->check = false;
    session->resume = false;
    if (dory_header_decode(session->buf, session->frame.header_len, &session->server->tokens, &known_fields, session,
                           &request->found) != DORY_OK ||
        (request->found.wrong & FATAL_WHEN_WRONG) != 0 || !DORY_HAS(session, FIELD_CMD)) {
        return false;
    }
    session->buf[0] = '\0'; /* no name is in hand yet; no text begins there */
    place = dory_text_find(session->texts.of[0].ptr, session->texts.of[0].len, cmds);
    session->operation = place >= 0 ? &operations[place] : NULL;
    if (session->operation != NULL && (session->operation->traits & TAKES_FILE) != 0) {
        if (!DORY_HAS(session, FIELD_FILESIZE)) {
            return false;
        }
        request->body_left = session->resume ? 0 : request->put.size;
    }
    return true;
}

int dory_request_read(struct dory_session *session)
{
    return decode(session) ? judge(session) : DORY_BAD_HEADER;
}

int dory_request_open(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_file *file = &session->job.file;
    int result;

    file->hidden = false;
    result = server->store->open(server->store_ctx, dory_session_name(session), file);
    return result == DORY_OK ? dory_job_begin(session, HOLDS_FILE, file->size) : result;
}
