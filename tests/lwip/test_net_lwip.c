/* SPDX-License-Identifier: MIT */
/*
 * The net over lwIP: a server's and a client's, in one process and over one lwIP, and datagrams. Its only netif is a wire that ends where
 * it begins; the test delivers its frames one by one, loses some, adds its own, and moves the clock. Not here: what a
 * server does with its connections, which the system tests of the boards are for.
 */
#include "../unit/unit.h"

#include <stdlib.h>

#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/memp.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/sys.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

#include "../../port/lwip/net_lwip.h"
#include "../../port/lwip/net_udp_lwip.h"

#define PORT 9002
#define NOBODY 9003 /* where nobody listens */
#define PLACES 3
#define BACKLOG 2
#define LINGER_MS 2000
#define STEP_MS 10
#define POLL_MS 1000    /* lwIP's poll interval is 500 ms; twice that is enough, wherever its timer stands */
#define FORGET_MS 10000 /* lwIP has forgotten all of what was by then */
#define FRAMES 128
#define MAX_FRAME 1500
#define MAX_SPINS 20000

/* ---- The clock, and what lwIP asks for ---- */

static uint32_t clock_ms = UINT32_MAX - 5000; /* it passes zero early */

u32_t sys_now(void)
{
    return clock_ms;
}

_Noreturn void board_fail(const char *text);
_Noreturn void board_fail(const char *text)
{
    fprintf(stderr, "lwIP: %s\n", text);
    abort();
}

/* ---- The wire ---- */

struct frame {
    _Alignas(4) uint8_t bytes[MAX_FRAME];
    uint16_t len;
};

static struct {
    struct netif netif;
    struct frame frames[FRAMES];
    unsigned first, count;
    bool to_server_lost, to_client_lost;

    /* what has been sent */
    unsigned resets, ends; /* RST and FIN */
    uint16_t client_window;
} wire;

static struct tcp_hdr *tcp_of(struct frame *frame)
{
    return (struct tcp_hdr *)(void *)(frame->bytes + IP_HLEN);
}

/* The ports stand at the same places in UDP. */
static bool is_to_server(struct frame *frame)
{
    return tcp_of(frame)->dest == lwip_htons(PORT);
}

static bool has_flag(struct frame *frame, uint8_t flag)
{
    return frame->bytes[9] == IP_PROTO_TCP && (TCPH_FLAGS(tcp_of(frame)) & flag) != 0;
}

static struct frame *add_frame(size_t len)
{
    struct frame *frame = &wire.frames[(wire.first + wire.count) % FRAMES];

    assert_true(wire.count < FRAMES);
    assert_true(len <= MAX_FRAME);
    wire.count++;
    frame->len = (uint16_t)len;
    return frame;
}

static err_t wire_output(struct netif *netif, struct pbuf *packet, const ip4_addr_t *to)
{
    struct frame *frame = add_frame(packet->tot_len);

    (void)netif;
    (void)to;
    pbuf_copy_partial(packet, frame->bytes, frame->len, 0);
    wire.resets += has_flag(frame, TCP_RST);
    wire.ends += has_flag(frame, TCP_FIN);
    if (is_to_server(frame)) {
        wire.client_window = lwip_ntohs(tcp_of(frame)->wnd);
    }
    if (is_to_server(frame) ? wire.to_server_lost : wire.to_client_lost) {
        wire.count--;
    }
    return ERR_OK;
}

static err_t wire_begin(struct netif *netif)
{
    netif->output = wire_output;
    netif->mtu = MAX_FRAME;
    netif->flags = NETIF_FLAG_LINK_UP | NETIF_FLAG_BROADCAST;
    return ERR_OK;
}

/* Gives the next frame to lwIP as a board does: from its pool, or not at all. Returns whether there was one. */
static bool deliver_one(void)
{
    struct frame *frame = &wire.frames[wire.first];
    struct pbuf *packet;

    if (wire.count == 0) {
        return false;
    }
    packet = pbuf_alloc(PBUF_RAW, frame->len, PBUF_POOL);
    if (packet != NULL) {
        (void)pbuf_take(packet, frame->bytes, frame->len);
    }
    wire.first = (wire.first + 1) % FRAMES;
    wire.count--;
    if (packet != NULL) {
        (void)ip4_input(packet, &wire.netif);
    }
    return true;
}

/* ---- An application that records what happens ---- */

enum event { AT_NONE, AT_OPENED, AT_RECEIVED, AT_ENDED, AT_WRITABLE, AT_CLOSED };

struct app {
    struct net net;
    struct net_conn places[PLACES];

    /* what it does */
    size_t take_most;        /* of each offer */
    size_t take_until;       /* in all */
    size_t to_send;          /* bytes of the pattern, from opened() on */
    enum event act_at;       /* in this event the connection is closed, or reset */
    struct net_conn *victim; /* closed in the next received(), a millisecond later */
    bool act_resets;
    bool reconnects;           /* in closed(), after net_close() */
    uint32_t tick_ms;          /* what tick() returns */
    const char *send_at_tick;  /* sent on `conn` in the next tick() */
    const char *answer_at_end; /* sent in ended(), and the connection closed */

    /* what has happened */
    unsigned opened, outgoing, offers, ended, writable, closed, ticks;
    struct net_conn *conn; /* the latest */
    size_t received, sent;
    uint8_t first[32]; /* of what was received */
    bool wrong;        /* a byte was wrong, or an event came that may not come */
};

static struct app server, client;

/* The user of a connection for which no event may come any more. */
static char gone;

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) * 7);
}

static void pump(struct app *app, struct net_conn *conn)
{
    uint8_t piece[1000];
    size_t len, taken;

    do {
        len = app->to_send < sizeof piece ? app->to_send : sizeof piece;
        for (size_t i = 0; i < len; i++) {
            piece[i] = byte_at(app->sent + i);
        }
        taken = net_send(conn, piece, len);
        app->sent += taken;
        app->to_send -= taken;
    } while (taken > 0);
}

static void act(struct app *app, struct net_conn *conn, enum event event)
{
    if (app->act_at != event) {
        return;
    }
    net_set_user(conn, &gone);
    if (app->act_resets) {
        net_reset(conn);
    } else {
        net_close(conn);
    }
}

static void begin_event(struct app *app, const struct net_conn *conn)
{
    app->wrong = app->wrong || net_user(conn) == &gone;
}

static void on_opened(void *context, struct net_conn *conn, bool outgoing)
{
    struct app *app = context;

    begin_event(app, conn);
    app->conn = conn;
    app->opened++;
    app->outgoing += outgoing;
    pump(app, conn);
    act(app, conn, AT_OPENED);
}

static size_t on_received(void *context, struct net_conn *conn, const uint8_t *data, size_t len)
{
    struct app *app = context;
    size_t taken = LWIP_MIN(LWIP_MIN(len, app->take_most), app->take_until - app->received);

    begin_event(app, conn);
    app->wrong = app->wrong || len == 0;
    app->offers++;
    assert_true(app->offers < MAX_SPINS);
    for (size_t i = 0; i < taken; i++, app->received++) {
        app->wrong = app->wrong || data[i] != byte_at(app->received);
        if (app->received < sizeof app->first) {
            app->first[app->received] = data[i];
        }
    }
    if (app->victim != NULL) {
        clock_ms++;
        net_close(app->victim);
        app->victim = NULL;
    }
    act(app, conn, AT_RECEIVED);
    return taken;
}

