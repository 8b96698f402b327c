/* SPDX-License-Identifier: MIT */
/* One command line that is run by a server. */
#ifndef DORY_APP_RUN_H
#define DORY_APP_RUN_H

#include "app.h"

/* What dory ends with when it could not have a command run to its end, as ssh does. */
#define RUN_FAILED 255

/* And when nobody reads its output any more: as a shell says of who was ended by SIGPIPE. */
#define RUN_UNREAD 141

/*
 * Has `line`, which is UTF-8, run, and passes its output on. With `ask_first` the server is asked whether it is there, as
 * often as it takes, before it is given the line, once. Returns the exit status, or one of the above; all failures but
 * RUN_UNREAD were reported. After link_interrupted() it means nothing.
 */
int run_line(struct app *app, const struct target *target, const char *line, bool ask_first);

#endif
