/* SPDX-License-Identifier: MIT */
/* From the words of a `put` to what is sent under which name. */
#ifndef DORY_APP_PUT_PLAN_H
#define DORY_APP_PUT_PLAN_H

#include "app.h"
#include "items.h"
#include "target.h"

/* Fills in `target` and `items`. Returns EXIT_DONE, or reports what is wrong, before anything was sent, and returns the
 * exit code. The caller frees the items in any case. */
int put_plan(struct app *app, struct target *target, struct items *items);

#endif
