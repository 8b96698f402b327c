/* SPDX-License-Identifier: MIT */
/*
 * net.h over POSIX sockets: the event loop of doryd and dory. epoll where
 * there is one, poll() elsewhere. -DNET_POLL=1 takes poll(), and nothing that
 * POSIX doesn't have, on Linux too.
 *
 * Not thread-safe, but for net_wake() and net_stop().
 */
#ifndef DORY_NET_POSIX_H
#define DORY_NET_POSIX_H

#include "../net.h"
#include "net_poller.h"

struct net_options {
    const struct net_events *events; /* of net_connect(), and of listeners that have no other owner */
    void *app;
    uint32_t linger_ms; /* how long a closed connection still discards input; 2,000 by design */
    size_t max_conns;   /* connections at once, lingering ones included; further ones stay in the backlog.
                          * net_connect() is not limited by it, but counts */
};

/* Makes a loop. Returns NULL and sets errno when there is no memory or no
 * descriptor. The caller owns it until net_free(). */
struct net *net_new(const struct net_options *options);
void net_free(struct net *net);

/* Listens on `address`, "HOST:PORT" or "[IPV6]:PORT", port 0 picks one, for
 * `owner`; NULL: for the net's, which the options named. Returns 0 and writes the address it really listens on to `name` ("127.0.0.1:9002",
 * "[::1]:9002"; at most `name_len` bytes with NUL), or -1 and a sentence in
 * `name`. */
int net_listen(struct net *net, struct net_owner *owner, const char *address, char *name, size_t name_len);

/* Begins to connect to `host` (a name or an address without brackets) and
 * `port`; every address of the name is tried in turn. Returns the connection,
 * whose opened() or closed() follows from net_run(), or NULL and a sentence in
 * `error` (no such host, no memory). Looking the name up may block. `user` is
 * its first net_user(). */
struct net_conn *net_connect(struct net *net, const char *host, const char *port, void *user, char *error,
                             size_t error_len);

/* Runs until net_stop(). Returns 0, or -1 with errno when the poller failed. */
int net_run(struct net *net);

/* Makes net_run() return after this round. From any thread, and
 * from signal handlers; before net_run(), too, which then does one round. */
void net_stop(struct net *net);

/* Makes the loop call every tick() now. From any thread, and from signal handlers. */
void net_wake(struct net *net);

/* Looks at a descriptor that is not the net's, such as a pipe, too: when there
 * is something to read, or an end, watch->readable becomes true and tick() is
 * called. The caller reads, sets it to false when the system says "would
 * block", and owns both the descriptor and the watch, which stays where it is
 * until net_watch_remove(); that must come before close(). Returns 0, or -1
 * with errno. */
int net_watch_add(struct net *net, struct net_watch *watch, int fd);
void net_watch_remove(struct net *net, struct net_watch *watch);

/* Closes the listeners and UDP sockets: nothing new is taken. */
void net_stop_listening(struct net *net);

/* Connections that are open now, lingering ones included. */
size_t net_conn_count(const struct net *net);

/* Sends up to `len` bytes of file `fd` at `off`, without a copy where the system
 * can. Returns how many were taken (less than `len`: writable() will come), or
 * -1 with errno when the file cannot be read (a short file: EIO). One call takes
 * 1 MiB at most, so that others get their turn: don't repeat it before
 * writable(). A reset peer may raise SIGPIPE, which the program must ignore. */
int64_t net_send_file(struct net_conn *conn, int fd, uint64_t off, uint64_t len);

#endif
