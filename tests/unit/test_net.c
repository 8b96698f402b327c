/* SPDX-License-Identifier: MIT */
/*
 * The POSIX net against real sockets over loopback. The peers are plain sockets
 * in the same thread, used between or within the rounds of the loop; a thread
 * helps only where both sides have to move at once.
 */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../port/posix/net_address.h"
#include "../../port/posix/net_loop.h"
#include "../../port/posix/net_udp_posix.h"

#define KIB 1024u
#define MIB (1024u * 1024u)
#define PATIENCE_MS 10000u
#define IDLE_CONNS 2000

/* ---- An application that records what happens ---- */

enum event { NO_EVENT, OPENED, RECEIVED, ENDED, WRITABLE, CLOSED };

struct app {
    struct net *net;
    char name[64]; /* what it listens on */

    /* what it does */
    size_t take_most;        /* of each offer */
    struct net_conn *victim; /* reset in the first received() */
    const char *answer;      /* sent in the first received(), and the connection closed */
    uint64_t file_off, file_len;
    int file;          /* sent from opened() on */
    enum event act_at; /* in this event the connection is closed, or reset */
    uint32_t tick_ms;
    bool act_resets;
    bool echo;           /* sends back what it gets, takes what could be sent */
    bool pattern;        /* checks what it gets against byte_at() */
    bool stop_listening; /* in opened() */
    bool (*until)(struct app *);

    /* what has happened */
    unsigned opened, outgoing, ended, closed, writable, ticks;
    struct net_conn *conn; /* the latest */
    size_t received;       /* bytes taken */
    size_t offered_last, offered_most;
    size_t since_tick, since_tick_most;
    uint8_t first[64]; /* of what was taken */
    char reason[64];
    int file_error;
    uint32_t deadline_ms;
    bool timed_out;
    bool wrong; /* a byte was wrong, or an event came that may not come */

    /* what conditions look at */
    size_t back_len, back_want;
    uint8_t back[64];
    bool back_over; /* EOF */
    int back_error;
    int peer;
    unsigned want;
    size_t fd_count;
};

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

/* The user of a connection for which no event may come any more. */
static char gone;

static void act(struct app *app, struct net_conn *conn, enum event event)
{
    if (app->act_at != event)
        return;
    net_set_user(conn, &gone);
    if (app->act_resets)
        net_reset(conn);
    else
        net_close(conn);
}

static void check_alive(struct app *app, const struct net_conn *conn)
{
    app->wrong = app->wrong || net_user(conn) == &gone;
}

/* Sends until the socket is full. Returns how many bytes. */
static size_t fill(struct net_conn *conn)
{
    static const uint8_t much[64 * KIB];
    size_t sent = 0;
    size_t piece;
    while ((piece = net_send(conn, much, sizeof much)) > 0)
        sent += piece;
    return sent;
}

static void send_file(struct app *app, struct net_conn *conn)
{
    int64_t sent = net_send_file(conn, app->file, app->file_off, app->file_len);
    if (sent < 0) {
        app->file_error = errno;
        return;
    }
    app->file_off += (uint64_t)sent;
    app->file_len -= (uint64_t)sent;
    if (app->file_len == 0)
        net_close(conn);
}

static void on_opened(void *context, struct net_conn *conn, bool outgoing)
{
    struct app *app = context;
    app->conn = conn;
    app->opened++;
    app->outgoing += outgoing;
    if (app->stop_listening)
        net_stop_listening(app->net);
    if (app->file >= 0)
        send_file(app, conn);
    if (app->act_at == WRITABLE)
        fill(conn);
    act(app, conn, OPENED);
}

static void record(struct app *app, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t at = app->received + i;
        if (at < sizeof app->first)
            app->first[at] = data[i];
        if (app->pattern && data[i] != byte_at(at))
            app->wrong = true;
    }
    app->received += len;
    app->since_tick += len;
}

static size_t on_received(void *context, struct net_conn *conn, const uint8_t *data, size_t len)
{
    struct app *app = context;
    check_alive(app, conn);
    app->offered_last = len;
    if (len > app->offered_most)
        app->offered_most = len;
    if (app->victim != NULL && app->victim != conn) {
        net_set_user(app->victim, &gone);
        net_reset(app->victim);
        app->victim = NULL;
    }
    if (app->answer != NULL) {
        net_send(conn, app->answer, strlen(app->answer));
        net_close(conn);
        app->answer = NULL;
        return 0;
    }
    size_t taken = len < app->take_most ? len : app->take_most;
    if (app->echo)
        taken = net_send(conn, data, taken);
    record(app, data, taken);
    act(app, conn, RECEIVED);
    return taken;
}

static void on_ended(void *context, struct net_conn *conn)
{
    struct app *app = context;
    check_alive(app, conn);
    app->ended++;
    act(app, conn, ENDED);
    if (app->echo)
        net_close(conn);
}

static void on_writable(void *context, struct net_conn *conn)
{
    struct app *app = context;
    check_alive(app, conn);
    app->writable++;
    if (app->file >= 0)
        send_file(app, conn);
    net_resume(conn);
    act(app, conn, WRITABLE);
}

static void on_closed(void *context, struct net_conn *conn, const char *reason)
{
    struct app *app = context;
    check_alive(app, conn);
    if (net_send(conn, "x", 1) != 0)
        app->wrong = true;
    app->closed++;
    app->conn = NULL;
    snprintf(app->reason, sizeof app->reason, "%s", reason);
    act(app, conn, CLOSED);
}

static uint32_t on_tick(void *context, uint32_t now_ms)
{
    struct app *app = context;
    app->ticks++;
    if (app->since_tick > app->since_tick_most)
        app->since_tick_most = app->since_tick;
    app->since_tick = 0;
    app->timed_out = net_due(now_ms, app->deadline_ms);
    if (app->timed_out || app->until(app))
        net_stop(app->net);
    return app->tick_ms;
}

static const struct net_events events = {on_opened, on_received, on_ended, on_writable, on_closed, on_tick};

/* ---- Running it ---- */

