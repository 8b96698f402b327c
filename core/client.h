/* SPDX-License-Identifier: MIT */
/*
 * The client session, sans-I/O: bytes in, bytes out. It runs over a POSIX
 * socket, an lwIP pcb or a test alike, so a device can be a client too.
 *
 * Shared rules
 *  - The caller owns a struct dory_client and every struct dory_call it hands
 *    over, and holds them still until the call's done(). No allocation, no
 *    globals, no clock; opaque by rule but for what is said to be the caller's.
 *  - Calls are sent in the order in which they were started, without waiting
 *    for answers (pipelined), and answered in that order. Only the body of a
 *    `put` with `resume` waits for its `continue`.
 *  - A call whose `phase` is not DORY_CALL_QUEUED any more may have reached the
 *    server, and so may a `run` have run, or a `boot` be under way, whatever
 *    becomes of the connection.
 *  - The caller must feed while it sends, or both sides can stand still.
 *  - The first fault sticks in client->fault, and nothing more is sent or
 *    understood. Look at it after each function; when it is not
 *    DORY_FAULT_NONE, or the connection is gone, call dory_client_end(), which
 *    hands every unfinished call back. Connecting again, and which calls to
 *    repeat, is the caller's choice; so are time limits: each byte that is fed
 *    or sent is a sign of life.
 *  - Events come from within dory_client_output(), _body_sent(), _feed() and
 *    _end(). An event may start calls (but not out of _end()), and must call
 *    nothing else of this client.
 */
#ifndef DORY_CLIENT_H
#define DORY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crc32.h"
#include "firmware.h"
#include "header.h"

/* Room that is enough for the header of any request, but for a `run` with a long
 * line: see dory_client_request_len(). */
#define DORY_MAX_REQUEST (2U * DORY_MAX_NAME + 256U)

/* Tokens that the longest answer needs, that to an `info`: a client whose DORY_MAX_TOKENS are fewer takes the `info` of a
 * server with firmware slots for no answer (DORY_FAULT_PROTOCOL). A device that asks for none can do with fewer. */
#define DORY_INFO_TOKENS 39

/* Bytes that are still sent of a put that was refused before all its body was
 * out: as many as a server skips before it may close. */
#define DORY_MAX_REST (UINT64_C(1) << 20)

enum dory_call_command { DORY_INFO, DORY_PUT, DORY_GET, DORY_STAT, DORY_LIST, DORY_DELETE, DORY_RUN, DORY_BOOT };

/* What can happen to a call other than a final answer, and to a client. */
enum dory_fault {
    DORY_FAULT_NONE = 0,
    DORY_FAULT_LOST = -1,            /* the connection ended before the final answer came */
    DORY_FAULT_BUSY = -2,            /* client: the server has no session left for this connection */
    DORY_FAULT_BAD_HEADER = -3,      /* the server did not understand this call, and closes */
    DORY_FAULT_PROTOCOL = -4,        /* what came is no answer to this call */
    DORY_FAULT_MISMATCH = -5,        /* call: the bytes of a get are not those that the server sent */
    DORY_FAULT_OTHER_BEGINNING = -6, /* put: the server's partial begins differently; repeat without `resume`, on
                                        another connection */
    DORY_FAULT_LOCAL = -7,           /* read() or write() failed, or the header was too long */
    DORY_FAULT_ABANDONED = -8,       /* client: a put was refused that has too much left to send */
};

/* The fields that an answer may have; their bits in `present`. */
enum dory_answer_field {
    DORY_ANSWER_ID,
    DORY_ANSWER_STATUS,
    DORY_ANSWER_DATA_SIZE,
    DORY_ANSWER_MESSAGE,
    DORY_ANSWER_FILESIZE,
    DORY_ANSWER_OFFSET,
    DORY_ANSWER_VERSION,
    DORY_ANSWER_CRC32,
    DORY_ANSWER_PREFIX_CRC32,
    DORY_ANSWER_PARTIAL,
    DORY_ANSWER_STREAM,
    DORY_ANSWER_EXIT,
    DORY_ANSWER_DORY,
    DORY_ANSWER_NAME,
    DORY_ANSWER_SERVER,
    DORY_ANSWER_BOARD,
    DORY_ANSWER_FIRMWARE,
    DORY_ANSWER_MAX_HEADER,
    DORY_ANSWER_MAX_NAME,
    DORY_ANSWER_MAX_FILE,
    DORY_ANSWER_FREE,
    DORY_ANSWER_SESSIONS,
    DORY_ANSWER_WRITERS,
    DORY_ANSWER_UPTIME_MS,
    DORY_ANSWER_IMAGE,
    DORY_ANSWER_CONFIRMED,
    DORY_ANSWER_BOOT_ID,
    DORY_ANSWER_SLOT,
    DORY_ANSWER_FIELDS,
};