static void on_ended(void *context, struct net_conn *conn)
{
    struct app *app = context;

    begin_event(app, conn);
    app->ended++;
    if (app->answer_at_end != NULL) {
        (void)net_send(conn, app->answer_at_end, strlen(app->answer_at_end));
        net_close(conn);
        net_set_user(conn, &gone);
    }
    act(app, conn, AT_ENDED);
}

static void on_writable(void *context, struct net_conn *conn)
{
    struct app *app = context;

    begin_event(app, conn);
    app->writable++;
    pump(app, conn);
    act(app, conn, AT_WRITABLE);
}

static struct net_conn *connect_to(uint16_t port, void *user)
{
    return net_connect(&client.net, netif_ip_addr4(&wire.netif), port, user);
}

static void on_closed(void *context, struct net_conn *conn, const char *reason)
{
    struct app *app = context;

    begin_event(app, conn);
    app->closed++;
    app->wrong = app->wrong || strlen(reason) < 5 || net_send(conn, "x", 1) != 0 || net_unsent(conn) != 0;
    app->conn = NULL;
    act(app, conn, AT_CLOSED);
    if (app->reconnects) {
        app->reconnects = false;
        net_close(conn);
        app->wrong = app->wrong || connect_to(PORT, NULL) == NULL;
    }
}

static uint32_t on_tick(void *context, uint32_t now_ms)
{
    struct app *app = context;

    assert_in_range(clock_ms - now_ms, 0, 1);
    app->ticks++;
    if (app->send_at_tick != NULL) {
        (void)net_send(app->conn, app->send_at_tick, strlen(app->send_at_tick));
        app->send_at_tick = NULL;
    }
    return app->tick_ms;
}

static const struct net_events events = {on_opened, on_received, on_ended, on_writable, on_closed, on_tick};

/* ---- Running it ---- */

/* Until nothing more happens at this time. */
static void settle(void)
{
    bool busy;
    unsigned spins = 0;

    do {
        busy = deliver_one();
        busy = net_poll(&server.net) == 0 || busy;
        busy = net_poll(&client.net) == 0 || busy;
        assert_true(++spins < MAX_SPINS);
    } while (busy || wire.count > 0);
}

static void run_for(uint32_t ms)
{
    settle();
    for (uint32_t past = 0; past < ms; past += STEP_MS) {
        clock_ms += STEP_MS;
        sys_check_timeouts();
        settle();
    }
}

static void connect_both(void)
{
    unsigned opened = client.opened;

    assert_non_null(connect_to(PORT, NULL));
    settle();
    assert_int_equal(client.opened, opened + 1);
}

/* Has `app` send `len` more bytes of the pattern. */
static void send_pattern(struct app *app, size_t len)
{
    app->to_send += len;
    pump(app, app->conn);
    settle();
}

static void take_all(struct app *app)
{
    app->take_most = app->take_until = SIZE_MAX;
    net_resume(app->conn);
    settle();
}

static bool is_free(const struct app *app)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (app->places[i].state != 0) {
            return false;
        }
    }
    return true;
}

/* A segment by hand from `port` of the client's to the server. */
static void inject(uint16_t port, uint32_t seqno, uint32_t ackno, uint8_t flags, const void *data, size_t len)
{
    struct frame *frame = add_frame(IP_HLEN + TCP_HLEN + len);
    struct ip_hdr *ip = (struct ip_hdr *)(void *)frame->bytes;
    struct tcp_hdr *tcp = tcp_of(frame);

    memset(frame->bytes, 0, IP_HLEN + TCP_HLEN);
    IPH_VHL_SET(ip, 4, IP_HLEN / 4);
    IPH_LEN_SET(ip, lwip_htons(frame->len));
    IPH_TTL_SET(ip, 64);
    IPH_PROTO_SET(ip, IP_PROTO_TCP);
    ip->src.addr = ip->dest.addr = netif_ip4_addr(&wire.netif)->addr;
    tcp->src = lwip_htons(port);
    tcp->dest = lwip_htons(PORT);
    tcp->seqno = lwip_htonl(seqno);
    tcp->ackno = lwip_htonl(ackno);
    tcp->wnd = lwip_htons(1000);
    TCPH_HDRLEN_FLAGS_SET(tcp, TCP_HLEN / 4, flags);
    if (len > 0) {
        memcpy(frame->bytes + IP_HLEN + TCP_HLEN, data, len);
    }
}

/* Handshakes that are not answered: of the listener on PORT, and of all. */
static unsigned half_open(bool of_server)
{
    unsigned count = 0;

    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        count += pcb->state == SYN_RCVD && (!of_server || pcb->local_port == PORT);
    }
    return count;
}

/* ---- Memory ---- */

static unsigned pool_used_before[MEMP_MAX];
static size_t heap_used_before;

struct hoard {
    void *blocks[64];
    unsigned count;
};

/* Takes what is left of a pool. */
static void hoard_pool(struct hoard *hoard, memp_t pool)
{
    hoard->count = 0;
    while ((hoard->blocks[hoard->count] = memp_malloc(pool)) != NULL) {
        hoard->count++;
        assert_true(hoard->count < COUNT_OF(hoard->blocks));
    }
}

static void release_pool(struct hoard *hoard, memp_t pool)
{
    while (hoard->count > 0) {
        memp_free(pool, hoard->blocks[--hoard->count]);
    }
}

/* Takes what is left of the heap, but for one block of `but` bytes. */
static void hoard_heap(struct hoard *hoard, mem_size_t but)
{
    void *kept = but > 0 ? mem_malloc(but) : NULL;

    hoard->count = 0;
    for (mem_size_t size = MEM_SIZE; size >= 8; size /= 2) {
        while ((hoard->blocks[hoard->count] = mem_malloc(size)) != NULL) {
            hoard->count++;
            assert_true(hoard->count < COUNT_OF(hoard->blocks));
        }
    }
    if (kept != NULL) {
        mem_free(kept);
    }
}

static void release_heap(struct hoard *hoard)
{
    while (hoard->count > 0) {
        mem_free(hoard->blocks[--hoard->count]);
    }
}

/* ---- Before and after each test ---- */

static void begin_app(struct app *app)
{
    *app = (struct app){.take_most = SIZE_MAX, .take_until = SIZE_MAX, .tick_ms = 1000};
    app->net.main = (struct net_owner){.events = &events, .app = app};
    app->net.conns = app->places;
    app->net.conn_count = PLACES;
    app->net.linger_ms = LINGER_MS;
}

static int set_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MEMP_MAX; i++) {
        pool_used_before[i] = memp_pools[i]->stats->used;
    }
    heap_used_before = lwip_stats.mem.used;
    begin_app(&server);
    begin_app(&client);
    assert_int_equal(net_listen(&server.net, NULL, PORT, BACKLOG), ERR_OK);
    wire.first = wire.count = wire.resets = wire.ends = 0;
    wire.to_server_lost = wire.to_client_lost = false;
    return 0;
}

static void reset_all(struct app *app)
{
    for (unsigned i = 0; i < PLACES; i++) {
        net_reset(&app->places[i]);
    }
    net_stop_listening(&app->net);
}

