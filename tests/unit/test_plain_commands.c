/* SPDX-License-Identifier: MIT */
/* Sized and headed over a net, a provider and a spool that are all made up here. */
#include "unit.h"

#include <stdlib.h>

#include "../../core/status.h"
#include "../../port/plain_commands.h"
#include "../../port/spool_ram.h"

#define CONNS 3U
#define PLACE 4096U
#define IDLE_MS 120000U
#define OUTPUT_MS 30000U

/* ---- A net ---------------------------------------------------------------------- */

enum fate { OPEN, CLOSED, RESET };

struct net_conn {
    void *user;
    enum fate fate;
    uint8_t out[65536]; /* what the peer has got */
    size_t out_len;
    size_t room; /* what net_send() takes until the next writable() */
    bool blocked;
    uint32_t unsent;
};

static uint32_t clock_ms;

uint32_t net_now_ms(void)
{
    return clock_ms;
}

size_t net_send(struct net_conn *conn, const void *data, size_t len)
{
    size_t taken = len < conn->room ? len : conn->room;

    assert_int_equal(conn->fate, OPEN);
    assert_true(len > 0);
    assert_true(taken <= sizeof conn->out - conn->out_len);
    memcpy(conn->out + conn->out_len, data, taken);
    conn->out_len += taken;
    conn->room -= taken;
    conn->blocked = taken < len;
    return taken;
}

uint32_t net_unsent(const struct net_conn *conn)
{
    return conn->unsent;
}

void net_resume(struct net_conn *conn)
{
    (void)conn;
}

void net_close(struct net_conn *conn)
{
    assert_int_equal(conn->fate, OPEN);
    conn->fate = CLOSED;
}

void net_reset(struct net_conn *conn)
{
    assert_int_equal(conn->fate, OPEN);
    conn->fate = RESET;
}

void net_set_user(struct net_conn *conn, void *user)
{
    conn->user = user;
}

void *net_user(const struct net_conn *conn)
{
    return conn->user;
}

/* ---- Commands: the line says what one does ------------------------------------------ */

struct piece {
    enum dory_stream stream;
    const char *text;
};

static const struct {
    const char *line;
    struct piece pieces[6];
    int end; /* DORY_OK, or the failure behind the pieces */
    bool waits;
} known[] = {
    {"hello", {{DORY_STDOUT, "hello world\n"}}, DORY_OK, false},
    {"mixed",
     {{DORY_STDERR, "oops\n"}, {DORY_STDOUT, "one\n"}, {DORY_STDERR, "again\n"}, {DORY_STDOUT, "two\n"}},
     DORY_OK,
     false},
    {"fails", {{DORY_STDERR, "no such thing"}}, DORY_OK, false},
    {"silent", {{DORY_STDOUT, NULL}}, DORY_OK, false},
    {"slow", {{DORY_STDOUT, "part\n"}, {DORY_STDOUT, "rest\n"}}, DORY_OK, true},
    {"late", {{DORY_STDOUT, "part"}}, DORY_TIMEOUT, false},
    {"late lines", {{DORY_STDOUT, "part"}, {DORY_STDERR, "err\n"}}, DORY_TIMEOUT, false},
    {"chatty", {{DORY_STDOUT, NULL}}, DORY_TOO_LARGE, false},
    {"broken", {{DORY_STDOUT, NULL}}, DORY_IO_ERROR, false},
};

static struct {
    unsigned started;
    unsigned running;
    char line[PLAIN_MAX_COMMAND + 1]; /* the last one */
    int refusal;
    bool released;    /* what waits may go on */
    uint64_t endless; /* bytes that "endless" still writes */
} provider;

struct work {
    size_t which;
    unsigned piece;
    size_t off;
};

static struct work works[CONNS];

/* A line that is not in the table is a command that prints it. */
static int start(void *ctx, const char *line, struct dory_command *command)
{
    size_t which = 0;
    struct work *work = NULL;

    assert_ptr_equal(ctx, &provider);
    assert_null(command->handle);
    if (provider.refusal != DORY_OK) {
        return provider.refusal;
    }
    while (which < COUNT_OF(known) && strcmp(known[which].line, line) != 0) {
        which++;
    }
    for (unsigned i = 0; i < CONNS; i++) {
        work = works[i].which == SIZE_MAX ? &works[i] : work;
    }
    assert_non_null(work);
    *work = (struct work){.which = which};
    command->handle = work;
    provider.started++;
    provider.running++;
    strcpy(provider.line, line);
    return DORY_OK;
}

