/* SPDX-License-Identifier: MIT */
/*
 * The server session, sans-I/O: bytes in, bytes out, and a clock. The same
 * session runs over a POSIX socket, an lwIP pcb, a TLS engine or a test that
 * feeds one byte at a time.
 *
 * Shared rules
 *  - The caller owns struct dory_server (one) and struct dory_session (one a
 *    connection) and holds them still; their members are opaque unless said
 *    otherwise. Everything runs in one thread.
 *  - `now_ms` is any monotonic clock in milliseconds, modulo 2^32.
 *  - No piece of memory that is handed over is longer than INT32_MAX bytes.
 *  - The bytes that one call hands over or has room for are at most INT32_MAX.
 *  - After each call ask dory_session_wants() what the session waits for.
 *  - A session needs a buffer of dory_session_buffer_size() bytes while it is
 *    not at rest. It is lent, so that thousands of idle connections can share
 *    a few; a device simply puts one beside each session.
 */
#ifndef DORY_SERVER_H
#define DORY_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "commands.h"
#include "crc32.h"
#include "firmware.h"
#include "header.h"
#include "store.h"

/* The version of the protocol that `info` tells. */
#define DORY_PROTOCOL 1U

/* More than this still to be skipped: the server answers and closes. */
#define DORY_MAX_SKIP (UINT64_C(1) << 20)

/* Bytes of a name or version that `info` tells. */
#define DORY_MAX_TOLD 32U

/* A status-only answer with the largest id and the longest status, prefix included. */
#define DORY_SHORT_ANSWER 72U

/* How long the server waits, in milliseconds. */
struct dory_limits {
    uint32_t header_ms; /* a header, from its first byte */
    uint32_t body_ms;   /* a body that is silent */
    uint32_t rate_ms;   /* the stretch over which a body must arrive at min_rate */
    uint32_t min_rate;  /* bytes a second; 0: any rate will do */
    uint32_t output_ms; /* output that does not move */
    uint32_t idle_ms;   /* a connection between messages */
    uint32_t evict_ms;  /* a body silent this long may lose its place to a new connection */
    uint32_t busy_ms;   /* a put without id, for the name's other writer */
    uint32_t more_ms;   /* between the empty `more` parts of a long request */
};

/* The agreed values of struct dory_limits. */
#define DORY_LIMITS \
    { \
        .header_ms = 10000, .body_ms = 30000, .rate_ms = 30000, .min_rate = 256, .output_ms = 30000, \
        .idle_ms = 120000, .evict_ms = 5000, .busy_ms = 10000, .more_ms = 5000 \
    }

/* What all sessions share. The caller sets the members of the first part, then calls dory_server_begin(). The texts stay
 * the caller's; they are UTF-8 without ", \ and control characters, and bounded, so that each answer fits. */
struct dory_server {
    const struct dory_store *store;
    void *store_ctx;
    const struct dory_commands *commands; /* what `run` runs; NULL: `unsupported` */
    void *commands_ctx;
    const struct dory_firmware *boots;  /* what `boot` asks; NULL: `unsupported` */
    const struct dory_running *running; /* what `info` tells of it, with `boots` */
    void *boots_ctx;
    dory_crc32_function *crc32; /* dory_crc32, or the port's own */
    const char *name;           /* of this device or host; DORY_MAX_TOLD bytes at most */
    const char *board;          /* 16 bytes at most */
    const char *firmware;       /* its version; DORY_MAX_TOLD bytes at most */
    uint32_t sessions;          /* how many there are, for `info` */
    uint32_t max_header;        /* bytes; at least 2 * max_name + 128 */
    uint32_t max_name;          /* bytes; DORY_MAX_NAME at most */
    struct dory_limits limits;
    /* Told of each request without id that failed, which no answer reports. May be NULL. */
    void (*refused)(void *refused_ctx, const char *name, enum dory_status status);
    void *refused_ctx;

    /* Core's own. */
    const char *version;
    uint32_t protocol;
    uint64_t uptime_ms;
    uint32_t clock_ms;
    struct dory_tokens tokens;
};

struct dory_operation;

/* The request in hand, decoded. */
struct dory_request {
    struct dory_found found; /* a bit for each field, see operation.h */
    struct dory_put put;     /* size and crc32; the rest is filled in by `put` */
    uint64_t body_left;      /* bytes of its body that have not arrived */
    uint64_t id;
    uint64_t offset;
    uint64_t length;
    uint64_t if_version;
};

/* What an operation works on: the bytes from `off` to `end` of something in the store. */
struct dory_job {
    uint64_t off; /* next byte to send, to check or to read back */
    uint64_t end;
    union {
        struct dory_file file;       /* get, stat */
        struct dory_writer *writer;  /* put */
        struct dory_listing listing; /* list */
        struct dory_command command; /* run */
        struct dory_room room;       /* info */
    };
};