static size_t count_fds(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void start(struct app *app, const char *address, size_t max_conns, uint32_t linger_ms)
{
    size_t fd_count = count_fds();
    *app = (struct app){.take_most = SIZE_MAX, .tick_ms = 2, .file = -1, .peer = -1, .fd_count = fd_count};
    struct net_options options = {.events = &events, .app = app, .linger_ms = linger_ms, .max_conns = max_conns};
    app->net = net_new(&options);
    assert_non_null(app->net);
    if (address != NULL)
        assert_int_equal(net_listen(app->net, NULL, address, app->name, sizeof app->name), 0);
}

static void start_usual(struct app *app)
{
    start(app, "127.0.0.1:0", 100, 2000);
}

/* Every test ends with it: whatever happened, no descriptor may be left. */
static void stop(struct app *app)
{
    net_free(app->net);
    assert_false(app->wrong);
    assert_int_equal(count_fds(), app->fd_count);
}

static void run_until(struct app *app, bool (*until)(struct app *))
{
    app->until = until;
    app->deadline_ms = net_now_ms() + PATIENCE_MS;
    assert_int_equal(net_run(app->net), 0);
    assert_false(app->timed_out);
}

static bool is_opened(struct app *app)
{
    return app->opened == app->want;
}
static bool is_ended(struct app *app)
{
    return app->ended > 0;
}
static bool is_closed(struct app *app)
{
    return app->closed > 0;
}
static bool is_empty(struct app *app)
{
    return net_conn_count(app->net) == 0;
}
static bool is_offered(struct app *app)
{
    return app->offered_last > 0;
}
static bool is_received(struct app *app)
{
    return app->received >= app->want;
}

static void run_until_opened(struct app *app, unsigned want)
{
    app->want = want;
    run_until(app, is_opened);
}

static void run_until_received(struct app *app, unsigned want)
{
    app->want = want;
    run_until(app, is_received);
}

static bool is_time(struct app *app)
{
    return net_due(net_now_ms(), app->want);
}

static void run_for(struct app *app, uint32_t ms)
{
    app->want = net_now_ms() + ms;
    run_until(app, is_time);
}

/* ---- Peers: plain sockets ---- */

static int peer_connect(const char *name)
{
    char host[64];
    snprintf(host, sizeof host, "%s", name[0] == '[' ? name + 1 : name);
    char *port = strrchr(host, ':');
    *port++ = '\0';
    if (name[0] == '[')
        port[-2] = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *list;
    assert_int_equal(getaddrinfo(host, port, &hints, &list), 0);
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    int failed = connect(fd, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    if (failed == 0)
        return fd;
    close(fd);
    return -1;
}

static void peer_send(int peer, const void *data, size_t len)
{
    assert_int_equal(send(peer, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Sends the pattern until the socket is full. Returns how many bytes. */
static size_t peer_fill(int peer, size_t most)
{
    size_t sent = 0;
    while (sent < most) {
        uint8_t piece[4096];
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = byte_at(sent + i);
        ssize_t got = send(peer, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (got <= 0)
            break;
        sent += (size_t)got;
    }
    return sent;
}

static void peer_reset(int peer)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(peer);
}

static bool came_back(struct app *app)
{
    ssize_t got = recv(app->peer, app->back + app->back_len, app->back_want - app->back_len, MSG_DONTWAIT);
    if (got > 0)
        app->back_len += (size_t)got;
    return app->back_len == app->back_want;
}

static void expect_back(struct app *app, int peer, const void *data, size_t len)
{
    app->peer = peer;
    app->back_len = 0;
    app->back_want = len;
    run_until(app, came_back);
    assert_memory_equal(app->back, data, len);
}

/* EOF or an error. */
static bool came_to_an_end(struct app *app)
{
    uint8_t rest[4096];
    ssize_t got;
    while ((got = recv(app->peer, rest, sizeof rest, MSG_DONTWAIT)) > 0)
        ;
    if (got < 0 && errno == EAGAIN)
        return false;
    app->back_over = got == 0;
    app->back_error = got < 0 ? errno : 0;
    return true;
}

static void expect_end(struct app *app, int peer)
{
    app->peer = peer;
    run_until(app, came_to_an_end);
}

/* ---- Receiving and sending ---- */

static void an_echo_returns_what_was_sent_wherever_it_is_split(void **state)
{
    (void)state;
    static const char text[] = "a dory lands cargo where no harbour is";
    struct app app;
    start_usual(&app);
    app.echo = true;
    int peer = peer_connect(app.name);
    for (size_t split = 0; split <= sizeof text; split++) {
        unsigned before = (unsigned)app.received;
        peer_send(peer, text, split);
        run_until_received(&app, before + (unsigned)split);
        peer_send(peer, text + split, sizeof text - split);
        expect_back(&app, peer, text, sizeof text);
    }
    close(peer);
    run_until(&app, is_empty);
    assert_int_equal(app.closed, 0);
    stop(&app);
}

struct pump {
    int fd;
    size_t len;
    bool wrong;
};

static void *pump_in(void *context)
{
    struct pump *pump = context;
    pump->wrong = false;
    for (size_t sent = 0; sent < pump->len && !pump->wrong;) {
        uint8_t piece[8192];
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = byte_at(sent + i);
        size_t len = pump->len - sent < sizeof piece ? pump->len - sent : sizeof piece;
        ssize_t got = send(pump->fd, piece, len, MSG_NOSIGNAL);
        pump->wrong = got <= 0;
        sent += got > 0 ? (size_t)got : 0;
    }
    shutdown(pump->fd, SHUT_WR);
    return NULL;
}

static void *pump_out(void *context)
{
    struct pump *pump = context;
    pump->wrong = false;
    for (size_t received = 0;;) {
        uint8_t piece[8192];
        ssize_t got = recv(pump->fd, piece, sizeof piece, 0);
        if (got <= 0) {
            pump->wrong = pump->wrong || got < 0 || received != pump->len;
            return NULL;
        }
        for (size_t i = 0; i < (size_t)got; i++)
            pump->wrong = pump->wrong || piece[i] != byte_at(received + i);
        received += (size_t)got;
    }
}

static bool is_stuck(struct app *app)
{
    return app->conn != NULL && app->conn->withheld != NULL;
}

static void an_echo_of_more_than_the_buffers_hold_loses_nothing(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.echo = true;
    app.pattern = true;
    int peer = peer_connect(app.name);
    struct pump in = {.fd = peer, .len = 24 * MIB}, out = in;
    pthread_t thread;
    pthread_create(&thread, NULL, pump_in, &in);
    run_until(&app, is_stuck); /* nobody reads */
    pthread_t second;
    pthread_create(&second, NULL, pump_out, &out);
    run_until(&app, is_empty);
    pthread_join(thread, NULL);
    pthread_join(second, NULL);
    assert_false(in.wrong);
    assert_false(out.wrong);
    assert_int_equal(app.received, in.len);
    assert_true(app.writable > 0);
    close(peer);
    stop(&app);
}

static bool all_taken_bit_by_bit(struct app *app)
{
    if (app->received < app->want)
        net_resume(app->conn);
    return app->received >= app->want;
}

static void what_is_not_taken_is_offered_again_in_order(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.take_most = 3;
    int peer = peer_connect(app.name);
    peer_send(peer, "0123456789", 10);
    run_until(&app, is_offered);
    run_for(&app, 20);
    assert_int_equal(app.received, 3); /* and not without net_resume() */
    net_resume(app.conn);
    run_for(&app, 20);
    peer_send(peer, "abcdef", 6);
    run_for(&app, 20);
    assert_int_equal(app.received, 6); /* which is for once */
    app.want = 16;
    run_until(&app, all_taken_bit_by_bit);
    assert_memory_equal(app.first, "0123456789abcdef", 16);
    assert_int_equal(app.net->withheld_len, 0);
    close(peer);
    stop(&app);
}

static void nothing_is_read_while_bytes_are_withheld(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.take_most = 0;
    int peer = peer_connect(app.name);
    peer_fill(peer, 64 * MIB);
    run_until(&app, is_offered);
    for (int i = 0; i < 20; i++) {
        net_resume(app.conn); /* offered again, refused again */
        run_for(&app, 1);
    }
    assert_int_equal(app.offered_most, NET_SMALL_READ_LEN);
    assert_int_equal(app.net->withheld_len, NET_SMALL_READ_LEN);
    assert_true(peer_fill(peer, 64 * MIB) < 64 * MIB); /* the peer feels it */
    close(peer);
    stop(&app);
}

static void reads_grow_while_all_is_taken_and_shrink_once_bytes_are_withheld(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    int peer = peer_connect(app.name);
    run_until_received(&app, (unsigned)peer_fill(peer, 64 * MIB));
    assert_true(app.offered_most > NET_SMALL_READ_LEN);
    assert_true(app.conn->read_len > NET_SMALL_READ_LEN);
    peer_fill(peer, 64 * MIB);
    app.take_most = 0;
    app.offered_last = 0;
    run_until(&app, is_offered);
    assert_int_equal(app.conn->read_len, NET_SMALL_READ_LEN);
    close(peer);
    stop(&app);
}

static void a_busy_connection_gets_a_bounded_turn(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    int busy = peer_connect(app.name);
    struct pump in = {.fd = busy, .len = 64 * MIB};
    pthread_t thread;
    pthread_create(&thread, NULL, pump_in, &in);
    run_until_received(&app, 64 * MIB);
    pthread_join(thread, NULL);
    assert_true(app.since_tick_most < NET_TURN_LEN + NET_BUFFER_LEN);
    close(busy);
    stop(&app);
}

static bool is_writable_once_the_peer_reads(struct app *app)
{
    static uint8_t piece[64 * KIB];
    (void)recv(app->peer, piece, sizeof piece, MSG_DONTWAIT);
    return app->writable > 0;
}

static void writable_comes_when_a_full_socket_has_room_again(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.peer = peer_connect(app.name);
    run_until_opened(&app, 1);
    static const uint8_t much[64 * KIB];
    while (net_send(app.conn, much, sizeof much) == sizeof much)
        ;
    run_for(&app, 20);
    assert_int_equal(app.writable, 0);
    run_until(&app, is_writable_once_the_peer_reads);
    assert_int_equal(net_send(app.conn, "x", 1), 1);
    run_for(&app, 20);
    assert_int_equal(app.writable, 1); /* once: that send was taken */
    close(app.peer);
    stop(&app);
}

/* ---- The other side ends ---- */

static void the_end_comes_after_all_bytes_were_taken(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.take_most = 4;
    int peer = peer_connect(app.name);
    peer_send(peer, "0123456789", 10);
    shutdown(peer, SHUT_WR);
    run_until(&app, is_offered);
    run_for(&app, 20);
    assert_int_equal(app.ended, 0);
    app.want = 10;
    run_until(&app, all_taken_bit_by_bit);
    run_until(&app, is_ended);
    assert_memory_equal(app.first, "0123456789", 10);
    net_resume(app.conn);
    run_for(&app, 20);
    assert_int_equal(app.ended, 1);
    net_send(app.conn, "bye", 3); /* half-closed is not closed */
    net_close(app.conn);
    expect_back(&app, peer, "bye", 3);
    expect_end(&app, peer);
    assert_true(app.back_over);
    close(peer);
    run_until(&app, is_empty);
    assert_int_equal(app.closed, 0);
    stop(&app);
}

static void a_reset_is_noticed_while_bytes_are_withheld(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.take_most = 0;
    int peer = peer_connect(app.name);
    peer_send(peer, "0123456789", 10);
    run_until(&app, is_offered);
    peer_reset(peer);
    run_until(&app, is_closed);
    assert_string_equal(app.reason, "Connection reset by peer");
    assert_int_equal(net_conn_count(app.net), 0);
    assert_int_equal(app.net->withheld_len, 0);
    assert_int_equal(app.ended, 0);
    stop(&app);
}

static void a_reset_after_the_end_is_noticed(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    int peer = peer_connect(app.name);
    shutdown(peer, SHUT_WR);
    run_until(&app, is_ended);
    peer_reset(peer);
    run_until(&app, is_closed);
    assert_string_equal(app.reason, "Connection reset by peer");
    stop(&app);
}

static void bytes_that_a_reset_follows_are_received(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    int peer = peer_connect(app.name);
    run_until_opened(&app, 1);
    peer_send(peer, "answer", 6);
    peer_reset(peer);
    run_until(&app, is_closed);
    assert_int_equal(app.received, 6);
    assert_memory_equal(app.first, "answer", 6);
    stop(&app);
}

static void a_send_to_a_dead_peer_ends_in_closed_and_not_in_a_signal(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    int peer = peer_connect(app.name);
    shutdown(peer, SHUT_WR); /* after which a reset is EPIPE, which raises SIGPIPE */
    run_until(&app, is_ended);
    peer_reset(peer);
    assert_int_equal(net_send(app.conn, "a", 1), 0);
    assert_int_equal(net_send(app.conn, "b", 1), 0);
    assert_int_equal(app.closed, 0); /* from the loop only */
    run_until(&app, is_closed);
    assert_string_equal(app.reason, "Connection reset by peer");
    run_for(&app, 10);
    assert_int_equal(app.closed, 1);
    stop(&app);
}

/* ---- This side ends ---- */

static void ending_within(enum event event, bool resets)
{
    struct app app;
    start(&app, "127.0.0.1:0", 100, 100);
    app.act_at = event;
    app.act_resets = resets;
    app.take_most = 5;
    int peer = peer_connect(app.name);
    if (event != OPENED)
        peer_send(peer, "0123456789", event == ENDED ? 5 : 10);
    if (event == CLOSED) {
        run_until(&app, is_offered);
        peer_reset(peer);
        run_until(&app, is_closed);
    } else {
        if (event == ENDED)
            shutdown(peer, SHUT_WR);
        expect_end(&app, peer);
        assert_int_equal(app.back_over, !resets);
        assert_int_equal(app.closed, 0);
        close(peer);
    }
    run_until(&app, is_empty);
    run_for(&app, 10);
    stop(&app);
}

static void a_connection_may_be_closed_within_each_event(void **state)
{
    (void)state;
    for (int event = OPENED; event <= CLOSED; event++)
        ending_within((enum event)event, false);
}

static void a_connection_may_be_reset_within_each_event(void **state)
{
    (void)state;
    for (int event = OPENED; event <= CLOSED; event++)
        ending_within((enum event)event, true);
}

static void a_connection_may_end_while_withheld_bytes_are_offered_again(void **state)
{
    (void)state;
    for (int resets = 0; resets < 2; resets++) {
        struct app app;
        start_usual(&app);
        app.take_most = 0;
        int peer = peer_connect(app.name);
        peer_send(peer, "0123456789", 10);
        run_until(&app, is_offered);
        app.act_at = RECEIVED;
        app.act_resets = resets;
        net_resume(app.conn);
        expect_end(&app, peer);
        assert_int_equal(app.back_over, !resets);
        assert_int_equal(app.net->withheld_len, 0);
        close(peer);
        stop(&app);
    }
}

static void an_event_may_reset_a_connection_that_has_events_in_the_same_round(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct app app;
        start_usual(&app);
        int peers[2];
        struct net_conn *conns[2];
        for (int i = 0; i < 2; i++) {
            peers[i] = peer_connect(app.name);
            run_until_opened(&app, (unsigned)i + 1);
            conns[i] = app.conn;
        }
        app.victim = conns[order];
        peer_send(peers[!order], "x", 1);
        peer_send(peers[order], "x", 1);
        run_for(&app, 20);
        assert_null(app.victim);
        assert_int_equal(net_conn_count(app.net), 1);
        for (int i = 0; i < 2; i++)
            close(peers[i]);
        stop(&app);
    }
}

static void unread_input_does_not_destroy_an_answer(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.answer = "bad_header";
    int peer = peer_connect(app.name);
    peer_fill(peer, 64 * MIB);
    expect_back(&app, peer, "bad_header", 10);
    peer_fill(peer, MIB); /* and goes on sending */
    expect_end(&app, peer);
    assert_true(app.back_over);
    assert_int_equal(net_conn_count(app.net), 1);
    close(peer);
    run_until(&app, is_empty);
    stop(&app);
}

static void a_lingering_connection_is_reset_when_its_time_is_up(void **state)
{
    (void)state;
    struct app app;
    start(&app, "127.0.0.1:0", 100, 150);
    app.act_at = OPENED;
    app.tick_ms = 1000; /* it is the deadline that ends the poll */
    int peer = peer_connect(app.name);
    uint32_t begun_ms = net_now_ms();
    run_until_opened(&app, 1);
    run_until(&app, is_empty);
    uint32_t took_ms = net_now_ms() - begun_ms;
    assert_true(took_ms >= 150 && took_ms < 1000);
    assert_int_not_equal(net_socket_error(peer), 0); /* after a mere close it would be 0 */
    close(peer);
    stop(&app);
}

static bool is_read_slowly(struct app *app)
{
    static uint8_t piece[64 * KIB];
    ssize_t got = recv(app->peer, piece, sizeof piece, MSG_DONTWAIT);
    app->received += got > 0 ? (size_t)got : 0;
    app->back_error = got < 0 && errno != EAGAIN ? errno : 0;
    return got == 0 || app->back_error != 0;
}

static void what_was_sent_outlives_the_linger_time_as_long_as_it_moves(void **state)
{
    (void)state;
    if (NET_POLL)
        skip(); /* only Linux tells what is still on the way */
    struct app app;
    start(&app, "127.0.0.1:0", 100, 100);
    app.tick_ms = 10;
    app.peer = peer_connect(app.name);
    run_until_opened(&app, 1);
    size_t sent = fill(app.conn);
    net_close(app.conn);
    uint32_t begun_ms = net_now_ms();
    run_until(&app, is_read_slowly);
    assert_int_equal(app.back_error, 0);
    assert_int_equal(app.received, sent);
    assert_true(net_now_ms() - begun_ms > 100);
    close(app.peer);
    run_until(&app, is_empty);
    stop(&app);
}

static void what_was_sent_is_dropped_after_the_linger_time_if_it_does_not_move(void **state)
{
    (void)state;
    struct app app;
    start(&app, "127.0.0.1:0", 100, 50);
    int peer = peer_connect(app.name);
    run_until_opened(&app, 1);
    fill(app.conn);
    net_close(app.conn);
    run_until(&app, is_empty);
    close(peer);
    stop(&app);
}

/* ---- Room ---- */

static void beyond_max_conns_peers_wait_for_a_place(void **state)
{
    (void)state;
    struct app app;
    start(&app, "127.0.0.1:0", 2, 2000);
    app.echo = true;
    int peers[4];
    for (int i = 0; i < 4; i++)
        peers[i] = peer_connect(app.name);
    run_until_opened(&app, 2);
    app.tick_ms = 100;
    unsigned ticks = app.ticks;
    run_for(&app, 100);
    assert_int_equal(app.opened, 2);
    assert_true(app.ticks - ticks < 20); /* it waits without spinning */
    close(peers[0]);
    run_until_opened(&app, 3);
    peer_send(peers[2], "third", 5);
    expect_back(&app, peers[2], "third", 5);
    close(peers[1]);
    run_until_opened(&app, 4);
    close(peers[2]);
    close(peers[3]);
    run_until(&app, is_empty);
    stop(&app);
}

static int lowest_free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

static void out_of_descriptors_it_serves_what_it_has(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.echo = true;
    int peers[5];
    for (int i = 0; i < 5; i++)
        peers[i] = peer_connect(app.name);
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)lowest_free_fd() + 2;
    setrlimit(RLIMIT_NOFILE, &low);
    run_until_opened(&app, 2);
    app.tick_ms = 1000;
    unsigned ticks = app.ticks;
    peer_send(peers[0], "still here", 10);
    expect_back(&app, peers[0], "still here", 10);
    app.tick_ms = 100;
    run_for(&app, 350);
    assert_int_equal(app.opened, 2);
    assert_true(app.ticks - ticks < 40); /* it waits without spinning */
    shutdown(peers[0], SHUT_WR);         /* one goes, the next one comes */
    run_until_opened(&app, 3);
    setrlimit(RLIMIT_NOFILE, &before);
    run_until_opened(&app, 5); /* nothing has gone: it looks again by itself */
    for (int i = 0; i < 5; i++)
        close(peers[i]);
    run_until(&app, is_empty);
    stop(&app);
}

static void two_thousand_idle_connections_cost_no_buffers_and_no_rounds(void **state)
{
    (void)state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * IDLE_CONNS + 100)
        skip();
    struct app app;
    start(&app, "127.0.0.1:0", IDLE_CONNS, 2000);
    app.echo = true;
    static int peers[IDLE_CONNS];
    for (unsigned i = 0; i < IDLE_CONNS; i++) {
        peers[i] = peer_connect(app.name);
        if (i % 100 == 99) /* some systems have short backlogs */
            run_until_opened(&app, i + 1);
    }
    app.tick_ms = 50;
    unsigned ticks = app.ticks;
    run_for(&app, 100);
    assert_true(app.ticks - ticks < 20);
    assert_true(sizeof(struct net_conn) <= 120);
    for (int i = 0; i < IDLE_CONNS; i++)
        peer_send(peers[i], "x", 1);
    run_until_received(&app, IDLE_CONNS);
    for (int i = 0; i < IDLE_CONNS; i++) {
        char byte = 0;
        assert_int_equal(recv(peers[i], &byte, 1, 0), 1);
        assert_int_equal(byte, 'x');
        peer_reset(peers[i]); /* or 2,000 ports would be in TIME_WAIT */
    }
    run_until(&app, is_empty);
    assert_int_equal(app.closed, IDLE_CONNS);
    stop(&app);
}

/* ---- Addresses ---- */

static void both_families_listen_on_one_port(void **state)
{
    (void)state;
    struct app app;
    start(&app, NULL, 100, 2000);
    app.echo = true;
    if (net_listen(app.net, NULL, "[::1]:0", app.name, sizeof app.name) != 0) {
        net_free(app.net);
        skip(); /* no IPv6 here */
    }
    assert_memory_equal(app.name, "[::1]:", 6);
    int peer = peer_connect(app.name);
    peer_send(peer, "six", 3);
    expect_back(&app, peer, "six", 3);
    close(peer);
    bool both = false;
    for (int port = 20000; port < 20100 && !both; port++) { /* some may be in use */
        char six[64], four[64];
        snprintf(six, sizeof six, "[::]:%d", port);
        snprintf(four, sizeof four, "0.0.0.0:%d", port);
        both = net_listen(app.net, NULL, six, app.name, sizeof app.name) == 0 &&
               net_listen(app.net, NULL, four, app.name, sizeof app.name) == 0 && strcmp(app.name, four) == 0;
    }
    assert_true(both);
    run_until(&app, is_empty);
    stop(&app);
}

static void an_address_that_is_none_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "9002",    ":9002",           "127.0.0.1",    "127.0.0.1:",     "::1:9002",        "[::1]9002",
        "[::1:9002", "[]:9002", "127.0.0.1:70000", "127.0.0.1:-1", "127.0.0.1:http", "127.0.0.1:000080"};
    struct app app;
    start_usual(&app);
    char name[64];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        name[0] = '\0';
        assert_int_equal(net_listen(app.net, NULL, bad[i], name, sizeof name), -1);
        assert_true(strlen(name) > 10);
    }
    assert_int_equal(net_listen(app.net, NULL, app.name, name, sizeof name), -1);
    assert_string_equal(name, "Address already in use");
    assert_null(net_connect(app.net, "127.0.0.1", "70000", NULL, name, sizeof name));
    assert_string_equal(name, "The port must be a number up to 65535");
    stop(&app);
}

