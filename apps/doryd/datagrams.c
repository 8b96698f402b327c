/* SPDX-License-Identifier: MIT */
/* doryd's datagrams. */
#include "datagrams.h"

#include <inttypes.h>
#include <stdio.h>

#include "../../port/posix/net_udp_posix.h"

/* Anybody can send any number of them: the log must not fill up. */
#define TELL_EVERY_MS 60000U

static void open_one(struct datagrams *datagrams, struct net *net, const char *address)
{
    char name[256];

    if (net_udp_open(net, address, discovery_received, &datagrams->discovery, name, sizeof name) == NULL) {
        fprintf(stderr, "doryd: %s: not found by dory discover: %s\n", address, name);
    }
}

void datagrams_open(struct datagrams *datagrams, struct net *net, const char *address)
{
    char broadcast[NET_PEER_NAME_LEN];

    open_one(datagrams, net, address);
    if (net_peer_broadcast_of(address, broadcast)) {
        open_one(datagrams, net, broadcast);
    }
}

void datagrams_tell(struct datagrams *datagrams, uint32_t now_ms, bool now)
{
    const struct discovery *discovery = &datagrams->discovery;
    uint32_t unanswered = discovery->ignored + discovery->held_back;

    if (unanswered == datagrams->told ||
        (!now && datagrams->told != 0 && now_ms - datagrams->told_ms < TELL_EVERY_MS)) {
        return;
    }
    fprintf(stderr, "doryd: %" PRIu32 " datagrams ignored, %" PRIu32 " questions too many so far\n", discovery->ignored,
            discovery->held_back);
    datagrams->told = unanswered;
    datagrams->told_ms = now_ms;
}