/* Whatever happened, lwIP has all of its memory back. */
static int tear_down(void **state)
{
    (void)state;
    server.act_at = client.act_at = AT_NONE;
    wire.to_server_lost = wire.to_client_lost = false;
    reset_all(&server);
    reset_all(&client);
    run_for(FORGET_MS);
    assert_false(server.wrong);
    assert_false(client.wrong);
    for (unsigned i = 0; i < MEMP_MAX; i++) {
        assert_int_equal(memp_pools[i]->stats->used, pool_used_before[i]);
    }
    assert_int_equal(lwip_stats.mem.used, heap_used_before);
    assert_null(tcp_active_pcbs);
    assert_null(tcp_tw_pcbs);
    return 0;
}

/* ---- Opening ---- */

static void a_connection_opens_on_both_sides(void **state)
{
    int mine;

    (void)state;
    struct net_conn *conn = connect_to(PORT, &mine);
    assert_non_null(conn);
    assert_ptr_equal(net_user(conn), &mine);
    assert_int_equal(client.opened, 0); /* not from within net_connect() */
    settle();
    assert_int_equal(client.opened, 1);
    assert_int_equal(client.outgoing, 1);
    assert_int_equal(server.opened, 1);
    assert_int_equal(server.outgoing, 0);
    assert_ptr_equal(client.conn, conn);
    assert_ptr_equal(net_user(conn), &mine);
    assert_null(net_user(server.conn));
    net_set_user(server.conn, &server);
    assert_ptr_equal(net_user(server.conn), &server);
    run_for(FORGET_MS);
    assert_int_equal(client.closed + server.closed + client.ended + server.ended, 0);
}

static void where_nobody_listens_a_connection_is_closed_and_its_place_free(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= PLACES + 1; i++) {
        assert_non_null(connect_to(NOBODY, &client));
        assert_int_equal(client.closed, i - 1);
        settle();
        assert_int_equal(client.closed, i);
        assert_true(is_free(&client));
    }
    assert_int_equal(client.opened, 0);
}

static void a_connection_without_an_answer_is_closed(void **state)
{
    (void)state;
    wire.to_server_lost = true;
    assert_non_null(connect_to(PORT, NULL));
    run_for(100000);
    assert_int_equal(client.closed, 1);
    assert_int_equal(client.opened, 0);
    assert_true(is_free(&client));
}

static void without_a_place_or_memory_or_a_route_nothing_is_connected(void **state)
{
    struct hoard hoard;

    (void)state;
    hoard_pool(&hoard, MEMP_TCP_PCB);
    assert_null(connect_to(PORT, NULL));
    release_pool(&hoard, MEMP_TCP_PCB);
    hoard_pool(&hoard, MEMP_TCP_SEG);
    assert_null(connect_to(PORT, NULL));
    release_pool(&hoard, MEMP_TCP_SEG);
    netif_set_down(&wire.netif);
    assert_null(connect_to(PORT, NULL));
    netif_set_up(&wire.netif);
    assert_true(is_free(&client));
    for (unsigned i = 0; i < PLACES; i++) {
        connect_both();
    }
    assert_null(connect_to(PORT, NULL));
    assert_int_equal(client.closed, 0);
}

static void a_port_that_is_taken_is_refused_without_a_leak(void **state)
{
    struct net second = {.main = {.events = &events}};
    struct hoard hoard;

    (void)state;
    assert_int_equal(net_listen(&second, NULL, PORT, BACKLOG), ERR_USE);
    hoard_pool(&hoard, MEMP_TCP_PCB_LISTEN);
    assert_int_equal(net_listen(&second, NULL, NOBODY, BACKLOG), ERR_MEM);
    release_pool(&hoard, MEMP_TCP_PCB_LISTEN);
    hoard_pool(&hoard, MEMP_TCP_PCB);
    assert_int_equal(net_listen(&second, NULL, NOBODY, BACKLOG), ERR_MEM);
    release_pool(&hoard, MEMP_TCP_PCB);
}

static void a_connection_may_be_given_up_before_it_came_through(void **state)
{
    (void)state;
    net_reset(connect_to(PORT, NULL));
    run_for(LINGER_MS);
    assert_int_equal(server.opened, 0);
    net_close(connect_to(PORT, NULL));
    server.act_at = AT_ENDED;
    run_for(100);
    assert_int_equal(client.opened + client.closed, 0);
    assert_int_equal(server.opened, 1);
    assert_int_equal(server.ended, 1);
    assert_true(is_free(&client) && is_free(&server));
    wire.to_server_lost = true; /* one that never comes through lingers */
    net_close(connect_to(PORT, NULL));
    run_for(LINGER_MS - STEP_MS);
    assert_false(is_free(&client));
    run_for(STEP_MS);
    assert_true(is_free(&client));
}

static void a_peer_that_resets_before_it_was_announced_is_never_heard_of(void **state)
{
    (void)state;
    assert_non_null(connect_to(PORT, NULL));
    while (deliver_one()) {
        (void)net_poll(&client.net);
    }
    assert_int_equal(client.opened, 1);
    net_reset(client.conn);
    while (deliver_one()) {
    }
    settle();
    assert_int_equal(server.opened + server.closed, 0);
    assert_true(is_free(&server));
}

static void what_came_with_the_handshake_follows_opened_at_once(void **state)
{
    (void)state;
    for (unsigned len = 0; len < 2; len++) {
        unsigned opened = server.opened, ended = server.ended;
        unsigned polls = 0;

        client.to_send = len;
        client.act_at = AT_OPENED;
        assert_non_null(connect_to(PORT, NULL));
        while (deliver_one()) {
            (void)net_poll(&client.net);
        }
        assert_int_equal(server.opened, opened);
        while (net_poll(&server.net) == 0) {
            assert_true(++polls < 5);
        }
        assert_int_equal(server.opened, opened + 1);
        assert_int_equal(server.received, len);
        assert_int_equal(server.ended, ended + 1);
        assert_int_equal(server.closed, 0);
    }
}

/* ---- Receiving ---- */

static void data_of_many_sizes_arrives_byte_for_byte_on_both_sides(void **state)
{
    static const size_t sizes[] = {1, 2, 199, 200, 201, 399, 400, 401, 799, 800, 801, 1600, 5000, 30000};

    (void)state;
    connect_both();
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        size_t to_server = client.sent + sizes[i], to_client = server.sent + sizes[COUNT_OF(sizes) - 1 - i];

        client.to_send = to_server - client.sent;
        server.to_send = to_client - server.sent;
        pump(&client, client.conn);
        send_pattern(&server, 0);
        run_for(POLL_MS);
        assert_int_equal(server.received, to_server);
        assert_int_equal(client.received, to_client);
    }
    assert_int_equal(wire.resets, 0);
}

static void what_is_not_taken_is_withheld_closes_the_window_and_is_offered_again_on_request(void **state)
{
    (void)state;
    server.take_most = 0;
    connect_both();
    send_pattern(&client, 5000);
    run_for(20000); /* probes of the window included */
    assert_true(client.sent < 5000);
    assert_int_equal(net_unsent(client.conn), TCP_SND_BUF);
    assert_int_equal(server.received, 0);
    assert_int_equal(server.conn->pcb->rcv_ann_wnd, 0);
    unsigned offers = server.offers;
    assert_in_range(offers, 1, 4); /* not more often than something arrived */
    net_resume(server.conn);
    settle();
    assert_int_equal(server.offers, offers + 1);
    take_all(&server);
    run_for(20000);
    assert_int_equal(server.received, 5000);
    assert_int_equal(server.conn->pcb->rcv_wnd, TCP_WND);
}

