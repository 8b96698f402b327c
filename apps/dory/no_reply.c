/* SPDX-License-Identifier: MIT */
/*
 * `dory put --no-reply`: hands files to a server that never answers, one connection a file: length and header in one
 * write, the bytes, shutdown. It is all there is to say to the simplest servers, and plain blocking calls say it best;
 * the net's event loop would add nothing.
 *
 * Implementation notes
 *
 * A socket that is closed while the other side still sends, or has not read all, may end in a reset, and a reset can
 * destroy what is on its way. So after the shutdown we wait until the server closes, too; if it doesn't, until all
 * bytes are acknowledged and a short while longer.
 */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/client.h"
#include "../../port/net.h"
#include "../../port/posix/net_address.h"
#include "../../port/posix/net_system.h"
#include "link.h"
#include "local.h"
#include "put.h"

/* How long a server may take to close after the last byte was acknowledged. */
#define PATIENCE_MS 500U

/* How often what is acknowledged is looked at. */
#define LOOK_MS 20U

#define SLICE_LEN (256U * 1024U)

struct sender {
    struct app *app;
    const struct target *target;
    int fd;
    struct local_file file;
    struct progress progress;
    struct outcome outcome;
    uint8_t slice[SLICE_LEN];
};

static bool lost(struct sender *sender, const char *reason)
{
    char peer[280];

    target_print(sender->target, peer, sizeof peer);
    outcome_set(&sender->outcome, EXIT_LOST, "lost", "%s: %s", peer, reason);
    return false;
}

/* ---- Waiting ---- */

static void draw(struct sender *sender, uint64_t more)
{
    sender->progress.done += more;
    if (progress_active()) {
        progress_draw(&sender->progress, net_now_ms());
    }
}

/* Waits for events of the socket, no longer than the user wants to. Returns false with the outcome set. */
static bool await(struct sender *sender, short events)
{
    uint32_t begin_ms = net_now_ms();
    uint32_t limit_ms = sender->app->options.timeout_ms;
    struct pollfd poller = {.fd = sender->fd, .events = events};

    while (!link_interrupted()) {
        uint32_t gone_ms = net_now_ms() - begin_ms;
        int found;

        if (gone_ms >= limit_ms) {
            outcome_set(&sender->outcome, EXIT_TIMEOUT, "timeout", "nothing moved for %g s", limit_ms / 1000.0);
            return false;
        }
        draw(sender, 0);
        found =
            poll(&poller, 1, (int)(limit_ms - gone_ms < PROGRESS_EVERY_MS ? limit_ms - gone_ms : PROGRESS_EVERY_MS));
        if (found > 0) {
            return true;
        }
        if (found < 0 && errno != EINTR) {
            return lost(sender, strerror(errno));
        }
    }
    outcome_set(&sender->outcome, EXIT_DONE, "interrupted", "%s", "");
    return false;
}

/* ---- Sending ---- */

/* Tries one address. Returns false with the outcome set and no socket left. */
static bool dial(struct sender *sender, const struct addrinfo *address)
{
    int error;

    sender->fd = net_system_socket(address->ai_family, SOCK_STREAM);
    if (sender->fd < 0) {
        return lost(sender, strerror(errno));
    }
    if (connect(sender->fd, address->ai_addr, address->ai_addrlen) == 0) {
        return true;
    }
    error = errno;
    if (error == EINPROGRESS) {
        error = 0;
        if (await(sender, POLLOUT)) {
            socklen_t len = sizeof error;

            (void)getsockopt(sender->fd, SOL_SOCKET, SO_ERROR, &error, &len);
            if (error == 0) {
                return true;
            }
        }
    }
    close(sender->fd);
    sender->fd = -1;
    return error != 0 ? lost(sender, strerror(error)) : false;
}

static bool dial_any(struct sender *sender)
{
    char error[160];
    struct addrinfo *addresses =
        net_address_resolve(sender->target->host, sender->target->port, SOCK_STREAM, 0, error, sizeof error);
    const struct addrinfo *address = addresses;
    bool open = false;

    if (addresses == NULL) {
        return lost(sender, error);
    }
    for (; address != NULL && !open && !link_interrupted(); address = address->ai_next) {
        open = dial(sender, address);
    }
    freeaddrinfo(addresses);
    return open;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

static bool send_all(struct sender *sender, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(sender->fd, data, len, MSG_NOSIGNAL);

        if (sent > 0) {
            data += sent;
            len -= (size_t)sent;
        } else if (would_block()) {
            if (!await(sender, POLLOUT)) {
                return false;
            }
        } else if (errno != EINTR) {
            return lost(sender, strerror(errno));
        }
    }
    return true;
}

