/* SPDX-License-Identifier: MIT */
/* The log in RAM that a restart leaves alone, and the reason for the restart. */
#include "crash_log.h"

#include <string.h>

#include <board_config.h> /* the board's own */

#include "board.h"

#define KEPT __attribute__((section("noinit")))

struct log_ring crash_log KEPT;
static char text[BOARD_LOG_SIZE] KEPT;

static bool keeps;
static const char *started_by;

/* Who restarts says so before. Nobody did: the board may know; else, where no log is left there was no power. */
static const char *reason(bool goes_on)
{
    static const char *const reasons[] = {
        [CRASH_LOG_COMMAND] = "reboot command",   [CRASH_LOG_FAILURE] = "failure, see the log",
        [CRASH_LOG_FAULT] = "fault, see the log", [CRASH_LOG_UPDATE] = "firmware update",
        [CRASH_LOG_TRIAL] = "end of a trial",
    };
    const char *told = board_reset_reason();

    if (crash_log.note > CRASH_LOG_RESET && crash_log.note < sizeof reasons / sizeof reasons[0]) {
        return reasons[crash_log.note];
    }
    if (told != NULL) {
        return told;
    }
    return goes_on ? "reset" : "power-on";
}

void crash_log_begin(void)
{
    bool goes_on = log_ring_begin(&crash_log, text, sizeof text, board_random());

    started_by = reason(goes_on);
    log_ring_note(&crash_log, CRASH_LOG_RESET);
    keeps = true;
}

void crash_log_add(const char *words)
{
    if (keeps) {
        log_ring_write(&crash_log, words, strlen(words));
    }
}

void crash_log_pause(bool paused)
{
    keeps = !paused;
}

void crash_log_restarting(enum crash_log_reason why)
{
    if (keeps) {
        log_ring_note(&crash_log, why);
    }
}

const char *crash_log_started_by(void)
{
    return started_by;
}