static void what_is_taken_in_parts_arrives_whole(void **state)
{
    (void)state;
    for (size_t part = 1; part <= 300; part += 13) {
        server.take_most = part;
        if (server.conn == NULL) {
            connect_both();
        }
        send_pattern(&client, 1000);
        while (server.received < client.sent) {
            size_t before = server.received;

            net_resume(server.conn);
            run_for(STEP_MS);
            assert_true(server.received > before);
        }
        run_for(POLL_MS);
        assert_int_equal(client.to_send, 0);
        take_all(&server);
        assert_int_equal(server.received, client.sent);
    }
}

static void a_peer_that_sends_single_bytes_pins_only_its_share_of_pbufs(void **state)
{
    (void)state;
    server.take_most = 0;
    connect_both();
    for (unsigned i = 0; i < 30; i++) {
        send_pattern(&client, 1);
        assert_true(memp_pools[MEMP_PBUF_POOL]->stats->used <= NET_LWIP_PBUFS + 1);
    }
    assert_int_equal(pbuf_clen(server.conn->received), NET_LWIP_PBUFS);
    assert_non_null(server.conn->pcb->refused_data);
    take_all(&server);
    run_for(10 * POLL_MS);
    assert_int_equal(server.received, 30);
    assert_int_equal(net_unsent(client.conn), 0);
}

static void what_lwip_keeps_arrives_before_the_end(void **state)
{
    (void)state;
    server.take_most = 0;
    connect_both();
    for (unsigned i = 0; i < NET_LWIP_PBUFS + 1; i++) {
        send_pattern(&client, 1);
    }
    net_close(client.conn);
    run_for(POLL_MS);
    assert_int_equal(server.ended, 0);
    take_all(&server);
    run_for(LINGER_MS);
    assert_int_equal(server.received, NET_LWIP_PBUFS + 1);
    assert_int_equal(server.ended, 1);
}

/* A frame longer than a pbuf comes in several, and lwIP leaves those empty at its front that hold only what it had before.
 * They have nothing to offer: to offer them was a loop without an end. */
static void a_long_segment_of_which_the_front_is_known_yields_only_what_is_new(void **state)
{
    uint8_t data[600];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = byte_at(i);
    }
    for (unsigned withheld = 0; withheld < 2; withheld++) {
        server.received = client.sent = 0;
        connect_both();
        uint32_t seqno = client.conn->pcb->snd_nxt;
        send_pattern(&client, 300);
        server.take_until = withheld ? 300 : SIZE_MAX;
        send_pattern(&client, 20);
        wire.to_client_lost = true; /* the client knows of no such segment */
        inject(client.conn->pcb->local_port, seqno, client.conn->pcb->rcv_nxt, TCP_ACK, data, sizeof data);
        settle();
        assert_int_equal(server.received, withheld ? 300 : sizeof data);
        take_all(&server);
        assert_int_equal(server.received, sizeof data);
        wire.to_client_lost = false;
        net_reset(server.conn);
        settle();
    }
}

static void a_short_segment_is_acknowledged_at_once(void **state)
{
    (void)state;
    connect_both();
    for (unsigned i = 0; i < 10; i++) {
        send_pattern(&client, 20);
        assert_int_equal(net_unsent(client.conn), 0);
    }
    send_pattern(&client, 4000); /* long ones are as lwIP sees fit, each second one */
    run_for(POLL_MS);
    send_pattern(&client, TCP_MSS); /* or as the window moves */
    run_for(POLL_MS);
    send_pattern(&client, TCP_MSS);
    assert_int_equal(net_unsent(client.conn), TCP_MSS);
    run_for(POLL_MS);
    assert_int_equal(net_unsent(client.conn), 0);
}

/* ---- Sending ---- */

static void writable_comes_when_what_was_not_taken_has_room(void **state)
{
    static const uint8_t zeros[2000];

    (void)state;
    connect_both();
    assert_int_equal(net_send(client.conn, zeros, 0), 0);
    assert_int_equal(net_send(client.conn, zeros, 100), 100);
    settle();
    run_for(POLL_MS);
    assert_int_equal(client.writable, 0); /* all was taken: nothing was promised */
    server.wrong = false;                 /* no pattern, this */
    assert_int_equal(net_send(client.conn, zeros, sizeof zeros), TCP_SND_BUF);
    assert_int_equal(net_send(client.conn, zeros, 1), 0);
    (void)net_poll(&client.net);
    assert_int_equal(client.writable, 0);
    settle();
    run_for(POLL_MS);
    assert_int_equal(client.writable, 1);
    assert_int_equal(server.received, 100 + TCP_SND_BUF);
    server.wrong = false;
}

static void a_piece_of_half_the_buffer_at_most_is_taken_whole_or_not_at_all(void **state)
{
    static const uint8_t zeros[TCP_SND_BUF];

    (void)state;
    connect_both();
    wire.to_server_lost = true;
    assert_int_equal(net_send(client.conn, zeros, TCP_SND_BUF / 2 + 1), TCP_SND_BUF / 2 + 1);
    assert_int_equal(net_send(client.conn, zeros, TCP_SND_BUF / 2), 0);
    assert_int_equal(net_send(client.conn, zeros, TCP_SND_BUF / 2 + 1), TCP_SND_BUF / 2 - 1);
}

static void without_memory_sending_is_tried_again_though_nothing_else_happens(void **state)
{
    struct hoard hoard;

    (void)state;
    connect_both();
    run_for(POLL_MS);
    hoard_heap(&hoard, 0);
    send_pattern(&client, 500);
    assert_int_equal(client.sent, 0);
    release_heap(&hoard);
    settle();
    assert_int_equal(client.writable, 0);
    run_for(POLL_MS);
    assert_in_range(client.writable, 1, 2);
    run_for(POLL_MS);
    assert_int_equal(server.received, 500);
}

static void with_little_memory_a_part_is_sent(void **state)
{
    struct hoard hoard;

    (void)state;
    connect_both();
    run_for(POLL_MS);
    hoard_heap(&hoard, 160);
    assert_int_equal(net_send(client.conn, "\0", 0), 0);
    send_pattern(&client, TCP_MSS);
    assert_in_range(client.sent, 10, TCP_MSS - 1);
    release_heap(&hoard);
    run_for(2 * POLL_MS);
    assert_int_equal(server.received, TCP_MSS);
}

static void unsent_is_what_the_peer_has_not_acknowledged(void **state)
{
    (void)state;
    connect_both();
    assert_int_equal(net_unsent(client.conn), 0);
    wire.to_server_lost = true;
    send_pattern(&client, 500);
    assert_int_equal(net_unsent(client.conn), 500);
    run_for(STEP_MS);
    send_pattern(&client, 100);
    assert_int_equal(net_unsent(client.conn), 600);
    wire.to_server_lost = false;
    run_for(20000);
    assert_int_equal(net_unsent(client.conn), 0);
    assert_int_equal(server.received, 600);
}

static void what_a_tick_sends_goes_out_at_once(void **state)
{
    static const char text[] = {(char)0, (char)31, 0};

    (void)state;
    connect_both();
    run_for(POLL_MS);
    client.to_send = 1; /* the pattern's first byte, zero, is no text */
    pump(&client, client.conn);
    settle();
    client.send_at_tick = text + 1;
    settle();
    assert_int_equal(server.received, 2);
}