/* One answer, or a part of one. Texts are lent for the event. */
struct dory_answer {
    uint64_t id;
    uint64_t data_size;
    uint64_t filesize;
    uint64_t offset;
    uint64_t partial;
    uint64_t stream;
    uint64_t exit;
    uint64_t dory;
    uint64_t max_header;
    uint64_t max_name;
    uint64_t max_file;
    uint64_t free;
    uint64_t sessions;
    uint64_t writers;
    uint64_t uptime_ms;
    struct dory_text status_name; /* as the server wrote it */
    struct dory_text message;
    struct dory_text version;
    struct dory_text name;
    struct dory_text server;
    struct dory_text board;
    struct dory_text firmware;
    struct dory_text image;
    struct dory_text boot_id;
    struct dory_text slot;
    uint32_t crc32;
    uint32_t prefix_crc32;
    uint32_t present;        /* bits of enum dory_answer_field: only these members mean something */
    enum dory_status status; /* DORY_UNSUPPORTED for a name that this version does not know */
    bool confirmed;
};

static inline bool dory_answer_has(const struct dory_answer *answer, enum dory_answer_field field)
{
    return (answer->present >> field & 1U) != 0;
}

struct dory_call;

struct dory_call_events {
    /* put: gives up to `len` (> 0) bytes of the file at `off`. Returns how many
     * (0: later), or -1: the call fails with DORY_FAULT_LOCAL. */
    int32_t (*read)(void *ctx, struct dory_call *call, uint64_t off, uint8_t *dst, size_t len);

    /* put with resume; may be NULL: tells the longest beginning, of at most
     * `off` bytes, whose CRC-32 the caller knows already. Sets `*crc32` and
     * returns that beginning's length. What is behind it is read. */
    uint64_t (*known)(void *ctx, struct dory_call *call, uint64_t off, uint32_t *crc32);

    /* get, list, run: takes up to `len` (> 0) bytes, of a run of the output
     * call->stream. Returns how many (less: later, feed again what
     * dory_client_feed() did not take), or -1: the call fails with
     * DORY_FAULT_LOCAL. May be NULL where no data are expected. */
    int32_t (*write)(void *ctx, struct dory_call *call, const uint8_t *data, size_t len);

    /* A part of the answer begins, its data not yet written; `continue` and
     * the final one as well. May be NULL. */
    void (*part)(void *ctx, struct dory_call *call, const struct dory_answer *answer);

    /* The call is over and the caller's again. Without a call->fault,
     * call->status is the server's. `answer` is the final one, or NULL when
     * none came. */
    void (*done)(void *ctx, struct dory_call *call, const struct dory_answer *answer);
};

enum dory_call_phase {
    DORY_CALL_QUEUED,   /* nothing of it was sent */
    DORY_CALL_WAITING,  /* for the `continue` of a put with resume */
    DORY_CALL_CHECKING, /* whether the server's beginning is ours */
    DORY_CALL_SENDING,  /* its body */
    DORY_CALL_SENT,
};

/* One request. Zero it, fill in what the command asks for, start it. */
struct dory_call {
    /* The caller's, to be set before dory_client_start(), and lent until done(). */
    enum dory_call_command command;
    const struct dory_call_events *events;
    void *ctx;
    const char *name;       /* filename; list: the prefix, or NULL; run: the line, in UTF-8; boot: the image */
    const char *if_version; /* get: or NULL */
    uint64_t filesize;      /* put; after the first part of a get: of the server's file */
    uint64_t offset;        /* get: where to begin; put with resume: where the server went on (an outcome) */
    uint64_t length;        /* get: how much at most; 0: up to the end */
    uint32_t crc32;         /* put, when has_crc32: of the whole file */
    bool has_crc32;
    bool resume;              /* put: go on with what the server has; needs crc32 */
    bool check;               /* get: compare what came with its CRC-32; stat: ask for the file's */
    bool body_by_caller;      /* put: dory_client_output() leaves the body to dory_client_body() */
    enum dory_boot_mode mode; /* boot */

