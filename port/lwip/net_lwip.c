/* SPDX-License-Identifier: MIT */
/*
 * Connections over lwIP's raw API.
 *
 * Implementation notes
 *
 * lwIP's callbacks only take notes: they queue pbufs and set bits. net_poll() acts on them outside of lwIP, so that an event
 * may abort the very connection it is about, and the rules on what a callback may do and must return (ERR_ABRT) stay in
 * the small functions at the top.
 *
 * What leaves something to do stirs the connection. net_poll() looks at no other, but at all of them every LOOK_MS: linger
 * time and half-open connections go by the clock, and what failed for want of memory is tried again.
 *
 * After the error callback the pcb is lwIP's: `pcb` is NULL from there on, and every function looks.
 *
 * A connection's first segments, and those from a short one on, which is a header as a rule, are acknowledged at once: a peer
 * in slow start would wait with the next one for lwIP's delayed acknowledgment, up to 250 ms.
 *
 * Priorities: when lwIP runs out of pcbs for a new connection it ends one of lower priority than the listener's. A
 * connection that says good-bye may be ended so (LINGERING), one with a session never (OPEN).
 */
#include "net_lwip.h"

#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>

/* Twice a second, in units of lwIP's slow timer. */
#define POLL_INTERVAL 1U

/* A handshake may take this long while others wait for its place. */
#define HALF_OPEN_MS 1000U

/* Between two looks at all connections. */
#define LOOK_MS 20U

/* Segments that are acknowledged at once. */
#define QUICK_ACKS 4U

enum state {
    FREE,
    CONNECTING, /* net_connect() waits */
    ACCEPTED,   /* opened() has not been told yet */
    OPEN,
    LINGERING, /* after net_close(): what arrives is discarded */
};

enum note {
    NOTE_OPENED = 1,
    NOTE_RESUME = 2,   /* what was withheld may be offered again */
    NOTE_FIN = 4,      /* the peer has sent its last byte */
    NOTE_ENDED = 8,    /* ended() was told */
    NOTE_BLOCKED = 16, /* writable() was promised */
    NOTE_MOVED = 32,   /* ... and is due */
    NOTE_OUTPUT = 64,  /* there is something for tcp_output() */
    NOTE_CLOSE = 128,  /* the FIN is still to be sent */
};

uint32_t net_now_ms(void)
{
    return sys_now();
}

/* Makes net_poll() look at the connection. */
static void stir(struct net_conn *conn)
{
    struct net *net = conn->owner->net;

    net->several |= net->stirred != NULL && net->stirred != conn;
    net->stirred = conn;
}

static void note(struct net_conn *conn, enum note note)
{
    conn->notes |= (uint8_t)note;
    stir(conn);
}

static void drop_received(struct net_conn *conn)
{
    if (conn->received != NULL) {
        pbuf_free(conn->received);
        conn->received = NULL;
    }
}

static void forget(struct net_conn *conn)
{
    drop_received(conn);
    conn->pcb = NULL;
    conn->state = FREE;
    conn->notes = 0;
}

/* Lets go of the pcb: no callback of it will come. */
static struct tcp_pcb *detach(struct net_conn *conn)
{
    struct tcp_pcb *pcb = conn->pcb;

    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    forget(conn);
    return pcb;
}

/* ---- lwIP's callbacks: they take notes -------------------------------------- */

/* When both sides have said good-bye lwIP sees to the rest; it may free a pcb in TIME-WAIT without a word. */
static void on_fin(struct net_conn *conn)
{
    if (conn->state == LINGERING && (conn->notes & NOTE_CLOSE) == 0) {
        (void)tcp_close(detach(conn));
    } else {
        note(conn, NOTE_FIN);
    }
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *received, err_t err)
{
    struct net_conn *conn = arg;

    (void)err;
    if (received == NULL) {
        on_fin(conn);
        return ERR_OK;
    }
    if (conn->state == LINGERING) {
        tcp_recved(pcb, received->tot_len);
        pbuf_free(received);
        return ERR_OK;
    }
    if (conn->received == NULL) {
        conn->received = received;
    } else if (pbuf_clen(conn->received) + pbuf_clen(received) <= NET_LWIP_PBUFS) {
        pbuf_cat(conn->received, received);
    } else {
        return ERR_MEM; /* lwIP keeps it, and asks again */
    }
    note(conn, NOTE_RESUME);
    return ERR_OK;
}

/* What sendable() takes whole has room when half of the buffer has. */
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct net_conn *conn = arg;

    (void)len;
    if ((conn->notes & NOTE_BLOCKED) != 0 && tcp_sndbuf(pcb) >= TCP_SND_BUF / 2) {
        note(conn, NOTE_MOVED);
    }
    return ERR_OK;
}

