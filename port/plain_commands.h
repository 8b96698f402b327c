/* SPDX-License-Identifier: MIT */
/*
 * The two older forms of the command service, sized and headed, each on a port
 * of its own, for plain clients (core/PROTOCOL.md, "Older clients"). One struct
 * plain_commands is one of them, over the net (net.h) and a provider of
 * commands (core/commands.h), the same on every port. It owns no memory: the
 * application lends it all and says how many connections there are.
 */
#ifndef DORY_PLAIN_COMMANDS_H
#define DORY_PLAIN_COMMANDS_H

#include "../core/commands.h"
#include "net.h"
#include "spool.h"

/* Bytes of a command, its newline apart. */
#define PLAIN_MAX_COMMAND 1024U

/* What comes before the output. */
enum plain_form {
    PLAIN_SIZED, /* its size, i32 little-endian */
    PLAIN_HEADED /* the length of a header, i32 little-endian, and the header: {"data_size": N} */
};

/* A connection's place. Opaque by rule. */
struct plain_conn {
    struct net_conn *conn; /* NULL: free */
    struct dory_command command;
    uint8_t state;
    bool input_ended; /* no further byte will come */
    bool too_long;    /* nor will any be taken */
    bool later;       /* the command has no output now */
    bool blocked;     /* the connection took less than it was given; writable() will come */
    uint8_t head_len;
    uint8_t tail_len;
    uint8_t last[2];    /* of each stream, its last byte */
    uint16_t input_len; /* what has arrived of the next command */
    uint32_t since_ms;  /* when it began to rest, or output last moved */
    uint32_t unsent;    /* what a blocked connection had not brought to the peer at the last sweep */
    uint32_t kept[2];   /* bytes of each stream in the spool */
    uint64_t lost;      /* bytes for which there was no room */
    uint32_t sent;      /* of the answer */
    uint8_t head[32];   /* of the answer, before the output */
    char tail[128];     /* behind it: what dory has to say */
    char input[PLAIN_MAX_COMMAND + 1];
};

/* The first part is set by the application, the rest is zero at first. */
struct plain_commands {
    enum plain_form form;
    const struct dory_commands *commands;
    void *commands_ctx;
    const struct spool *spool; /* with a place for each connection */
    void *spool_ctx;
    struct plain_conn *conns; /* zero at first */
    uint32_t conn_count;
    uint8_t *scratch; /* output passes through here, nothing stays: may be shared with others (struct service) */
    size_t scratch_len;
    uint32_t poll_ms;   /* between two questions to a command that has no output now and does not wake the net */
    uint32_t idle_ms;   /* a connection between commands; 120,000 by design */
    uint32_t output_ms; /* output that does not move; 30,000 by design */

    /* The service's own. */
    uint32_t active; /* connections now */
    uint32_t swept_ms;
};

/* The events for the net; their `app` is the struct plain_commands. */
extern const struct net_events plain_commands_events;

/* Returns whether every answer that is to be sent now has reached its peer, as far as the net can tell. */
bool plain_commands_is_sent(const struct plain_commands *plain);

/* Ends every command and closes every connection. */
void plain_commands_end(struct plain_commands *plain);

#endif
