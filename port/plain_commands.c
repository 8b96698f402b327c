/* SPDX-License-Identifier: MIT */
/*
 * Sized and headed: unframed commands in, answers that tell their size first.
 *
 * Implementation notes
 *
 * A request has no end of its own: what has arrived when the service looks is one command. It looks in tick(), behind all
 * that a round of the net brought, so a command that the network split in two is still one if its pieces came together.
 * The events only take notes; every step is made in tick(), each connection for a bounded share.
 *
 * Carriage return, line feed and NUL are in no command. That keeps out what speaks another protocol: the lines of HTTP,
 * FTP and SMTP end with CR LF, so that no web page can have a browser post a command.
 *
 * An answer has four parts: head, standard output, standard error, tail. It is put together in pieces, as it is sent.
 */
#include "plain_commands.h"

#include <string.h>

#include "../core/status.h"
#include "../core/text.h"

/* Between two looks at all connections' time limits. */
#define SWEEP_MS 250U

/* Bytes of output that one connection collects or sends before the others get their turn. */
#define SHARE (256U * 1024U)

/* Steps of one connection in a tick: a short command begins, ends and is answered in one. */
#define STEPS 4U

#define NEVER_MS UINT32_MAX

/* What the size may be, behind which the tail must fit. */
#define MAX_KEPT ((uint32_t)INT32_MAX - (uint32_t)sizeof((struct plain_conn *)0)->tail)

enum state { RESTING, RUNNING, SENDING };

static uint32_t place_of(const struct plain_commands *plain, const struct plain_conn *conn)
{
    return (uint32_t)(conn - plain->conns);
}

/* ---- Answers ------------------------------------------------------------------ */

static const char *sentence_of(int status)
{
    static const struct {
        int status;
        const char *sentence;
    } rows[] = {
        {DORY_FORBIDDEN, "No commands are allowed here."},
        {DORY_BAD_REQUEST, "This is no command line."},
        {DORY_BUSY, "Too many are served at once; try again later."},
        {DORY_TIMEOUT, "The command took too long, and was ended."},
        {DORY_TOO_LARGE, "The command is too long, or wrote too much and was ended."},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].status == status) {
            return rows[i].sentence;
        }
    }
    return "The command could not be run.";
}

/* Appends to a text that has room for it. Returns its new end. */
static char *put_text(char *end, const char *text)
{
    size_t len = strlen(text);

    memcpy(end, text, len);
    return end + len;
}

static char *put_number(char *end, uint64_t number)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *end++ = digits[--count];
    }
    return end;
}

static void put_i32(uint8_t *end, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++) {
        end[i] = (uint8_t)(number >> (8 * i));
    }
}

/* Whether the output so far ends inside a line. */
static bool is_in_line(const struct plain_conn *conn)
{
    uint8_t last = conn->kept[1] > 0 ? conn->last[1] : conn->last[0];

    return (conn->kept[0] > 0 || conn->kept[1] > 0) && last != '\n';
}

/* What is said behind the output: that there was more, that the command was refused. */
static void make_tail(struct plain_conn *conn, int status)
{
    char *end = conn->tail;

    if ((conn->lost > 0 || status < 0) && is_in_line(conn)) {
        *end++ = '\n';
    }
    if (conn->lost > 0) {
        end = put_text(end, "[cut: ");
        end = put_number(end, conn->lost);
        end = put_text(end, " more bytes]\n");
    }
    if (status < 0) {
        end = put_text(end, "dory: ");
        end = put_text(end, dory_status_name((enum dory_status)status));
        end = put_text(end, ": ");
        end = put_text(end, sentence_of(status));
        end = put_text(end, "\n");
    }
    conn->tail_len = (uint8_t)(end - conn->tail);
}

static void make_head(const struct plain_commands *plain, struct plain_conn *conn)
{
    uint32_t size = conn->kept[0] + conn->kept[1] + conn->tail_len;
    char *header = (char *)conn->head + 4;
    char *end = header;

    conn->head_len = 4;
    put_i32(conn->head, size);
    if (plain->form == PLAIN_HEADED) {
        end = put_text(end, "{\"data_size\": ");
        end = put_number(end, size);
        end = put_text(end, "}");
        conn->head_len += (uint8_t)(end - header);
        put_i32(conn->head, (uint32_t)(end - header));
    }
}

