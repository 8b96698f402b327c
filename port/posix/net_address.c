/* SPDX-License-Identifier: MIT */
/*
 * Addresses as people write them, to and from what the sockets want.
 */
#define _DEFAULT_SOURCE

#include "net_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool net_address_split(const char *address, char *host, const char **port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return false;
    const char *end = colon;
    if (address[0] == '[') {
        address++;
        if (end[-1] != ']')
            return false;
        end--;
    } else if (memchr(address, ':', (size_t)(end - address)) != NULL) {
        return false;
    }
    if (end <= address || end - address >= NET_HOST_LEN)
        return false;
    memcpy(host, address, (size_t)(end - address));
    host[end - address] = '\0';
    *port = colon + 1;
    return true;
}

/* getaddrinfo() takes 70000 for 4464. */
static bool is_port(const char *text)
{
    unsigned port = 0;
    size_t len = strlen(text);
    if (len == 0 || len >= NET_PORT_LEN || strspn(text, "0123456789") != len)
        return false;
    for (size_t i = 0; i < len; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    return port <= UINT16_MAX;
}

struct addrinfo *net_address_resolve(const char *host, const char *port, int type, int flags, char *error,
                                     size_t error_len)
{
    if (!is_port(port)) {
        snprintf(error, error_len, "The port must be a number up to 65535");
        return NULL;
    }
    /* Without AI_ADDRCONFIG, which doesn't count loopback as a configured
     * address: "localhost" would lose one of its two. */
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = type, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(host, port, &hints, &list);
    if (failure == 0)
        return list;
    snprintf(error, error_len, "%s", failure == EAI_SYSTEM ? strerror(errno) : gai_strerror(failure));
    return NULL;
}

int net_address_print(const struct sockaddr *address, size_t len, char *name, size_t name_len)
{
    char host[NET_HOST_LEN];
    char port[NET_PORT_LEN];
    if (getnameinfo(address, (socklen_t)len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) !=
        0) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    snprintf(name, name_len, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
    return 0;
}

int net_address_of(int fd, char *name, size_t name_len)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    return net_address_print((const struct sockaddr *)&address, len, name, name_len);
}

bool net_address_is_loopback(const char *name)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t one[16] = {[15] = 1};
    char host[NET_HOST_LEN];
    const char *port;
    uint8_t address[16];
    if (!net_address_split(name, host, &port))
        return false;
    if (inet_pton(AF_INET, host, address) == 1)
        return address[0] == 127;
    if (inet_pton(AF_INET6, host, address) != 1)
        return false;
    return memcmp(address, one, sizeof one) == 0 || (memcmp(address, mapped, sizeof mapped) == 0 && address[12] == 127);
}