static int32_t give(struct dory_command *command, struct work *work, const char *text, uint8_t *dst, size_t len)
{
    size_t left = strlen(text) - work->off;
    size_t part = left < len ? left : len;

    memcpy(dst, text + work->off, part);
    work->off += part;
    if (part == left) {
        work->off = 0;
        work->piece++;
    }
    command->ended = false;
    return (int32_t)part;
}

static int32_t give_endless(struct dory_command *command, size_t len)
{
    size_t part = provider.endless < len ? (size_t)provider.endless : len;

    provider.endless -= part;
    command->stream = DORY_STDOUT;
    command->ended = part == 0;
    return (int32_t)part;
}

static int32_t output(void *ctx, struct dory_command *command, uint8_t *dst, size_t len)
{
    struct work *work = command->handle;

    assert_ptr_equal(ctx, &provider);
    assert_true(len > 0);
    assert_false(command->ended);
    if (strcmp(provider.line, "endless") == 0) {
        return give_endless(command, len);
    }
    command->stream = DORY_STDOUT;
    if (work->which == COUNT_OF(known)) {
        command->ended = work->piece > 0;
        return work->piece > 0 ? 0 : give(command, work, provider.line, dst, len);
    }
    if (known[work->which].waits && work->piece == 1 && !provider.released) {
        return 0;
    }
    if (work->piece < 6 && known[work->which].pieces[work->piece].text != NULL) {
        command->stream = known[work->which].pieces[work->piece].stream;
        return give(command, work, known[work->which].pieces[work->piece].text, dst, len);
    }
    command->ended = true;
    return known[work->which].end;
}

static void end(void *ctx, struct dory_command *command)
{
    struct work *work = command->handle;

    assert_ptr_equal(ctx, &provider);
    assert_int_not_equal(work->which, SIZE_MAX);
    work->which = SIZE_MAX;
    provider.running--;
}

static const struct dory_commands commands = {.start = start, .output = output, .end = end};

/* ---- The service under test --------------------------------------------------------- */

static struct net_conn peers[CONNS + 1];
static struct plain_conn conns[CONNS];
static struct spool_ram_place places[CONNS];
static uint8_t spooled[CONNS * PLACE];
static struct spool_ram ram;
static uint8_t scratch[256];
static struct plain_commands plain;

static int set_up(void **state)
{
    (void)state;
    memset(peers, 0, sizeof peers);
    memset(conns, 0, sizeof conns);
    memset(places, 0, sizeof places);
    memset(&provider, 0, sizeof provider);
    for (unsigned i = 0; i < CONNS; i++) {
        works[i].which = SIZE_MAX;
    }
    clock_ms = UINT32_MAX - 5000; /* it comes round during the tests */
    ram = (struct spool_ram){.places = places, .bytes = spooled, .size = PLACE};
    plain = (struct plain_commands){
        .form = PLAIN_SIZED,
        .commands = &commands,
        .commands_ctx = &provider,
        .spool = &spool_ram,
        .spool_ctx = &ram,
        .conns = conns,
        .conn_count = CONNS,
        .scratch = scratch,
        .scratch_len = sizeof scratch,
        .poll_ms = 10,
        .idle_ms = IDLE_MS,
        .output_ms = OUTPUT_MS,
    };
    return 0;
}

/* Whatever happened, nothing runs and nothing is spooled when the last connection is gone. */
static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONNS; i++) {
        if (conns[i].conn != NULL) {
            plain_commands_events.closed(&plain, conns[i].conn, "the test is over");
        }
        assert_int_equal(places[i].out_len + places[i].err_len, 0);
    }
    assert_int_equal(plain.active, 0);
    assert_int_equal(provider.running, 0);
    return 0;
}

static struct net_conn *open_peer(unsigned which)
{
    struct net_conn *peer = &peers[which];

    *peer = (struct net_conn){.fate = OPEN, .room = SIZE_MAX};
    plain_commands_events.opened(&plain, peer, false);
    return peer;
}

/* Returns how many bytes were taken. */
static size_t arrive(struct net_conn *peer, const void *data, size_t len)
{
    return plain_commands_events.received(&plain, peer, guard_copy(data, len), len);
}

