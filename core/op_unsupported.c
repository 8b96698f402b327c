/* SPDX-License-Identifier: MIT */
/* `run` and `boot`, which need a provider that no server has been given. */
#include "operation.h"

int dory_unsupported_start(struct dory_session *session)
{
    (void)session;
    return DORY_UNSUPPORTED;
}
