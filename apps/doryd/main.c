/* SPDX-License-Identifier: MIT */
/*
 * doryd: the server on Linux. It puts together the service (port/service.h), the sockets (port/posix) and the folder
 * store, sized by the options and by how many files may be open.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../port/posix/folder_store.h"
#include "../../port/posix/keeper.h"
#include "../../port/posix/net_posix.h"
#include "../../port/service.h"
#include "commands.h"
#include "datagrams.h"
#include "options.h"
#include "plain.h"

/* What the sessions send passes through this; also the unit in which files are read. */
#define SCRATCH_LEN (256U * 1024U)

/* The store and the commands wake the net when they have something; this is for a wake-up that got lost. */
#define STORE_POLL_MS 250U

/* This program's file, for another process of it. */
#define PROGRAM_FILE "/proc/self/exe"

#define MAX_SESSIONS 16384U
#define MAX_WRITERS 256U

/* Descriptors that a writer may hold: its file and its folder. */
#define FILES_A_WRITER 2U

/* Descriptors for all else: standard streams, poller, listeners, store, workers, and a few for readers. */
#define FILES_APART 24U

/* Connections of plain clients at once, of each form. */
#define MAX_PLAIN 64U

/* Connections beyond the sessions: those that are told `busy`, and those that linger. */
#define EXTRA_CONNS 128U

struct doryd {
    struct options options;
    struct dory_server server;
    struct service service;
    struct datagrams datagrams;
    struct net *net;
    struct folder_store *store;
    struct commands commands;
    struct plain plain[2]; /* by enum plain_form */
    uint32_t open_files;   /* the limit that a command gets: what it was when doryd started */
    uint32_t writers;
    uint32_t max_commands;
    uint32_t expired_ms;
    uint32_t stopped_ms;
    uint32_t refusal_told_ms;
    uint64_t refusals; /* of requests without id */
};

/* For the signal handler alone. */
static struct net *signalled_net;
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    if (++signals > 1) {
        net_stop(signalled_net);
    } else {
        net_wake(signalled_net);
    }
}

static void handle_signals(struct net *net)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    signalled_net = net;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    /* Both are answered where they happen: a peer that is gone, a file that may not grow. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

static uint32_t fast_crc32(uint32_t crc, const void *data, size_t len)
{
    return libdeflate_crc32(crc, data, len);
}

/* A request without id has failed: there is nobody else to tell. Once a second, so that nobody can flood the log. */
static void on_refused(void *ctx, const char *name, enum dory_status status)
{
    struct doryd *doryd = ctx;
    uint32_t now_ms = net_now_ms();

    doryd->refusals++;
    if (doryd->refusals > 1 && now_ms - doryd->refusal_told_ms < 1000) {
        return;
    }
    fprintf(stderr, "doryd: request without id refused: \"%s\": %s (%" PRIu64 " so far)\n", name,
            dory_status_sentence(status), doryd->refusals);
    doryd->refusal_told_ms = now_ms;
}

static void wake_net(void *ctx)
{
    struct doryd *doryd = ctx;

    net_wake(doryd->net);
}

static uint32_t plain_conns(const struct doryd *doryd)
{
    return doryd->plain[PLAIN_SIZED].service.conn_count + doryd->plain[PLAIN_HEADED].service.conn_count;
}

static void close_plain(struct doryd *doryd)
{
    plain_close(&doryd->plain[PLAIN_SIZED]);
    plain_close(&doryd->plain[PLAIN_HEADED]);
}

/* Goes on after a signal: first what is being committed, then the connections that still say good-bye. */
static uint32_t tick_stopping(struct doryd *doryd, uint32_t wait_ms, uint32_t now_ms)
{
    if (!doryd->service.stopping) {
        doryd->stopped_ms = now_ms;
        net_stop_listening(doryd->net);
        processes_stop(doryd->commands.processes);
        service_stop(&doryd->service);
        close_plain(doryd);
    }
    if (doryd->service.active == 0 &&
        (net_conn_count(doryd->net) == 0 || now_ms - doryd->stopped_ms >= doryd->options.linger_ms)) {
        net_stop(doryd->net);
    }
    return wait_ms < 50 ? wait_ms : 50;
}

