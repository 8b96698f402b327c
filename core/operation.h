/* SPDX-License-Identifier: MIT */
/*
 * What an operation is, and what the session offers to operations. Private to
 * core: one file for each operation, all of one shape, found through the table
 * in request.c.
 *
 * An operation is entered with start(). It returns its final status, or
 * DORY_ANSWERED when it has given its last answer itself, or DORY_MORE when it
 * goes on: in STATE_WORK (work() is called slice by slice, and returns the same),
 * in STATE_BODY (only `put`) or in STATE_SEND (only `get`), which end in STATE_WORK.
 */
#ifndef DORY_OPERATION_H
#define DORY_OPERATION_H

#include "server.h"

/* First those that take input, then those in which time is limited as well, and all others. */
enum dory_state {
    STATE_HEADER, /* a length and a header are being received */
    STATE_BODY,   /* `put` takes the body */
    STATE_SKIP,   /* a body that nobody wants is discarded */
    STATE_START,  /* a request is decoded; its turn has not come yet */
    STATE_WORK,   /* the operation works, slice by slice */
    STATE_FINISH, /* the final status is known; its answer waits for its turn */
    STATE_SEND,   /* the job's bytes leave, behind the answer in `out` */
    STATE_CLOSE,  /* all that remains is to send what is pending */
    STATE_RESET   /* nothing that is sent now could be trusted */
};

/* The longest answer that an operation writes to the area, prefix included: that of `info`, which has no name ahead of it. */
#define DORY_LONG_ANSWER 491U

/* The longest line of a listing: each character of the name may need a backslash; then
 * {"filename":"","filesize":9007199254740991} and a newline. */
#define DORY_LONGEST_LINE(max_name) (2U * (max_name) + 44U)

/* The fields of a request: bits of struct dory_request.found. */
enum dory_request_field {
    FIELD_CMD,
    FIELD_FILENAME, /* this and the next two in the order of enum dory_trait */
    FIELD_PREFIX,
    FIELD_LINE,
    FIELD_ID,
    FIELD_FILESIZE,
    FIELD_DATA_SIZE,
    FIELD_RESUME,
    FIELD_CRC32,
    FIELD_OFFSET,
    FIELD_LENGTH,
    FIELD_IF_VERSION,
    FIELD_CHECK,
    FIELD_MODE, /* the last two: `boot` needs both */
    FIELD_IMAGE,
    FIELD_COUNT
};

#define DORY_HAS(session, field) (((session)->request.found.present >> (field)&1U) != 0)

/* What an operation returns, besides enum dory_status, when nothing is left to be done for the request. */
#define DORY_ANSWERED (DORY_MORE + 1)

/* What is special about an operation: at most one text that it is about, which is kept in the buffer, and any of the
 * others, or'ed. */
enum dory_trait {
    FILENAME = 1,         /* required, and checked */
    PREFIX = 2,           /* empty when it is missing */
    LINE = 3,             /* required */
    TEXT_KINDS = 3,       /* the bits of the text */
    ACTS_WITHOUT_ID = 4,  /* else a request without id is skipped */
    OVERLAPS_COMMITS = 8, /* may start while earlier puts of the session are being synced */
    TAKES_FILE = 16       /* the body is `filesize` bytes, which are required; with `resume` none at first */
};

struct dory_operation {
    uint8_t traits; /* enum dory_trait, or'ed */
    int (*start)(struct dory_session *session);
    int (*work)(struct dory_session *session); /* NULL when start() is all */
};

int dory_boot_work(struct dory_session *session);
int dory_delete_start(struct dory_session *session);
int dory_get_start(struct dory_session *session);
int dory_get_work(struct dory_session *session);
int dory_info_start(struct dory_session *session);
int dory_list_start(struct dory_session *session);
int dory_list_work(struct dory_session *session);
int dory_put_start(struct dory_session *session);
int dory_put_work(struct dory_session *session);
int dory_run_start(struct dory_session *session);
int dory_run_work(struct dory_session *session);
int dory_stat_start(struct dory_session *session);
int dory_stat_work(struct dory_session *session);

/* Takes bytes of the body. Returns how many (0: later), or a failure. */
int32_t dory_put_body(struct dory_session *session, const uint8_t *data, size_t len);

