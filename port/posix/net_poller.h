/* SPDX-License-Identifier: MIT */
/*
 * What tells the loop which descriptors have news: epoll (net_epoll.c) or
 * poll() (net_poll.c), of which one is linked. -DNET_POLL=1 chooses poll() and
 * leaves out everything else that only Linux has (net_system.h).
 *
 * Shared rules
 *  - A watch remembers what is known of its descriptor, and the poller reports
 *    only what is not known yet. So a descriptor that nobody reads from at
 *    present costs one report, however much arrives.
 *  - The poller sets flags and lists the watch as ready, nothing else: no
 *    event of the application runs while the poller goes over its own results.
 *  - Who uses the descriptor clears a flag when the system says "would block".
 */
#ifndef DORY_NET_POLLER_H
#define DORY_NET_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "net_list.h"

#ifndef NET_POLL
#ifdef __linux__
#define NET_POLL 0
#else
#define NET_POLL 1
#endif
#endif

enum net_watch_kind { NET_WATCH_CONN, NET_WATCH_LISTENER, NET_WATCH_UDP, NET_WATCH_WAKER, NET_WATCH_FOREIGN };

struct net_watch {
    struct net_link ready; /* on the loop's list while there may be something to do */
    int fd;
    uint32_t slot; /* where net_poll.c keeps it */
    uint8_t kind;  /* enum net_watch_kind */
    bool readable;
    bool writable;
    bool ended;  /* the peer's FIN has arrived: a short read doesn't mean "nothing is left" */
    bool hangup; /* nothing can be sent any more */
};

struct net_poller;

/* Returns NULL with errno when there is no memory or no descriptor. */
struct net_poller *net_poller_new(void);
void net_poller_free(struct net_poller *poller);

/* Watches watch->fd, for reading and writing, until net_poller_remove(), which
 * must come before the descriptor is closed. `watch` stays where it is
 * meanwhile. Returns 0, or -1 with errno. */
int net_poller_add(struct net_poller *poller, struct net_watch *watch);
void net_poller_remove(struct net_poller *poller, struct net_watch *watch);

/* Waits up to `timeout_ms` (-1: for ever) and appends the watches with news to
 * `ready`. Returns 0, also when a signal came, or -1 with errno. */
int net_poller_wait(struct net_poller *poller, int timeout_ms, struct net_link *ready);

/* What both pollers do with news. A hang-up makes readable: recv() tells what
 * is left, and then why. */
static inline void net_watch_report(struct net_watch *watch, bool readable, bool writable, bool hangup,
                                    struct net_link *ready)
{
    readable = readable || hangup;
    if (!(readable && !watch->readable) && !(writable && !watch->writable) && !(hangup && !watch->hangup))
        return;
    watch->readable = watch->readable || readable;
    watch->writable = watch->writable || writable;
    watch->hangup = watch->hangup || hangup;
    if (!net_link_listed(&watch->ready))
        net_list_append(ready, &watch->ready);
}

#endif