static uint32_t on_tick(void *app, uint32_t now_ms)
{
    struct doryd *doryd = (struct doryd *)((char *)app - offsetof(struct doryd, service));
    uint32_t wait_ms = service_events.tick(app, now_ms);
    uint32_t commands_ms = processes_tick(doryd->commands.processes);
    uint32_t expire_every = doryd->options.partial_age_ms / 4 < 60000 ? doryd->options.partial_age_ms / 4 + 50 : 60000;

    if (commands_ms < wait_ms) {
        wait_ms = commands_ms;
    }
    if (now_ms - doryd->expired_ms >= expire_every) {
        doryd->expired_ms = now_ms;
        folder_store_expire(doryd->store);
    }
    datagrams_tell(&doryd->datagrams, now_ms, false);
    if (signals > 0) {
        return tick_stopping(doryd, wait_ms, now_ms);
    }
    return wait_ms < expire_every ? wait_ms : expire_every;
}

/* How many connections plain clients may have, when so many files may be open. Returns the descriptors for them. */
static uint64_t fit_plain(struct doryd *doryd, uint64_t files)
{
    uint32_t conns = (uint32_t)(files / 16 < MAX_PLAIN ? files / 16 + 1 : MAX_PLAIN);

    doryd->plain[PLAIN_SIZED].service.conn_count = doryd->options.sized.count > 0 ? conns : 0;
    doryd->plain[PLAIN_HEADED].service.conn_count = doryd->options.headed.count > 0 ? conns : 0;
    return (uint64_t)PLAIN_DESCRIPTORS * plain_conns(doryd);
}

/* How many sessions, writers and commands fit under the limit of open files, which is raised as far as may be. */
static int fit_file_limit(struct doryd *doryd)
{
    struct rlimit limit;
    uint64_t files;
    uint64_t sessions = doryd->options.sessions != 0 ? doryd->options.sessions : MAX_SESSIONS;
    uint64_t commands = commands_allowed(&doryd->options) ? doryd->options.max_commands : 0;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return -1;
    }
    doryd->open_files = limit.rlim_cur < UINT32_MAX ? (uint32_t)limit.rlim_cur : 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    files = limit.rlim_cur == RLIM_INFINITY ? UINT32_MAX : limit.rlim_cur;
    doryd->writers = (uint32_t)(files / 8 < MAX_WRITERS ? files / 8 : MAX_WRITERS);
    doryd->max_commands = (uint32_t)(files / 16 < commands ? files / 16 : commands);
    files -= FILES_A_WRITER * doryd->writers + PROCESS_DESCRIPTORS * doryd->max_commands;
    files -= fit_plain(doryd, files);
    files = files > FILES_APART + 1 ? files - FILES_APART : 1;
    doryd->server.sessions = (uint32_t)(sessions < files ? sessions : files);
    return 0;
}

/* Memory that is zero and costs nothing before it is used. */
static void *map_memory(size_t len)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static int set_up_service(struct doryd *doryd)
{
    static char host[256];
    struct dory_server *server = &doryd->server;
    struct service *service = &doryd->service;

    (void)gethostname(host, sizeof host - 1);
    host[DORY_MAX_TOLD] = '\0';
    if (!options_name_ok(host)) {
        strcpy(host, "linux");
    }
    server->store = &folder_store;
    server->commands = &processes_commands;
    server->crc32 = fast_crc32;
    server->name = doryd->options.name != NULL ? doryd->options.name : host;
    server->board = "linux";
    server->firmware = "";
    server->max_header = (uint16_t)doryd->options.max_header;
    server->max_name = (uint16_t)doryd->options.max_name;
    server->limits = doryd->options.limits;
    server->refused = on_refused;
    server->refused_ctx = doryd;
    dory_server_begin(server, net_now_ms());
    service->server = server;
    service->scratch_len = SCRATCH_LEN;
    service->store_poll_ms = STORE_POLL_MS;
    service->slots = map_memory(server->sessions * sizeof *service->slots);
    service->buffers = map_memory(server->sessions * service_buffer_size(server));
    service->scratch = map_memory(SCRATCH_LEN);
    doryd->datagrams.discovery.service = service;
    return service->slots != NULL && service->buffers != NULL && service->scratch != NULL ? 0 : -1;
}

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "doryd: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

static int open_store(struct doryd *doryd)
{
    char problem[256];
    const struct folder_store_options options = {
        .root = doryd->options.root,
        .max_file = doryd->options.max_file,
        .writers = doryd->writers,
        .partials = (uint32_t)doryd->options.partials,
        .partial_age_s = (doryd->options.partial_age_ms + 999) / 1000,
        .sync = !doryd->options.no_sync,
        .read_only = doryd->options.read_only,
        .wake = wake_net,
        .wake_ctx = doryd,
    };

    doryd->store = folder_store_open(&options, problem, sizeof problem);
    doryd->server.store_ctx = doryd->store;
    return doryd->store != NULL ? EXIT_SUCCESS : fail(doryd->options.root, problem);
}

