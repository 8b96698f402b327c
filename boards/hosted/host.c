/* SPDX-License-Identifier: MIT */
/*
 * libslirp as the device's network.
 *
 * Implementation notes
 *
 * libslirp and lwIP never call each other: what one sends is put on the wire, and is given to the other when the first one's
 * call has returned.
 *
 * libslirp knows one timer, for IPv6 router advertisements, which are off here.
 */
#define _GNU_SOURCE
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <slirp/libslirp.h>

#include "ghosts.h"

#define DEVICE_PORT 9002
#define MAX_SOCKETS 1024
#define PORT_TRIES 20
#define MAX_WAIT_MS 1000U

/* What slirp_add_hostfwd() means by is_udp. */
enum { TCP, UDP };

static struct {
    struct wire *wire;
    Slirp *slirp;
    struct pollfd sockets[MAX_SOCKETS];
    int socket_count;
    uint32_t speed;
} host = {.speed = 1};

static int64_t now_ns(void *opaque)
{
    struct timespec now;

    (void)opaque;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec) * host.speed;
}

uint32_t host_now_ms(void)
{
    return (uint32_t)(now_ns(NULL) / 1000000);
}

static ssize_t send_packet(const void *data, size_t len, void *opaque)
{
    (void)opaque;
    wire_send(host.wire, TO_DEVICE, data, len, host_now_ms());
    return (ssize_t)len;
}

static void guest_error(const char *message, void *opaque)
{
    (void)opaque;
    fprintf(stderr, "hosted: libslirp: %s\n", message);
}

static void *timer_new(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
    static int timer;

    (void)callback;
    (void)callback_opaque;
    (void)opaque;
    return &timer;
}

static void timer_free(void *timer, void *opaque)
{
    (void)timer;
    (void)opaque;
}

static void timer_mod(void *timer, int64_t expire_time, void *opaque)
{
    (void)timer;
    (void)expire_time;
    (void)opaque;
}

static void ignore_socket(int socket, void *opaque)
{
    (void)socket;
    (void)opaque;
}

static void notify(void *opaque)
{
    (void)opaque;
}

/* A port that nobody has, to be taken again at once. */
static uint16_t free_port(struct in_addr address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = address};
    socklen_t name_len = sizeof name;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (probe < 0 || bind(probe, (struct sockaddr *)&name, sizeof name) != 0 ||
        getsockname(probe, (struct sockaddr *)&name, &name_len) != 0) {
        name.sin_port = 0;
    }
    if (probe >= 0) {
        (void)close(probe);
    }
    return ntohs(name.sin_port);
}

static bool forward_to(struct in_addr address, int kind, uint16_t port, uint16_t device_port)
{
    struct in_addr device = {.s_addr = inet_addr("10.0.2.15")};

    return slirp_add_hostfwd(host.slirp, kind, address, port, device, device_port) == 0;
}

static void complain(struct in_addr address, uint16_t port)
{
    fprintf(stderr, "hosted: can't listen on %s:%d: %s\n", inet_ntoa(address), port, strerror(errno));
}

bool host_forward(struct in_addr address, uint16_t port, uint16_t device_port)
{
    bool done = forward_to(address, TCP, port, device_port);

    if (!done) {
        complain(address, port);
    }
    return done;
}

static uint16_t forward(const struct host_options *options)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port = options->port != 0 ? options->port : free_port(options->address);

        if (port == 0 || !forward_to(options->address, TCP, port, DEVICE_PORT)) {
            continue;
        }
        if (forward_to(options->address, UDP, port, DEVICE_PORT)) {
            return port;
        }
        (void)slirp_remove_hostfwd(host.slirp, TCP, options->address, port);
    }
    complain(options->address, options->port);
    return 0;
}

uint16_t host_begin(struct wire *wire, const struct host_options *options)
{
    static const SlirpCb callbacks = {
        .send_packet = send_packet,
        .guest_error = guest_error,
        .clock_get_ns = now_ns,
        .timer_new = timer_new,
        .timer_free = timer_free,
        .timer_mod = timer_mod,
        .register_poll_fd = ignore_socket,
        .unregister_poll_fd = ignore_socket,
        .notify = notify,
    };
    const SlirpConfig config = {
        .version = 4,
        .restricted = 0, /* or the device's answers to datagrams would not pass; it begins nothing by itself */
        .in_enabled = true,
        .vnetwork.s_addr = inet_addr("10.0.2.0"),
        .vnetmask.s_addr = inet_addr("255.255.255.0"),
        .vhost.s_addr = inet_addr("10.0.2.2"),
        .vdhcp_start.s_addr = inet_addr("10.0.2.15"),
        .vnameserver.s_addr = inet_addr("10.0.2.3"),
        .disable_dns = true,
        .disable_dhcp = !options->dhcp,
    };

    host.wire = wire;
    host.speed = options->speed;
    host.slirp = slirp_new(&config, &callbacks, NULL);
    if (host.slirp == NULL) {
        fprintf(stderr, "hosted: libslirp would not start\n");
        return 0;
    }
    return forward(options);
}

static int add_socket(int socket, int events, void *opaque)
{
    int i = host.socket_count;
    int wanted = 0;

    (void)opaque;
    if (i == MAX_SOCKETS) {
        return -1;
    }
    wanted |= (events & SLIRP_POLL_IN) != 0 ? POLLIN : 0;
    wanted |= (events & SLIRP_POLL_OUT) != 0 ? POLLOUT : 0;
    wanted |= (events & SLIRP_POLL_PRI) != 0 ? POLLPRI : 0;
    host.sockets[i] = (struct pollfd){.fd = socket, .events = (short)wanted};
    host.socket_count++;
    return i;
}

static int socket_events(int i, void *opaque)
{
    int seen = i >= 0 ? host.sockets[i].revents : 0;
    int events = 0;

    (void)opaque;
    events |= (seen & POLLIN) != 0 ? SLIRP_POLL_IN : 0;
    events |= (seen & POLLOUT) != 0 ? SLIRP_POLL_OUT : 0;
    events |= (seen & POLLPRI) != 0 ? SLIRP_POLL_PRI : 0;
    events |= (seen & POLLERR) != 0 ? SLIRP_POLL_ERR : 0;
    events |= (seen & POLLHUP) != 0 ? SLIRP_POLL_HUP : 0;
    return events;
}

static void give_frames_to_slirp(void)
{
    struct wire_frame *frame;

    while ((frame = wire_take(host.wire, TO_HOST, host_now_ms())) != NULL) {
        if (!ghosts_receive(host.wire, frame->data, frame->len)) {
            slirp_input(host.slirp, frame->data, (int)frame->len);
        }
        wire_free(host.wire, TO_HOST, frame);
    }
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

bool host_poll(uint32_t wait_ms, int input)
{
    uint32_t now_ms = host_now_ms();
    struct pollfd *watched = host.sockets;
    bool has_input;

    wait_ms = least(wait_ms, wire_next_ms(host.wire, TO_DEVICE, now_ms));
    wait_ms = least(wait_ms, wire_next_ms(host.wire, TO_HOST, now_ms));
    watched[0] = (struct pollfd){.fd = input, .events = POLLIN};
    host.socket_count = 1;
    slirp_pollfds_fill(host.slirp, &wait_ms, add_socket, NULL);
    wait_ms = (least(wait_ms, MAX_WAIT_MS) + host.speed - 1) / host.speed;
    has_input = poll(watched, (nfds_t)host.socket_count, (int)wait_ms) > 0 && watched[0].revents != 0;
    slirp_pollfds_poll(host.slirp, 0, socket_events, NULL);
    give_frames_to_slirp();
    return has_input;
}