static void arrive_text(struct net_conn *peer, const char *text)
{
    assert_int_equal(arrive(peer, text, strlen(text)), strlen(text));
}

static uint32_t tick(void)
{
    return plain_commands_events.tick(&plain, clock_ms);
}

/* Ticks until there is nothing to do at once. */
static void settle(void)
{
    unsigned rounds = 0;

    while (tick() == 0) {
        assert_true(++rounds < 10000);
    }
}

static void pass(uint32_t ms)
{
    for (uint32_t passed = 0; passed < ms; passed += 250) {
        clock_ms += 250;
        settle();
    }
}

static void command(struct net_conn *peer, const char *text)
{
    arrive_text(peer, text);
    settle();
}

static void expect_bytes(struct net_conn *peer, const void *bytes, size_t len)
{
    assert_int_equal(peer->out_len, len);
    assert_memory_equal(peer->out, bytes, len);
    peer->out_len = 0;
}

/* One sized answer. */
static void expect(struct net_conn *peer, const char *text)
{
    size_t len = strlen(text);
    uint8_t answer[8192] = {(uint8_t)len, (uint8_t)(len >> 8)};

    memcpy(answer + 4, text, len);
    expect_bytes(peer, answer, 4 + len);
}

/* ---- Answers ---------------------------------------------------------------------------- */

static void a_sized_answer_is_the_size_and_the_output(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "hello");
    expect_bytes(peer, "\x0c\0\0\0hello world\n", 16);
    assert_int_equal(peer->fate, OPEN);
}

static void a_headed_answer_is_a_header_with_the_size_and_the_output(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    plain.form = PLAIN_HEADED;
    command(peer, "hello");
    expect_bytes(peer, "\x11\0\0\0{\"data_size\": 12}hello world\n", 33);
    command(peer, "silent");
    expect_bytes(peer, "\x10\0\0\0{\"data_size\": 0}", 20);
}

static void standard_output_comes_before_standard_error_however_mixed(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "mixed");
    expect(peer, "one\ntwo\noops\nagain\n");
}

static void what_a_failing_command_says_comes_back(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "fails");
    expect(peer, "no such thing");
}

static void a_command_without_output_has_size_0(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "silent");
    expect(peer, "");
}

static void an_empty_command_has_size_0_and_runs_nothing(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "\n");
    expect(peer, "");
    assert_int_equal(provider.started, 0);
    assert_int_equal(peer->fate, OPEN);
}

static void many_commands_go_down_one_connection(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        command(peer, i % 2 == 0 ? "hello" : "mixed");
        expect(peer, i % 2 == 0 ? "hello world\n" : "one\ntwo\noops\nagain\n");
    }
    assert_int_equal(provider.started, 1000);
}

static void an_answer_is_the_same_whatever_the_peer_takes_at_a_time(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 24; piece++) {
        struct net_conn *peer = open_peer(0);

        plain.form = PLAIN_HEADED;
        peer->room = 0;
        command(peer, "mixed");
        while (peer->blocked) {
            peer->room = piece;
            peer->blocked = false;
            plain_commands_events.writable(&plain, peer);
            settle();
        }
        expect_bytes(peer, "\x11\0\0\0{\"data_size\": 19}one\ntwo\noops\nagain\n", 40);
        plain_commands_events.closed(&plain, peer, "reset");
    }
}

static void an_answer_longer_than_the_scratch_memory_comes_whole(void **state)
{
    struct net_conn *peer = open_peer(0);
    char line[PLAIN_MAX_COMMAND + 1] = {0};

    (void)state;
    for (size_t i = 0; i < PLAIN_MAX_COMMAND; i++) {
        line[i] = (char)('a' + i % 26);
    }
    command(peer, line);
    expect(peer, line);
}

/* ---- Requests --------------------------------------------------------------------------- */

static void one_newline_at_the_end_is_dropped(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "hello\n");
    expect(peer, "hello world\n");
    assert_string_equal(provider.line, "hello");
}

