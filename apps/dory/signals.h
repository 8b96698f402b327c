/* SPDX-License-Identifier: MIT */
/* The signals that ask dory to end. */
#ifndef DORY_APP_SIGNALS_H
#define DORY_APP_SIGNALS_H

/* Takes note of SIGINT, SIGTERM and SIGHUP from now on, and interrupts the link (link.h). A second one of a kind ends the
 * program at once. */
void signals_catch(void);

/* The last signal that came, or 0. */
int signals_got(void);

/* Forgets it, and the link's interruption. */
void signals_forget(void);

#endif
