/* SPDX-License-Identifier: MIT */
/*
 * Sending from a file: within the kernel where it can, else through a buffer.
 */
#define _DEFAULT_SOURCE
#define _FILE_OFFSET_BITS 64

#include <sys/socket.h>
#include <unistd.h>

#include "net_loop.h"
#include "net_system.h"

#define CHUNK_LEN (32u * 1024u)

/* Also the judge when sendfile() failed, which doesn't say on which side.
 * Returns as net_system_send_file(), but what failed on the socket's side is
 * told to the connection and counts as 0 sent with `*blocked` set. */
static int64_t send_copy(struct net_conn *conn, int file, uint64_t off, size_t len, bool *blocked)
{
    uint8_t chunk[CHUNK_LEN];
    ssize_t got;
    do
        got = pread(file, chunk, len < sizeof chunk ? len : sizeof chunk, (off_t)off);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got;
    size_t sent = net_send(conn, chunk, (size_t)got);
    *blocked = sent < (size_t)got;
    return (int64_t)sent;
}

static int64_t send_piece(struct net_conn *conn, int file, uint64_t off, size_t len, bool *blocked)
{
    int64_t sent = net_system_send_file(conn->watch.fd, file, off, len);
    if (sent >= 0)
        return sent;
    if (!net_would_block(errno))
        return send_copy(conn, file, off, len, blocked);
    net_conn_send_failed(conn, errno);
    *blocked = true;
    return 0;
}

int64_t net_send_file(struct net_conn *conn, int fd, uint64_t off, uint64_t len)
{
    uint64_t most = len < NET_TURN_LEN ? len : NET_TURN_LEN;
    uint64_t sent = 0;
    bool blocked = !net_conn_can_send(conn);
    if (off > INT64_MAX - most) {
        errno = EIO;
        return -1;
    }
    while (sent < most && !blocked) {
        int64_t piece = send_piece(conn, fd, off + sent, (size_t)(most - sent), &blocked);
        if (piece > 0) {
            sent += (uint64_t)piece;
        } else if (!blocked) {
            if (piece == 0)
                errno = EIO;
            if (sent == 0)
                return -1;
            break; /* told by the next call */
        }
    }
    if (sent < len)
        conn->wants_write = true;
    if (sent < len && !blocked)
        net_conn_list_ready(conn);
    return (int64_t)sent;
}
