/* SPDX-License-Identifier: MIT */
/*
 * The loop: rounds of polling, turns, deadlines and the application's tick.
 */
#define _DEFAULT_SOURCE

#include "net_loop.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "net_system.h"

uint32_t net_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000);
}

static int open_waker(struct net *net)
{
    int fds[2];
    if (net_system_wake_open(fds) != 0)
        return -1;
    /* Nobody writes to it through the watch: `writable` keeps the poller from asking. */
    net->waker = (struct net_watch){.fd = fds[0], .kind = NET_WATCH_WAKER, .writable = true};
    net->wake_fd = fds[1];
    return net_poller_add(net->poller, &net->waker);
}

struct net *net_new(const struct net_options *options)
{
    struct net *net = calloc(1, sizeof *net);
    if (net == NULL)
        return NULL;
    net->options = *options;
    net->main = (struct net_owner){.events = options->events, .app = options->app, .net = net};
    net->waker.fd = -1;
    net->wake_fd = -1;
    struct net_link *lists[] = {&net->ready, &net->turn,      &net->open, &net->lingering,
                                &net->dead,  &net->listeners, &net->udps};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        net_list_init(lists[i]);
    net->poller = net_poller_new();
    net->buffer = malloc(NET_BUFFER_LEN);
    if (net->poller != NULL && net->buffer != NULL && open_waker(net) == 0)
        return net;
    int error = errno;
    net_free(net);
    errno = error;
    return NULL;
}

static void drop_all(struct net_link *list)
{
    while (!net_list_empty(list))
        net_conn_drop(net_object(list->next, struct net_conn, home), false);
}

static void free_dead(struct net *net)
{
    struct net_link *link = net->dead.next;
    while (link != &net->dead) {
        struct net_link *next = link->next;
        free(net_object(link, struct net_conn, home));
        link = next;
    }
    net_list_init(&net->dead);
}

static void free_listeners(struct net *net)
{
    net_stop_listening(net);
    struct net_link *link = net->listeners.next;
    while (link != &net->listeners) {
        struct net_link *next = link->next;
        free(net_object(link, struct net_listener, home));
        link = next;
    }
}

void net_free(struct net *net)
{
    if (net == NULL)
        return;
    drop_all(&net->open);
    drop_all(&net->lingering);
    free_dead(net);
    free_listeners(net);
    net_udp_free_all(net);
    if (net->waker.fd >= 0)
        close(net->waker.fd);
    if (net->wake_fd != net->waker.fd)
        close(net->wake_fd);
    if (net->poller != NULL)
        net_poller_free(net->poller);
    free(net->buffer);
    free(net);
}

/* A signal handler must leave errno alone. If the write fails, it is because
 * the loop has not yet answered earlier ones: it will wake anyway. */
void net_wake(struct net *net)
{
    int error = errno;
    ssize_t written = write(net->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written;
    errno = error;
}

void net_stop(struct net *net)
{
    atomic_store(&net->stopping, true);
    net_wake(net);
}

int net_watch_add(struct net *net, struct net_watch *watch, int fd)
{
    *watch = (struct net_watch){.fd = fd, .kind = NET_WATCH_FOREIGN, .writable = true};
    return net_poller_add(net->poller, watch);
}

void net_watch_remove(struct net *net, struct net_watch *watch)
{
    net_poller_remove(net->poller, watch);
    net_link_remove(&watch->ready);
}

size_t net_conn_count(const struct net *net)
{
    return net->conn_count;
}

static void on_woken(struct net *net)
{
    uint8_t bytes[64];
    while (read(net->waker.fd, bytes, sizeof bytes) > 0)
        ;
    net->waker.readable = false;
}

static void take_turn(struct net *net, struct net_watch *watch)
{
    switch ((enum net_watch_kind)watch->kind) {
    case NET_WATCH_CONN:
        net_conn_turn(net_object(watch, struct net_conn, watch));
        break;
    case NET_WATCH_LISTENER:
        net_listener_turn(net, net_object(watch, struct net_listener, watch));
        break;
    case NET_WATCH_UDP:
        net_udp_turn(net, net_object(watch, struct net_udp, watch));
        break;
    case NET_WATCH_WAKER:
        on_woken(net);
        break;
    case NET_WATCH_FOREIGN: /* the tick that follows tells the application */
        break;
    }
}

static void take_turns(struct net *net)
{
    net_list_take(&net->turn, &net->ready);
    while (!net_list_empty(&net->turn)) {
        struct net_link *link = net->turn.next;
        net_link_remove(link);
        take_turn(net, net_object(link, struct net_watch, ready));
    }
}

static struct net_conn *first_lingering(struct net *net)
{
    return net_list_empty(&net->lingering) ? NULL : net_object(net->lingering.next, struct net_conn, home);
}

/* Ends, because net_conn_expire() drops the first one or gives it another linger time. */
static void expire_lingering(struct net *net, uint32_t now_ms)
{
    struct net_conn *conn = first_lingering(net);
    while (conn != NULL && net_due(now_ms, conn->deadline_ms)) {
        net_conn_expire(conn);
        conn = first_lingering(net);
    }
}

static void retry_accepting(struct net *net, uint32_t now_ms)
{
    if (net->accept_retries && net_due(now_ms, net->accept_retry_ms))
        net_accept_again(net);
}

static uint32_t sooner(uint32_t wait_ms, uint32_t now_ms, uint32_t deadline_ms)
{
    if (net_due(now_ms, deadline_ms))
        return 0;
    return deadline_ms - now_ms < wait_ms ? deadline_ms - now_ms : wait_ms;
}

static int poll_timeout(struct net *net, uint32_t now_ms, uint32_t tick_ms)
{
    if (!net_list_empty(&net->ready))
        return 0;
    uint32_t wait_ms = tick_ms < INT_MAX ? tick_ms : INT_MAX;
    const struct net_conn *lingering = first_lingering(net);
    if (lingering != NULL)
        wait_ms = sooner(wait_ms, now_ms, lingering->deadline_ms);
    if (net->accept_retries)
        wait_ms = sooner(wait_ms, now_ms, net->accept_retry_ms);
    return (int)wait_ms;
}

static uint32_t tick_all(const struct net *net, uint32_t now_ms)
{
    uint32_t least_ms = UINT32_MAX;
    for (const struct net_owner *owner = &net->main; owner != NULL; owner = owner->next) {
        uint32_t wait_ms = owner->events->tick(owner->app, now_ms);
        least_ms = wait_ms < least_ms ? wait_ms : least_ms;
    }
    return least_ms;
}

int net_run(struct net *net)
{
    int timeout_ms = 0;
    do {
        if (net_poller_wait(net->poller, timeout_ms, &net->ready) != 0)
            return -1;
        take_turns(net);
        uint32_t now_ms = net_now_ms();
        expire_lingering(net, now_ms);
        retry_accepting(net, now_ms);
        uint32_t tick_ms = tick_all(net, now_ms);
        free_dead(net);
        timeout_ms = poll_timeout(net, now_ms, tick_ms);
    } while (!atomic_exchange(&net->stopping, false));
    return 0;
}
