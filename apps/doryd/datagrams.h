/* SPDX-License-Identifier: MIT */
/* doryd's datagrams: what makes it answer `dory discover`, beside each of its listeners. */
#ifndef DORYD_DATAGRAMS_H
#define DORYD_DATAGRAMS_H

#include "../../port/discovery.h"

/* All zero at first, but for discovery.service. */
struct datagrams {
    struct discovery discovery;
    uint32_t told; /* datagrams that went without an answer, as last told */
    uint32_t told_ms;
};

/* Answers datagrams at `address` ("192.0.2.7:9002"), where a listener is, from now on. If that can't be, it is said on
 * standard error, and no more: files don't need it. */
void datagrams_open(struct datagrams *datagrams, struct net *net, const char *address);

/* Tells on standard error how many datagrams got no answer so far, when there are new ones: once a minute at most, or
 * `now`. */
void datagrams_tell(struct datagrams *datagrams, uint32_t now_ms, bool now);

#endif
