/* SPDX-License-Identifier: MIT */
/* The devices of one `dory flash`, and the processes that update them. */
#ifndef DORY_APP_FLASH_FLEET_H
#define DORY_APP_FLASH_FLEET_H

#include <sys/types.h>

#include "app.h"
#include "flash_event.h"
#include "flash_image.h"
#include "progress.h"

enum member_state { MEMBER_QUEUED, MEMBER_RUNNING, MEMBER_OVER };

struct flash_member {
    char *word; /* as it was given; to be freed */
    struct target target;
    enum member_state state;
    bool ended; /* it has told its end */
    pid_t pid;
    int pipe;    /* while running */
    size_t have; /* bytes of `incoming` */
    struct flash_event incoming;
    struct flash_event event; /* the last one that told anything but a note */
    uint32_t begun_ms;
    uint32_t elapsed_ms;
    uint32_t step_ms; /* when its step began */
    struct progress_speed speed;
};

struct flash_fleet {
    struct app *app;
    const char *path; /* of the image */
    struct flash_image image;
    struct flash_member *members; /* in the order in which they were given */
    size_t count;
    size_t at;      /* the next one to begin with */
    size_t running; /* processes */
    bool stopping;
    unsigned drawn; /* lines on the terminal */
};

/* --- flash_targets.c --- */

/* Adds the targets of the command line and of --targets. Returns EXIT_DONE, or reports what is wrong and returns the exit
 * code. */
int flash_targets(struct flash_fleet *fleet);

/* --- flash_fleet.c --- */

/* Updates all of them. Returns EXIT_DONE, or the exit code of the first in their order that failed. */
int flash_fleet_run(struct flash_fleet *fleet);

/* --- flash_show.c --- */

/* Draws a line for each device at work, if that is wanted and there is a terminal; and takes them away. */
void flash_show_lines(struct flash_fleet *fleet, uint32_t now_ms);
void flash_show_clear(struct flash_fleet *fleet);

/* Something worth knowing, on stderr; a result, for people or as JSON; the numbers of both kinds, when there are several. */
void flash_show_note(struct flash_fleet *fleet, const char *note);
void flash_show_result(struct flash_fleet *fleet, const struct flash_member *member);
void flash_show_summary(struct flash_fleet *fleet);

#endif