static void listening_may_stop_within_an_event(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.stop_listening = true;
    app.echo = true;
    int peer = peer_connect(app.name);
    run_until_opened(&app, 1);
    assert_int_equal(peer_connect(app.name), -1);
    peer_send(peer, "still", 5);
    expect_back(&app, peer, "still", 5);
    close(peer);
    stop(&app);
}

static struct app other; /* another owner's */

static bool both_received(struct app *app)
{
    return app->received >= app->want && other.received >= other.want;
}

static void each_listener_tells_its_own_owner(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    other = (struct app){
        .net = app.net, .take_most = SIZE_MAX, .tick_ms = 1000, .file = -1, .until = is_opened, .want = 99};
    other.deadline_ms = net_now_ms() + 2 * PATIENCE_MS;
    struct net_owner owner = {.events = &events, .app = &other};
    char second[64], third[64];
    assert_int_equal(net_listen(app.net, &owner, "127.0.0.1:0", second, sizeof second), 0);
    assert_int_equal(net_listen(app.net, &owner, "127.0.0.1:0", third, sizeof third), 0);
    int peers[] = {peer_connect(app.name), peer_connect(second), peer_connect(third)};
    peer_send(peers[0], "1", 1);
    peer_send(peers[1], "two", 3);
    peer_send(peers[2], "three", 5);
    app.want = 1;
    other.want = 8;
    run_until(&app, both_received);
    assert_int_equal(app.opened, 1);
    assert_int_equal(other.opened, 2);
    assert_int_equal(app.received, 1);
    assert_int_equal(other.received, 8);
    for (int i = 0; i < 3; i++)
        close(peers[i]);
    run_until(&app, is_ended);
    assert_int_equal(app.ended, 1);
    stop(&app);
    assert_false(other.wrong);
}

