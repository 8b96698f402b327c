/* SPDX-License-Identifier: MIT */
/* Requests: which there are, what fields they have, and whether one may be started. */
#include <string.h>

#include "name.h"
#include "operation.h"

static const struct dory_operation operations[] = {
    {.cmd = "put",
     .traits = NAMES_FILE | TAKES_FILE | ACTS_WITHOUT_ID | OVERLAPS_COMMITS,
     .start = dory_put_start,
     .work = dory_put_work},
    {.cmd = "get", .traits = NAMES_FILE, .start = dory_get_start, .work = dory_get_work},
    {.cmd = "info", .start = dory_info_start},
    {.cmd = "stat", .traits = NAMES_FILE, .start = dory_stat_start, .work = dory_stat_work},
    {.cmd = "list", .traits = NAMES_PREFIX, .start = dory_list_start, .work = dory_list_work},
    {.cmd = "delete", .traits = NAMES_FILE, .start = dory_delete_start},
    {.cmd = "run", .traits = TAKES_LINE, .start = dory_run_start, .work = dory_run_work},
    {.cmd = "boot", .start = dory_boot_start},
};

#define AT(member) offsetof(struct dory_session, member)

static const struct dory_field request_fields[FIELD_COUNT] = {
    [FIELD_CMD] = {"cmd", DORY_FIELD_TEXT, AT(texts.cmd)},
    [FIELD_ID] = {"id", DORY_FIELD_NUMBER, AT(request.id)},
    [FIELD_FILENAME] = {"filename", DORY_FIELD_TEXT, AT(texts.filename)},
    [FIELD_FILESIZE] = {"filesize", DORY_FIELD_NUMBER, AT(request.put.size)},
    [FIELD_DATA_SIZE] = {"data_size", DORY_FIELD_NUMBER, AT(request.body_left)},
    [FIELD_RESUME] = {"resume", DORY_FIELD_BOOL, AT(resume)},
    [FIELD_CRC32] = {"crc32", DORY_FIELD_CRC32, AT(request.put.crc32)},
    [FIELD_OFFSET] = {"offset", DORY_FIELD_NUMBER, AT(request.offset)},
    [FIELD_LENGTH] = {"length", DORY_FIELD_NUMBER, AT(request.length)},
    [FIELD_IF_VERSION] = {"if_version", DORY_FIELD_VERSION, AT(request.if_version)},
    [FIELD_CHECK] = {"check", DORY_FIELD_BOOL, AT(check)},
    [FIELD_PREFIX] = {"prefix", DORY_FIELD_TEXT, AT(texts.prefix)},
    [FIELD_LINE] = {"line", DORY_FIELD_TEXT, AT(texts.line)},
};

#define BIT(field) (UINT32_C(1) << (field))

/* Of these a wrong value leaves the stream out of step. */
#define FATAL_WHEN_WRONG \
    (BIT(FIELD_CMD) | BIT(FIELD_ID) | BIT(FIELD_FILENAME) | BIT(FIELD_FILESIZE) | BIT(FIELD_DATA_SIZE) | \
     BIT(FIELD_RESUME))

/* Judges the name, prefix or line of a request, and keeps it in the buffer. Returns as judge(). */
static int judge_name(struct dory_session *session)
{
    const struct dory_text *name = &session->texts.filename;
    size_t max_len = session->server->max_name;

    if ((session->operation->traits & NAMES_FILE) != 0) {
        if (!DORY_HAS(session, FIELD_FILENAME)) {
            return DORY_BAD_REQUEST;
        }
        if (!dory_name_check(name->ptr, name->len, max_len)) {
            return DORY_BAD_NAME;
        }
    } else if ((session->operation->traits & NAMES_PREFIX) != 0 && DORY_HAS(session, FIELD_PREFIX)) {
        name = &session->texts.prefix;
        if (name->len > max_len || strlen(name->ptr) != name->len) {
            return DORY_OK; /* no name begins so */
        }
    } else if ((session->operation->traits & TAKES_LINE) != 0) {
        name = &session->texts.line;
        if (!DORY_HAS(session, FIELD_LINE) || strlen(name->ptr) != name->len) {
            return DORY_BAD_REQUEST;
        }
    } else {
        return DORY_MORE;
    }
    memmove(session->buf, name->ptr, name->len + 1);
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
    return judge_name(session);
}

static const struct dory_operation *find_operation(const struct dory_text *cmd)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (dory_text_is(cmd, operations[i].cmd)) {
            return &operations[i];
        }
    }
    return NULL;
}

static bool decode(struct dory_session *session)
{
    struct dory_request *request = &session->request;

    memset(request, 0, sizeof *request);
    session->check = false;
    session->resume = false;
    if (dory_header_decode(session->buf, session->frame.header_len, &session->server->tokens, request_fields,
                           FIELD_COUNT, session, &request->found) != DORY_OK ||
        (request->found.wrong & FATAL_WHEN_WRONG) != 0 || !DORY_HAS(session, FIELD_CMD)) {
        return false;
    }
    session->buf[0] = '\0'; /* no name is in hand yet; no text begins there */
    session->operation = find_operation(&session->texts.cmd);
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
    int result = server->store->open(server->store_ctx, dory_session_name(session), file);

    return result == DORY_OK ? dory_job_begin(session, HOLDS_FILE, file->size) : result;
}