static void connections_that_have_something_at_once_are_all_served(void **state)
{
    static const uint8_t bytes[] = {0, 31, 62};

    (void)state;
    for (unsigned i = 0; i < PLACES; i++) {
        connect_both();
    }
    for (unsigned i = 0; i < PLACES; i++) {
        assert_int_equal(net_send(&client.places[i], &bytes[i], 1), 1);
    }
    settle();
    assert_int_equal(server.received, PLACES);
    server.wrong = false; /* the pattern is one connection's */
}

/* ---- The end ---- */

static void the_end_comes_once_and_after_the_last_byte(void **state)
{
    (void)state;
    server.take_until = 0;
    connect_both();
    send_pattern(&client, 700);
    net_close(client.conn);
    run_for(POLL_MS);
    for (; server.take_until <= 700; server.take_until += 50) {
        assert_int_equal(server.ended, 0);
        net_resume(server.conn);
        settle();
        assert_int_equal(server.received, server.take_until);
    }
    assert_int_equal(server.ended, 1);
    net_resume(server.conn);
    settle();
    assert_int_equal(server.ended, 1);
    assert_int_equal(server.closed, 0);
}

static void no_end_is_told_after_a_close_in_the_same_round(void **state)
{
    (void)state;
    for (unsigned resets = 0; resets < 2; resets++) {
        server.act_at = AT_RECEIVED;
        server.act_resets = resets != 0;
        client.received = server.received = client.sent = 0;
        connect_both();
        client.to_send = 10;
        pump(&client, client.conn);
        net_close(client.conn);
        while (deliver_one()) {
        }
        assert_int_equal(server.received, 0);
        settle();
        assert_int_equal(server.received, 10);
        assert_int_equal(server.ended, 0);
        assert_true(is_free(&server));
    }
}

static void a_connection_that_both_sides_closed_needs_no_place(void **state)
{
    (void)state;
    connect_both();
    net_close(client.conn);
    settle();
    assert_int_equal(server.ended, 1);
    wire.to_client_lost = true;
    net_close(server.conn);
    run_for(100);
    assert_true(is_free(&server));
    assert_false(is_free(&client));
    assert_int_equal(wire.ends, 2);
    assert_int_equal(wire.resets, 0);
}

static void a_peer_that_ended_still_gets_its_answer(void **state)
{
    (void)state;
    connect_both();
    send_pattern(&client, 300);
    (void)tcp_shutdown(client.conn->pcb, 0, 1); /* the net has no half-close of its own */
    settle();
    assert_int_equal(server.ended, 1);
    send_pattern(&server, 5000);
    run_for(POLL_MS);
    assert_int_equal(client.received, 5000);
    assert_int_equal(client.ended, 0);
    net_close(server.conn);
    settle();
    assert_int_equal(client.ended, 1);
    assert_true(is_free(&server));
    assert_int_equal(wire.resets, 0);
}

static void what_was_sent_before_a_close_arrives_and_then_the_end(void **state)
{
    (void)state;
    for (unsigned early = 0; early < 2; early++) {
        client.received = server.sent = 0;
        connect_both();
        server.to_send = TCP_SND_BUF;
        pump(&server, server.conn);
        if (early == 0) {
            settle();
        }
        net_close(server.conn);
        run_for(100);
        assert_int_equal(client.received, TCP_SND_BUF);
        assert_int_equal(client.ended, early + 1);
        net_close(client.conn);
        settle();
        assert_true(is_free(&server) && is_free(&client));
    }
    assert_int_equal(wire.resets, 0);
    assert_int_equal(server.closed + client.closed + server.ended, 0);
}

static void an_answer_in_ended_arrives(void **state)
{
    static const char answer[] = {(char)0x1f, 0};

    (void)state;
    server.answer_at_end = answer;
    connect_both();
    (void)tcp_shutdown(client.conn->pcb, 0, 1);
    settle();
    assert_int_equal(client.received, 1);
    assert_int_equal(client.first[0], 0x1f);
    assert_int_equal(client.ended, 1);
    assert_true(is_free(&server));
    client.wrong = false; /* no pattern, this */
}

static void what_arrives_after_a_close_is_discarded(void **state)
{
    (void)state;
    server.take_most = 0;
    connect_both();
    send_pattern(&client, 10 * TCP_WND);
    assert_true(client.sent < 10 * TCP_WND);
    net_close(server.conn);
    run_for(LINGER_MS - POLL_MS);
    assert_int_equal(client.sent, 10 * TCP_WND);
    assert_int_equal(net_unsent(client.conn), 0);
    assert_int_equal(server.received, 0);
    assert_int_equal(client.ended, 1);
    net_close(client.conn);
    settle();
    assert_true(is_free(&server));
    assert_int_equal(wire.resets, 0);
}

static void what_lwip_keeps_is_discarded_after_a_close(void **state)
{
    (void)state;
    server.take_most = 0;
    connect_both();
    for (unsigned i = 0; i < NET_LWIP_PBUFS + 3; i++) {
        send_pattern(&client, 1);
    }
    assert_non_null(server.conn->pcb->refused_data);
    net_close(server.conn);
    net_close(client.conn);
    run_for(LINGER_MS);
    assert_int_equal(wire.resets, 0);
    assert_true(is_free(&server) && is_free(&client));
}

static void a_lingering_connection_is_reset_when_its_time_is_over(void **state)
{
    (void)state;
    connect_both();
    net_close(server.conn);
    run_for(LINGER_MS - STEP_MS);
    assert_int_equal(client.ended, 1);
    assert_int_equal(client.closed, 0);
    run_for(STEP_MS);
    assert_int_equal(client.closed, 1);
    assert_int_equal(wire.resets, 1);
    assert_true(is_free(&server) && is_free(&client));
}

/* The last acknowledgment counts as well, though it is the FIN's, too. */
static void the_linger_time_begins_anew_with_each_acknowledgment(void **state)
{
    (void)state;
    client.take_until = 0;
    connect_both();
    send_pattern(&server, TCP_WND);
    send_pattern(&server, TCP_SND_BUF);
    assert_int_equal(net_unsent(server.conn), TCP_SND_BUF);
    net_close(server.conn);
    run_for(LINGER_MS * 3 / 4);
    client.take_until = TCP_SND_BUF - TCP_MSS;
    net_resume(client.conn);
    settle();
    run_for(LINGER_MS * 3 / 4);
    assert_int_equal(net_unsent(server.conn), TCP_MSS);
    take_all(&client);
    run_for(LINGER_MS * 19 / 20);
    assert_int_equal(client.received, TCP_WND + TCP_SND_BUF);
    assert_int_equal(client.ended, 1);
    assert_int_equal(client.closed, 0);
    run_for(LINGER_MS);
    assert_int_equal(client.closed, 1);
}

/* The clock of the round was older than that of the close, and the difference a huge one. */
static void a_connection_closed_by_an_event_of_another_lingers(void **state)
{
    (void)state;
    connect_both();
    connect_both();
    assert_ptr_equal(server.conn, &server.places[1]);
    server.victim = &server.places[1];
    assert_int_equal(net_send(&client.places[0], "\0", 1), 1);
    (void)net_poll(&client.net);
    assert_true(deliver_one());
    clock_ms += 100; /* time for a look at all connections */
    (void)net_poll(&server.net);
    assert_null(server.victim);
    settle();
    assert_int_equal(client.ended, 1);
    assert_int_equal(client.closed, 0);
    assert_int_equal(wire.resets, 0);
}