/* All of the output has been collected; `status` is a failure or DORY_OK. */
static void begin_answer(const struct plain_commands *plain, struct plain_conn *conn, int status)
{
    make_tail(conn, status);
    make_head(plain, conn);
    conn->sent = 0;
    conn->state = SENDING;
    conn->since_ms = net_now_ms();
}

static bool read_part(const struct plain_commands *plain, const struct plain_conn *conn, unsigned part, uint32_t off,
                      uint8_t *data, size_t len)
{
    switch (part) {
    case 0:
        memcpy(data, conn->head + off, len);
        return true;
    case 1:
    case 2:
        return plain->spool->read(plain->spool_ctx, place_of(plain, conn), part == 1 ? DORY_STDOUT : DORY_STDERR, off,
                                  data, len);
    default:
        memcpy(data, conn->tail + off, len);
        return true;
    }
}

/* Fills `scratch` with what is to be sent next. Returns how many bytes; 0 when the spool lost them. */
static size_t read_answer(const struct plain_commands *plain, const struct plain_conn *conn)
{
    const uint32_t lens[] = {conn->head_len, conn->kept[0], conn->kept[1], conn->tail_len};
    uint32_t off = conn->sent;
    size_t filled = 0;

    for (unsigned part = 0; part < 4 && filled < plain->scratch_len; part++) {
        size_t len;

        if (off >= lens[part]) {
            off -= lens[part];
            continue;
        }
        len = plain->scratch_len - filled < lens[part] - off ? plain->scratch_len - filled : lens[part] - off;
        if (!read_part(plain, conn, part, off, plain->scratch + filled, len)) {
            return 0;
        }
        filled += len;
        off = 0;
    }
    return filled;
}

/* ---- Connections ---------------------------------------------------------------- */

/* Forgets the command and its output. */
static void end_command(const struct plain_commands *plain, struct plain_conn *conn)
{
    if (conn->state == RUNNING) {
        plain->commands->end(plain->commands_ctx, &conn->command);
    }
    plain->spool->reset(plain->spool_ctx, place_of(plain, conn));
    conn->kept[0] = 0;
    conn->kept[1] = 0;
    conn->lost = 0;
    conn->state = RESTING;
}

/* Frees the place. Returns the connection, which is the caller's to end. */
static struct net_conn *release(struct plain_commands *plain, struct plain_conn *conn)
{
    struct net_conn *net_conn = conn->conn;

    end_command(plain, conn);
    conn->conn = NULL;
    plain->active--;
    return net_conn;
}

static bool has_request(const struct plain_conn *conn)
{
    return conn->input_len > 0 || conn->too_long;
}

static struct plain_conn *find_place(struct plain_commands *plain)
{
    struct plain_conn *idlest = NULL;

    for (uint32_t i = 0; i < plain->conn_count; i++) {
        struct plain_conn *conn = &plain->conns[i];

        if (conn->conn == NULL) {
            return conn;
        }
        if (conn->state == RESTING && !has_request(conn) &&
            (idlest == NULL || (int32_t)(conn->since_ms - idlest->since_ms) < 0)) {
            idlest = conn;
        }
    }
    if (idlest != NULL) {
        net_close(release(plain, idlest));
    }
    return idlest;
}

/* It will take the answer for that to its first command, and then find the connection closed. */
static void refuse(const struct plain_commands *plain, struct net_conn *net_conn)
{
    uint8_t answer[sizeof((struct plain_conn *)0)->head + sizeof((struct plain_conn *)0)->tail];
    struct plain_conn none = {.conn = NULL};

    begin_answer(plain, &none, DORY_BUSY);
    memcpy(answer, none.head, none.head_len);
    memcpy(answer + none.head_len, none.tail, none.tail_len);
    (void)net_send(net_conn, answer, (size_t)none.head_len + none.tail_len);
    net_close(net_conn);
}

static void on_opened(void *app, struct net_conn *net_conn, bool outgoing)
{
    struct plain_commands *plain = app;
    struct plain_conn *conn = find_place(plain);

    (void)outgoing;
    if (conn == NULL) {
        refuse(plain, net_conn);
        return;
    }
    *conn = (struct plain_conn){.conn = net_conn, .state = RESTING, .since_ms = net_now_ms()};
    plain->active++;
    net_set_user(net_conn, conn);
}