static void what_comes_together_is_one_command_wherever_it_was_split(void **state)
{
    static const char line[] = "say something";

    (void)state;
    for (size_t split = 0; split <= sizeof line - 1; split++) {
        struct net_conn *peer = open_peer(0);

        if (split > 0) {
            assert_int_equal(arrive(peer, line, split), split);
        }
        if (split < sizeof line - 1) {
            arrive_text(peer, line + split);
        }
        settle();
        expect(peer, line);
        plain_commands_events.closed(&plain, peer, "reset");
    }
}

static void what_arrives_while_a_command_runs_is_the_next_one(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "slow");
    assert_int_equal(peer->out_len, 0);
    command(peer, "ne");
    command(peer, "xt\n");
    assert_int_equal(provider.started, 1);
    provider.released = true;
    settle();
    expect_bytes(peer, "\x0a\0\0\0part\nrest\n\x04\0\0\0next", 22);
    assert_int_equal(provider.started, 2);
}

static void what_arrives_while_an_answer_is_sent_is_the_next_command(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    peer->room = 5;
    command(peer, "hello");
    command(peer, "silent");
    assert_int_equal(provider.started, 1);
    peer->room = SIZE_MAX;
    plain_commands_events.writable(&plain, peer);
    settle();
    expect_bytes(peer, "\x0c\0\0\0hello world\n\0\0\0\0", 20);
}

static void cr_lf_and_nul_within_a_command_close_the_connection(void **state)
{
    static const char bad[] = {'\r', '\n', '\0'};

    (void)state;
    for (unsigned which = 0; which < COUNT_OF(bad); which++) {
        for (size_t at = 0; at < 5; at++) {
            struct net_conn *peer = open_peer(0);
            char line[6] = "hello\n";

            line[at] = bad[which];
            assert_int_equal(arrive(peer, line, sizeof line), sizeof line);
            settle();
            assert_int_equal(peer->fate, CLOSED);
            assert_int_equal(peer->out_len, 0);
        }
    }
    assert_int_equal(provider.started, 0);
}

/* A line of HTTP, FTP or SMTP ends so: no browser can be made to send a command. */
static void cr_lf_at_the_end_is_no_newline(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "hello\r\n");
    assert_int_equal(peer->fate, CLOSED);
    assert_int_equal(provider.started, 0);
}

static void two_newlines_at_the_end_close_the_connection(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "hello\n\n");
    assert_int_equal(peer->fate, CLOSED);
    assert_int_equal(provider.started, 0);
}

static void a_command_of_1024_bytes_runs_and_one_of_1025_closes(void **state)
{
    static const struct {
        size_t len;
        const char *end;
        enum fate fate;
    } cases[] = {{1023, "", OPEN}, {1024, "", OPEN}, {1024, "\n", OPEN}, {1025, "", CLOSED}, {1025, "\n", CLOSED}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct net_conn *peer = open_peer(0);
        unsigned started = provider.started;
        char line[1030];

        memset(line, 'x', sizeof line);
        strcpy(line + cases[i].len, cases[i].end);
        (void)arrive(peer, line, strlen(line));
        settle();
        assert_int_equal(peer->fate, cases[i].fate);
        assert_int_equal(provider.started - started, cases[i].fate == OPEN ? 1 : 0);
        if (peer->fate == OPEN) {
            assert_int_equal(strlen(provider.line), cases[i].len);
            plain_commands_events.closed(&plain, peer, "reset");
        }
    }
}

static void what_is_too_long_is_not_taken_and_closes_behind_the_answer(void **state)
{
    struct net_conn *peer = open_peer(0);
    char more[700];

    (void)state;
    memset(more, 'x', sizeof more);
    command(peer, "slow");
    assert_int_equal(arrive(peer, more, sizeof more), sizeof more);
    assert_int_equal(arrive(peer, more, sizeof more), 0);
    assert_int_equal(arrive(peer, more, sizeof more), 0);
    settle();
    assert_int_equal(peer->fate, OPEN);
    provider.released = true;
    settle();
    expect(peer, "part\nrest\n");
    assert_int_equal(peer->fate, CLOSED);
    assert_int_equal(provider.started, 1);
}

static void a_command_that_is_not_utf_8_is_refused_with_a_sentence(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "caf\xe9");
    expect(peer, "dory: bad_request: This is no command line.\n");
    assert_int_equal(provider.started, 0);
    command(peer, "caf\xc3\xa9");
    expect(peer, "caf\xc3\xa9");
}

/* ---- Refusals --------------------------------------------------------------------------- */