/* Members that are used often and small stand first: there, ARM's short instructions reach them. */
struct dory_session {
    struct dory_server *server;
    const struct dory_operation *operation; /* of the request in hand; NULL between requests */
    char *buf;                              /* lent; the name or line in hand first, then an answer */
    uint8_t *out;                           /* what is to be sent next: in `buf` or `answer` */
    struct dory_writer *commits;            /* complete changes on their way to the disk, oldest first */
    uint8_t state;
    int8_t status;    /* the final one, until it has been answered */
    uint8_t holds;    /* what the store has given to `job` */
    bool store_waits; /* the store said "later" */
    bool input_ended; /* no further byte will come */
    bool closing;     /* close after the answer in hand */
    bool check;       /* a field of the request */
    bool resume;      /* another; false when the body is taken */
    bool out_in_buf;  /* it stands behind the name */
    uint8_t mode;     /* another field, enum dory_boot_mode */
    uint16_t out_len;
    uint32_t now_ms;
    uint32_t since_ms;   /* when the present state began, or input last moved in it */
    uint32_t rate_ms;    /* when the present stretch of the body began */
    uint32_t rate_bytes; /* what has arrived in it */
    uint32_t out_ms;     /* when output last moved */
    uint32_t more_ms;    /* when the peer last heard that its request is being worked on */
    uint32_t crc32;      /* of what has arrived, or of what the job has read */
    struct dory_frame frame;
    union {
        struct dory_job job;
        struct {                    /* while the request is judged: what the job does not need */
            struct dory_text of[4]; /* cmd, filename, prefix, line */
            struct dory_text image; /* `boot` has no job */
        } texts;
    };
    struct dory_request request;
    uint8_t answer[DORY_SHORT_ANSWER];
};

/* What a session waits for: any of these, or'ed. */
enum dory_wants {
    DORY_WANTS_INPUT = 1,  /* dory_session_feed() would take bytes */
    DORY_WANTS_OUTPUT = 2, /* dory_session_output() has bytes */
    DORY_WANTS_TURN = 4,   /* dory_session_run() has work to go on with: call it soon, after the others */
    DORY_WANTS_STORE = 8,  /* the store said "later": run when it has news, or every few milliseconds */
    DORY_WANTS_CLOSE = 16, /* all is sent: close, discarding input for a while (net_close()) */
    DORY_WANTS_RESET = 32, /* give the connection up at once */
};

/* Begins to count `uptime_ms`. To be called once, after the caller's members are set. */
void dory_server_begin(struct dory_server *server, uint32_t now_ms);

/* Brings `uptime_ms` up to now. Sessions that run do so; where there may be none for longer than the clock's 2^32 ms, somebody
 * else must. */
void dory_server_tick(struct dory_server *server, uint32_t now_ms);

/* Bytes of the buffer that a session of `server` needs. */
size_t dory_session_buffer_size(const struct dory_server *server);

/* Begins a session, at rest and without a buffer. */
void dory_session_begin(struct dory_session *session, struct dory_server *server, uint32_t now_ms);

/* True when the session holds nothing in its buffer: no header has begun and no answer is pending. */
bool dory_session_rests(const struct dory_session *session);

/* Lends `buf`, which must stay until it is taken back with NULL. Only while the session rests. */
void dory_session_lend(struct dory_session *session, void *buf);

/* Takes bytes that arrived. Needs a buffer. Returns how many of `len` were taken; the rest is to be offered again when
 * dory_session_wants() has DORY_WANTS_INPUT. `data` is lent for the call. */
size_t dory_session_feed(struct dory_session *session, const uint8_t *data, size_t len, uint32_t now_ms);

/* Tells that the peer sends no more, and that everything was fed. */
void dory_session_end_input(struct dory_session *session, uint32_t now_ms);

/* Gives the next bytes to send. Sets `*data` to them: in the session or in `scratch` of `scratch_len` > 0 bytes, valid
 * until the next call for this session. Returns how many; 0: none now. Nothing moves on before dory_session_sent(). */
size_t dory_session_output(struct dory_session *session, uint8_t *scratch, size_t scratch_len, const uint8_t **data,
                           uint32_t now_ms);

/* Tells that the first `len` of the bytes that dory_session_output() has just given at `data` are on their way; or, with
 * `len` 0 and `data` NULL, that earlier ones still move, so that this peer is slow, not gone. */
void dory_session_sent(struct dory_session *session, const uint8_t *data, size_t len, uint32_t now_ms);

/* Goes on with work in hand, at most one slice of it, and looks at the clock. */
void dory_session_run(struct dory_session *session, uint32_t now_ms);

/* Returns enum dory_wants. */
unsigned dory_session_wants(const struct dory_session *session);

/* When a new connection finds no free session: may this one make room? Returns for how many ms it has been waiting
 * without a complete header, skipping, or with a body silent for limits.evict_ms; or -1 when it may not. */
int32_t dory_session_evictable_ms(const struct dory_session *session, uint32_t now_ms);

/* Ends the session, in whatever state: the connection is gone, or was evicted. Keeps the partial of a put with crc32;
 * a put that was whole is still published. The struct is free for the next dory_session_begin(). */
void dory_session_end(struct dory_session *session);

/* Writes the answer for a connection for which there is no session to `buf` of DORY_SHORT_ANSWER bytes. Returns its
 * length. Send it, then close. */
size_t dory_server_busy(uint8_t *buf);

#endif
