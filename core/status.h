/* SPDX-License-Identifier: MIT */
/*
 * The statuses: one table gives each its number, its name on the wire and the
 * sentence that a person reads. Zero is fine, negative is a failure, positive
 * is on the way.
 */
#ifndef DORY_STATUS_H
#define DORY_STATUS_H

#define DORY_STATUSES(X) \
    X(MORE, 2, "more", "More of the answer follows.") \
    X(CONTINUE, 1, "continue", "Go on with the body.") \
    X(OK, 0, "ok", "Done.") \
    X(BAD_HEADER, -1, "bad_header", "The header could not be understood.") \
    X(BAD_REQUEST, -2, "bad_request", "A field of the request is missing or wrong.") \
    X(UNKNOWN_CMD, -3, "unknown_cmd", "The server does not know this command.") \
    X(BAD_NAME, -4, "bad_name", "This name is not allowed for a file.") \
    X(NOT_FOUND, -5, "not_found", "There is no file of that name.") \
    X(CHANGED, -6, "changed", "The file has changed meanwhile.") \
    X(BUSY, -7, "busy", "The server is busy, or the file is being written; try again later.") \
    X(NO_SPACE, -8, "no_space", "There is not enough room on the server.") \
    X(TOO_LARGE, -9, "too_large", "The file is larger than the server takes.") \
    X(CORRUPT, -10, "corrupt", "What arrived does not have the CRC-32 that was announced.") \
    X(BAD_IMAGE, -11, "bad_image", "This is not a firmware image for this device.") \
    X(BAD_SIGNATURE, -12, "bad_signature", "The image's signature is not valid on this device.") \
    X(FORBIDDEN, -13, "forbidden", "The server does not allow that.") \
    X(UNAUTHORIZED, -14, "unauthorized", "The server wants to know first who asks.") \
    X(UNSUPPORTED, -15, "unsupported", "This server cannot do that.") \
    X(IO_ERROR, -16, "io_error", "The server's storage failed.") \
    X(TIMEOUT, -17, "timeout", "It took too long.")

enum dory_status {
#define DORY_STATUS_ENUM(symbol, number, name, sentence) DORY_##symbol = (number),
    DORY_STATUSES(DORY_STATUS_ENUM)
#undef DORY_STATUS_ENUM
};

/* Returns the name of `status` on the wire: static text, never NULL. */
const char *dory_status_name(enum dory_status status);

/* Returns the sentence for `status`: static text, never NULL. It stands in an
 * object file of its own, so that a device that never prints it need not
 * carry it. */
const char *dory_status_sentence(enum dory_status status);

/* Looks `name` of `name_len` bytes up. Returns 0 and sets `*status`, or -1 for
 * a name that this version does not know. */
int dory_status_find(const char *name, unsigned name_len, enum dory_status *status);

#endif
