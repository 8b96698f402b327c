/* SPDX-License-Identifier: MIT */
/*
 * The poller over Linux's epoll, edge-triggered: each descriptor is registered
 * once for everything, and is never touched again until it is removed.
 */
#include "net_poller.h"

#if !NET_POLL

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_A_ROUND 512

struct net_poller {
    int fd;
    struct epoll_event events[EVENTS_A_ROUND];
};

struct net_poller *net_poller_new(void)
{
    struct net_poller *poller = malloc(sizeof *poller);
    if (poller == NULL)
        return NULL;
    poller->fd = epoll_create1(EPOLL_CLOEXEC);
    if (poller->fd < 0) {
        free(poller);
        return NULL;
    }
    return poller;
}

void net_poller_free(struct net_poller *poller)
{
    close(poller->fd);
    free(poller);
}

int net_poller_add(struct net_poller *poller, struct net_watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = watch};
    return epoll_ctl(poller->fd, EPOLL_CTL_ADD, watch->fd, &event);
}

/* Closing alone would not do: while a child between fork() and exec() holds a
 * copy of the descriptor, epoll goes on reporting it. */
void net_poller_remove(struct net_poller *poller, struct net_watch *watch)
{
    (void)epoll_ctl(poller->fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

int net_poller_wait(struct net_poller *poller, int timeout_ms, struct net_link *ready)
{
    int count = epoll_wait(poller->fd, poller->events, EVENTS_A_ROUND, timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : -1;
    for (int i = 0; i < count; i++) {
        const struct epoll_event *event = &poller->events[i];
        struct net_watch *watch = event->data.ptr;
        watch->ended = watch->ended || (event->events & EPOLLRDHUP) != 0;
        net_watch_report(watch, (event->events & (EPOLLIN | EPOLLRDHUP)) != 0, (event->events & EPOLLOUT) != 0,
                         (event->events & (EPOLLERR | EPOLLHUP)) != 0, ready);
    }
    return 0;
}

#endif
