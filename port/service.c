/* SPDX-License-Identifier: MIT */
/*
 * Server sessions on connections.
 *
 * Implementation notes
 *
 * Slots and buffers are taken from the front and reused last in, first out: memory that no connection has needed yet is
 * never touched. A session holds a buffer only while it does not rest, so idle connections share a few.
 *
 * A session that has work left, waits for the store, or was cut short for fairness stands in the list `waiting`, which
 * each tick goes through once. Time limits are looked at every SWEEP_MS, for all sessions.
 */
#include "service.h"

#include <stdalign.h>

/* Between two looks at all sessions' time limits. */
#define SWEEP_MS 250U

/* Bytes that one session sends before the others get their turn. */
#define SEND_SHARE (1024U * 1024U)

#define NEVER_MS UINT32_MAX

size_t service_buffer_size(const struct dory_server *server)
{
    size_t size = dory_session_buffer_size(server);

    return (size + alignof(void *) - 1) / alignof(void *) * alignof(void *);
}

static void *take_buffer(struct service *service)
{
    void *buffer = service->free_buffers;

    if (buffer != NULL) {
        service->free_buffers = *(void **)buffer;
        return buffer;
    }
    return service->buffers + service_buffer_size(service->server) * service->used_buffers++;
}

static void give_buffer_back(struct service *service, struct service_slot *slot)
{
    void *buffer = slot->session.buf;

    if (buffer != NULL) {
        dory_session_lend(&slot->session, NULL);
        *(void **)buffer = service->free_buffers;
        service->free_buffers = buffer;
    }
}

static struct service_slot *take_slot(struct service *service)
{
    struct service_slot *slot = service->free_slots;

    if (slot != NULL) {
        service->free_slots = slot->next;
        return slot;
    }
    if (service->used_slots < service->server->sessions) {
        slot = &service->slots[service->used_slots++];
        slot->waits = false;
        return slot;
    }
    return NULL;
}

static void free_slot(struct service *service, struct service_slot *slot)
{
    slot->next = service->free_slots;
    service->free_slots = slot;
}

/* Ends the session. A slot in the waiting list is freed when the list is gone through. */
static void end_session(struct service *service, struct service_slot *slot)
{
    dory_session_end(&slot->session);
    give_buffer_back(service, slot);
    slot->conn = NULL;
    service->active--;
    if (!slot->waits) {
        free_slot(service, slot);
    }
}

/* Sends what there is to send. Returns whether anything moved. */
static bool flush(struct service *service, struct service_slot *slot)
{
    size_t total = 0;

    while (!slot->blocked && total < SEND_SHARE &&
           (dory_session_wants(&slot->session) & (DORY_WANTS_OUTPUT | DORY_WANTS_RESET)) == DORY_WANTS_OUTPUT) {
        const uint8_t *data;
        size_t len = dory_session_output(&slot->session, service->scratch, service->scratch_len, &data, net_now_ms());
        size_t sent = len > 0 ? net_send(slot->conn, data, len) : 0;

        slot->blocked = sent < len;
        if (sent == 0) {
            break;
        }
        dory_session_sent(&slot->session, data, sent, net_now_ms());
        total += sent;
    }
    return total > 0;
}

/* Does what the session waits for, which is `wants`. */
static void settle_for(struct service *service, struct service_slot *slot, unsigned wants)
{
    bool unsent = (wants & DORY_WANTS_OUTPUT) != 0 && !slot->blocked;

    if ((wants & (DORY_WANTS_RESET | DORY_WANTS_CLOSE)) != 0) {
        struct net_conn *conn = slot->conn;

        end_session(service, slot);
        if ((wants & DORY_WANTS_RESET) != 0) {
            net_reset(conn);
        } else {
            net_close(conn);
        }
        return;
    }
    if (dory_session_rests(&slot->session)) {
        give_buffer_back(service, slot);
    }
    if (slot->withheld && (wants & DORY_WANTS_INPUT) != 0) {
        net_resume(slot->conn);
    }
    if (!slot->waits && (unsent || (wants & (DORY_WANTS_TURN | DORY_WANTS_STORE)) != 0)) {
        slot->waits = true;
        slot->next = service->waiting;
        service->waiting = slot;
    }
}

/* To be called after anything has happened to the session. */
static void settle(struct service *service, struct service_slot *slot)
{
    settle_for(service, slot, dory_session_wants(&slot->session));
}

/* Makes room for a new connection. Returns a free slot, or NULL. */
static struct service_slot *evict(struct service *service)
{
    struct service_slot *victim = NULL;
    int32_t longest = -1;
    struct net_conn *conn;

    for (uint32_t i = 0; i < service->used_slots; i++) {
        struct service_slot *slot = &service->slots[i];
        int32_t waited = slot->conn != NULL ? dory_session_evictable_ms(&slot->session, net_now_ms()) : -1;

        if (waited > longest) {
            longest = waited;
            victim = slot;
        }
    }
    if (victim == NULL) {
        return NULL;
    }
    conn = victim->conn;
    end_session(service, victim);
    net_close(conn);
    return take_slot(service);
}

static void refuse(struct net_conn *conn)
{
    uint8_t answer[DORY_SHORT_ANSWER];

    (void)net_send(conn, answer, dory_server_busy(answer));
    net_close(conn);
}

static void on_opened(void *app, struct net_conn *conn, bool outgoing)
{
    struct service *service = app;
    struct service_slot *slot = service->stopping ? NULL : take_slot(service);

    (void)outgoing;
    if (slot == NULL && !service->stopping) {
        slot = evict(service);
    }
    if (slot == NULL) {
        refuse(conn);
        return;
    }
    slot->conn = conn;
    slot->blocked = false;
    slot->withheld = false;
    slot->unsent = 0;
    service->active++;
    net_set_user(conn, slot);
    dory_session_begin(&slot->session, service->server, net_now_ms());
}