static void a_fin_that_fails_for_want_of_memory_is_sent_later(void **state)
{
    struct hoard segments, heap;

    (void)state;
    connect_both();
    run_for(POLL_MS);
    hoard_pool(&segments, MEMP_TCP_SEG);
    hoard_heap(&heap, 0);
    net_close(client.conn);
    settle();
    assert_int_equal(wire.ends, 0);
    release_heap(&heap);
    release_pool(&segments, MEMP_TCP_SEG);
    run_for(POLL_MS);
    assert_int_equal(server.ended, 1);
    net_close(server.conn);
    settle();
    assert_true(is_free(&server) && is_free(&client));
    assert_int_equal(wire.resets, 0);
}

static void a_fin_without_memory_after_that_of_the_peer_is_sent_later(void **state)
{
    struct hoard segments, heap;

    (void)state;
    connect_both();
    send_pattern(&server, 100);
    net_close(client.conn);
    settle();
    assert_int_equal(server.ended, 1);
    hoard_pool(&segments, MEMP_TCP_SEG);
    hoard_heap(&heap, 0);
    net_close(server.conn);
    settle();
    assert_int_equal(wire.ends, 1);
    release_heap(&heap);
    release_pool(&segments, MEMP_TCP_SEG);
    run_for(POLL_MS);
    assert_int_equal(wire.ends, 2);
    assert_int_equal(wire.resets, 0);
    assert_true(is_free(&server) && is_free(&client));
}

static void a_reset_is_told_to_the_peer_at_once(void **state)
{
    (void)state;
    connect_both();
    net_reset(client.conn);
    settle();
    assert_int_equal(server.closed, 1);
    assert_int_equal(client.closed, 0);
    assert_true(is_free(&server) && is_free(&client));
}

static void a_reset_is_told_though_bytes_are_withheld(void **state)
{
    (void)state;
    server.take_most = 0;
    connect_both();
    send_pattern(&client, 300);
    net_reset(client.conn);
    settle();
    assert_int_equal(server.closed, 1);
    assert_int_equal(server.ended, 0);
    assert_true(is_free(&server));
}

static void bytes_that_a_reset_follows_are_received(void **state)
{
    (void)state;
    connect_both();
    client.to_send = 300;
    pump(&client, client.conn);
    (void)net_poll(&client.net);
    net_reset(client.conn);
    while (deliver_one()) {
    }
    assert_int_equal(server.received, 0);
    settle();
    assert_int_equal(server.received, 300);
    assert_int_equal(server.closed, 1);
}

/* ---- Events that end their connection ---- */

static void an_event_may_close_or_reset_its_connection(void **state)
{
    (void)state;
    for (unsigned resets = 0; resets < 2; resets++) {
        for (enum event event = AT_OPENED; event <= AT_CLOSED; event++) {
            begin_app(&client);
            net_stop_listening(&server.net);
            begin_app(&server);
            assert_int_equal(net_listen(&server.net, NULL, PORT, BACKLOG), ERR_OK);
            server.act_at = event;
            server.act_resets = resets != 0;
            server.to_send = event == AT_WRITABLE ? 5000 : 1000;
            client.to_send = event == AT_WRITABLE ? 0 : 5000;
            assert_non_null(connect_to(PORT, NULL));
            run_for(100);
            if (event == AT_ENDED) {
                (void)tcp_shutdown(client.conn->pcb, 0, 1);
            } else if (event == AT_CLOSED) {
                net_reset(client.conn);
            }
            run_for(2 * LINGER_MS);
            assert_int_equal(server.opened, 1);
            assert_int_equal(client.opened + client.closed + (event == AT_CLOSED), resets || event != AT_ENDED ? 2 : 1);
            assert_int_equal(server.closed, event == AT_CLOSED);
            assert_false(server.wrong);
            assert_true(is_free(&server));
        }
    }
}

/* The place was freed once more after the event, and the new connection with it. */
static void an_application_may_connect_again_as_soon_as_it_is_closed(void **state)
{
    (void)state;
    client.reconnects = true;
    client.net.conn_count = 1;
    connect_both();
    net_reset(server.conn);
    settle();
    assert_int_equal(client.closed, 1);
    assert_int_equal(client.opened, 2);
    send_pattern(&client, 100);
    assert_int_equal(server.received, 100);
    client.reconnects = true;
    net_reset(client.conn);
    assert_non_null(connect_to(NOBODY, NULL));
    settle();
    assert_int_equal(client.closed, 2);
    assert_int_equal(client.opened, 3);
}

static void a_connection_whose_peer_is_gone_can_be_used_until_closed_comes(void **state)
{
    (void)state;
    for (unsigned resets = 0; resets < 2; resets++) {
        server.take_most = 0;
        connect_both();
        send_pattern(&client, 100);
        net_reset(client.conn);
        while (deliver_one()) {
        }
        assert_int_equal(server.closed, 0);
        assert_null(server.conn->pcb);
        assert_int_equal(net_send(server.conn, "lost", 4), 0);
        assert_int_equal(net_send(server.conn, "lost", 0), 0);
        assert_int_equal(net_unsent(server.conn), 0);
        net_resume(server.conn);
        if (resets) {
            net_reset(server.conn);
        } else {
            net_close(server.conn);
        }
        settle();
        assert_int_equal(server.closed, 0);
        assert_true(is_free(&server));
    }
}

static void a_peer_that_is_gone_while_its_connection_lingers_frees_the_place(void **state)
{
    (void)state;
    connect_both();
    net_close(server.conn);
    net_reset(client.conn);
    settle();
    assert_int_equal(server.closed, 0);
    assert_true(is_free(&server));
}

/* ---- Places ---- */

static void a_newcomer_takes_the_place_that_lingers_longest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PLACES; i++) {
        connect_both();
        run_for(STEP_MS);
    }
    net_close(&server.places[1]);
    run_for(STEP_MS);
    net_close(&server.places[0]);
    run_for(STEP_MS);
    net_close(&server.places[2]);
    settle();
    assert_int_equal(client.ended, PLACES);
    net_set_user(&server.places[2], &server);
    net_reset(&client.places[2]); /* its place is free, and the first choice */
    settle();
    connect_both();
    assert_ptr_equal(server.conn, &server.places[2]);
    assert_null(net_user(server.conn));
    assert_int_equal(client.closed, 0);
    net_reset(&client.places[2]);
    settle();
    server.places[2].state = 99; /* taken, as far as the net knows */
    connect_both();
    server.places[2].state = 0;
    assert_ptr_equal(server.conn, &server.places[1]);
    assert_int_equal(client.closed, 1);
}

static void without_a_place_a_newcomer_is_reset(void **state)
{
    static struct net_conn more[1];
    struct net second = client.net;

    (void)state;
    for (unsigned i = 0; i < PLACES; i++) {
        connect_both();
    }
    second.conns = more;
    second.conn_count = 1;
    assert_non_null(net_connect(&second, netif_ip_addr4(&wire.netif), PORT, NULL));
    settle();
    (void)net_poll(&second);
    (void)net_poll(&second);
    assert_int_equal(client.closed, 1);
    assert_int_equal(server.opened, PLACES);
    assert_int_equal(server.closed, 0);
    send_pattern(&server, 1000);
    assert_int_equal(server.sent, 1000);
}