    /* Outcome. */
    enum dory_fault fault;
    enum dory_status status;
    uint64_t received; /* bytes of data that came, of all parts */
    uint8_t stream;    /* run: where the data of the last part belong: 1, standard output, or 2, standard error */
    uint8_t exit;      /* run, with DORY_OK: the command's status; 128 + n when signal n has ended it */

    /* The session's own. */
    enum dory_call_phase phase;
    bool answered;
    bool begun; /* get: filesize is known */
    uint32_t running_crc32;
    uint64_t id;
    uint64_t at; /* next byte of the body to send, or of its beginning to check */
    struct dory_call *next;
};

/* What a client lives on; all lent for its whole life. */
struct dory_client_options {
    char *header;               /* room for one answer's header */
    size_t header_size;         /* DORY_MAX_ANSWER or more */
    struct dory_tokens *tokens; /* may be shared by all sessions of a thread */
    dory_crc32_function *crc32;
};

struct dory_client {
    enum dory_fault fault;     /* the caller's to read */
    struct dory_answer answer; /* the caller's to read after DORY_FAULT_BUSY: the message */

    struct dory_client_options options;
    struct dory_frame frame;
    uint64_t last_id;
    uint64_t data_left;        /* of the answer whose header came last */
    struct dory_call *first;   /* the next to be answered */
    struct dory_call *last;    /* where the queue ends */
    struct dory_call *sending; /* the first that was not sent wholly */
};

/* Makes a client for one new connection. */
void dory_client_init(struct dory_client *client, const struct dory_client_options *options);

/* Appends a call. Nothing happens until dory_client_output(). A put must have
 * at most DORY_MAX_NUMBER bytes. */
void dory_client_start(struct dory_client *client, struct dory_call *call);

/*
 * Writes what is to be sent next to `buf` of `size` (DORY_MAX_REQUEST or more)
 * bytes: headers and bodies of as many calls as fit, but no body that is
 * body_by_caller. The bytes count as sent: the caller must send them before
 * anything else. Returns how many; 0: nothing now.
 */
size_t dory_client_output(struct dory_client *client, uint8_t *buf, size_t size);

/* Returns how many bytes the header of a call has when its id is `id`, without
 * the length ahead of it: more than the server's `max_header`, and the server
 * would not understand it. */
size_t dory_client_request_len(const struct dory_call *call, uint64_t id);

/*
 * Tells what comes next when it is a body_by_caller body: returns how many
 * bytes are left, and sets `*call` and the offset `*off` in its file. Else 0.
 * Send as much as you like of it, then say how much with
 * dory_client_body_sent().
 */
uint64_t dory_client_body(const struct dory_client *client, struct dory_call **call, uint64_t *off);
void dory_client_body_sent(struct dory_client *client, uint64_t len);

/* Tells that such a body cannot be read: DORY_FAULT_LOCAL. */
void dory_client_body_failed(struct dory_client *client);

/* Returns whether all calls that were started are sent. Then it is time to start further ones. */
bool dory_client_sent_all(const struct dory_client *client);

/*
 * Goes on with the check of a put's beginning, which it reads to `scratch` of
 * `size` bytes. Returns true when there is more of it to do: then call again,
 * but let others run, and feed, in between.
 */
bool dory_client_work(struct dory_client *client, uint8_t *scratch, size_t size);

/* Takes what arrived. Returns how many bytes were taken: less than `len` only
 * when a write() wanted it so. After a fault the rest is thrown away. */
size_t dory_client_feed(struct dory_client *client, const uint8_t *data, size_t len);

/* Ends the session, for whatever reason: the peer's last byte came, the
 * connection is gone, or client->fault. Each unfinished call gets its done(), in
 * order, with DORY_FAULT_LOST unless it has an outcome already. */
void dory_client_end(struct dory_client *client);

/* Encodes a put without id, to which no server answers. Returns the bytes
 * written to `buf`, or 0 when `size` is too small. */
size_t dory_client_plain_put(void *buf, size_t size, const char *name, uint64_t filesize);

#endif