static void each_owner_ticks_once_a_round_as_often_as_the_least_patient_asks(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.tick_ms = 2 * PATIENCE_MS;
    other = (struct app){.net = app.net, .tick_ms = 1, .file = -1, .until = is_opened, .want = 99};
    other.deadline_ms = net_now_ms() + 2 * PATIENCE_MS;
    struct net_owner owner = {.events = &events, .app = &other};
    char name[64];
    for (int i = 0; i < 2; i++)
        assert_int_equal(net_listen(app.net, &owner, "127.0.0.1:0", name, sizeof name), 0);
    run_for(&app, 20);
    assert_true(app.ticks >= 2);
    assert_int_equal(other.ticks, app.ticks);
    stop(&app);
}

/* ---- Datagrams ---- */

struct datagrams {
    struct net *net;
    struct net_udp *udp;
    char name[NET_PEER_NAME_LEN];
    unsigned count, want;
    size_t len;
    uint8_t bytes[65536];
    char peer[NET_PEER_NAME_LEN];
    const char *answer;
    bool stops;
    unsigned most_in_a_round, in_round;
};

static struct datagrams asker, answerer;

static void on_datagram(void *context, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data,
                        size_t len)
{
    struct datagrams *datagrams = context;
    assert_ptr_equal(udp, datagrams->udp);
    datagrams->count++;
    datagrams->in_round++;
    datagrams->len = len;
    memcpy(datagrams->bytes, data, len);
    net_peer_name(peer, datagrams->peer);
    if (datagrams->answer != NULL)
        assert_true(net_udp_send(udp, peer, datagrams->answer, strlen(datagrams->answer)));
    if (datagrams->stops)
        net_stop_listening(datagrams->net);
}