static void without_pcbs_those_that_linger_are_ended_and_open_ones_never(void **state)
{
    struct hoard hoard;

    (void)state;
    connect_both();
    connect_both();
    run_for(STEP_MS);
    hoard_pool(&hoard, MEMP_TCP_PCB);
    assert_null(connect_to(PORT, NULL));
    settle();
    assert_int_equal(client.closed + server.closed, 0);
    net_close(&server.places[0]);
    settle();
    assert_non_null(connect_to(NOBODY, NULL));
    release_pool(&hoard, MEMP_TCP_PCB);
    settle();
    assert_int_equal(server.places[0].state, 0);
    assert_int_not_equal(server.places[1].state, 0);
    assert_int_equal(server.closed, 0);
}

/* ---- Handshakes ---- */

static void a_full_backlog_gives_its_oldest_handshake_a_second(void **state)
{
    (void)state;
    wire.to_client_lost = true;
    inject(40001, 1000, 0, TCP_SYN, NULL, 0);
    run_for(400);
    inject(40002, 2000, 0, TCP_SYN, NULL, 0);
    settle();
    assert_int_equal(half_open(true), BACKLOG);
    inject(40003, 3000, 0, TCP_SYN, NULL, 0);
    run_for(300);
    assert_int_equal(half_open(true), BACKLOG); /* no room for the third */
    run_for(700);
    assert_int_equal(half_open(true), BACKLOG - 1);
    assert_int_equal(tcp_active_pcbs->remote_port, 40002);
    run_for(POLL_MS);
    assert_int_equal(half_open(true), BACKLOG - 1); /* the other may take its time */
    wire.to_client_lost = false;
    connect_both();
    assert_int_equal(server.opened, 1);
}

static void handshakes_of_others_are_left_alone(void **state)
{
    struct net second = {.main = {.events = &events, .app = &server}};

    (void)state;
    assert_int_equal(net_listen(&second, NULL, NOBODY, BACKLOG), ERR_OK);
    wire.to_client_lost = true;
    inject(40001, 1000, 0, TCP_SYN, NULL, 0);
    tcp_of(&wire.frames[wire.first])->dest = lwip_htons(NOBODY);
    run_for(POLL_MS);
    inject(40002, 2000, 0, TCP_SYN, NULL, 0);
    inject(40003, 3000, 0, TCP_SYN, NULL, 0);
    run_for(POLL_MS);
    assert_int_equal(half_open(true), BACKLOG - 1);
    assert_int_equal(half_open(false), BACKLOG);
    net_stop_listening(&second);
    run_for(25000); /* lwIP's own patience */
    assert_int_equal(half_open(false), 0);
}

/* ---- Several owners ---- */

static struct app other;
static struct net_owner owner;

static void begin_other(void)
{
    begin_app(&other);
    owner = (struct net_owner){.events = &events, .app = &other};
}

static void each_listener_tells_its_own_owner(void **state)
{
    (void)state;
    begin_other();
    assert_int_equal(net_listen(&server.net, &owner, NOBODY, BACKLOG), ERR_OK);
    connect_both();
    send_pattern(&client, 100);
    assert_non_null(connect_to(NOBODY, NULL));
    settle();
    client.sent = 0;
    send_pattern(&client, 200);
    assert_int_equal(server.opened, 1);
    assert_int_equal(server.received, 100);
    assert_int_equal(other.opened, 1);
    assert_int_equal(other.received, 200);
    net_close(client.conn);
    settle();
    assert_int_equal(server.ended, 0);
    assert_int_equal(other.ended, 1);
    net_stop_listening(&server.net);
    assert_false(other.wrong);
}

static void each_owner_ticks_once_a_round_and_the_least_patient_counts(void **state)
{
    (void)state;
    begin_other();
    assert_int_equal(net_poll(&server.net), 1000);
    assert_int_equal(net_listen(&server.net, &owner, NOBODY, BACKLOG), ERR_OK);
    assert_int_equal(net_listen(&server.net, &owner, NOBODY, BACKLOG), ERR_USE);
    net_stop_listening(&server.net);
    assert_int_equal(net_listen(&server.net, &owner, PORT, BACKLOG), ERR_OK);
    assert_int_equal(net_listen(&server.net, &owner, NOBODY, BACKLOG), ERR_OK);
    other.tick_ms = 7;
    server.ticks = other.ticks = 0;
    assert_int_equal(net_poll(&server.net), 7);
    assert_int_equal(server.ticks, 1);
    assert_int_equal(other.ticks, 1);
    other.tick_ms = 5000;
    assert_int_equal(net_poll(&server.net), 1000);
    net_stop_listening(&server.net);
}

static void the_backlog_of_each_listener_is_its_own(void **state)
{
    (void)state;
    begin_other();
    assert_int_equal(net_listen(&server.net, &owner, NOBODY, BACKLOG), ERR_OK);
    wire.to_client_lost = true;
    for (uint16_t port = 40001; port <= 40000 + BACKLOG; port++) {
        inject(port, 1000, 0, TCP_SYN, NULL, 0);
        tcp_of(&wire.frames[wire.first])->dest = lwip_htons(NOBODY);
        settle();
    }
    assert_int_equal(half_open(false), BACKLOG);
    inject(40009, 1000, 0, TCP_SYN, NULL, 0);
    settle();
    assert_int_equal(half_open(true), 1);
    run_for(POLL_MS + 500);
    assert_int_equal(half_open(true), 1);
    assert_int_equal(half_open(false), BACKLOG); /* the full one lost its oldest */
    net_stop_listening(&server.net);
    run_for(25000); /* lwIP's own patience */
}

/* ---- Datagrams ---- */

#define ASKER 40000

struct datagrams {
    struct net_udp udp;
    unsigned count;
    size_t len;
    uint8_t bytes[1200];
    uint16_t port; /* of the peer */
    const char *answer;
    bool sent;
};

static struct datagrams asker, answerer;

static void on_datagram(void *context, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data,
                        size_t len)
{
    struct datagrams *datagrams = context;

    assert_ptr_equal(udp, &datagrams->udp);
    assert_true(ip_addr_cmp(peer->address, netif_ip_addr4(&wire.netif)));
    datagrams->count++;
    datagrams->len = len;
    datagrams->port = peer->port;
    memcpy(datagrams->bytes, data, len);
    if (datagrams->answer != NULL) {
        datagrams->sent = net_udp_send(udp, peer, datagrams->answer, strlen(datagrams->answer));
    }
}

static void open_datagrams(struct datagrams *datagrams, uint16_t port)
{
    *datagrams = (struct datagrams){.udp = {.received = on_datagram, .app = datagrams}};
    assert_int_equal(net_udp_open(&datagrams->udp, port), ERR_OK);
}

static int set_up_datagrams(void **state)
{
    (void)set_up(state);
    open_datagrams(&asker, ASKER);
    open_datagrams(&answerer, PORT);
    return 0;
}

static int tear_down_datagrams(void **state)
{
    net_udp_close(&asker.udp);
    net_udp_close(&answerer.udp);
    net_udp_close(&answerer.udp); /* once more does no harm */
    return tear_down(state);
}

static bool ask(const ip_addr_t *address, const void *data, size_t len)
{
    const struct net_peer peer = {address, PORT};

    return net_udp_send(&asker.udp, &peer, data, len);
}

