/* SPDX-License-Identifier: MIT */
/*
 * `dory discover`: asks by datagrams who is there, and tells who answered.
 *
 * Implementation notes
 *
 * Datagrams get lost, so the question is sent several times, spread over the first half of the time. The answers that the
 * same address gives count once. When only single addresses were asked, and all have answered, nobody is waited for.
 *
 * Anybody may answer anything. The question's id is a random number, and what doesn't repeat it is no answer; a text is
 * cleaned before it is shown; and no more than MAX_FOUND devices are kept.
 */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../port/discovery_ask.h"
#include "../../port/posix/net_udp_posix.h"
#include "app.h"
#include "link.h"
#include "text.h"

/* How long answers are waited for, unless --timeout says otherwise. */
#define DISCOVER_MS 2000U

#define TIMES_ASKED 4U
#define MAX_ASKED 256U
#define MAX_FOUND 4096U

_Static_assert(MAX_ASKED >= OPTIONS_MAX_TO, "MAX_ASKED: too few");

/* Between two looks at the clock, and for signals. */
#define TICK_MS 50U

/* A text of at most 32 bytes, cleaned. */
#define WORD_SIZE 40

struct device {
    char address[NET_PEER_NAME_LEN];
    char name[WORD_SIZE];
    char board[WORD_SIZE];
    char firmware[WORD_SIZE];
    uint64_t free;
    bool has_free;
};

struct asked {
    struct net_peer peer;
    char name[NET_PEER_NAME_LEN];
    bool answered;
};

struct discover {
    struct app *app;
    struct net *net;
    struct net_udp *sockets[2]; /* for IPv4 and IPv6; NULL: not needed, or not to be had */
    struct asked asked[MAX_ASKED];
    size_t asked_count;
    uint64_t id;
    uint32_t timeout_ms;
    uint32_t begun_ms;
    unsigned times; /* the question was sent */
    bool sent;      /* to anybody */
    int error;      /* errno of the last time that it was not */
    struct device *found;
    size_t found_count;
    struct dory_tokens tokens;
    uint8_t question[DISCOVERY_LEN];
};

/* ---- Answers ---- */

static const struct device *find(const struct discover *discover, const char *address)
{
    for (size_t i = 0; i < discover->found_count; i++) {
        if (strcmp(discover->found[i].address, address) == 0) {
            return &discover->found[i];
        }
    }
    return NULL;
}

static void add(struct discover *discover, const char *address, const struct discovery_found *answer)
{
    struct device *devices = realloc(discover->found, (discover->found_count + 1) * sizeof *devices);
    struct device *device;

    if (devices == NULL) {
        return;
    }
    discover->found = devices;
    device = &devices[discover->found_count++];
    *device = (struct device){.free = answer->free, .has_free = answer->has_free};
    snprintf(device->address, sizeof device->address, "%s", address);
    text_clean(device->name, sizeof device->name, answer->name.ptr, answer->name.len);
    text_clean(device->board, sizeof device->board, answer->board.ptr, answer->board.len);
    text_clean(device->firmware, sizeof device->firmware, answer->firmware.ptr, answer->firmware.len);
}

static void on_datagram(void *app, struct net_udp *udp, const struct net_peer *peer, const uint8_t *data, size_t len)
{
    struct discover *discover = app;
    struct discovery_found answer;
    char address[NET_PEER_NAME_LEN];

    (void)udp;
    if (discover->found_count == MAX_FOUND || !discovery_read(&answer, data, len, discover->id, &discover->tokens)) {
        return;
    }
    net_peer_name(peer, address);
    if (find(discover, address) == NULL) {
        add(discover, address, &answer);
    }
    for (size_t i = 0; i < discover->asked_count; i++) {
        discover->asked[i].answered |= strcmp(discover->asked[i].name, address) == 0;
    }
}

/* ---- Questions ---- */

/* The socket for that peer, opened when it is needed first. */
static struct net_udp *socket_for(struct discover *discover, const struct net_peer *peer)
{
    bool six = peer->address.ss_family == AF_INET6;
    struct net_udp **socket = &discover->sockets[six];
    char name[256];

