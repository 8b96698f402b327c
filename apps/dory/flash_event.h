/* SPDX-License-Identifier: MIT */
/*
 * What the process that updates one device (flash_device.h) tells the one that
 * people and scripts talk to (flash_fleet.c): structs of one size over a pipe,
 * which writes so few bytes in one piece or not at all.
 */
#ifndef DORY_APP_FLASH_EVENT_H
#define DORY_APP_FLASH_EVENT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "report.h"

/* In their order. */
enum flash_step {
    FLASH_QUEUED,
    FLASH_CHECKING,
    FLASH_UPLOADING,
    FLASH_VERIFYING,
    FLASH_RESTARTING,
    FLASH_WAITING,
    FLASH_CONFIRMING,
    FLASH_DONE,
};

enum flash_event_kind {
    FLASH_PROGRESS,
    FLASH_NOTE, /* something worth knowing: outcome.message */
    FLASH_END,  /* nothing follows */
};

/* The status of a device that a signal kept from being updated; it is no failure of the device's. */
#define FLASH_INTERRUPTED "interrupted"

/* A version as a device tells it, cleaned. */
#define FLASH_VERSION_SIZE 40

struct flash_event {
    enum flash_event_kind kind;
    enum flash_step step;
    uint64_t done;                    /* bytes of the image that are there */
    uint64_t resumed;                 /* bytes that were there before */
    bool uploaded;                    /* there was an upload, or an attempt at one */
    bool skipped;                     /* none was needed */
    bool already_runs;                /* the image did when we came */
    bool confirmed;                   /* as the device told last */
    char was[FLASH_VERSION_SIZE];     /* the version that ran when we came, or "" */
    char running[FLASH_VERSION_SIZE]; /* the one that runs now, as far as is known */
    struct outcome outcome;
};

_Static_assert(sizeof(struct flash_event) <= PIPE_BUF, "events would mix");

#endif
