/* SPDX-License-Identifier: MIT */
/*
 * The lesson. Two messages go over a TCP connection: first as they are (lesson_raw), then framed like all that dory sends
 * (lesson_framed). Both times the reader receives the same odd sizes. How it finds messages in a stream all the same is
 * in struct unpacker and its functions; the framing itself is core's (frame.h, header.h).
 */
#include "lesson.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../core/header.h"
#include "loopback.h"

/* Room for the header, and for the body, of a message. */
#define MAX_PART 64

static const char *const messages[] = {"helloworld", "i am ada"};

#define MESSAGE_COUNT (sizeof messages / sizeof messages[0])

/* Whether this is one of the messages, as it was sent. */
static bool is_message(const void *data, size_t len)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        if (len == strlen(messages[i]) && memcmp(data, messages[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static void send_told(const struct lesson *lesson, const struct loopback *link, const void *data, size_t len)
{
    tell_send(&lesson->teller, data, len);
    loopback_send(link, data, len);
}

/* Receives the piece number `index`, as a slow reader does. Returns its length, or 0 when there is no more. */
static size_t receive_told(const struct lesson *lesson, const struct loopback *link, unsigned index, uint8_t *piece)
{
    size_t asked = lesson->reads[index < lesson->read_count ? index : lesson->read_count - 1];
    size_t len;

    loopback_wait_for_all(link);
    len = loopback_receive(link, piece, asked);
    if (len > 0) {
        tell_receive(&lesson->teller, asked, piece, len);
    }
    return len;
}

/* --- raw: the problem --- */

static const char raw_begins[] = "RAW: TWO MESSAGES AS THEY ARE\n"
                                 "\n"
                                 "The sender calls send() once for each message:\n"
                                 "\n";

static const char raw_is_sent[] = "\n"
                                  "send() only adds bytes to the send buffer; where one call ended and the next\n"
                                  "began is noted nowhere. What waits there leaves together, and Nagle's algorithm\n"
                                  "(RFC 896) makes small pieces wait: until all that went before is acknowledged.\n"
                                  "It is off here (TCP_NODELAY), so that each piece may leave at once. That is no\n"
                                  "cure, for there is a buffer at the other end, too, and a slow reader.\n"
                                  "\n"
                                  "The reader is slow: before each recv() it waits until all that was sent is in\n"
                                  "its receive buffer. Any reader that has something else to do for a moment finds\n"
                                  "that; this one waits for the bytes and for no clock, so each run shows the same.\n"
                                  "\n";

static const char raw_is_received[] = "\n"
                                      "A recv() ends where its size or the bytes end. Where a message ends TCP can't\n"
                                      "know: it has promised all the bytes in their order, and has kept its promise.\n"
                                      "\n";

void lesson_raw(const struct lesson *lesson)
{
    struct loopback link;
    uint8_t piece[MAX_READ];
    unsigned pieces = 0;
    unsigned intact = 0;
    size_t len;

    loopback_open(&link);
    tell_text(&lesson->teller, raw_begins);
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        send_told(lesson, &link, messages[i], strlen(messages[i]));
    }
    loopback_finish(&link);
    tell_text(&lesson->teller, raw_is_sent);
    while ((len = receive_told(lesson, &link, pieces, piece)) > 0) {
        pieces++;
        intact += is_message(piece, len);
    }
    tell_text(&lesson->teller, raw_is_received);
    tell_text(&lesson->teller, "Messages sent: %zu. Pieces received: %u. Messages among them: %u.\n", MESSAGE_COUNT,
              pieces, intact);
    loopback_close(&link);
}

/* --- framed: the cure --- */

/*
 * What a reader keeps from one receive to the next: where in a message it is, and what it has of it so far. All zero: at
 * the beginning of a message.
 */
struct unpacker {
    struct dory_frame frame; /* how much of length and header has come */
    char header[MAX_PART];
    struct dory_tokens tokens; /* scratch of the header's decoder */
    bool in_body;
    uint64_t body_len;
    size_t body_have;
    uint8_t body[MAX_PART];
};

/* The header tells how long the body is. Returns whether it does, and whether there is room for that. */
static bool read_header(struct unpacker *unpacker)
{
    static const struct dory_field data_size = {DORY_FIELD_NUMBER, 0};
    static const struct dory_fields known = {"data_size\0", &data_size};
    struct dory_found found;
    int result = dory_header_decode(unpacker->header, unpacker->frame.header_len, &unpacker->tokens, &known,
                                    &unpacker->body_len, &found);

    return result == DORY_OK && found.present != 0 && unpacker->body_len <= sizeof unpacker->body;
}

/* Takes bytes up to the end of the header. Returns how many, or 0 when this is no message. */
static size_t take_header(struct unpacker *unpacker, const uint8_t *data, size_t len)
{
    uint32_t before = unpacker->frame.have;
    int result = dory_frame_feed(&unpacker->frame, unpacker->header, sizeof unpacker->header, data, len);

    unpacker->in_body = result == DORY_OK;
    if (result == DORY_BAD_HEADER || (unpacker->in_body && !read_header(unpacker))) {
        return 0;
    }
    return unpacker->frame.have - before;
}

/* Takes bytes up to the end of the body. Returns how many. */
static size_t take_body(struct unpacker *unpacker, const uint8_t *data, size_t len)
{
    size_t missing = (size_t)unpacker->body_len - unpacker->body_have;
    size_t taken = len < missing ? len : missing;

    memcpy(unpacker->body + unpacker->body_have, data, taken);
    unpacker->body_have += taken;
    return taken;
}

/*
 * Takes all that one receive gave, be it a bit of a length, or the end of a body and three more messages. Tells each
 * message that it completes, and counts in `*intact` those that are as they were sent. Returns false when the bytes are
 * no messages.
 */
static bool unpack(struct unpacker *unpacker, const struct teller *teller, const uint8_t *data, size_t len,
                   unsigned *intact)
{
    while (len > 0) {
        size_t taken = unpacker->in_body ? take_body(unpacker, data, len) : take_header(unpacker, data, len);

        if (taken == 0) {
            return false;
        }
        data += taken;
        len -= taken;
        if (unpacker->in_body && unpacker->body_have == unpacker->body_len) {
            tell_message(teller, unpacker->body, unpacker->body_have);
            *intact += is_message(unpacker->body, unpacker->body_have);
            *unpacker = (struct unpacker){.in_body = false};
        }
    }
    return true;
}

/* One message: the length of the header, the header, the body; in one send(), as before. */
static void send_framed(const struct lesson *lesson, const struct loopback *link, const char *message)
{
    uint8_t framed[DORY_FRAME_PREFIX + 2 * MAX_PART];
    size_t message_len = strlen(message);
    struct dory_encoder encoder;
    size_t len;

    dory_header_begin(&encoder, framed, sizeof framed);
    dory_header_number(&encoder, "data_size", message_len);
    len = dory_header_end(&encoder);
    memcpy(framed + len, message, message_len);
    send_told(lesson, link, framed, len + message_len);
}

static const char framed_begins[] = "FRAMED: THE SAME MESSAGES, EACH WITH ITS LENGTH IN FRONT\n"
                                    "\n"
                                    "What TCP doesn't note is written into the stream: the length of a header (4\n"
                                    "bytes, little-endian), the header with the length of the body, then the body,\n"
                                    "which is the message. All that dory sends looks like this (core/PROTOCOL.md).\n"
                                    "\n";

static const char framed_is_sent[] = "\n"
                                     "The same slow reader asks for the same sizes. It keeps what is incomplete, and\n"
                                     "cuts where the lengths tell it to:\n"
                                     "\n";

static const char framed_is_received[] =
    "\n"
    "The bytes still stick together and are still cut anywhere; it no longer matters.\n"
    "\n";

bool lesson_framed(const struct lesson *lesson)
{
    struct loopback link;
    struct unpacker unpacker = {.in_body = false};
    uint8_t piece[MAX_READ];
    unsigned pieces = 0;
    unsigned intact = 0;
    size_t len;

    loopback_open(&link);
    tell_text(&lesson->teller, framed_begins);
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        send_framed(lesson, &link, messages[i]);
    }
    loopback_finish(&link);
    tell_text(&lesson->teller, framed_is_sent);
    while ((len = receive_told(lesson, &link, pieces, piece)) > 0) {
        pieces++;
        if (!unpack(&unpacker, &lesson->teller, piece, len, &intact)) {
            break;
        }
    }
    if (intact == MESSAGE_COUNT) {
        tell_text(&lesson->teller, framed_is_received);
    }
    tell_text(&lesson->teller, "Messages sent: %zu. Pieces received: %u. Messages found in them: %u.\n", MESSAGE_COUNT,
              pieces, intact);
    loopback_close(&link);
    return intact == MESSAGE_COUNT;
}
