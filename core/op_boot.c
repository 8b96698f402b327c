/* SPDX-License-Identifier: MIT */
/* `boot`, which needs slots for firmware that no server has been given. */
#include "operation.h"

int dory_boot_start(struct dory_session *session)
{
    (void)session;
    return DORY_UNSUPPORTED;
}