static bool send_body(struct sender *sender)
{
    for (uint64_t off = 0; off < sender->file.size;) {
        uint64_t left = sender->file.size - off;
        size_t len = left < SLICE_LEN ? (size_t)left : SLICE_LEN;

        if (!local_read(&sender->file, off, sender->slice, len)) {
            outcome_set(&sender->outcome, EXIT_LOCAL, "local", "%s",
                        errno == ESTALE ? "The file changed while it was sent." : strerror(errno));
            return false;
        }
        if (!send_all(sender, sender->slice, len)) {
            return false;
        }
        off += len;
        draw(sender, len);
    }
    return true;
}

/* ---- The end of a connection ---- */

/* Throws away what comes, for a moment. Returns whether the server has closed; or fails with the outcome set. */
static bool is_closed(struct sender *sender, bool *failed)
{
    struct pollfd poller = {.fd = sender->fd, .events = POLLIN};
    ssize_t got = 1;

    if (poll(&poller, 1, LOOK_MS) <= 0) {
        return false;
    }
    while (got > 0) {
        got = recv(sender->fd, sender->slice, sizeof sender->slice, 0);
    }
    *failed = got < 0 && !would_block() && errno != EINTR;
    if (*failed) {
        lost(sender, strerror(errno));
    }
    return got == 0;
}

static bool say_goodbye(struct sender *sender)
{
    uint32_t moved_ms = net_now_ms();
    uint32_t unsent = net_system_unsent(sender->fd);
    bool failed = false;

    if (shutdown(sender->fd, SHUT_WR) != 0) {
        return lost(sender, strerror(errno));
    }
    while (!link_interrupted() && !is_closed(sender, &failed) && !failed) {
        uint32_t still = net_system_unsent(sender->fd);
        uint32_t quiet_ms = net_now_ms() - moved_ms;

        if (still == 0 && quiet_ms >= PATIENCE_MS) {
            return true;
        }
        if (quiet_ms >= sender->app->options.timeout_ms) {
            outcome_set(&sender->outcome, EXIT_TIMEOUT, "timeout", "The server does not take the last %u bytes.",
                        still);
            return false;
        }
        moved_ms = still != unsent ? net_now_ms() : moved_ms;
        unsent = still;
    }
    return !failed;
}

/* One try. Returns false with the outcome set. */
static bool hand_over(struct sender *sender, const char *name)
{
    uint8_t header[DORY_MAX_REQUEST];
    size_t len = dory_client_plain_put(header, sizeof header, name, sender->file.size);
    bool good;

    sender->progress.done = 0;
    outcome_set(&sender->outcome, EXIT_DONE, "sent", "Handed over; whether it arrived the server does not say.");
    if (!dial_any(sender)) {
        return false;
    }
    good = send_all(sender, header, len) && send_body(sender) && say_goodbye(sender);
    close(sender->fd);
    return good;
}

/* ---- Files ---- */

static void pause_before(struct sender *sender, uint32_t tries)
{
    uint32_t pause_ms = job_pause_ms(tries);

    report_note(&sender->app->report, "%s; trying again in %u.%u s", sender->outcome.message, pause_ms / 1000,
                pause_ms / 100 % 10);
    (void)poll(NULL, 0, (int)pause_ms);
}

static void send_item(struct sender *sender, struct item *item)
{
    struct report_file file = {.file = item->path, .name = item->name, .about = item->path};
    char error[LOCAL_ERROR_SIZE];

    if (!local_open(&sender->file, item->path, error)) {
        outcome_set(&sender->outcome, EXIT_LOCAL, "local", "%s", error);
    } else {
        file.has_size = true;
        file.size = sender->file.size;
        sender->progress.name = item->path;
        sender->progress.total = file.size;
        for (uint32_t tries = 0; !hand_over(sender, item->name) && sender->outcome.code == EXIT_LOST;) {
            if (tries++ >= sender->app->options.retries || link_interrupted()) {
                break;
            }
            pause_before(sender, tries);
        }
        close(sender->file.fd);
    }
    if (!link_interrupted()) {
        report_file(&sender->app->report, &file, &sender->outcome);
    }
}

int put_no_reply(struct app *app, const struct target *target, struct items *items)
{
    static struct sender sender;
    uint32_t begin_ms = net_now_ms();
    uint64_t bytes = 0;
    size_t at = 0;

    sender.app = app;
    sender.target = target;
    sender.progress.files_total = items->count;
    /* What one file's connection can't do, the next one's won't. */
    while (at < items->count && !link_interrupted() && sender.outcome.code != EXIT_LOST &&
           sender.outcome.code != EXIT_TIMEOUT) {
        send_item(&sender, &items->item[at++]);
        sender.progress.files = at;
        bytes += sender.outcome.code == EXIT_DONE ? sender.file.size : 0;
    }
    progress_clear();
    for (; at < items->count && !link_interrupted(); at++) {
        const struct report_file file = {.file = items->item[at].path, .name = items->item[at].name};

        report_unsettled(&app->report, &file, &sender.outcome);
    }
    if (app->report.code == EXIT_DONE && items->count > 0 && !link_interrupted()) {
        report_summary(&app->report, items->item[0].path, items->count, bytes, net_now_ms() - begin_ms);
    }
    return app->report.code;
}
