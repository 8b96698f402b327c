/* SPDX-License-Identifier: MIT */
/* doryd's sized and headed services (port/plain_commands.h), over its commands and temporary files. */
#ifndef DORYD_PLAIN_H
#define DORYD_PLAIN_H

#include "../../port/plain_commands.h"
#include "../../port/posix/net_posix.h"
#include "../../port/posix/spool_file.h"
#include "options.h"

/* Descriptors that a connection takes: its socket, and where its output is spooled. */
#define PLAIN_DESCRIPTORS (1U + SPOOL_FILES)

/* One of both forms. Zero at first. */
struct plain {
    struct plain_commands service;
    struct net_owner owner;
    struct spool_file *spool;
};

/* Makes it ready to listen for, with plain->owner. Of plain->service the caller has set form, commands, scratch and how many
 * connections there are (> 0). Returns 0, or -1 with errno. */
int plain_open(struct plain *plain, const struct options *options);

/* Ends its commands and connections, if it was opened; nothing is taken from here on. The net may still call it. */
void plain_close(struct plain *plain);

#endif