static void open_datagrams(struct net *net, struct datagrams *datagrams, const char *address)
{
    memset(datagrams, 0, sizeof *datagrams);
    datagrams->net = net;
    datagrams->udp = net_udp_open(net, address, on_datagram, datagrams, datagrams->name, sizeof datagrams->name);
    if (datagrams->udp == NULL)
        print_message("%s\n", datagrams->name);
}

static bool send_to(const char *name, const void *data, size_t len)
{
    char host[NET_PEER_NAME_LEN], error[64];
    struct net_peer peer;
    snprintf(host, sizeof host, "%s", name[0] == '[' ? name + 1 : name);
    char *port = strrchr(host, ':');
    *port++ = '\0';
    if (name[0] == '[')
        port[-2] = '\0';
    assert_true(net_peer_resolve(&peer, host, port, error, sizeof error));
    return net_udp_send(asker.udp, &peer, data, len);
}

static bool has_asked(struct app *app)
{
    (void)app;
    if (answerer.in_round > answerer.most_in_a_round)
        answerer.most_in_a_round = answerer.in_round;
    answerer.in_round = 0;
    return asker.count >= asker.want && answerer.count >= answerer.want;
}

static void a_datagram_arrives_whole_and_is_answered(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1:0", "[::1]:0"};
    static uint8_t bytes[65507]; /* the most over IPv4 */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = byte_at(i);
    for (unsigned i = 0; i < 2; i++) {
        struct app app;
        start(&app, NULL, 100, 2000);
        open_datagrams(app.net, &answerer, addresses[i]);
        open_datagrams(app.net, &asker, addresses[i]);
        if (answerer.udp == NULL && i == 1) {
            stop(&app); /* no IPv6 here */
            break;
        }
        answerer.answer = "here I am";
        static const size_t lengths[] = {0, 1, 511, 512, 513, 1472, 1473, 16385, sizeof bytes};
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            size_t len = lengths[j];
            assert_true(send_to(answerer.name, bytes, len));
            asker.want++;
            run_until(&app, has_asked);
            assert_int_equal(answerer.len, len);
            assert_memory_equal(answerer.bytes, bytes, len);
            assert_string_equal(answerer.peer, asker.name);
            assert_int_equal(asker.len, 9);
            assert_memory_equal(asker.bytes, "here I am", 9);
            assert_string_equal(asker.peer, answerer.name);
        }
        assert_int_equal(answerer.count, asker.count);
        stop(&app);
    }
}

