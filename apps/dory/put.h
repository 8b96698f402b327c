/* SPDX-License-Identifier: MIT */
/* What the two ways of `put` share: with answers (put.c) and without (no_reply.c). */
#ifndef DORY_APP_PUT_H
#define DORY_APP_PUT_H

#include "app.h"
#include "items.h"
#include "target.h"

/* Sends the items to a server that never answers. Returns the exit code. */
int put_no_reply(struct app *app, const struct target *target, struct items *items);

#endif