    if (*socket == NULL) {
        *socket = net_udp_open(discover->net, six ? "[::]:0" : "0.0.0.0:0", on_datagram, discover, name, sizeof name);
        if (*socket != NULL) {
            (void)net_udp_allow_broadcast(*socket);
        }
    }
    return *socket;
}

static void ask_all(struct discover *discover)
{
    discover->times++;
    for (size_t i = 0; i < discover->asked_count; i++) {
        const struct asked *asked = &discover->asked[i];
        struct net_udp *socket = asked->answered ? NULL : socket_for(discover, &asked->peer);

        if (asked->answered) {
            continue;
        }
        if (socket != NULL && net_udp_send(socket, &asked->peer, discover->question, sizeof discover->question)) {
            discover->sent = true;
        } else {
            discover->error = errno;
        }
    }
}

static bool all_answered(const struct discover *discover)
{
    size_t count = 0;

    for (size_t i = 0; i < discover->asked_count; i++) {
        count += discover->asked[i].answered;
    }
    return count == discover->asked_count;
}

static uint32_t on_tick(void *app, uint32_t now_ms)
{
    struct discover *discover = app;
    uint32_t timeout_ms = discover->timeout_ms;
    uint32_t past_ms = now_ms - discover->begun_ms;

    if (discover->times < TIMES_ASKED && past_ms >= timeout_ms / 2 / TIMES_ASKED * discover->times) {
        ask_all(discover);
    }
    if (past_ms >= timeout_ms || link_interrupted() || !discover->sent || all_answered(discover)) {
        net_stop(discover->net);
        return 0;
    }
    return timeout_ms - past_ms < TICK_MS ? timeout_ms - past_ms : TICK_MS;
}

/* ---- Whom to ask ---- */

/* An address that is not known is no reason not to ask the others. */
static void add_target(struct discover *discover, const struct target *target)
{
    struct asked *asked = &discover->asked[discover->asked_count];
    char error[256];
    char name[280];

    if (!net_peer_resolve(&asked->peer, target->host, target->port, error, sizeof error)) {
        target_print(target, name, sizeof name);
        report_note(&discover->app->report, "%s: %s", name, error);
        return;
    }
    net_peer_name(&asked->peer, asked->name);
    discover->asked_count++;
}

static int add_targets(struct discover *discover)
{
    const struct options *options = &discover->app->options;

    for (size_t i = 0; i < options->to_count; i++) {
        struct target target;
        char error[512];

        if (!target_parse(&target, options->to[i], error, sizeof error)) {
            return app_usage(discover->app, "%s", error);
        }
        if (target.name[0] != '\0') {
            return app_usage(discover->app, "'%s' names a file: --to takes ADDR[:PORT]", options->to[i]);
        }
        add_target(discover, &target);
    }
    return EXIT_DONE;
}

static void add_broadcasts(struct discover *discover)
{
    struct net_peer peers[MAX_ASKED];
    int count = net_peer_broadcasts(peers, MAX_ASKED, (uint16_t)strtoul(TARGET_DEFAULT_PORT, NULL, 10));

    for (int i = 0; i < count; i++) {
        struct asked *asked = &discover->asked[discover->asked_count++];

        asked->peer = peers[i];
        net_peer_name(&asked->peer, asked->name);
    }
}

/* ---- Telling ---- */

static int by_name(const void *a, const void *b)
{
    const struct device *one = a;
    const struct device *other = b;
    int order = strcmp(one->name, other->name);

    return order != 0 ? order : strcmp(one->address, other->address);
}

static void print_json(const struct discover *discover)
{
    static char json[REPORT_LINE_SIZE];

    for (size_t i = 0; i < discover->found_count; i++) {
        const struct device *device = &discover->found[i];
        struct dory_encoder encoder;

        dory_header_begin_line(&encoder, json, sizeof json);
        dory_header_text(&encoder, "name", device->name, strlen(device->name));
        dory_header_text(&encoder, "address", device->address, strlen(device->address));
        dory_header_text(&encoder, "board", device->board, strlen(device->board));
        dory_header_text(&encoder, "firmware", device->firmware, strlen(device->firmware));
        if (device->has_free) {
            dory_header_number(&encoder, "free", device->free);
        }
        report_line(&encoder);
    }
}

enum column { NAME, ADDRESS, BOARD, FIRMWARE, FREE, COLUMNS };