static void a_flood_of_datagrams_gets_a_bounded_turn(void **state)
{
    (void)state;
    struct app app;
    start(&app, NULL, 100, 2000);
    open_datagrams(app.net, &answerer, "127.0.0.1:0");
    open_datagrams(app.net, &asker, "127.0.0.1:0");
    for (int i = 0; i < 150; i++)
        assert_true(send_to(answerer.name, "x", 1));
    answerer.want = 150;
    run_until(&app, has_asked);
    assert_int_equal(answerer.most_in_a_round, 64);
    stop(&app);
}

static void datagrams_may_be_stopped_within_their_event(void **state)
{
    (void)state;
    struct app app;
    start(&app, NULL, 100, 2000);
    open_datagrams(app.net, &answerer, "127.0.0.1:0");
    open_datagrams(app.net, &asker, "127.0.0.1:0");
    answerer.stops = true;
    assert_true(send_to(answerer.name, "x", 1));
    assert_true(send_to(answerer.name, "x", 1));
    answerer.want = 1;
    run_until(&app, has_asked);
    run_for(&app, 20);
    assert_int_equal(answerer.count, 1);
    stop(&app);
}

static void a_broadcast_needs_permission_and_arrives(void **state)
{
    (void)state;
    struct app app;
    char name[64];
    start(&app, NULL, 100, 2000);
    open_datagrams(app.net, &answerer, "0.0.0.0:0");
    open_datagrams(app.net, &asker, "127.0.0.1:0");
    snprintf(name, sizeof name, "127.255.255.255%s", strchr(answerer.name, ':')); /* that of the loopback interface */
    assert_false(send_to(name, "who is there", 12));
    assert_true(net_udp_allow_broadcast(asker.udp));
    assert_true(send_to(name, "who is there", 12));
    answerer.want = 1;
    run_until(&app, has_asked);
    assert_memory_equal(answerer.bytes, "who is there", 12);
    assert_string_equal(answerer.peer, asker.name);
    stop(&app);
}

static void the_broadcast_addresses_are_those_of_interfaces_that_have_one(void **state)
{
    (void)state;
    struct net_peer peers[16];
    int count = net_peer_broadcasts(peers, 16, 9002);
    assert_in_range(count, 0, 16);
    for (int i = 0; i < count; i++) {
        char name[NET_PEER_NAME_LEN];
        net_peer_name(&peers[i], name);
        assert_string_equal(strchr(name, ':'), ":9002");
        assert_memory_not_equal(name, "127.", 4);
        assert_memory_not_equal(name, "0.0.0.0", 7);
    }
    assert_int_equal(net_peer_broadcasts(peers, 0, 9002), 0);
}

static void a_udp_address_that_is_none_or_taken_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "9002", "127.0.0.1:", "127.0.0.1:70000", "::1:9002", "192.0.2.1:0"};
    struct app app;
    struct net_peer peer;
    char name[64];
    start(&app, NULL, 100, 2000);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        name[0] = '\0';
        assert_null(net_udp_open(app.net, bad[i], on_datagram, &app, name, sizeof name));
        assert_true(strlen(name) > 10);
    }
    open_datagrams(app.net, &asker, "127.0.0.1:0");
    assert_null(net_udp_open(app.net, asker.name, on_datagram, &app, name, sizeof name));
    assert_string_equal(name, strerror(EADDRINUSE));
    assert_false(net_peer_resolve(&peer, "127.0.0.1", "70000", name, sizeof name));
    assert_false(net_peer_resolve(&peer, "no such host", "9002", name, sizeof name));
    assert_false(send_to("127.0.0.1:9", answerer.bytes, 65536)); /* too long for any */
    stop(&app);
}

