/* SPDX-License-Identifier: MIT */
/*
 * The poller over POSIX poll(), for systems without epoll. Each round asks for
 * what is not known yet; the cost of a round grows with the number of
 * connections.
 */
#include "net_poller.h"

#if NET_POLL

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

struct net_poller {
    struct pollfd *fds; /* fds[i] is for watches[i] */
    struct net_watch **watches;
    uint32_t count;
    uint32_t room;
};

struct net_poller *net_poller_new(void)
{
    return calloc(1, sizeof(struct net_poller));
}

void net_poller_free(struct net_poller *poller)
{
    free(poller->fds);
    free(poller->watches);
    free(poller);
}

static int grow(struct net_poller *poller)
{
    uint32_t room = poller->room == 0 ? 16 : poller->room * 2;
    struct pollfd *fds = realloc(poller->fds, room * sizeof *fds);
    if (fds == NULL)
        return -1;
    poller->fds = fds;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is the pointers that are counted */
    struct net_watch **watches = realloc(poller->watches, room * sizeof watches[0]);
    if (watches == NULL)
        return -1;
    poller->watches = watches;
    poller->room = room;
    return 0;
}

int net_poller_add(struct net_poller *poller, struct net_watch *watch)
{
    if (poller->count == poller->room && grow(poller) != 0)
        return -1;
    watch->slot = poller->count++;
    poller->watches[watch->slot] = watch;
    return 0;
}

void net_poller_remove(struct net_poller *poller, struct net_watch *watch)
{
    struct net_watch *last = poller->watches[--poller->count];
    poller->watches[watch->slot] = last;
    last->slot = watch->slot;
}

/* A hang-up would be reported in every round: such a descriptor is left out,
 * which poll() does for negative ones. */
static void ask(struct pollfd *fd, const struct net_watch *watch)
{
    fd->fd = watch->hangup ? -1 : watch->fd;
    fd->events = (short)((watch->readable ? 0 : POLLIN) | (watch->writable ? 0 : POLLOUT));
    fd->revents = 0;
}

int net_poller_wait(struct net_poller *poller, int timeout_ms, struct net_link *ready)
{
    for (uint32_t i = 0; i < poller->count; i++)
        ask(&poller->fds[i], poller->watches[i]);
    int news = poll(poller->fds, poller->count, timeout_ms);
    if (news < 0)
        return errno == EINTR ? 0 : -1;
    for (uint32_t i = 0; news > 0 && i < poller->count; i++) {
        int got = poller->fds[i].revents;
        if (got == 0)
            continue;
        news--;
        net_watch_report(poller->watches[i], (got & POLLIN) != 0, (got & POLLOUT) != 0,
                         (got & (POLLERR | POLLHUP | POLLNVAL)) != 0, ready);
    }
    return 0;
}

#endif