static void a_datagram_arrives_whole_and_is_answered(void **state)
{
    uint8_t bytes[1200];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = byte_at(i);
    }
    answerer.answer = "here I am";
    for (size_t len = 0; len <= sizeof bytes; len += 100) {
        assert_true(ask(netif_ip_addr4(&wire.netif), bytes, len));
        settle();
        assert_int_equal(answerer.count, len / 100 + 1);
        assert_int_equal(answerer.len, len);
        assert_memory_equal(answerer.bytes, bytes, len);
        assert_int_equal(answerer.port, ASKER);
        assert_true(answerer.sent);
        assert_int_equal(asker.count, answerer.count);
        assert_int_equal(asker.len, 9);
        assert_memory_equal(asker.bytes, "here I am", 9);
        assert_int_equal(asker.port, PORT);
    }
    assert_int_equal(server.opened, 0); /* TCP has ports of its own */
}

static void a_broadcast_arrives(void **state)
{
    ip_addr_t everybody;

    (void)state;
    IP_ADDR4(&everybody, 10, 0, 0, 255);
    assert_true(ask(&everybody, "who is there", 12));
    settle();
    assert_int_equal(answerer.count, 1);
    assert_memory_equal(answerer.bytes, "who is there", 12);
}

static void without_memory_a_datagram_is_lost_and_no_more(void **state)
{
    static const uint8_t bytes[1000];
    struct hoard heap;

    (void)state;
    answerer.answer = "here I am";
    assert_true(ask(netif_ip_addr4(&wire.netif), bytes, sizeof bytes));
    hoard_heap(&heap, 0);
    settle();
    assert_int_equal(answerer.count, 0); /* it came in pieces */
    assert_false(ask(netif_ip_addr4(&wire.netif), bytes, 1));
    release_heap(&heap);
    assert_true(ask(netif_ip_addr4(&wire.netif), bytes, 100));
    hoard_heap(&heap, 0);
    settle();
    assert_int_equal(answerer.count, 1);
    assert_false(answerer.sent);
    release_heap(&heap);
    assert_false(ask(netif_ip_addr4(&wire.netif), bytes, 70000));
    assert_true(ask(netif_ip_addr4(&wire.netif), bytes, sizeof bytes));
    settle();
    assert_int_equal(answerer.count, 2);
    assert_int_equal(asker.count, 1);
}

static void a_udp_port_that_is_taken_is_refused_without_a_leak(void **state)
{
    struct net_udp third = {.received = on_datagram, .app = &asker};

    (void)state;
    assert_int_equal(net_udp_open(&third, NOBODY), ERR_MEM);
    net_udp_close(&asker.udp);
    assert_int_equal(net_udp_open(&third, PORT), ERR_USE);
    assert_null(third.pcb);
    assert_int_equal(net_udp_open(&third, NOBODY), ERR_OK);
    net_udp_close(&third);
}

static int set_up_all(void **state)
{
    ip4_addr_t address, mask, gateway;

    (void)state;
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 0, 0, 0, 0);
    lwip_init();
    (void)netif_add(&wire.netif, &address, &mask, &gateway, NULL, wire_begin, ip4_input);
    netif_set_default(&wire.netif);
    netif_set_up(&wire.netif);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_UDP(name) cmocka_unit_test_setup_teardown(name, set_up_datagrams, tear_down_datagrams)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_opens_on_both_sides),
        TEST(where_nobody_listens_a_connection_is_closed_and_its_place_free),
        TEST(a_connection_without_an_answer_is_closed),
        TEST(without_a_place_or_memory_or_a_route_nothing_is_connected),
        TEST(a_port_that_is_taken_is_refused_without_a_leak),
        TEST(a_connection_may_be_given_up_before_it_came_through),
        TEST(a_peer_that_resets_before_it_was_announced_is_never_heard_of),
        TEST(what_came_with_the_handshake_follows_opened_at_once),
        TEST(data_of_many_sizes_arrives_byte_for_byte_on_both_sides),
        TEST(what_is_not_taken_is_withheld_closes_the_window_and_is_offered_again_on_request),
        TEST(what_is_taken_in_parts_arrives_whole),
        TEST(a_peer_that_sends_single_bytes_pins_only_its_share_of_pbufs),
        TEST(what_lwip_keeps_arrives_before_the_end),
        TEST(a_long_segment_of_which_the_front_is_known_yields_only_what_is_new),
        TEST(a_short_segment_is_acknowledged_at_once),
        TEST(writable_comes_when_what_was_not_taken_has_room),
        TEST(a_piece_of_half_the_buffer_at_most_is_taken_whole_or_not_at_all),
        TEST(without_memory_sending_is_tried_again_though_nothing_else_happens),
        TEST(with_little_memory_a_part_is_sent),
        TEST(unsent_is_what_the_peer_has_not_acknowledged),
        TEST(what_a_tick_sends_goes_out_at_once),
        TEST(connections_that_have_something_at_once_are_all_served),
        TEST(the_end_comes_once_and_after_the_last_byte),
        TEST(no_end_is_told_after_a_close_in_the_same_round),
        TEST(a_connection_that_both_sides_closed_needs_no_place),
        TEST(a_peer_that_ended_still_gets_its_answer),
        TEST(what_was_sent_before_a_close_arrives_and_then_the_end),
        TEST(an_answer_in_ended_arrives),
        TEST(what_arrives_after_a_close_is_discarded),
        TEST(what_lwip_keeps_is_discarded_after_a_close),
        TEST(a_lingering_connection_is_reset_when_its_time_is_over),
        TEST(the_linger_time_begins_anew_with_each_acknowledgment),
        TEST(a_connection_closed_by_an_event_of_another_lingers),
        TEST(a_fin_that_fails_for_want_of_memory_is_sent_later),
        TEST(a_fin_without_memory_after_that_of_the_peer_is_sent_later),
        TEST(a_reset_is_told_to_the_peer_at_once),
        TEST(a_reset_is_told_though_bytes_are_withheld),
        TEST(bytes_that_a_reset_follows_are_received),
        TEST(an_event_may_close_or_reset_its_connection),
        TEST(an_application_may_connect_again_as_soon_as_it_is_closed),
        TEST(a_connection_whose_peer_is_gone_can_be_used_until_closed_comes),
        TEST(a_peer_that_is_gone_while_its_connection_lingers_frees_the_place),
        TEST(a_newcomer_takes_the_place_that_lingers_longest),
        TEST(without_a_place_a_newcomer_is_reset),
        TEST(without_pcbs_those_that_linger_are_ended_and_open_ones_never),
        TEST(a_full_backlog_gives_its_oldest_handshake_a_second),
        TEST(handshakes_of_others_are_left_alone),
        TEST(each_listener_tells_its_own_owner),
        TEST(each_owner_ticks_once_a_round_and_the_least_patient_counts),
        TEST(the_backlog_of_each_listener_is_its_own),
        TEST_UDP(a_datagram_arrives_whole_and_is_answered),
        TEST_UDP(a_broadcast_arrives),
        TEST_UDP(without_memory_a_datagram_is_lost_and_no_more),
        TEST_UDP(a_udp_port_that_is_taken_is_refused_without_a_leak),
    };

    return cmocka_run_group_tests_name("net_lwip", tests, set_up_all, NULL);
}
