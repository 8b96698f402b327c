/* SPDX-License-Identifier: MIT */
/* Output of commands, as it is or as JSON. */
#define _DEFAULT_SOURCE

#include "outlet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../../core/header.h"
#include "link.h"

/* Bytes of output in a line of JSON; each may need six there. */
#define PIECE_LEN 4096U
#define JSON_SIZE (6U * PIECE_LEN + 64U)

static bool write_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t written = link_interrupted() ? -1 : write(fd, at, len);

        if (link_interrupted()) {
            errno = EINTR;
            return false;
        }
        if (written >= 0) {
            at += written;
            len -= (size_t)written;
        } else if (errno == EAGAIN) {
            /* Whoever has the other end, too, wanted it so. */
            (void)poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* ---- JSON ---- */

/* Writes `data` in base64 (RFC 4648 section 4) to `dst`, and a NUL behind it. */
static void encode_base64(char *dst, const uint8_t *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (; len > 0; data += 3) {
        uint32_t bits = (uint32_t)data[0] << 16 | (len > 1 ? (uint32_t)data[1] << 8 : 0) | (len > 2 ? data[2] : 0);

        *dst++ = digits[bits >> 18];
        *dst++ = digits[bits >> 12 & 63];
        *dst++ = len > 1 ? digits[bits >> 6 & 63] : '=';
        *dst++ = len > 2 ? digits[bits & 63] : '=';
        if (len <= 3) {
            break;
        }
        len -= 3;
    }
    *dst = '\0';
}

static bool write_json(unsigned stream, const uint8_t *data, size_t len)
{
    char base64[PIECE_LEN / 3 * 4 + 8];
    char json[JSON_SIZE];
    struct dory_encoder encoder;

    dory_header_begin_line(&encoder, json, sizeof json);
    dory_header_number(&encoder, "stream", stream);
    if (dory_utf8_check((const char *)data, len)) {
        dory_header_text(&encoder, "text", (const char *)data, len);
    } else {
        encode_base64(base64, data, len);
        dory_header_text(&encoder, "base64", base64, strlen(base64));
    }
    len = dory_header_end_line(&encoder);
    return write_all(STDOUT_FILENO, json, len);
}

/* Bytes at the end of `data` that may be the beginning of a character. */
static size_t cut_len(const uint8_t *data, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t byte = data[len - back];
        size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;

        if ((byte & 0xc0) != 0x80) {
            return whole > back && byte <= 0xf4 ? back : 0;
        }
    }
    return 0;
}

/* A piece begins with what was held back, and leaves a character that is cut for the next one. */
static bool write_piece(struct outlet_rest *rest, unsigned stream, const uint8_t *data, size_t len)
{
    uint8_t piece[PIECE_LEN];
    size_t piece_len = rest->len + len;

    memcpy(piece, rest->bytes, rest->len);
    memcpy(piece + rest->len, data, len);
    rest->len = cut_len(piece, piece_len);
    piece_len -= rest->len;
    memcpy(rest->bytes, piece + piece_len, rest->len);
    return piece_len == 0 || write_json(stream, piece, piece_len);
}

/* ---- Either way ---- */

bool outlet_write(struct outlet *outlet, unsigned stream, const uint8_t *data, size_t len)
{
    if (!outlet->json) {
        return write_all(stream == 2 ? STDERR_FILENO : STDOUT_FILENO, data, len);
    }
    while (len > 0) {
        struct outlet_rest *rest = &outlet->rest[stream - 1];
        size_t step = len < PIECE_LEN - sizeof rest->bytes ? len : PIECE_LEN - sizeof rest->bytes;

        if (!write_piece(rest, stream, data, step)) {
            return false;
        }
        data += step;
        len -= step;
    }
    return true;
}

bool outlet_end(struct outlet *outlet, unsigned exit_status)
{
    char json[JSON_SIZE];
    struct dory_encoder encoder;

    for (unsigned stream = 1; stream <= 2; stream++) {
        struct outlet_rest *rest = &outlet->rest[stream - 1];

        if (rest->len > 0 && !write_json(stream, rest->bytes, rest->len)) {
            return false;
        }
        rest->len = 0;
    }
    if (!outlet->json) {
        return true;
    }
    dory_header_begin_line(&encoder, json, sizeof json);
    dory_header_text(&encoder, "status", "ok", 2);
    dory_header_number(&encoder, "exit", exit_status);
    return write_all(STDOUT_FILENO, json, dory_header_end_line(&encoder));
}
