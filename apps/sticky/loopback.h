/* SPDX-License-Identifier: MIT */
/*
 * A TCP connection of this process with itself, over 127.0.0.1: real sockets, the kernel's real buffers, no other
 * program. When a system call fails, these functions say which and why on stderr, and exit with 1.
 */
#ifndef STICKY_LOOPBACK_H
#define STICKY_LOOPBACK_H

#include <stddef.h>

struct loopback {
    int sender;
    int reader;
};

/* Opens the connection, without Nagle's algorithm. */
void loopback_open(struct loopback *link);

/* Hands `len` bytes to one send(). */
void loopback_send(const struct loopback *link, const void *data, size_t len);

/* Says that nothing more will be sent. */
void loopback_finish(const struct loopback *link);

/* Waits until all that was sent before loopback_finish(), less than 1 KiB, stands in the reader's receive buffer, and
 * leaves it there. */
void loopback_wait_for_all(const struct loopback *link);

/* One recv() of at most `size` > 0 bytes. Returns how many it gave, or 0 behind the last byte. */
size_t loopback_receive(const struct loopback *link, void *buf, size_t size);

void loopback_close(const struct loopback *link);

#endif
