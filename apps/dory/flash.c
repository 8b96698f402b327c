/* SPDX-License-Identifier: MIT */
/*
 * `dory flash`: brings a new firmware to devices, and says ok when it runs there. Here: what must be right before any
 * device hears of it. flash_fleet.c has the devices, flash_device.c what is done with one.
 */
#include <stdlib.h>

#include "flash_fleet.h"

static int run(struct flash_fleet *fleet)
{
    char error[FLASH_IMAGE_ERROR_SIZE];
    struct outcome outcome;
    int code;

    if (!flash_image_read(&fleet->image, fleet->path, error)) {
        outcome_set(&outcome, EXIT_LOCAL, "local", "%s", error);
        report_failure(&fleet->app->report, fleet->path, &outcome);
        return EXIT_LOCAL;
    }
    code = flash_fleet_run(fleet);
    flash_image_free(&fleet->image);
    return code;
}

int command_flash(struct app *app)
{
    struct flash_fleet fleet = {.app = app, .path = app->options.words[0]};
    int code = flash_targets(&fleet);

    if (code == EXIT_DONE) {
        code = run(&fleet);
    }
    for (size_t i = 0; i < fleet.count; i++) {
        free(fleet.members[i].word);
    }
    free(fleet.members);
    return code;
}
