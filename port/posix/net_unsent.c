/* SPDX-License-Identifier: MIT */
/* How much of what was sent the peer has not acknowledged: one request, of another name on each system. */
#define _DEFAULT_SOURCE
#include <sys/ioctl.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "net_system.h"

uint32_t net_system_unsent(int socket)
{
    int unsent = 0;
    int result = -1;
#if defined(SIOCOUTQ)
    result = ioctl(socket, SIOCOUTQ, &unsent);
#elif defined(FIONWRITE)
    result = ioctl(socket, FIONWRITE, &unsent);
#else
    (void)socket;
#endif
    return result == 0 && unsent > 0 ? (uint32_t)unsent : 0;
}