static size_t on_received(void *app, struct net_conn *conn, const uint8_t *data, size_t len)
{
    struct service *service = app;
    struct service_slot *slot = net_user(conn);
    size_t taken = 0;
    unsigned wants;
    bool moved;

    if (slot->session.buf == NULL) {
        dory_session_lend(&slot->session, take_buffer(service));
    }
    do {
        size_t fed = dory_session_feed(&slot->session, data + taken, len - taken, net_now_ms());

        taken += fed;
        moved = fed > 0;
        wants = dory_session_wants(&slot->session);
        if ((wants & DORY_WANTS_OUTPUT) != 0) {
            moved |= flush(service, slot);
            wants = dory_session_wants(&slot->session);
        }
    } while (moved && taken < len && (wants & DORY_WANTS_INPUT) != 0);
    slot->withheld = taken < len;
    settle_for(service, slot, wants);
    return taken;
}

static void on_ended(void *app, struct net_conn *conn)
{
    struct service_slot *slot = net_user(conn);

    dory_session_end_input(&slot->session, net_now_ms());
    (void)flush(app, slot);
    settle(app, slot);
}

static void on_writable(void *app, struct net_conn *conn)
{
    struct service_slot *slot = net_user(conn);

    slot->blocked = false;
    (void)flush(app, slot);
    settle(app, slot);
}

static void on_closed(void *app, struct net_conn *conn, const char *reason)
{
    (void)reason;
    end_session(app, net_user(conn));
}

static void run(struct service *service, struct service_slot *slot)
{
    dory_session_run(&slot->session, net_now_ms());
    (void)flush(service, slot);
    settle(service, slot);
}

/* A slow reader may take long to make the connection writable again; that it reads at all counts as movement. */
static void look_for_movement(struct service_slot *slot)
{
    uint32_t unsent = net_unsent(slot->conn);

    if (unsent < slot->unsent) {
        dory_session_sent(&slot->session, NULL, 0, net_now_ms());
    }
    slot->unsent = unsent;
}

static void sweep(struct service *service)
{
    dory_server_tick(service->server, net_now_ms());
    for (uint32_t i = 0; i < service->used_slots; i++) {
        struct service_slot *slot = &service->slots[i];

        if (slot->conn != NULL && slot->blocked) {
            look_for_movement(slot);
        }
        if (slot->conn != NULL) {
            run(service, slot);
        }
    }
}

/* When the sessions of the waiting list want to be run again. */
static uint32_t next_turn_ms(const struct service *service)
{
    uint32_t wait_ms = NEVER_MS;

    for (const struct service_slot *slot = service->waiting; slot != NULL; slot = slot->next) {
        unsigned wants = slot->conn != NULL ? dory_session_wants(&slot->session) : 0;

        if ((wants & DORY_WANTS_TURN) != 0 || ((wants & DORY_WANTS_OUTPUT) != 0 && !slot->blocked)) {
            return 0;
        }
        wait_ms = service->store_poll_ms;
    }
    return wait_ms;
}

/* Goes through the waiting list once. */
static void run_waiting(struct service *service)
{
    struct service_slot *slot = service->waiting;

    service->waiting = NULL;
    while (slot != NULL) {
        struct service_slot *next = slot->next;

        slot->waits = false;
        if (slot->conn != NULL) {
            run(service, slot);
        } else {
            free_slot(service, slot);
        }
        slot = next;
    }
}

/* Most often there is nothing to do. */
static uint32_t on_tick(void *app, uint32_t now_ms)
{
    struct service *service = app;
    uint32_t wait_ms;

    if (service->waiting != NULL) {
        run_waiting(service);
    }
    if (now_ms - service->swept_ms >= SWEEP_MS) {
        service->swept_ms = now_ms;
        sweep(service);
    }
    wait_ms = service->waiting != NULL ? next_turn_ms(service) : NEVER_MS;
    return service->active > 0 && wait_ms > SWEEP_MS ? SWEEP_MS : wait_ms;
}

/* One that waits for the store has its answer still to come. */
bool service_is_sent(const struct service *service)
{
    for (uint32_t i = 0; i < service->used_slots; i++) {
        const struct service_slot *slot = &service->slots[i];
        unsigned unsaid = DORY_WANTS_OUTPUT | DORY_WANTS_STORE;

        if (slot->conn != NULL && ((dory_session_wants(&slot->session) & unsaid) != 0 || net_unsent(slot->conn) > 0)) {
            return false;
        }
    }
    return true;
}

void service_stop(struct service *service)
{
    service->stopping = true;
    for (uint32_t i = 0; i < service->used_slots; i++) {
        struct service_slot *slot = &service->slots[i];
        struct net_conn *conn = slot->conn;

        if (conn == NULL) {
            continue;
        }
        dory_session_end_input(&slot->session, net_now_ms());
        (void)flush(service, slot);
        if ((dory_session_wants(&slot->session) & DORY_WANTS_STORE) == 0) {
            end_session(service, slot);
            net_close(conn);
        }
    }
}

void service_end(struct service *service)
{
    for (uint32_t i = 0; i < service->used_slots; i++) {
        struct net_conn *conn = service->slots[i].conn;

        if (conn != NULL) {
            end_session(service, &service->slots[i]);
            net_reset(conn);
        }
    }
}

const struct net_events service_events = {
    .opened = on_opened,
    .received = on_received,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_closed,
    .tick = on_tick,
};