static void a_refusal_comes_as_a_sentence(void **state)
{
    static const struct {
        int status;
        const char *sentence;
    } cases[] = {
        {DORY_FORBIDDEN, "dory: forbidden: No commands are allowed here.\n"},
        {DORY_BAD_REQUEST, "dory: bad_request: This is no command line.\n"},
        {DORY_BUSY, "dory: busy: Too many are served at once; try again later.\n"},
        {DORY_IO_ERROR, "dory: io_error: The command could not be run.\n"},
    };
    struct net_conn *peer = open_peer(0);

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        provider.refusal = cases[i].status;
        command(peer, "hello");
        expect(peer, cases[i].sentence);
    }
    provider.refusal = DORY_OK;
    command(peer, "hello");
    expect(peer, "hello world\n");
}

static void a_command_that_was_ended_says_so_behind_its_output_on_a_line_of_its_own(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "late");
    expect(peer, "part\ndory: timeout: The command took too long, and was ended.\n");
    command(peer, "late lines");
    expect(peer, "parterr\ndory: timeout: The command took too long, and was ended.\n");
    command(peer, "chatty");
    expect(peer, "dory: too_large: The command is too long, or wrote too much and was ended.\n");
    command(peer, "broken");
    expect(peer, "dory: io_error: The command could not be run.\n");
}

/* ---- The spool -------------------------------------------------------------------------- */

static void output_without_room_is_cut_with_a_notice_and_the_size_is_true(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    ram.size = 10;
    command(peer, "mixed");
    expect(peer, "one\noops\na\n[cut: 9 more bytes]\n");
    command(peer, "hello");
    expect(peer, "hello worl\n[cut: 2 more bytes]\n");
    ram.size = 0;
    command(peer, "hello");
    expect(peer, "[cut: 12 more bytes]\n");
    ram.size = 2;
    command(peer, "late");
    expect(peer, "pa\n[cut: 2 more bytes]\ndory: timeout: The command took too long, and was ended.\n");
}

/* A spool that counts, and one that has room again after a refusal. */
static uint64_t counted;
static unsigned refuse_next;

static size_t count(void *ctx, uint32_t place, enum dory_stream stream, const uint8_t *data, size_t len)
{
    (void)ctx, (void)place, (void)stream, (void)data;
    if (refuse_next > 0) {
        refuse_next--;
        return 0;
    }
    counted += len;
    return len;
}

static bool count_back(void *ctx, uint32_t place, enum dory_stream stream, uint32_t off, uint8_t *data, size_t len)
{
    (void)ctx, (void)place, (void)stream, (void)off;
    memset(data, 'x', len);
    return counted > 0;
}

static void forget(void *ctx, uint32_t place)
{
    (void)ctx, (void)place;
    counted = 0;
}

static const struct spool counting = {.append = count, .read = count_back, .reset = forget};

static void output_beyond_what_an_i32_can_tell_is_cut(void **state)
{
    struct net_conn *peer = open_peer(0);
    static uint8_t large[1 << 20];
    uint32_t size;

    (void)state;
    plain.spool = &counting;
    plain.scratch = large;
    plain.scratch_len = sizeof large;
    provider.endless = UINT64_C(5) << 30;
    peer->room = 4;
    command(peer, "endless");
    assert_int_equal(provider.endless, 0);
    size = peer->out[0] | (uint32_t)peer->out[1] << 8 | (uint32_t)peer->out[2] << 16 | (uint32_t)peer->out[3] << 24;
    assert_true(size <= INT32_MAX);
    assert_true(size > INT32_MAX - 256);
    assert_true(size > counted); /* the notice has room */
}

static void behind_a_gap_nothing_is_kept(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    plain.spool = &counting;
    refuse_next = 1;
    command(peer, "mixed");
    expect(peer, "[cut: 19 more bytes]\n");
}

static void output_that_the_spool_has_lost_resets_the_connection(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    plain.spool = &counting;
    peer->room = 3;
    command(peer, "hello");
    counted = 0;
    plain_commands_events.writable(&plain, peer);
    settle();
    assert_int_equal(peer->fate, RESET);
}

/* ---- Peers that go away ------------------------------------------------------------------- */

static void a_reset_ends_the_command(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "slow");
    assert_int_equal(provider.running, 1);
    plain_commands_events.closed(&plain, peer, "reset");
    assert_int_equal(provider.running, 0);
    assert_int_equal(plain.active, 0);
    assert_int_equal(tick(), UINT32_MAX);
}