/* The words of a row; `size` is room for the last one. */
static void row_of(const struct device *device, const char *row[COLUMNS], char size[TEXT_NUMBER_SIZE])
{
    if (device->has_free) {
        text_size(size, device->free);
    } else {
        size[0] = '\0';
    }
    row[NAME] = device->name;
    row[ADDRESS] = device->address;
    row[BOARD] = device->board;
    row[FIRMWARE] = device->firmware;
    row[FREE] = size;
    for (unsigned i = 0; i < COLUMNS; i++) {
        row[i] = row[i][0] != '\0' ? row[i] : "-";
    }
}

static void print_row(const char *const row[COLUMNS], const size_t widths[COLUMNS])
{
    for (unsigned i = 0; i < FREE; i++) {
        printf("%s%*s", row[i], (int)(widths[i] - text_columns(row[i])) + 2, "");
    }
    printf("%s\n", row[FREE]);
}

static void print_table(const struct discover *discover)
{
    static const char *const heads[COLUMNS] = {"NAME", "ADDRESS", "BOARD", "FIRMWARE", "FREE"};
    size_t widths[COLUMNS];
    const char *row[COLUMNS];
    char size[TEXT_NUMBER_SIZE];

    for (unsigned i = 0; i < COLUMNS; i++) {
        widths[i] = text_columns(heads[i]);
    }
    for (size_t i = 0; i < discover->found_count; i++) {
        row_of(&discover->found[i], row, size);
        for (unsigned j = 0; j < COLUMNS; j++) {
            widths[j] = text_columns(row[j]) > widths[j] ? text_columns(row[j]) : widths[j];
        }
    }
    print_row(heads, widths);
    for (size_t i = 0; i < discover->found_count; i++) {
        row_of(&discover->found[i], row, size);
        print_row(row, widths);
    }
}

static int tell(struct discover *discover)
{
    struct outcome outcome;

    if (discover->found_count > 0) {
        qsort(discover->found, discover->found_count, sizeof *discover->found, by_name);
        (discover->app->options.json ? print_json : print_table)(discover);
        return EXIT_DONE;
    }
    if (link_interrupted()) {
        return EXIT_DONE;
    }
    if (discover->asked_count == 0) {
        outcome_set(&outcome, EXIT_LOST, "lost", "There is nobody to ask%s.",
                    discover->app->options.to_count > 0 ? "" : ": no network interface can broadcast; try --to ADDR");
    } else if (!discover->sent) {
        outcome_set(&outcome, EXIT_LOST, "lost", "Nobody could be asked: %s.", strerror(discover->error));
    } else {
        outcome_set(&outcome, EXIT_TIMEOUT, "timeout", "Nobody answered within %g s.", discover->timeout_ms / 1000.0);
    }
    report_failure(&discover->app->report, NULL, &outcome);
    return (int)outcome.code;
}

static int ask(struct discover *discover)
{
    static const struct net_events events = {.tick = on_tick};
    const struct net_options options = {.events = &events, .app = discover};
    struct outcome outcome;
    int result;

    if (getentropy(&discover->id, sizeof discover->id) != 0 || (discover->net = net_new(&options)) == NULL) {
        outcome_set(&outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
        report_failure(&discover->app->report, NULL, &outcome);
        return EXIT_LOCAL;
    }
    discover->id &= DORY_MAX_NUMBER;
    discovery_ask(discover->question, discover->id);
    discover->begun_ms = net_now_ms();
    result = discover->asked_count > 0 ? net_run(discover->net) : 0;
    net_free(discover->net);
    if (result != 0) {
        outcome_set(&outcome, EXIT_LOCAL, "local", "%s", strerror(errno));
        report_failure(&discover->app->report, NULL, &outcome);
        return EXIT_LOCAL;
    }
    return tell(discover);
}

int command_discover(struct app *app)
{
    static struct discover discover;
    int code;

    discover.app = app;
    discover.timeout_ms = app->options.timeout_given ? app->options.timeout_ms : DISCOVER_MS;
    code = add_targets(&discover);
    if (code != EXIT_DONE) {
        return code;
    }
    if (app->options.to_count == 0) {
        add_broadcasts(&discover);
    }
    code = ask(&discover);
    free(discover.found);
    return code;
}