/* Twice a second: what failed for want of memory is tried again, though nothing else happens on this connection. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct net_conn *conn = arg;

    (void)pcb;
    if ((conn->notes & NOTE_BLOCKED) != 0) {
        note(conn, NOTE_MOVED);
    }
    return ERR_OK;
}

/* The pcb is gone already. */
static void on_error(void *arg, err_t err)
{
    struct net_conn *conn = arg;

    (void)err;
    conn->pcb = NULL;
    stir(conn);
    if (conn->state == LINGERING || conn->state == ACCEPTED) {
        forget(conn);
    }
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct net_conn *conn = arg;

    (void)pcb;
    (void)err;
    note(conn, NOTE_OPENED);
    return ERR_OK;
}

/* ---- Places ----------------------------------------------------------------- */

static void attach(struct net_conn *conn, struct net_owner *owner, struct tcp_pcb *pcb, enum state state)
{
    conn->owner = owner;
    conn->pcb = pcb;
    conn->user = NULL;
    conn->state = (uint8_t)state;
    conn->notes = 0;
    conn->quick_acks = QUICK_ACKS;
    tcp_arg(pcb, conn);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLL_INTERVAL);
    tcp_setprio(pcb, TCP_PRIO_NORMAL + 1);
    tcp_nagle_disable(pcb);
}

/* A free place; else that of the connection that has said good-bye longest ago. */
static struct net_conn *take_place(struct net *net)
{
    struct net_conn *oldest = NULL;

    for (uint32_t i = 0; i < net->conn_count; i++) {
        struct net_conn *conn = &net->conns[i];

        if (conn->state == FREE) {
            return conn;
        }
        if (conn->state == LINGERING && (oldest == NULL || (int32_t)(conn->since_ms - oldest->since_ms) < 0)) {
            oldest = conn;
        }
    }
    if (oldest != NULL) {
        net_reset(oldest);
    }
    return oldest;
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct net_owner *owner = arg;
    struct net_conn *conn;

    if (err != ERR_OK || pcb == NULL) {
        return ERR_VAL;
    }
    conn = take_place(owner->net);
    if (conn == NULL) {
        return ERR_MEM; /* lwIP resets it */
    }
    attach(conn, owner, pcb, ACCEPTED);
    stir(conn);
    return ERR_OK;
}

/* From now on its tick() is called. */
static void adopt(struct net *net, struct net_owner *owner)
{
    if (owner->net == NULL) {
        owner->net = net;
        if (owner != &net->main) {
            owner->next = net->main.next;
            net->main.next = owner;
        }
    }
}

err_t net_listen(struct net *net, struct net_owner *owner, uint16_t port, uint8_t backlog)
{
    struct tcp_pcb *pcb = tcp_new();
    struct tcp_pcb *listener;
    err_t err;

    if (pcb == NULL) {
        return ERR_MEM;
    }
    err = tcp_bind(pcb, IP_ANY_TYPE, port);
    listener = err == ERR_OK ? tcp_listen_with_backlog_and_err(pcb, backlog, &err) : NULL;
    if (listener == NULL) {
        (void)tcp_close(pcb);
        return err;
    }
    owner = owner != NULL ? owner : &net->main;
    adopt(net, owner);
    tcp_arg(listener, owner);
    tcp_accept(listener, on_accepted);
    return ERR_OK;
}

static bool is_ours(const struct net *net, const struct tcp_pcb_listen *listener)
{
    return listener->accept == on_accepted && ((const struct net_owner *)listener->callback_arg)->net == net;
}

void net_stop_listening(struct net *net)
{
    struct tcp_pcb_listen *next;

    for (struct tcp_pcb_listen *listener = tcp_listen_pcbs.listen_pcbs; listener != NULL; listener = next) {
        next = listener->next;
        if (is_ours(net, listener)) {
            (void)tcp_close((struct tcp_pcb *)listener);
        }
    }
}

struct net_conn *net_connect(struct net *net, const ip_addr_t *address, uint16_t port, void *user)
{
    struct net_conn *conn = take_place(net);
    struct tcp_pcb *pcb = conn != NULL ? tcp_new() : NULL;

    if (pcb == NULL) {
        return NULL;
    }
    adopt(net, &net->main);
    attach(conn, &net->main, pcb, CONNECTING);
    conn->user = user;
    if (tcp_connect(pcb, address, port, on_connected) != ERR_OK) {
        tcp_abort(detach(conn));
        return NULL;
    }
    return conn;
}

/* ---- For the application ------------------------------------------------------ */

