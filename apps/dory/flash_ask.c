/* SPDX-License-Identifier: MIT */
/* What `dory flash` asks of a device. */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "flash_device.h"
#include "text.h"

#define FIRMWARE_NAME "firmware"

/* As `dory put`: from that many bytes on with `resume`. */
#define LARGE_LEN (64U * 1024U)

static bool run(struct flash_device *device, struct ask *ask)
{
    ask_silently(ask, device->target);
    device->event.outcome = ask->outcome;
    return ask->outcome.code == EXIT_DONE && !link_interrupted();
}

static void on_answered(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome)
{
    (void)ask;
    (void)answer;
    (void)outcome;
}

/* ---- info ---- */

struct ask_info {
    struct ask ask;
    struct flash_running *running;
};

static void copy(char *dst, size_t size, const struct dory_answer *answer, enum dory_answer_field field,
                 const struct dory_text *text)
{
    dst[0] = '\0';
    if (dory_answer_has(answer, field)) {
        text_clean(dst, size, text->ptr, text->len);
    }
}

static void on_info(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome)
{
    struct flash_running *running = ((struct ask_info *)ask)->running;

    if (outcome->code != EXIT_DONE) {
        return;
    }
    running->can_update = dory_answer_has(answer, DORY_ANSWER_IMAGE) && dory_answer_has(answer, DORY_ANSWER_BOOT_ID);
    running->confirmed = dory_answer_has(answer, DORY_ANSWER_CONFIRMED) && answer->confirmed;
    copy(running->image, sizeof running->image, answer, DORY_ANSWER_IMAGE, &answer->image);
    if (running->can_update && answer->image.len != DORY_IMAGE_DIGITS) {
        running->image[0] = '\0';
    }
    copy(running->boot_id, sizeof running->boot_id, answer, DORY_ANSWER_BOOT_ID, &answer->boot_id);
    copy(running->board, sizeof running->board, answer, DORY_ANSWER_BOARD, &answer->board);
    copy(running->version, sizeof running->version, answer, DORY_ANSWER_FIRMWARE, &answer->firmware);
}

bool flash_ask_info(struct flash_device *device, struct app *app, struct flash_running *running)
{
    static const struct dory_call_events call_events = {.done = link_done};
    struct ask_info info = {
        .ask =
            {
                .job = {.call = {.command = DORY_INFO, .events = &call_events}},
                .app = app,
                .answered = on_info,
            },
        .running = running,
    };

    return run(device, &info.ask);
}

/* ---- stat ---- */

struct ask_stat {
    struct ask ask;
    const struct flash_image *image;
    bool there;
};

static void on_stat(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome)
{
    struct ask_stat *stat = (struct ask_stat *)ask;

    stat->there =
        outcome->code == EXIT_DONE && answer->filesize == stat->image->size && answer->crc32 == stat->image->crc32;
}

/* Not to know is no failure: a put will tell what is the matter. */
bool flash_ask_stat(struct flash_device *device, bool *there)
{
    static const struct dory_call_events call_events = {.done = link_done};
    struct ask_stat stat = {
        .ask =
            {
                .job = {.call = {.command = DORY_STAT, .events = &call_events, .name = FIRMWARE_NAME, .check = true}},
                .app = &device->app,
                .answered = on_stat,
            },
        .image = device->image,
    };
    bool good = run(device, &stat.ask);

    *there = stat.there;
    return good || (stat.ask.settled && !link_interrupted());
}

/* ---- put ---- */

struct ask_put {
    struct ask ask;
    struct flash_device *device;
    bool continued; /* a device has told where it goes on */
};

static int32_t on_read(void *ctx, struct dory_call *call, uint64_t off, uint8_t *dst, size_t len)
{
    (void)ctx;
    memcpy(dst, ((const struct ask_put *)call)->device->image->data + off, len);
    return (int32_t)len;
}

/* What was there at first was not ours to send; what is there after a lost connection was. */
static void on_part(void *ctx, struct dory_call *call, const struct dory_answer *answer)
{
    struct ask_put *put = (struct ask_put *)call;

    (void)ctx;
    if (answer->status == DORY_CONTINUE && !put->continued) {
        put->continued = true;
        put->device->event.resumed = answer->offset;
    }
}

/* A beginning that is another file's is left alone. */
static void on_again(struct ask *ask)
{
    struct ask_put *put = (struct ask_put *)ask;

    if (ask->job.call.fault == DORY_FAULT_OTHER_BEGINNING) {
        ask->job.call.resume = false;
        put->continued = true;
        put->device->event.resumed = 0;
    }
}

static void on_look(const struct ask *ask, struct progress *progress)
{
    const struct dory_call *call = &ask->job.call;

    progress->name = FIRMWARE_NAME;
    progress->done = call->at;
    progress->total = call->filesize;
}

static bool put_once(struct flash_device *device, bool resume, bool *unlucky)
{
    static const struct dory_call_events call_events = {.read = on_read, .part = on_part, .done = link_done};
    const struct dory_call call = {
        .command = DORY_PUT,
        .events = &call_events,
        .name = FIRMWARE_NAME,
        .filesize = device->image->size,
        .has_crc32 = true,
        .crc32 = device->image->crc32,
        .resume = resume,
    };
    struct ask_put put = {
        .ask =
            {
                .job = {.call = call},
                .app = &device->app,
                .answered = on_answered,
                .forget = on_again,
                .look = on_look,
            },
        .device = device,
        .continued = !resume,
    };
    bool good = run(device, &put.ask);

    if (put.ask.settled && put.ask.job.call.phase == DORY_CALL_SENT) {
        device->event.done = device->image->size;
        flash_tell_step(device, FLASH_VERIFYING); /* however short it was */
    }
    *unlucky = put.ask.outcome.code == EXIT_MISMATCH && put.ask.job.call.resume && put.ask.job.call.offset > 0;
    return good;
}

bool flash_ask_put(struct flash_device *device)
{
    bool resume = device->image->size >= LARGE_LEN;
    bool unlucky;

    device->event.uploaded = true;
    if (put_once(device, resume, &unlucky)) {
        return true;
    }
    if (!unlucky || link_interrupted()) {
        return false;
    }
    device->event.resumed = 0;
    return put_once(device, false, &unlucky);
}

/* ---- boot ---- */

bool flash_ask_boot(struct flash_device *device, struct app *app, enum dory_boot_mode mode, bool *sent)
{
    static const struct dory_call_events call_events = {.done = link_done};
    const struct dory_call call = {
        .command = DORY_BOOT, .events = &call_events, .mode = mode, .name = device->image->hash};
    struct ask ask = {.job = {.call = call}, .app = app, .answered = on_answered};
    bool good = run(device, &ask);

    *sent = ask.job.call.phase != DORY_CALL_QUEUED && !ask.settled;
    return good;
}
