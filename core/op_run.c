/* SPDX-License-Identifier: MIT */
/* `run`: a command, whose output leaves in parts as it comes. */
#include "operation.h"

int dory_run_start(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_command *command = &session->job.command;
    int result;

    if (!DORY_COMMANDS || server->commands == NULL) {
        return DORY_UNSUPPORTED;
    }
    *command = (struct dory_command){.handle = NULL};
    result = server->commands->start(server->commands_ctx, dory_session_name(session), command);
    session->buf[0] = '\0'; /* all room to the output */
    return result == DORY_OK ? dory_job_begin(session, HOLDS_COMMAND, 0) : result;
}

/* The peer's pace is the command's: it is asked for more when the part before has left. */
int dory_run_work(struct dory_session *session)
{
    const struct dory_server *server = session->server;
    struct dory_command *command = &session->job.command;
    uint8_t *body;
    size_t size;
    int32_t got;

    if (!DORY_COMMANDS) {
        return DORY_UNSUPPORTED; /* no command has begun */
    }
    body = dory_answer_body(session, &size);
    got = server->commands->output(server->commands_ctx, command, body, size);
    if (got > 0) {
        dory_answer_with(session, DORY_MORE, TELL_STREAM, (size_t)got);
        return DORY_MORE;
    }
    if (got < 0) {
        return (int)got;
    }
    if (command->ended) {
        dory_answer(session, DORY_OK, TELL_EXIT);
        return DORY_ANSWERED;
    }
    session->store_waits = true;
    return DORY_MORE;
}
