/* SPDX-License-Identifier: MIT */
/*
 * Commands and read-only files of the product's own, for product.c. What stands between the two marks is shown in
 * port/README.md.
 */
#include "product.h"

#include <string.h>

/* README: begin */
#include "../command_table.h"
#include "../log_ring.h"
#include "../own_files.h"

#define SESSIONS 2                               /* as in product.c */
#define KEPT __attribute__((section(".noinit"))) /* RAM that your start-up neither clears nor fills */

static struct log_ring ring KEPT;
static char ring_text[1024] KEPT;

void product_log(const char *text)
{
    log_ring_write(&ring, text, strlen(text));
}

static int run_led(struct command_output *out, int argc, const char *const *argv)
{
    if (argc != 2 || (strcmp(argv[1], "on") != 0 && strcmp(argv[1], "off") != 0)) {
        return command_usage(out, "led on|off");
    }
    product_led(strcmp(argv[1], "on") == 0);
    command_text(out, "done\n");
    return 0;
}

/* Long output, a line a step: the next one is asked for when this one has left. */
static int run_count(struct command_output *out, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    command_decimal(out, out->step + 1);
    command_text(out, "\n");
    return out->step + 1 < 1000 ? COMMAND_MORE : 0;
}

static const char about[] = "sensor-7, revision C\n";

static const struct command commands[] = {
    {"help", "lists the commands", command_help},
    {"led", "on or off", run_led},
    {"count", "to a thousand", run_count},
};

static const struct own_file files[] = {
    {"log", log_ring_open, log_ring_read, &ring},
    {"about.txt", own_text_open, own_text_read, about},
};

void product_commands_begin(struct dory_server *server)
{
    static struct command_run runs[SESSIONS];
    static struct command_table table = {
        .commands = commands,
        .count = sizeof commands / sizeof commands[0],
        .runs = runs,
        .run_count = SESSIONS,
    };
    static struct own_files own = {.files = files, .count = sizeof files / sizeof files[0]};

    product_log(log_ring_begin(&ring, ring_text, sizeof ring_text, product_random()) ? "restart\n" : "power-on\n");
    own.store = server->store;
    own.store_ctx = server->store_ctx;
    server->store = &own_files;
    server->store_ctx = &own;
    server->commands = &command_table;
    server->commands_ctx = &table;
}
/* README: end */
