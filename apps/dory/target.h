/* SPDX-License-Identifier: MIT */
/* TARGET on the command line: HOST[:PORT][/NAME]. */
#ifndef DORY_APP_TARGET_H
#define DORY_APP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_DEFAULT_PORT "9002"

struct target {
    char host[256]; /* without brackets */
    char port[6];
    const char *name; /* behind the first `/`, in the text that was parsed; "" when there is none */
};

/* Takes `text` apart. Returns false with a sentence that quotes the wrong word. */
bool target_parse(struct target *target, const char *text, char *error, size_t error_len);

/* Writes "HOST:PORT", with brackets where they belong. */
void target_print(const struct target *target, char *dst, size_t size);

/* Whether two targets are the same server, as far as their words tell. */
bool target_same_server(const struct target *a, const struct target *b);

#endif
