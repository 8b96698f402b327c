/* SPDX-License-Identifier: MIT */
/* The steps of one device's update, see flash_device.h. */
#define _DEFAULT_SOURCE

#include "flash_device.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../port/net.h"
#include "link.h"

/* Between two looks whether the new firmware is up. */
#define POLL_PAUSE_MS 500U

/* How long an answer to a look may take at first, and, longer with each one in vain, at most. What was asked while the
 * device was not up yet may never be answered, so a long wait costs a device that is up again that much. */
#define FIRST_LOOK_MS 1000U
#define LONGEST_LOOK_MS 5000U

/* A device whose boot_id is still the old one that long after a `boot` without an answer has not got it. */
#define BOOT_AGAIN_MS 3000U
#define MAX_BOOTS 3U

#define SOME_FIRMWARE "unknown firmware"

static void succeed(struct flash_device *device)
{
    device->event.step = FLASH_DONE;
    outcome_set(&device->event.outcome, EXIT_DONE, "ok", "%s", "");
}

/* ---- Checking ---- */

static bool is_ours(const struct flash_device *device, const struct flash_running *running)
{
    return strcmp(running->image, device->image->hash) == 0;
}

static bool fits_board(struct flash_device *device)
{
    const char *board = device->before.board;

    if (device->app.options.force || board[0] == '\0' || device->image->board[0] == '\0' ||
        strcmp(board, device->image->board) == 0) {
        return true;
    }
    outcome_set(&device->event.outcome, EXIT_REFUSED, "wrong_board",
                "The image is for the board '%s', the device is '%s'; --force sends it nevertheless.",
                device->image->board, board);
    return false;
}

/* What the device calls its version may be no version at all: then nothing is known. */
static bool is_no_step_back(struct flash_device *device)
{
    struct dory_image_version running;

    if (device->app.options.force || !dory_image_version_read(device->before.version, &running) ||
        dory_image_version_compare(&device->image->version, &running) >= 0) {
        return true;
    }
    outcome_set(&device->event.outcome, EXIT_REFUSED, "older_version",
                "The image is version %s, and the device runs %s, which is newer; --force sends it nevertheless.",
                device->image->version_text, device->before.version);
    return false;
}

static bool check(struct flash_device *device)
{
    flash_tell_step(device, FLASH_CHECKING);
    if (!flash_ask_info(device, &device->app, &device->before)) {
        return false;
    }
    memcpy(device->event.was, device->before.version, sizeof device->event.was);
    memcpy(device->event.running, device->before.version, sizeof device->event.running);
    device->event.confirmed = device->before.confirmed;
    if (!device->before.can_update) {
        outcome_set(&device->event.outcome, EXIT_REFUSED, "unsupported",
                    "The device has no slots for firmware: it can't update itself.");
        return false;
    }
    device->event.already_runs = is_ours(device, &device->before);
    return device->event.already_runs || (fits_board(device) && is_no_step_back(device));
}

/* ---- Uploading ---- */

static bool upload(struct flash_device *device)
{
    bool there;

    if (!flash_ask_stat(device, &there)) {
        return false;
    }
    device->event.skipped = there;
    if (there) {
        return true;
    }
    flash_tell_step(device, FLASH_UPLOADING);
    return flash_ask_put(device);
}

/* ---- Restarting ---- */

/* Returns whether there is something to wait for. */
static bool boot(struct flash_device *device)
{
    bool sent;
    bool good;

    flash_tell_step(device, FLASH_RESTARTING);
    good = flash_ask_boot(device, &device->app, DORY_BOOT_TEST, &sent);
    device->boots++;
    device->boot_ms = net_now_ms();
    device->boot_unanswered = !good;
    device->last_words = device->event.outcome;
    return good || (sent && !link_interrupted());
}

/* A connection from before the restart is of no use any more. */
static void hang_up(struct flash_device *device)
{
    link_free(device->app.link);
    device->app.link = NULL;
}

/* ---- Waiting ---- */

static const char *version_of(const struct flash_running *running)
{
    return running->version[0] != '\0' ? running->version : SOME_FIRMWARE;
}

/* Another image than ours has started. */
static void on_other_image(struct flash_device *device)
{
    bool back = strcmp(device->now.image, device->before.image) == 0;

    outcome_set(&device->event.outcome, EXIT_NOT_UP, "went_back",
                back ? "%s did not come up: the device went back to %s."
                     : "%s did not come up: the device runs %s now.",
                device->image->version_text, version_of(&device->now));
}

static bool is_refused(const struct flash_device *device)
{
    return device->event.outcome.code == EXIT_REFUSED;
}

/* What a device that is busy says, or one that has just gone back. */
static bool is_passing(const char *status)
{
    return strcmp(status, "busy") == 0 || strcmp(status, "changed") == 0;
}