/* ---- Connecting ---- */

static struct net_conn *dial(struct app *app, const char *host)
{
    char error[64] = "";
    struct net_conn *conn = net_connect(app->net, host, strrchr(app->name, ':') + 1, app, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(conn);
    assert_ptr_equal(net_user(conn), app);
    return conn;
}

static void a_connection_to_a_listener_comes_through(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    struct net_conn *conn = dial(&app, "127.0.0.1");
    assert_int_equal(net_send(conn, "early", 5), 0);
    run_until_opened(&app, 2);
    assert_int_equal(app.outgoing, 1);
    run_for(&app, 10);
    assert_int_equal(app.writable, 1); /* because of the early send */
    assert_int_equal(net_send(conn, "hello", 5), 5);
    run_until_received(&app, 5);
    assert_memory_equal(app.first, "hello", 5);
    net_close(conn);
    run_until(&app, is_ended);
    stop(&app);
}

/* Stands before the system's: "two.example" has the addresses 127.0.0.1 and 127.0.0.2. */
int getaddrinfo(const char *restrict host, const char *restrict port, const struct addrinfo *restrict hints,
                struct addrinfo **restrict list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (host == NULL || strcmp(host, "two.example") != 0)
        return real(host, port, hints, list);
    int failure = real("127.0.0.1", port, hints, list);
    return failure != 0 ? failure : real("127.0.0.2", port, hints, &(*list)->ai_next);
}

static void a_refused_address_is_followed_by_the_next_one(void **state)
{
    (void)state;
    struct app app;
    start(&app, "127.0.0.2:0", 100, 2000);
    dial(&app, "two.example");
    run_until_opened(&app, 2);
    assert_int_equal(app.outgoing, 1);
    assert_int_equal(app.closed, 0);
    assert_int_equal(net_conn_count(app.net), 2);
    stop(&app);
}

static void a_refused_connection_is_closed_with_the_reason(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "two.example"};
    for (int i = 0; i < 2; i++) {
        struct app app;
        start_usual(&app);
        net_stop_listening(app.net);
        dial(&app, hosts[i]);
        assert_int_equal(app.closed, 0);
        run_until(&app, is_closed);
        assert_string_equal(app.reason, "Connection refused");
        assert_int_equal(app.opened, 0);
        assert_int_equal(net_conn_count(app.net), 0);
        stop(&app);
    }
}

static void a_connection_may_be_given_up_before_it_came_through(void **state)
{
    (void)state;
    for (int resets = 0; resets < 2; resets++) {
        struct app app;
        start_usual(&app);
        struct net_conn *conn = dial(&app, "127.0.0.1");
        if (resets)
            net_reset(conn);
        else
            net_close(conn);
        run_for(&app, 20);
        assert_int_equal(app.outgoing, 0);
        stop(&app);
    }
}

/* ---- Waking and stopping ---- */

static void *wake_later(void *context)
{
    const struct timespec while_ms = {.tv_nsec = 30 * 1000000};
    nanosleep(&while_ms, NULL);
    struct app *app = context;
    net_wake(app->net);
    return NULL;
}

static bool is_second_tick(struct app *app)
{
    return app->ticks - app->want >= 2;
}

static void a_thread_can_wake_the_loop(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    for (int i = 0; i < 3; i++) {
        app.tick_ms = 60000;
        app.want = app.ticks;
        uint32_t begun_ms = net_now_ms();
        pthread_t thread;
        pthread_create(&thread, NULL, wake_later, &app);
        run_until(&app, is_second_tick);
        pthread_join(thread, NULL);
        assert_true(net_now_ms() - begun_ms >= 20);
    }
    stop(&app);
}

static struct net *net_to_stop;

static void on_alarm(int signal_number)
{
    (void)signal_number;
    net_stop(net_to_stop);
}

static bool never(struct app *app)
{
    (void)app;
    return false;
}

static int watched_pipe[2];
static struct net_watch watched;

static void *write_later(void *context)
{
    (void)context;
    const struct timespec while_ms = {.tv_nsec = 30 * 1000000};
    nanosleep(&while_ms, NULL);
    if (watched_pipe[1] >= 0 && write(watched_pipe[1], "x", 1) != 1)
        abort();
    return NULL;
}

static void *close_later(void *context)
{
    (void)write_later(context);
    close(watched_pipe[1]);
    return NULL;
}

static bool is_watch_readable(struct app *app)
{
    (void)app;
    return watched.readable;
}

/* With ticks an hour apart, so that only the watch can have woken the loop. */
static void run_until_watch_is_readable(struct app *app, void *(*later)(void *))
{
    pthread_t thread;
    app->tick_ms = 3600000;
    pthread_create(&thread, NULL, later, NULL);
    run_until(app, is_watch_readable);
    pthread_join(thread, NULL);
}

