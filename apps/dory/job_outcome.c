/* SPDX-License-Identifier: MIT */
/* From the end of a call to what a person, and a script, is told about it. */
#include <stdio.h>

#include "job.h"
#include "text.h"

static void outcome_refused(const struct job *job, const struct dory_answer *answer, struct outcome *outcome)
{
    enum dory_status status = job->call.fault == DORY_FAULT_BAD_HEADER ? DORY_BAD_HEADER : job->call.status;
    enum exit_code code = status == DORY_CORRUPT ? EXIT_MISMATCH : EXIT_REFUSED;
    const char *sentence = dory_status_sentence(status);
    char name[sizeof outcome->status];

    snprintf(name, sizeof name, "%s", dory_status_name(status));
    if (answer != NULL && dory_answer_has(answer, DORY_ANSWER_STATUS)) {
        text_clean(name, sizeof name, answer->status_name.ptr, answer->status_name.len);
    }
    if (answer != NULL && dory_answer_has(answer, DORY_ANSWER_MESSAGE) && answer->message.len > 0) {
        sentence = answer->message.ptr;
    }
    outcome_set(outcome, code, name, "%s", sentence);
}

void job_outcome(const struct job *job, const struct dory_answer *answer, struct outcome *outcome)
{
    switch (job->call.fault) {
    case DORY_FAULT_NONE:
        if (job->call.status == DORY_OK) {
            outcome_set(outcome, EXIT_DONE, "ok", "%s", "");
            break;
        }
        outcome_refused(job, answer, outcome);
        break;
    case DORY_FAULT_BAD_HEADER:
        outcome_refused(job, answer, outcome);
        break;
    case DORY_FAULT_MISMATCH:
        outcome_set(outcome, EXIT_MISMATCH, "mismatch", "What arrived is not what the server sent.");
        break;
    case DORY_FAULT_LOCAL:
        outcome_set(outcome, EXIT_LOCAL, "local", "%s", "Reading or writing a local file failed.");
        break;
    case DORY_FAULT_LOST:
    case DORY_FAULT_BUSY:
    case DORY_FAULT_PROTOCOL:
    case DORY_FAULT_OTHER_BEGINNING:
    case DORY_FAULT_ABANDONED:
        outcome_set(outcome, EXIT_LOST, "lost", "The connection was lost.");
        break;
    }
}