/* Is told which of the job's bytes have left. */
void dory_get_sent(struct dory_session *session, const uint8_t *data, size_t len);

/* The name or prefix in hand, NUL-terminated; "" when there is none. */
static inline const char *dory_session_name(const struct dory_session *session)
{
    return session->buf;
}

/* The part of the buffer behind the name in hand, which is the operation's; sets `*size` to its bytes. */
uint8_t *dory_session_area(const struct dory_session *session, size_t *size);

/* Decodes the header in the buffer, and judges the request. Returns DORY_MORE when it is to be started, DORY_BAD_HEADER
 * when nobody can know what follows it, or its final status. */
int dory_request_read(struct dory_session *session);

/* Puts the session in another state. */
void dory_session_enter(struct dory_session *session, enum dory_state state);

/* Begins to count anew how long the peer keeps us waiting, and how fast a body arrives. */
void dory_session_restart_clocks(struct dory_session *session);

/* Gives the connection up: STATE_RESET at once, STATE_CLOSE after what is to be sent. A put leaves a partial. */
void dory_session_give_up(struct dory_session *session, enum dory_state state);

/* What an answer may tell besides id and status. */
enum dory_tell {
    TELL_DATA = 1,     /* data_size is what lies between the job's `off` and `end`; else it is 0 */
    TELL_FILESIZE = 2, /* of the file that is open */
    TELL_OFFSET = 4,   /* the job's `off` */
    TELL_VERSION = 8,
    TELL_CRC32 = 16,
    TELL_PREFIX_CRC32 = 32,
    TELL_PARTIAL = 64,        /* the job's `end` */
    TELL_STREAM = 128,        /* the command's */
    TELL_EXIT = 256,          /* likewise */
    TELL_INFO = 0x1ffe00,     /* the room that the job has, and what the server is */
    TELL_RUNNING = 0x1e00000, /* all others: what the provider of firmware tells */
};

/* Makes an answer to the request in hand, which tells `what` (enum dory_tell, or'ed), the session's output. */
void dory_answer(struct dory_session *session, int status, unsigned what);

/* Where the body of a long answer is to be put, behind the room for the longest header that such an answer needs; sets
 * `*size` to the bytes that there are. */
uint8_t *dory_answer_body(struct dory_session *session, size_t *size);

/* As dory_answer(), with `len` bytes that were put there as its body. */
void dory_answer_with(struct dory_session *session, int status, unsigned what, size_t len);

/* Makes an answer that tells nothing but a status the session's output, whatever request is in hand. `id` may be NULL:
 * none. */
void dory_answer_short(struct dory_session *session, const uint64_t *id, int status);

/* Hands a writer whose change is complete to the commit queue, or ends it at once. Returns as an operation's start(). */
int dory_session_commit(struct dory_session *session, struct dory_writer *writer);

/* What a session may hold of the store. */
enum dory_holding { HOLDS_NOTHING, HOLDS_FILE, HOLDS_WRITER, HOLDS_LISTING, HOLDS_COMMAND };

/* Makes what the store has just filled in the job, whose bytes up to `end` are to be read, and enters STATE_WORK.
 * Returns DORY_MORE. */
int dory_job_begin(struct dory_session *session, enum dory_holding holds, uint64_t end);

/* Opens the file that the request names, and begins with it. Returns DORY_MORE, or why store.open() did not. */
int dory_request_open(struct dory_session *session);

/* Enters STATE_SEND, or STATE_WORK when nothing is left of the job. */
void dory_job_send(struct dory_session *session);

/* Reads on in the job, not yet moving `off`. Returns as store.read(). */
int32_t dory_job_read(struct dory_session *session, uint8_t *dst, size_t len);

/* Reads on for one slice, for the CRC-32. Returns DORY_OK at the job's end, DORY_MORE, or a failure. */
int dory_job_check_slice(struct dory_session *session);

/* Ends the job whose writer goes its own way, or is given up. */
struct dory_writer *dory_job_release(struct dory_session *session);
void dory_job_abort(struct dory_session *session, bool keep);

/* Gives back what the store holds for the job, if anything. */
void dory_job_stop(struct dory_session *session);

#endif