static void a_peer_that_has_sent_its_last_byte_gets_its_answers_before_the_close(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "slow");
    arrive_text(peer, "hello");
    plain_commands_events.ended(&plain, peer);
    settle();
    assert_int_equal(peer->fate, OPEN);
    provider.released = true;
    settle();
    expect_bytes(peer, "\x0a\0\0\0part\nrest\n\x0c\0\0\0hello world\n", 30);
    assert_int_equal(peer->fate, CLOSED);
}

static void a_peer_that_only_connects_and_ends_is_closed(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    plain_commands_events.ended(&plain, peer);
    settle();
    assert_int_equal(peer->fate, CLOSED);
}

/* ---- Time --------------------------------------------------------------------------------- */

static void an_idle_connection_is_closed(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    pass(IDLE_MS - 1000);
    command(peer, "hello"); /* begins anew */
    pass(IDLE_MS - 1000);
    assert_int_equal(peer->fate, OPEN);
    pass(2000);
    assert_int_equal(peer->fate, CLOSED);
}

static void a_command_that_runs_long_is_not_idle(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    command(peer, "slow");
    pass(10 * IDLE_MS);
    provider.released = true;
    settle();
    expect(peer, "part\nrest\n");
}

static void an_answer_that_nobody_reads_resets_the_connection(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    peer->room = 5;
    command(peer, "hello");
    pass(OUTPUT_MS - 1000);
    assert_int_equal(peer->fate, OPEN);
    pass(2000);
    assert_int_equal(peer->fate, RESET);
}

static void a_peer_that_reads_slowly_is_waited_for(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    peer->room = 5;
    peer->unsent = 100;
    command(peer, "hello");
    for (unsigned i = 0; i < 10; i++) {
        pass(OUTPUT_MS - 1000);
        peer->unsent--;
    }
    assert_int_equal(peer->fate, OPEN);
    pass(OUTPUT_MS + 1000);
    assert_int_equal(peer->fate, RESET);
}

/* The clock that tick() is given is a little older than the one that a step reads. */
static void a_clock_that_goes_on_within_a_tick_harms_nobody(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    peer->room = 5;
    arrive_text(peer, "hello");
    clock_ms += 1000;
    (void)plain_commands_events.tick(&plain, clock_ms - 500);
    assert_int_equal(peer->fate, OPEN);
}

static void it_asks_to_be_called_when_there_is_something_to_do(void **state)
{
    struct net_conn *peer;

    (void)state;
    assert_int_equal(tick(), UINT32_MAX);
    peer = open_peer(0);
    assert_true(tick() <= 250);
    command(peer, "slow");
    assert_int_equal(tick(), 10);
}

/* ---- Room --------------------------------------------------------------------------------- */

static void two_connections_run_commands_at_once(void **state)
{
    struct net_conn *first = open_peer(0);
    struct net_conn *second = open_peer(1);

    (void)state;
    command(first, "slow");
    command(second, "hello");
    expect(second, "hello world\n");
    assert_int_equal(first->out_len, 0);
    provider.released = true;
    settle();
    expect(first, "part\nrest\n");
}

static void a_new_connection_takes_the_place_of_the_idlest(void **state)
{
    (void)state;
    (void)open_peer(0);
    pass(1000);
    (void)open_peer(1);
    pass(1000);
    (void)open_peer(2);
    pass(1000);
    command(&peers[0], "slow");
    command(&peers[1], "silent");
    command(open_peer(3), "hello");
    assert_int_equal(peers[0].fate, OPEN);
    assert_int_equal(peers[1].fate, OPEN);
    assert_int_equal(peers[2].fate, CLOSED);
    expect(&peers[3], "hello world\n");
    assert_int_equal(plain.active, CONNS);
}

static void a_connection_with_a_command_keeps_its_place_and_a_new_one_is_told_busy(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONNS; i++) {
        command(open_peer(i), "slow");
    }
    (void)open_peer(CONNS);
    assert_int_equal(peers[CONNS].fate, CLOSED);
    expect(&peers[CONNS], "dory: busy: Too many are served at once; try again later.\n");
    provider.released = true;
    settle();
    for (unsigned i = 0; i < CONNS; i++) {
        expect(&peers[i], "part\nrest\n");
    }
}