/* How much of `len` bytes there is room for. A piece that would fit into half of the buffer waits until it fits whole: what is
 * not taken would be read from the store again, from the middle of a block. */
static size_t sendable(const struct tcp_pcb *pcb, size_t len)
{
    u16_t room = pcb != NULL ? tcp_sndbuf(pcb) : 0;

    if (len <= room) {
        return len;
    }
    return len <= TCP_SND_BUF / 2 ? 0 : room;
}

size_t net_send(struct net_conn *conn, const void *data, size_t len)
{
    struct tcp_pcb *pcb = conn->pcb;
    size_t part = sendable(pcb, len);

    /* Memory may be short for all of it, and still do for less. */
    while (part > 0 && tcp_write(pcb, data, (u16_t)part, TCP_WRITE_FLAG_COPY) != ERR_OK) {
        part /= 2;
    }
    if (part > 0) {
        conn->notes |= NOTE_OUTPUT;
        if (conn != conn->owner->net->now) {
            stir(conn);
        }
    }
    if (part < len) {
        conn->notes |= NOTE_BLOCKED;
    }
    return part;
}

uint32_t net_unsent(const struct net_conn *conn)
{
    return conn->pcb != NULL ? conn->pcb->snd_lbb - conn->pcb->lastack : 0;
}

void net_resume(struct net_conn *conn)
{
    conn->notes |= NOTE_RESUME;
    if (conn->received != NULL) {
        stir(conn);
    }
}

/* Sends the FIN when lwIP has the memory for it. */
static void finish(struct net_conn *conn)
{
    if (tcp_shutdown(conn->pcb, 0, 1) == ERR_OK) {
        conn->notes &= (uint8_t)~NOTE_CLOSE;
    }
}

void net_close(struct net_conn *conn)
{
    if (conn->pcb == NULL) {
        forget(conn);
        return;
    }
    if (conn->received != NULL) {
        tcp_recved(conn->pcb, conn->received->tot_len);
        drop_received(conn);
    }
    conn->state = LINGERING;
    conn->since_ms = net_now_ms();
    conn->last_unsent = net_unsent(conn);
    conn->notes = (uint8_t)((conn->notes & NOTE_FIN) | NOTE_CLOSE);
    tcp_setprio(conn->pcb, TCP_PRIO_MIN);
    finish(conn);
}

void net_reset(struct net_conn *conn)
{
    if (conn->pcb == NULL) {
        forget(conn);
        return;
    }
    tcp_abort(detach(conn));
}

void net_set_user(struct net_conn *conn, void *user)
{
    conn->user = user;
}

void *net_user(const struct net_conn *conn)
{
    return conn->user;
}

/* ---- What happens outside of lwIP --------------------------------------------- */

/* A frame that came in several pbufs may begin with empty ones: what they held was here before, and lwIP cut it off. It
 * never ends with one. */
static struct pbuf *skip_empty(struct pbuf *first)
{
    while (first->len == 0) {
        struct pbuf *rest = first->next;

        first->next = NULL;
        pbuf_free(first);
        first = rest;
    }
    return first;
}

/* Offers what has arrived, in place, until less is taken than was offered. */
static void feed(struct net_conn *conn)
{
    const struct net_owner *owner = conn->owner;
    bool is_short = conn->received->tot_len < TCP_MSS;
    size_t len, taken;

    conn->notes &= (uint8_t)~NOTE_RESUME;
    do {
        conn->received = skip_empty(conn->received);
        len = conn->received->len;
        taken = owner->events->received(owner->app, conn, conn->received->payload, len);
        if (conn->state != OPEN || conn->received == NULL) {
            return; /* the event closed it */
        }
        conn->received = pbuf_free_header(conn->received, (u16_t)taken);
        if (conn->pcb != NULL) {
            tcp_recved(conn->pcb, (u16_t)taken);
        }
    } while (taken == len && conn->received != NULL);
    if (is_short) {
        conn->quick_acks = QUICK_ACKS;
    }
    if (conn->quick_acks > 0 && conn->pcb != NULL && (conn->pcb->flags & TF_ACK_DELAY) != 0) {
        conn->quick_acks--;
        tcp_ack_now(conn->pcb);
        conn->notes |= NOTE_OUTPUT;
    }
}

/* The event may have given the place to a new connection. */
static void tell_closed(struct net_conn *conn, const char *reason)
{
    conn->owner->events->closed(conn->owner->app, conn, reason);
    if (conn->pcb == NULL) {
        forget(conn);
    }
}

