/* SPDX-License-Identifier: MIT */
/* Parsing of TARGET. */
#include "target.h"

#include <stdio.h>
#include <string.h>

/* The host ends at `*end`, which is set to the `:` or to the end of the word behind it. */
static bool parse_host(struct target *target, const char *text, size_t len, const char **end)
{
    const char *stop = memchr(text, text[0] == '[' ? ']' : ':', len);
    size_t host_len;

    if (text[0] == '[') {
        if (stop == NULL) {
            return false;
        }
        text++;
        *end = stop + 1;
    } else {
        stop = stop != NULL ? stop : text + len;
        *end = stop;
    }
    host_len = (size_t)(stop - text);
    if (host_len == 0 || host_len >= sizeof target->host) {
        return false;
    }
    memcpy(target->host, text, host_len);
    target->host[host_len] = '\0';
    return true;
}

static bool parse_port(struct target *target, const char *text, size_t len)
{
    unsigned value = 0;

    if (len == 0 || len >= sizeof target->port) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    memcpy(target->port, text, len);
    target->port[len] = '\0';
    return value >= 1 && value <= 65535;
}

bool target_parse(struct target *target, const char *text, char *error, size_t error_len)
{
    size_t len = strcspn(text, "/");
    const char *end;

    target->name = text[len] == '/' ? text + len + 1 : text + len;
    strcpy(target->port, TARGET_DEFAULT_PORT);
    if (!parse_host(target, text, len, &end) || (end < text + len && *end != ':')) {
        snprintf(error, error_len, "'%s' has no host: it must be HOST[:PORT][/NAME]", text);
        return false;
    }
    if (end == text + len) {
        return true;
    }
    if (memchr(end + 1, ':', (size_t)(text + len - end - 1)) != NULL) {
        snprintf(error, error_len, "'%s' has too many colons: an IPv6 address stands in brackets, as in [::1]:9002",
                 text);
        return false;
    }
    if (!parse_port(target, end + 1, (size_t)(text + len - end - 1))) {
        snprintf(error, error_len, "the port in '%s' must be a number from 1 to 65535", text);
        return false;
    }
    return true;
}

void target_print(const struct target *target, char *dst, size_t size)
{
    snprintf(dst, size, strchr(target->host, ':') != NULL ? "[%s]:%s" : "%s:%s", target->host, target->port);
}

bool target_same_server(const struct target *a, const struct target *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}