static void a_command_that_has_just_arrived_is_not_pushed_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONNS; i++) {
        arrive_text(open_peer(i), "hello");
    }
    (void)open_peer(CONNS);
    settle();
    for (unsigned i = 0; i < CONNS; i++) {
        expect(&peers[i], "hello world\n");
    }
}

static void the_end_of_the_service_ends_commands_and_closes_connections(void **state)
{
    (void)state;
    command(open_peer(0), "slow");
    (void)open_peer(1);
    open_peer(2)->room = 5;
    command(&peers[2], "hello");
    plain_commands_end(&plain);
    assert_int_equal(provider.running, 0);
    assert_int_equal(plain.active, 0);
    for (unsigned i = 0; i < CONNS; i++) {
        assert_int_equal(peers[i].fate, CLOSED);
    }
}

static void it_tells_whether_every_answer_has_arrived(void **state)
{
    struct net_conn *peer = open_peer(0);

    (void)state;
    assert_true(plain_commands_is_sent(&plain));
    peer->room = 5;
    command(peer, "hello");
    assert_false(plain_commands_is_sent(&plain));
    peer->room = SIZE_MAX;
    peer->unsent = 11;
    plain_commands_events.writable(&plain, peer);
    settle();
    assert_false(plain_commands_is_sent(&plain));
    peer->unsent = 0;
    assert_true(plain_commands_is_sent(&plain));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sized_answer_is_the_size_and_the_output),
        TEST(a_headed_answer_is_a_header_with_the_size_and_the_output),
        TEST(standard_output_comes_before_standard_error_however_mixed),
        TEST(what_a_failing_command_says_comes_back),
        TEST(a_command_without_output_has_size_0),
        TEST(an_empty_command_has_size_0_and_runs_nothing),
        TEST(many_commands_go_down_one_connection),
        TEST(an_answer_is_the_same_whatever_the_peer_takes_at_a_time),
        TEST(an_answer_longer_than_the_scratch_memory_comes_whole),
        TEST(one_newline_at_the_end_is_dropped),
        TEST(what_comes_together_is_one_command_wherever_it_was_split),
        TEST(what_arrives_while_a_command_runs_is_the_next_one),
        TEST(what_arrives_while_an_answer_is_sent_is_the_next_command),
        TEST(cr_lf_and_nul_within_a_command_close_the_connection),
        TEST(cr_lf_at_the_end_is_no_newline),
        TEST(two_newlines_at_the_end_close_the_connection),
        TEST(a_command_of_1024_bytes_runs_and_one_of_1025_closes),
        TEST(what_is_too_long_is_not_taken_and_closes_behind_the_answer),
        TEST(a_command_that_is_not_utf_8_is_refused_with_a_sentence),
        TEST(a_refusal_comes_as_a_sentence),
        TEST(a_command_that_was_ended_says_so_behind_its_output_on_a_line_of_its_own),
        TEST(output_without_room_is_cut_with_a_notice_and_the_size_is_true),
        TEST(output_beyond_what_an_i32_can_tell_is_cut),
        TEST(behind_a_gap_nothing_is_kept),
        TEST(output_that_the_spool_has_lost_resets_the_connection),
        TEST(a_reset_ends_the_command),
        TEST(a_peer_that_has_sent_its_last_byte_gets_its_answers_before_the_close),
        TEST(a_peer_that_only_connects_and_ends_is_closed),
        TEST(an_idle_connection_is_closed),
        TEST(a_command_that_runs_long_is_not_idle),
        TEST(an_answer_that_nobody_reads_resets_the_connection),
        TEST(a_peer_that_reads_slowly_is_waited_for),
        TEST(a_clock_that_goes_on_within_a_tick_harms_nobody),
        TEST(it_asks_to_be_called_when_there_is_something_to_do),
        TEST(two_connections_run_commands_at_once),
        TEST(a_new_connection_takes_the_place_of_the_idlest),
        TEST(a_connection_with_a_command_keeps_its_place_and_a_new_one_is_told_busy),
        TEST(a_command_that_has_just_arrived_is_not_pushed_out),
        TEST(it_tells_whether_every_answer_has_arrived),
        TEST(the_end_of_the_service_ends_commands_and_closes_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