static void handle_open(struct net_conn *conn)
{
    const struct net_owner *owner = conn->owner;

    if ((conn->notes & NOTE_RESUME) != 0 && conn->received != NULL) {
        feed(conn);
    }
    if (conn->state == OPEN && conn->pcb == NULL) {
        tell_closed(conn, "the connection was reset");
        return;
    }
    if (conn->state == OPEN && conn->received == NULL && (conn->notes & (NOTE_FIN | NOTE_ENDED)) == NOTE_FIN) {
        conn->notes |= NOTE_ENDED;
        owner->events->ended(owner->app, conn);
    }
    if (conn->state == OPEN && (conn->notes & (NOTE_BLOCKED | NOTE_MOVED)) == (NOTE_BLOCKED | NOTE_MOVED)) {
        conn->notes &= (uint8_t) ~(NOTE_BLOCKED | NOTE_MOVED);
        owner->events->writable(owner->app, conn);
    }
}

/* What the peer still acknowledges is a sign of life. lwIP may count the FIN in what is acknowledged only, so that the last
 * number wraps. The clock is read here: an event of this round may have closed the connection later than it began. */
static void handle_lingering(struct net_conn *conn)
{
    uint32_t now_ms = net_now_ms();
    uint32_t unsent = net_unsent(conn);

    if ((conn->notes & NOTE_CLOSE) != 0) {
        finish(conn);
    }
    if ((conn->notes & (NOTE_CLOSE | NOTE_FIN)) == NOTE_FIN) {
        on_fin(conn);
        return;
    }
    if (unsent != conn->last_unsent) {
        conn->since_ms = now_ms;
    }
    conn->last_unsent = unsent;
    if (now_ms - conn->since_ms >= conn->owner->net->linger_ms) {
        net_reset(conn);
    }
}

static void open_conn(struct net_conn *conn, bool outgoing)
{
    conn->state = OPEN;
    conn->notes &= (uint8_t)~NOTE_OPENED;
    conn->owner->events->opened(conn->owner->app, conn, outgoing);
    stir(conn); /* data or a FIN may have come along */
}

static void handle_connecting(struct net_conn *conn)
{
    if (conn->pcb == NULL) {
        tell_closed(conn, "no connection");
    } else if ((conn->notes & NOTE_OPENED) != 0) {
        open_conn(conn, true);
    }
}

static void handle(struct net_conn *conn)
{
    switch ((enum state)conn->state) {
    case FREE:
        break;
    case CONNECTING:
        handle_connecting(conn);
        break;
    case ACCEPTED:
        open_conn(conn, false);
        break;
    case OPEN:
        handle_open(conn);
        break;
    case LINGERING:
        handle_lingering(conn);
        break;
    }
    if (conn->pcb != NULL && (conn->notes & NOTE_OUTPUT) != 0) {
        conn->notes &= (uint8_t)~NOTE_OUTPUT;
        (void)tcp_output(conn->pcb);
    }
}

/* While the backlog is full nobody else gets in: the oldest handshake makes room once it has had its time. */
static void end_half_open(const struct tcp_pcb_listen *listener)
{
    struct tcp_pcb *oldest = NULL;

    if (listener->accepts_pending < listener->backlog) {
        return;
    }
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->state == SYN_RCVD && pcb->listener == listener &&
            (oldest == NULL || tcp_ticks - pcb->tmr > tcp_ticks - oldest->tmr)) {
            oldest = pcb;
        }
    }
    if (oldest != NULL && (tcp_ticks - oldest->tmr) * TCP_SLOW_INTERVAL >= HALF_OPEN_MS) {
        tcp_abort(oldest);
    }
}

static void look_at_listeners(const struct net *net)
{
    for (const struct tcp_pcb_listen *listener = tcp_listen_pcbs.listen_pcbs; listener != NULL;
         listener = listener->next) {
        if (is_ours(net, listener)) {
            end_half_open(listener);
        }
    }
}

static void look_at(struct net *net, struct net_conn *conn)
{
    net->now = conn;
    handle(conn);
    net->now = NULL;
}

static void look_at_all(struct net *net, uint32_t now_ms)
{
    net->looked_ms = now_ms;
    look_at_listeners(net);
    for (uint32_t i = 0; i < net->conn_count; i++) {
        look_at(net, &net->conns[i]);
    }
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

uint32_t net_poll(struct net *net)
{
    uint32_t now_ms = net_now_ms();
    struct net_conn *stirred = net->stirred;
    bool all = net->several || now_ms - net->looked_ms >= LOOK_MS;
    uint32_t wait_ms;

    net->stirred = NULL;
    net->several = false;
    if (all) {
        look_at_all(net, now_ms);
    } else if (stirred != NULL) {
        look_at(net, stirred);
    }
    wait_ms = tick_all(net, now_ms);
    return net->stirred != NULL ? 0 : wait_ms;
}
