/* SPDX-License-Identifier: MIT */
/*
 * A store of one's own: one file, `log`, that the device writes itself and others only read. What stands between the two
 * marks is shown in port/README.md; the rest asks for that file, and is refused another.
 */
#include <string.h>

#include "../../core/store.h"
#include "exchange.h"

/* README: begin */
static char log_text[4096]; /* only ever gets longer */
static size_t log_len;

static int log_open(void *ctx, const char *name, struct dory_file *file)
{
    (void)ctx;
    if (strcmp(name, "log") != 0) {
        return DORY_NOT_FOUND;
    }
    *file = (struct dory_file){.size = log_len, .version = log_len + 1}; /* never 0, another one with each line */
    return DORY_OK;
}

/* What is there stays as it is, so that these are bytes of the version that was opened, though more have come since. */
static int32_t log_read(void *ctx, struct dory_file *file, uint64_t off, uint8_t *dst, size_t len)
{
    size_t left = (size_t)(file->size - off);

    (void)ctx;
    len = len < left ? len : left;
    memcpy(dst, log_text + off, len);
    return (int32_t)len;
}

static void log_close(void *ctx, struct dory_file *file)
{
    (void)ctx;
    (void)file;
}

static int log_put(void *ctx, const struct dory_put *put, struct dory_writer **writer)
{
    (void)ctx;
    (void)put;
    (void)writer;
    return DORY_FORBIDDEN;
}

static int log_remove(void *ctx, const char *name, struct dory_writer **writer)
{
    (void)ctx;
    (void)name;
    (void)writer;
    return DORY_FORBIDDEN;
}

static struct dory_writer *log_holder(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return NULL;
}

static uint64_t log_partial(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return 0;
}

static int log_list(void *ctx, const char *prefix, struct dory_listing *listing)
{
    (void)ctx;
    (void)prefix;
    listing->handle = 0; /* files told so far */
    return DORY_OK;
}

static int log_next(void *ctx, struct dory_listing *listing, struct dory_entry *entry)
{
    (void)ctx;
    if (listing->handle > 0) {
        return DORY_NOT_FOUND;
    }
    listing->handle = 1;
    *entry = (struct dory_entry){.size = log_len, .name = "log"};
    return DORY_OK;
}

static void log_end_list(void *ctx, struct dory_listing *listing)
{
    (void)ctx;
    (void)listing;
}

static int log_room(void *ctx, struct dory_room *room)
{
    (void)ctx;
    *room = (struct dory_room){.free = 0, .max_file = 0, .writers = 0};
    return DORY_OK;
}

/* There is never a writer, so what needs one stays NULL: write, reread, commit, abort. */
static const struct dory_store log_store = {
    .open = log_open,
    .read = log_read,
    .close = log_close,
    .put = log_put,
    .remove = log_remove,
    .holder = log_holder,
    .partial = log_partial,
    .list = log_list,
    .next = log_next,
    .end_list = log_end_list,
    .room = log_room,
};
/* README: end */

static void log_line(const char *line)
{
    size_t len = strlen(line);

    if (len <= sizeof log_text - log_len) {
        memcpy(log_text + log_len, line, len);
        log_len += len;
    }
}

static bool ask(const char *header, const char *body, const char *expected)
{
    return exchange(&log_store, NULL, header, body, expected);
}

int main(void)
{
    bool fine;

    log_line("started\n");
    fine =
        ask("{\"cmd\":\"get\",\"id\":1,\"filename\":\"log\"}", "",
            "{\"id\":1,\"status\":\"ok\",\"filesize\":8,\"offset\":0,\"version\":\"0000000000000009\",\"data_size\":8}"
            "started\n") &&
        ask("{\"cmd\":\"list\",\"id\":1}", "",
            "{\"id\":1,\"status\":\"ok\",\"data_size\":32}{\"filename\":\"log\",\"filesize\":8}\n") &&
        ask("{\"cmd\":\"get\",\"id\":1,\"filename\":\"other\"}", "",
            "{\"id\":1,\"status\":\"not_found\",\"data_size\":0}") &&
        ask("{\"cmd\":\"stat\",\"id\":1,\"filename\":\"other\"}", "",
            "{\"id\":1,\"status\":\"not_found\",\"data_size\":0}") &&
        ask("{\"cmd\":\"delete\",\"id\":1,\"filename\":\"log\"}", "",
            "{\"id\":1,\"status\":\"forbidden\",\"data_size\":0}") &&
        ask("{\"cmd\":\"put\",\"id\":1,\"filename\":\"log\",\"filesize\":3}", "abc",
            "{\"id\":1,\"status\":\"forbidden\",\"data_size\":0}");
    return fine ? 0 : 1;
}
