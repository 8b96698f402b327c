/* SPDX-License-Identifier: MIT */
/* `run` and `boot`, which need a provider that no server has been given. */
#include "operation.h"

static int start(struct dory_session *session)
{
    (void)session;
    return DORY_UNSUPPORTED;
}

const struct dory_operation dory_op_run = {.cmd = "run", .name_field = FIELD_COUNT, .start = start};
const struct dory_operation dory_op_boot = {.cmd = "boot", .name_field = FIELD_COUNT, .start = start};