static int open_commands(struct doryd *doryd)
{
    struct processes_options how = {
        .net = doryd->net,
        .program = PROGRAM_FILE,
        .max_running = doryd->max_commands,
        .open_files = doryd->open_files,
    };
    int result = commands_open(&doryd->commands, &doryd->options, &how);

    doryd->server.commands_ctx = doryd->commands.processes;
    return result;
}

static int open_plain(struct doryd *doryd, enum plain_form form)
{
    struct plain_commands *service = &doryd->plain[form].service;

    if (service->conn_count == 0) {
        return EXIT_SUCCESS;
    }
    service->form = form;
    service->commands = &processes_commands;
    service->commands_ctx = doryd->commands.processes;
    service->scratch = doryd->service.scratch;
    service->scratch_len = doryd->service.scratch_len;
    return plain_open(&doryd->plain[form], &doryd->options) == 0 ? EXIT_SUCCESS : fail("starting", strerror(errno));
}

static int listen_on(struct doryd *doryd, struct net_owner *owner, const char *address, char *name, size_t name_len)
{
    if (net_listen(doryd->net, owner, address, name, name_len) != 0) {
        return fail(address, name);
    }
    return commands_check_address(&doryd->options, name);
}

/* Only when all of them listen they are told, each group behind the one before. */
static int listen_all(struct doryd *doryd)
{
    static char names[3 * MAX_LISTENERS][256];
    const struct {
        const struct addresses *addresses;
        struct net_owner *owner;
    } groups[] = {
        {&doryd->options.listen, NULL},
        {&doryd->options.sized, &doryd->plain[PLAIN_SIZED].owner},
        {&doryd->options.headed, &doryd->plain[PLAIN_HEADED].owner},
    };
    unsigned count = 0;

    for (unsigned group = 0; group < 3; group++) {
        for (unsigned i = 0; i < groups[group].addresses->count; i++, count++) {
            int result = listen_on(doryd, groups[group].owner, groups[group].addresses->text[i], names[count],
                                   sizeof names[count]);

            if (result != EXIT_SUCCESS) {
                return result;
            }
        }
    }
    for (unsigned i = 0; i < count; i++) {
        printf("listening on %s\n", names[i]);
        if (i < doryd->options.listen.count && !doryd->options.no_discovery) {
            datagrams_open(&doryd->datagrams, doryd->net, names[i]);
        }
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : fail("standard output", strerror(errno));
}

static int serve(struct doryd *doryd)
{
    int result = open_plain(doryd, PLAIN_SIZED);

    if (result == EXIT_SUCCESS) {
        result = open_plain(doryd, PLAIN_HEADED);
    }
    if (result == EXIT_SUCCESS) {
        result = listen_all(doryd);
    }
    if (result == EXIT_SUCCESS && net_run(doryd->net) != 0) {
        result = fail("waiting for connections", strerror(errno));
    }
    service_end(&doryd->service);
    close_plain(doryd);
    datagrams_tell(&doryd->datagrams, net_now_ms(), true);
    return result;
}

int main(int argc, char **argv)
{
    static struct doryd doryd;
    struct net_events events = service_events;
    struct net_options net_options = {.events = &events, .app = &doryd.service};
    int result;

    if (keeper_is_meant(argc, argv)) {
        keeper_run(argv);
    }
    result = options_parse(&doryd.options, argc, argv);
    if (result >= 0) {
        return result;
    }
    if (doryd.options.listen.count == 0) {
        doryd.options.listen.text[doryd.options.listen.count++] = "127.0.0.1:9002";
    }
    if (fit_file_limit(&doryd) != 0 || set_up_service(&doryd) != 0) {
        return fail("starting", strerror(errno));
    }
    events.tick = on_tick;
    net_options.linger_ms = doryd.options.linger_ms;
    net_options.max_conns = doryd.server.sessions + plain_conns(&doryd) + EXTRA_CONNS;
    doryd.net = net_new(&net_options);
    if (doryd.net == NULL) {
        return fail("starting", strerror(errno));
    }
    handle_signals(doryd.net);
    result = open_commands(&doryd);
    if (result == EXIT_SUCCESS) {
        result = open_store(&doryd);
    }
    if (result == EXIT_SUCCESS) {
        result = serve(&doryd);
        folder_store_close(doryd.store);
    }
    commands_close(&doryd.commands);
    net_free(doryd.net);
    return result;
}
