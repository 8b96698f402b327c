/* SPDX-License-Identifier: MIT */
/*
 * The service: server sessions (core/server.h) on connections (net.h), the same
 * on every port. It owns no memory: the application lends it all and says how
 * many sessions there are.
 */
#ifndef DORY_SERVICE_H
#define DORY_SERVICE_H

#include "../core/server.h"
#include "net.h"

/* A session's place. Opaque by rule. */
struct service_slot {
    struct net_conn *conn;     /* NULL: free */
    struct service_slot *next; /* in the list of free ones, or of those that wait for a turn */
    bool waits;                /* in the second list */
    bool blocked;              /* the connection took less than it was given; writable() will come */
    bool withheld;             /* the session has not taken all that the connection offered */
    uint32_t unsent;           /* what a blocked connection had not brought to the peer at the last sweep */
    struct dory_session session;
};

/* The first part is set by the application, the rest is zero at first. */
struct service {
    struct dory_server *server; /* server->sessions is the number of slots */
    struct service_slot *slots;
    uint8_t *buffers; /* as many as slots, each of service_buffer_size() bytes, aligned for pointers */
    uint8_t *scratch; /* what is sent passes through here; shared by all */
    size_t scratch_len;
    uint32_t store_poll_ms; /* between two questions to a store that said "later" and does not wake the net by itself */

    /* The service's own. */
    struct service_slot *free_slots;
    struct service_slot *waiting;
    void *free_buffers;
    uint32_t used_slots; /* slots from here on have never been used; likewise: */
    uint32_t used_buffers;
    uint32_t active;   /* sessions now */
    uint32_t swept_ms; /* when every session last looked at the clock */
    bool stopping;
};

/* The events for the net; their `app` is the struct service. */
extern const struct net_events service_events;

/* Bytes of each session's buffer. */
size_t service_buffer_size(const struct dory_server *server);

/* Returns whether all that the sessions have to say, what waits for the store included, has reached their peers, as far as the
 * net can tell. */
bool service_is_sent(const struct service *service);

/* Ends what has not arrived whole and takes no further connection. What is being committed is finished and answered:
 * service->active is 0 once that is done. */
void service_stop(struct service *service);

/* Ends every session at once. */
void service_end(struct service *service);

#endif
