/* SPDX-License-Identifier: MIT */
/*
 * Headers: one JSON object (RFC 8259) each. Decoding is driven by a table of
 * the keys that the caller knows, encoding appends one field at a time.
 *
 * What JSON is, is json.h's business.
 */
#ifndef DORY_HEADER_H
#define DORY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dory_config.h"
#include "frame.h"
#include "json.h"
#include "status.h"
#include "text.h"

/* Largest number on the wire, 2^53-1: what every JSON library keeps exactly
 * (RFC 8259 section 6). */
#define DORY_MAX_NUMBER ((UINT64_C(1) << 53) - 1)

/* No answer's header is longer, whatever the request. */
#define DORY_MAX_ANSWER 512U

/* Hex digits of a version that this implementation writes. */
#define DORY_VERSION_DIGITS 16U

enum dory_field_type {
    /* Words. */
    DORY_FIELD_NUMBER, /* uint64_t: digits only, 0 to DORY_MAX_NUMBER */
    DORY_FIELD_BOOL,   /* bool: true or false */
    /* Strings. */
    DORY_FIELD_TEXT,   /* struct dory_text */
    DORY_FIELD_MODE,   /* uint8_t: the place of one of dory_boot_modes */
    DORY_FIELD_CRC32,  /* uint32_t: 8 lower-case hex digits */
    DORY_FIELD_VERSION /* uint64_t: 0 unless it is one that dory_header_version() wrote */
};

/* The words for enum dory_boot_mode (firmware.h), one behind the other. */
extern const char dory_boot_modes[];

/* The offset of a member: a byte is enough where pointers are small. */
#if UINTPTR_MAX > UINT32_MAX
typedef uint16_t dory_offset;
#else
typedef uint8_t dory_offset;
#endif

/* What becomes of a key's value. */
struct dory_field {
    uint8_t type;   /* enum dory_field_type */
    dory_offset at; /* of the member in the caller's struct */
};

/* The keys that the caller knows, at most 32; the place of each is its bit. DORY_FIELD_KEY and DORY_FIELD make both members
 * out of one list, X(key, type, at) for each. */
struct dory_fields {
    const char *keys; /* one behind the other, each with its NUL; an empty one ends them */
    const struct dory_field *of;
};
#define DORY_FIELD_KEY(key, type, at) key "\0"
#define DORY_FIELD(key, type, at) {type, at},

/* What a decode found: a bit for each field of the table. */
struct dory_found {
    uint32_t present; /* there, with a value of its type: the member is set */
    uint32_t wrong;   /* there, with a value of another type or out of range */
};

/*
 * Decodes `text` of `len` bytes, which it changes: strings are unescaped where
 * they stand. Members of `into` that
 * are not present are left alone. Unknown keys are passed over.
 *
 * Returns DORY_OK, or DORY_BAD_HEADER: no JSON object, something behind it,
 * more than DORY_MAX_TOKENS tokens, or a known key twice.
 */
int dory_header_decode(char *text, size_t len, struct dory_tokens *tokens, const struct dory_fields *fields, void *into,
                       struct dory_found *found);

/* A message being written. Set up by dory_header_begin(). */
struct dory_encoder {
    uint8_t *buf;
    size_t size;
    size_t len;  /* bytes of the message so far, prefix included; above `size` when they did not fit */
    char before; /* what stands in front of the next field */
};

/* Begins a message in `buf` of `size` bytes, which stays the caller's. */
void dory_header_begin(struct dory_encoder *encoder, void *buf, size_t size);

/* Append one field; a message has one at least. `key` is plain ASCII; text is escaped where JSON asks. */
void dory_header_number(struct dory_encoder *encoder, const char *key, uint64_t value);
void dory_header_text(struct dory_encoder *encoder, const char *key, const char *text, size_t len);
void dory_header_crc32(struct dory_encoder *encoder, const char *key, uint32_t crc32);
void dory_header_version(struct dory_encoder *encoder, const char *key, uint64_t version);
void dory_header_bool(struct dory_encoder *encoder, const char *key, bool value);

/* Appends text that ends with a NUL and has no control characters. */
void dory_header_string(struct dory_encoder *encoder, const char *key, const char *text);

/* What a member of a struct is. The numbers say how to write it: see the last three. */
enum dory_member {
    DORY_MEMBER_UINT32 = 0,
    DORY_MEMBER_UINT64 = 1,
    DORY_MEMBER_BOOL = 2,
    DORY_MEMBER_CRC32 = 8,
    DORY_MEMBER_VERSION = 17,
    DORY_MEMBER_TEXT = 32,   /* a pointer to text that ends with a NUL and has no control characters */
    DORY_MEMBER_WIDE = 1,    /* a bit: a number of 64 bits */
    DORY_MEMBER_HEX = 24,    /* bits: a number in so many hex digits */
    DORY_MEMBER_STRINGS = 8, /* from here on: between quotes */
};

/* Appends a member by what it is, enum dory_member. */
void dory_header_member(struct dory_encoder *encoder, const char *key, const void *member, unsigned kind);

/* Ends the header and fills in the prefix. Returns the bytes of the message
 * without its body, or 0 when it did not fit. */
size_t dory_header_end(struct dory_encoder *encoder);

/* The same object without prefix, ended by a newline: a line of a listing.
 * dory_header_begin_line() in place of dory_header_begin(). A further line may
 * follow at once; `encoder->len` and what is returned count all of them. */
void dory_header_begin_line(struct dory_encoder *encoder, void *buf, size_t size);
size_t dory_header_end_line(struct dory_encoder *encoder);

#endif