static size_t on_received(void *app, struct net_conn *net_conn, const uint8_t *data, size_t len)
{
    struct plain_conn *conn = net_user(net_conn);

    (void)app;
    if (conn->too_long || len > sizeof conn->input - conn->input_len) {
        conn->too_long = true; /* the rest is withheld until the connection is closed */
        return 0;
    }
    memcpy(conn->input + conn->input_len, data, len);
    conn->input_len += (uint16_t)len;
    return len;
}

static void on_ended(void *app, struct net_conn *net_conn)
{
    struct plain_conn *conn = net_user(net_conn);

    (void)app;
    conn->input_ended = true;
}

static void on_writable(void *app, struct net_conn *net_conn)
{
    struct plain_conn *conn = net_user(net_conn);

    (void)app;
    conn->blocked = false;
}

static void on_closed(void *app, struct net_conn *net_conn, const char *reason)
{
    (void)reason;
    (void)release(app, net_user(net_conn));
}

/* ---- Steps: each returns whether to go on with the next one at once ----------------- */

/* Takes the command that has arrived. Returns its length, or -1 when it is none. */
static int32_t take_line(struct plain_conn *conn)
{
    size_t len = conn->input_len;

    conn->input_len = 0;
    if (len > 0 && conn->input[len - 1] == '\n') {
        len--;
    }
    if (conn->too_long || len > PLAIN_MAX_COMMAND) {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        if (conn->input[i] == '\r' || conn->input[i] == '\n' || conn->input[i] == '\0') {
            return -1;
        }
    }
    conn->input[len] = '\0';
    return (int32_t)len;
}

static bool begin_command(struct plain_commands *plain, struct plain_conn *conn)
{
    int32_t len = take_line(conn);
    int result = DORY_OK;

    if (len < 0) {
        net_close(release(plain, conn));
        return false;
    }
    if (!dory_utf8_check(conn->input, (size_t)len)) {
        result = DORY_BAD_REQUEST;
    } else if (len > 0) {
        conn->command = (struct dory_command){.handle = NULL};
        result = plain->commands->start(plain->commands_ctx, conn->input, &conn->command);
    }
    if (len > 0 && result == DORY_OK) {
        conn->state = RUNNING;
    } else {
        begin_answer(plain, conn, result);
    }
    return true;
}

static bool on_resting(struct plain_commands *plain, struct plain_conn *conn)
{
    if (has_request(conn)) {
        return begin_command(plain, conn);
    }
    if (conn->input_ended) {
        net_close(release(plain, conn));
    }
    return false;
}

/* Keeps `len` bytes of output as far as there is room. Once something was lost nothing further is kept: what is sent is
 * the beginning. */
static void keep(const struct plain_commands *plain, struct plain_conn *conn, size_t len)
{
    unsigned which = conn->command.stream == DORY_STDERR ? 1 : 0;
    uint32_t room = conn->lost > 0 ? 0 : MAX_KEPT - conn->kept[0] - conn->kept[1];
    size_t want = len < room ? len : room;
    size_t kept = 0;

    if (want > 0) {
        kept = plain->spool->append(plain->spool_ctx, place_of(plain, conn), which == 1 ? DORY_STDERR : DORY_STDOUT,
                                    plain->scratch, want);
    }
    if (kept > 0) {
        conn->kept[which] += (uint32_t)kept;
        conn->last[which] = plain->scratch[kept - 1];
    }
    conn->lost += len - kept;
}

static bool on_running(const struct plain_commands *plain, struct plain_conn *conn)
{
    int32_t got = 1;

    for (size_t total = 0; got > 0 && total < SHARE; total += (size_t)got) {
        got = plain->commands->output(plain->commands_ctx, &conn->command, plain->scratch, plain->scratch_len);
        if (got > 0) {
            keep(plain, conn, (size_t)got);
        }
    }
    conn->later = got == 0 && !conn->command.ended;
    if (got > 0 || conn->later) {
        return false;
    }
    plain->commands->end(plain->commands_ctx, &conn->command);
    begin_answer(plain, conn, (int)got);
    return true;
}

