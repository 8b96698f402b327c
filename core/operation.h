/* SPDX-License-Identifier: MIT */
/*
 * What an operation is, and what the session offers to operations. Private to
 * core: one file for each operation, all of one shape, found through the table
 * in server.c.
 *
 * An operation is entered with start(). It returns its final status at once, or
 * DORY_MORE after it has put the session in the state in which it goes on:
 * STATE_BODY (body() is given what arrives), STATE_WORK (work() is called slice
 * by slice) or STATE_SEND (produce() and sent() give what leaves).
 */
#ifndef DORY_OPERATION_H
#define DORY_OPERATION_H

#include "server.h"

enum dory_state {
    STATE_HEADER, /* a length and a header are being received */
    STATE_START,  /* a request is decoded; its turn has not come yet */
    STATE_BODY,   /* the operation takes the body */
    STATE_WORK,   /* the operation works, slice by slice */
    STATE_SEND,   /* the operation's data leave, behind the answer in `out` */
    STATE_FINISH, /* the final status is known; its answer waits for its turn */
    STATE_SKIP,   /* a body that nobody wants is discarded */
    STATE_CLOSE,  /* all that remains is to send what is pending */
    STATE_RESET   /* nothing that is sent now could be trusted */
};

/* The longest answer that an operation writes to the area, prefix included: that of `info`. */
#define DORY_LONG_ANSWER 447U

/* The longest line of a listing: each character of the name may need a backslash; then
 * {"filename":"","filesize":9007199254740991} and a newline. */
#define DORY_LONGEST_LINE(max_name) (2U * (max_name) + 44U)

/* The fields of a request: bits of struct dory_request.present. */
enum dory_request_field {
    FIELD_CMD,
    FIELD_ID,
    FIELD_FILENAME,
    FIELD_FILESIZE,
    FIELD_DATA_SIZE,
    FIELD_RESUME,
    FIELD_CRC32,
    FIELD_OFFSET,
    FIELD_LENGTH,
    FIELD_IF_VERSION,
    FIELD_CHECK,
    FIELD_PREFIX,
    FIELD_COUNT
};

#define DORY_HAS(session, field) (((session)->request.present >> (field)&1U) != 0)

struct dory_operation {
    char cmd[8];
    uint8_t name_field;    /* FIELD_FILENAME (then required and checked), FIELD_PREFIX, or FIELD_COUNT: none */
    bool acts_without_id;  /* else a request without id is skipped */
    bool overlaps_commits; /* may start while earlier puts of the session are being synced */
    int (*start)(struct dory_session *session);
    int32_t (*body)(struct dory_session *session, const uint8_t *data, size_t len); /* taken (0: later), or failure */
    int (*work)(struct dory_session *session);                                      /* DORY_MORE, or the final status */
    int32_t (*produce)(struct dory_session *session, uint8_t *dst, size_t len);     /* given (0: later), or failure */
    void (*sent)(struct dory_session *session, const uint8_t *data, size_t len);
    void (*stop)(struct dory_session *session); /* gives back what the store holds for `job` */
};

extern const struct dory_operation dory_op_info;
extern const struct dory_operation dory_op_put;
extern const struct dory_operation dory_op_get;
extern const struct dory_operation dory_op_stat;
extern const struct dory_operation dory_op_list;
extern const struct dory_operation dory_op_delete;
extern const struct dory_operation dory_op_run;
extern const struct dory_operation dory_op_boot;

/* Puts the session in another state. */
void dory_session_enter(struct dory_session *session, enum dory_state state);

/* The name or prefix in hand, NUL-terminated; "" when there is none. */
const char *dory_session_name(const struct dory_session *session);

/* The part of the buffer behind the name, which is the operation's. */
uint8_t *dory_session_area(const struct dory_session *session, size_t *size);

/* Begins an answer in the area: id and status. The operation adds its fields, then calls dory_answer_end(). */
void dory_answer_begin(struct dory_session *session, struct dory_encoder *encoder, enum dory_status status);

/* Ends the answer with its `data_size` and makes it the session's output. */
void dory_answer_end(struct dory_session *session, struct dory_encoder *encoder, uint64_t data_size);

/* Makes a status-only answer the session's output; with `data` (in the area, behind DORY_SHORT_ANSWER bytes that may be
 * overwritten) of `len` bytes as its body. */
void dory_answer_short(struct dory_session *session, enum dory_status status, uint8_t *data, size_t len);

/* Ends the request: its last answer has been given. */
void dory_session_answered(struct dory_session *session);

/* Takes a put away from a session whose peer has come back on another connection: what is stored becomes a partial. */
void dory_session_lose_put(struct dory_session *session);

/* Reads one piece at `off`. Returns as store.read(). */
typedef int32_t dory_read_piece(struct dory_session *session, uint64_t off, uint8_t *dst, size_t len);

/* Continues `*crc32` over one slice of [`*off`, `end`). Returns DORY_OK at the end, DORY_MORE, or a failure. */
int dory_session_check_slice(struct dory_session *session, dory_read_piece *read_piece, uint64_t *off, uint64_t end,
                             uint32_t *crc32);

/* Hands a writer whose change is complete to the commit queue, or ends it at once. Returns as an operation's start(). */
int dory_session_commit(struct dory_session *session, struct dory_writer *writer);

#endif
