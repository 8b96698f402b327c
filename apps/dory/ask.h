/* SPDX-License-Identifier: MIT */
/* One request, one answer: what `ls`, `stat`, `info` and `flash` have in common. */
#ifndef DORY_APP_ASK_H
#define DORY_APP_ASK_H

#include "app.h"
#include "link.h"

struct ask {
    struct job job; /* call.events, and what the command needs, are the caller's to set */
    struct app *app;
    const char *about; /* a name for reports, or NULL */

    /* The final answer is there: prints it when outcome->code is EXIT_DONE, and may amend the outcome. */
    void (*answered)(struct ask *ask, const struct dory_answer *answer, struct outcome *outcome);

    /* A try was for nothing: forgets what it brought. May be NULL. */
    void (*forget)(struct ask *ask);

    /* Tells how far it is. May be NULL. */
    void (*look)(const struct ask *ask, struct progress *progress);

    /* ask_run()'s own. */
    bool given;
    bool settled;
    struct outcome outcome;
};

/* Gets the answer and reports failures. Returns the exit code. */
int ask_run(struct ask *ask, const struct target *target);

/* Gets the answer, or fails; ask->outcome tells. */
void ask_silently(struct ask *ask, const struct target *target);

#endif