static bool on_sending(struct plain_commands *plain, struct plain_conn *conn)
{
    uint32_t size = conn->head_len + conn->kept[0] + conn->kept[1] + conn->tail_len;

    for (size_t total = 0; !conn->blocked && conn->sent < size && total < SHARE;) {
        size_t len = read_answer(plain, conn);
        size_t sent = len > 0 ? net_send(conn->conn, plain->scratch, len) : 0;

        if (len == 0) {
            net_reset(release(plain, conn)); /* the size was promised */
            return false;
        }
        conn->blocked = sent < len;
        if (sent > 0) {
            conn->since_ms = net_now_ms();
        }
        conn->sent += (uint32_t)sent;
        total += sent;
    }
    if (conn->sent < size) {
        return false;
    }
    end_command(plain, conn);
    return true;
}

static bool step(struct plain_commands *plain, struct plain_conn *conn)
{
    switch ((enum state)conn->state) {
    case RESTING:
        return on_resting(plain, conn);
    case RUNNING:
        return on_running(plain, conn);
    case SENDING:
        return on_sending(plain, conn);
    }
    return false;
}

/* When the connection wants its next step. */
static uint32_t wait_of(const struct plain_commands *plain, const struct plain_conn *conn)
{
    switch ((enum state)conn->state) {
    case RESTING:
        return has_request(conn) || conn->input_ended ? 0 : SWEEP_MS;
    case RUNNING:
        return conn->later ? plain->poll_ms : 0;
    case SENDING:
        return conn->blocked ? SWEEP_MS : 0;
    }
    return SWEEP_MS;
}

/* ---- Time --------------------------------------------------------------------------- */

/* A slow reader may take long to make the connection writable again; that it reads at all counts as movement. */
static void look_for_movement(struct plain_conn *conn)
{
    uint32_t unsent = net_unsent(conn->conn);

    if (unsent < conn->unsent) {
        conn->since_ms = net_now_ms();
    }
    conn->unsent = unsent;
}

/* A command that runs has the provider's limit. */
static void check_time(struct plain_commands *plain, struct plain_conn *conn)
{
    if (conn->state == SENDING) {
        look_for_movement(conn);
        if (net_now_ms() - conn->since_ms >= plain->output_ms) {
            net_reset(release(plain, conn));
        }
    } else if (conn->state == RESTING && net_now_ms() - conn->since_ms >= plain->idle_ms) {
        net_close(release(plain, conn));
    }
}

static uint32_t on_tick(void *app, uint32_t now_ms)
{
    struct plain_commands *plain = app;
    bool sweeps = now_ms - plain->swept_ms >= SWEEP_MS;
    uint32_t wait_ms = plain->active > 0 ? SWEEP_MS : NEVER_MS;

    if (plain->active == 0) {
        return NEVER_MS;
    }
    plain->swept_ms = sweeps ? now_ms : plain->swept_ms;
    for (uint32_t i = 0; i < plain->conn_count; i++) {
        struct plain_conn *conn = &plain->conns[i];

        for (unsigned steps = 0; steps < STEPS && conn->conn != NULL && step(plain, conn); steps++) {
        }
        if (sweeps && conn->conn != NULL) {
            check_time(plain, conn);
        }
        if (conn->conn != NULL && wait_of(plain, conn) < wait_ms) {
            wait_ms = wait_of(plain, conn);
        }
    }
    return wait_ms;
}

bool plain_commands_is_sent(const struct plain_commands *plain)
{
    for (uint32_t i = 0; i < plain->conn_count; i++) {
        const struct plain_conn *conn = &plain->conns[i];

        if (conn->conn != NULL && (conn->state == SENDING || net_unsent(conn->conn) > 0)) {
            return false;
        }
    }
    return true;
}

void plain_commands_end(struct plain_commands *plain)
{
    for (uint32_t i = 0; i < plain->conn_count; i++) {
        if (plain->conns[i].conn != NULL) {
            net_close(release(plain, &plain->conns[i]));
        }
    }
}

const struct net_events plain_commands_events = {
    .opened = on_opened,
    .received = on_received,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_closed,
    .tick = on_tick,
};