static void a_descriptor_of_the_application_wakes_the_loop_whenever_it_has_news(void **state)
{
    (void)state;
    struct app app;
    char byte;
    start_usual(&app);
    assert_int_equal(pipe(watched_pipe), 0);
    assert_int_equal(fcntl(watched_pipe[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(net_watch_add(app.net, &watched, watched_pipe[0]), 0);
    for (int i = 0; i < 3; i++) {
        assert_false(watched.readable);
        run_until_watch_is_readable(&app, write_later);
        assert_int_equal(read(watched_pipe[0], &byte, 1), 1);
        assert_int_equal(read(watched_pipe[0], &byte, 1), -1);
        watched.readable = false;
    }
    run_until_watch_is_readable(&app, close_later);
    assert_int_equal(read(watched_pipe[0], &byte, 1), 1);
    assert_int_equal(read(watched_pipe[0], &byte, 1), 0);
    net_watch_remove(app.net, &watched);
    close(watched_pipe[0]);
    run_for(&app, 0);
    stop(&app);
}

static void addresses_of_this_machine_alone_are_told_from_all_others(void **state)
{
    (void)state;
    static const char *const own[] = {"127.0.0.1:9002",          "127.255.3.4:1",        "[::1]:9002",
                                      "[::ffff:127.0.0.1]:9002", "[::ffff:7f01:203]:80", "[0:0:0:0:0:0:0:1]:80"};
    static const char *const others[] = {"0.0.0.0:9002",
                                         "128.0.0.1:9002",
                                         "10.127.0.1:9002",
                                         "192.168.1.127:9002",
                                         "[::]:9002",
                                         "[::2]:9002",
                                         "[::ffff:0.0.0.0]:1",
                                         "[::ffff:10.0.0.1]:1",
                                         "[::127.0.0.1]:1",
                                         "[fe80::1]:1",
                                         "[fd00::1]:1",
                                         "localhost:9002",
                                         "[64:ff9b::127.0.0.1]:1",
                                         "[fe80::1%lo]:1",
                                         "127.0.0.1",
                                         ""};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (!net_address_is_loopback(own[i]))
            fail_msg("not taken for loopback: %s", own[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (net_address_is_loopback(others[i]))
            fail_msg("taken for loopback: %s", others[i]);
}

static void a_signal_handler_can_stop_the_loop(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.tick_ms = 60000;
    net_to_stop = app.net;
    struct sigaction action = {.sa_handler = on_alarm}, before;
    sigaction(SIGALRM, &action, &before);
    struct itimerval soon = {.it_value.tv_usec = 30000};
    setitimer(ITIMER_REAL, &soon, NULL);
    run_until(&app, never);
    sigaction(SIGALRM, &before, NULL);
    stop(&app);
}

/* ---- Files ---- */

static int make_file(size_t len)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < len; i++)
        putc(byte_at(i), file);
    fflush(file);
    int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    fclose(file);
    return fd;
}

static bool is_sent(struct app *app)
{
    return app->file_len == 0;
}

static void a_file_larger_than_the_socket_buffers_arrives_whole(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    app.file = make_file(24 * MIB);
    app.file_len = 24 * MIB;
    struct pump out = {.fd = peer_connect(app.name), .len = 24 * MIB};
    run_until_opened(&app, 1);
    run_for(&app, 20); /* the socket is full by now */
    assert_true(app.file_len > 0);
    pthread_t thread;
    pthread_create(&thread, NULL, pump_out, &out);
    run_until(&app, is_sent);
    pthread_join(thread, NULL);
    assert_false(out.wrong);
    close(out.fd);
    close(app.file);
    stop(&app);
}

static void a_file_that_cannot_be_read_is_told_from_a_socket_that_is_full(void **state)
{
    (void)state;
    struct app app;
    start_usual(&app);
    int peer = peer_connect(app.name);
    run_until_opened(&app, 1);
    int file = make_file(100);
    assert_int_equal(net_send_file(app.conn, file, 90, 20), 10); /* the file has become short */
    assert_int_equal(net_send_file(app.conn, file, 100, 10), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(net_send_file(app.conn, file, UINT64_MAX, 10), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(net_send_file(app.conn, -1, 0, 10), -1);
    assert_int_equal(errno, EBADF);
    fill(app.conn);
    assert_int_equal(net_send_file(app.conn, file, 0, 10), 0);
    close(file);
    close(peer);
    stop(&app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_returns_what_was_sent_wherever_it_is_split),
        cmocka_unit_test(an_echo_of_more_than_the_buffers_hold_loses_nothing),
        cmocka_unit_test(what_is_not_taken_is_offered_again_in_order),
        cmocka_unit_test(nothing_is_read_while_bytes_are_withheld),
        cmocka_unit_test(reads_grow_while_all_is_taken_and_shrink_once_bytes_are_withheld),
        cmocka_unit_test(a_busy_connection_gets_a_bounded_turn),
        cmocka_unit_test(writable_comes_when_a_full_socket_has_room_again),
        cmocka_unit_test(the_end_comes_after_all_bytes_were_taken),
        cmocka_unit_test(a_reset_is_noticed_while_bytes_are_withheld),
        cmocka_unit_test(a_reset_after_the_end_is_noticed),
        cmocka_unit_test(bytes_that_a_reset_follows_are_received),
        cmocka_unit_test(a_send_to_a_dead_peer_ends_in_closed_and_not_in_a_signal),
        cmocka_unit_test(a_connection_may_be_closed_within_each_event),
        cmocka_unit_test(a_connection_may_be_reset_within_each_event),
        cmocka_unit_test(a_connection_may_end_while_withheld_bytes_are_offered_again),
        cmocka_unit_test(an_event_may_reset_a_connection_that_has_events_in_the_same_round),
        cmocka_unit_test(unread_input_does_not_destroy_an_answer),
        cmocka_unit_test(a_lingering_connection_is_reset_when_its_time_is_up),
        cmocka_unit_test(what_was_sent_outlives_the_linger_time_as_long_as_it_moves),
        cmocka_unit_test(what_was_sent_is_dropped_after_the_linger_time_if_it_does_not_move),
        cmocka_unit_test(beyond_max_conns_peers_wait_for_a_place),
        cmocka_unit_test(out_of_descriptors_it_serves_what_it_has),
        cmocka_unit_test(two_thousand_idle_connections_cost_no_buffers_and_no_rounds),
        cmocka_unit_test(both_families_listen_on_one_port),
        cmocka_unit_test(an_address_that_is_none_is_refused_with_a_sentence),
        cmocka_unit_test(listening_may_stop_within_an_event),
        cmocka_unit_test(each_listener_tells_its_own_owner),
        cmocka_unit_test(each_owner_ticks_once_a_round_as_often_as_the_least_patient_asks),
        cmocka_unit_test(a_datagram_arrives_whole_and_is_answered),
        cmocka_unit_test(a_flood_of_datagrams_gets_a_bounded_turn),
        cmocka_unit_test(datagrams_may_be_stopped_within_their_event),
        cmocka_unit_test(a_broadcast_needs_permission_and_arrives),
        cmocka_unit_test(the_broadcast_addresses_are_those_of_interfaces_that_have_one),
        cmocka_unit_test(a_udp_address_that_is_none_or_taken_is_refused_with_a_sentence),
        cmocka_unit_test(a_connection_to_a_listener_comes_through),
        cmocka_unit_test(a_refused_address_is_followed_by_the_next_one),
        cmocka_unit_test(a_refused_connection_is_closed_with_the_reason),
        cmocka_unit_test(a_connection_may_be_given_up_before_it_came_through),
        cmocka_unit_test(a_thread_can_wake_the_loop),
        cmocka_unit_test(a_descriptor_of_the_application_wakes_the_loop_whenever_it_has_news),
        cmocka_unit_test(addresses_of_this_machine_alone_are_told_from_all_others),
        cmocka_unit_test(a_signal_handler_can_stop_the_loop),
        cmocka_unit_test(a_file_larger_than_the_socket_buffers_arrives_whole),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told_from_a_socket_that_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