/* Ours runs. Returns whether that is all. */
static bool on_our_image(struct flash_device *device)
{
    struct app app = device->app;
    bool sent;

    if (device->now.confirmed || device->app.options.no_confirm) {
        succeed(device);
        return true;
    }
    flash_tell_step(device, FLASH_CONFIRMING);
    app.options.retries = 0; /* the next look finds out whether another try is needed */
    if (flash_ask_boot(device, &app, DORY_BOOT_CONFIRM, &sent)) {
        device->event.confirmed = true;
        succeed(device);
        return true;
    }
    device->last_words = device->event.outcome;
    return is_refused(device) && !is_passing(device->event.outcome.status);
}

/* The device has not restarted. Returns whether that was it. */
static bool on_same_start(struct flash_device *device)
{
    bool due = device->boot_unanswered && device->boots < MAX_BOOTS &&
               job_time_reached(net_now_ms(), device->boot_ms + BOOT_AGAIN_MS);

    return due && !boot(device) && is_refused(device);
}

/* A short question, for there may be nobody, and it will be asked again. */
static bool look(struct flash_device *device)
{
    struct app app = device->app;
    uint32_t left_ms = device->deadline_ms - net_now_ms();

    app.link = NULL;
    app.options.retries = 0;
    if (app.options.timeout_ms > device->look_ms) {
        app.options.timeout_ms = device->look_ms;
    }
    if (left_ms > 0 && app.options.timeout_ms > left_ms) {
        app.options.timeout_ms = left_ms;
    }
    return flash_ask_info(device, &app, &device->now);
}

/* Looks how it is. Returns whether the end is known. */
static bool is_settled(struct flash_device *device)
{
    flash_tell_step(device, FLASH_WAITING);
    device->silent = !look(device);
    if (device->silent) {
        device->last_words = device->event.outcome;
        device->look_ms = device->look_ms < LONGEST_LOOK_MS / 2 ? device->look_ms * 2 : LONGEST_LOOK_MS;
        return false;
    }
    memcpy(device->event.running, device->now.version, sizeof device->event.running);
    device->event.confirmed = device->now.confirmed;
    if (strcmp(device->now.boot_id, device->before.boot_id) == 0) {
        return on_same_start(device);
    }
    if (is_ours(device, &device->now)) {
        return on_our_image(device);
    }
    on_other_image(device);
    return true;
}

static void give_up(struct flash_device *device)
{
    struct outcome *outcome = &device->event.outcome;
    const char *version = device->image->version_text;

    if (device->silent) {
        device->event.running[0] = '\0';
        device->event.confirmed = false;
        outcome_set(outcome, EXIT_NOT_UP, "no_answer",
                    "%s did not come up: nobody has answered for %g s after the restart (%.200s).", version,
                    device->app.options.wait_ms / 1000.0, device->last_words.message);
    } else if (strcmp(device->now.boot_id, device->before.boot_id) == 0) {
        outcome_set(outcome, EXIT_NOT_UP, "not_restarted",
                    "%s did not come up: the device has not restarted, and still runs %s.", version,
                    version_of(&device->now));
    } else {
        outcome_set(outcome, EXIT_NOT_UP, "not_confirmed",
                    "%s came up, but could not be confirmed, and will go back: %s: %.200s", version,
                    device->last_words.status, device->last_words.message);
    }
}

/* A signal ends it early. */
static void pause_ms(uint32_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

static void wait_for_it(struct flash_device *device)
{
    device->deadline_ms = net_now_ms() + device->app.options.wait_ms;
    device->look_ms = FIRST_LOOK_MS;
    while (!is_settled(device)) {
        if (job_time_reached(net_now_ms(), device->deadline_ms)) {
            give_up(device);
            return;
        }
        pause_ms(POLL_PAUSE_MS);
        if (link_interrupted()) {
            return;
        }
    }
}

/* ---- All of it ---- */

static void run_steps(struct flash_device *device)
{
    if (!check(device)) {
        return;
    }
    if (device->event.already_runs) {
        /* That it has started is known: any boot_id is another one. */
        device->before.boot_id[0] = '\0';
        device->now = device->before;
        if (on_our_image(device) || link_interrupted()) {
            return;
        }
    } else if (!upload(device) || !boot(device)) {
        return;
    }
    hang_up(device);
    wait_for_it(device);
}

void flash_device_update(struct flash_device *device)
{
    device->app.report.note = flash_tell_note;
    device->app.report.ctx = device;
    device->app.link = link_new(); /* without it each question has a connection of its own */
    progress_divert(flash_tell_progress, device);
    run_steps(device);
    hang_up(device);
    if (link_interrupted() && device->event.step != FLASH_DONE) {
        outcome_set(&device->event.outcome, EXIT_DONE, FLASH_INTERRUPTED, "%s", "");
    }
    flash_tell_end(device);
}
