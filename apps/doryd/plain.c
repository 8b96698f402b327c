/* SPDX-License-Identifier: MIT */
/* doryd's sized and headed services. */
#include "plain.h"

#include <errno.h>
#include <stdlib.h>

/* The commands wake the net when they have something; this is for a wake-up that got lost. */
#define POLL_MS 250U

static const char *temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");

    return folder != NULL && folder[0] != '\0' ? folder : "/tmp";
}

int plain_open(struct plain *plain, const struct options *options)
{
    struct plain_commands *service = &plain->service;

    plain->owner = (struct net_owner){.events = &plain_commands_events, .app = service};
    plain->spool = spool_file_new(temporary_folder(), service->conn_count);
    service->conns = calloc(service->conn_count, sizeof *service->conns);
    service->spool = &spool_file;
    service->spool_ctx = plain->spool;
    service->poll_ms = POLL_MS;
    service->idle_ms = options->limits.idle_ms;
    service->output_ms = options->limits.output_ms;
    if (plain->spool == NULL || service->conns == NULL) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

void plain_close(struct plain *plain)
{
    if (plain->service.conns != NULL) {
        plain_commands_end(&plain->service);
    }
    spool_file_free(plain->spool);
    free(plain->service.conns);
    plain->spool = NULL;
    plain->service.conns = NULL;
    plain->service.conn_count = 0;
}
