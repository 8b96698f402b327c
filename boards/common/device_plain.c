/* SPDX-License-Identifier: MIT */
/* Sized and headed on a device. */
#include "device_plain.h"

#include "device.h"
#include "log.h"

#define POLL_MS 1

#if BOARD_PLAIN_FORMS

static void begin(struct device *device, struct device_plain *plain, enum plain_form form, uint16_t port)
{
    plain->ram = (struct spool_ram){.places = plain->places, .bytes = plain->spool, .size = BOARD_PLAIN_SPOOL};
    plain->service = (struct plain_commands){
        .form = form,
        .commands = device->server.commands,
        .commands_ctx = device->server.commands_ctx,
        .spool = &spool_ram,
        .spool_ctx = &plain->ram,
        .conns = plain->conns,
        .conn_count = BOARD_PLAIN_CONNS,
        .scratch = device->scratch,
        .scratch_len = sizeof device->scratch,
        .poll_ms = POLL_MS,
        .idle_ms = device->server.limits.idle_ms,
        .output_ms = device->server.limits.output_ms,
    };
    plain->owner = (struct net_owner){.events = &plain_commands_events, .app = &plain->service};
    if (net_listen(&device->net, &plain->owner, port, BOARD_BACKLOG) != ERR_OK) {
        log_text("no memory to listen with\n");
        return;
    }
    log_text(form == PLAIN_SIZED ? "sized commands at port " : "headed commands at port ");
    log_decimal(port);
    log_text("\n");
}

void device_plain_begin(struct device *device)
{
    struct device_plain *plain = device->plain;

    if (BOARD_SIZED_PORT != 0) {
        begin(device, plain++, PLAIN_SIZED, BOARD_SIZED_PORT);
    }
    if (BOARD_HEADED_PORT != 0) {
        begin(device, plain, PLAIN_HEADED, BOARD_HEADED_PORT);
    }
}

bool device_plain_is_sent(const struct device *device)
{
    for (unsigned i = 0; i < BOARD_PLAIN_FORMS; i++) {
        if (!plain_commands_is_sent(&device->plain[i].service)) {
            return false;
        }
    }
    return true;
}

#endif
