/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259): splits a text into tokens, and takes nothing that is not
 * JSON. jsmn does the splitting; it accepts more than the grammar does, so what
 * it lets pass is checked here.
 */
#ifndef DORY_JSON_H
#define DORY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Only the types; tokens.c has included the whole of it before. */
#ifndef JSMN_H
#define JSMN_HEADER
#define JSMN_PARENT_LINKS
#include <jsmn.h>
#endif

#include "dory_config.h"
#include "text.h"

/* Scratch memory for one text. */
struct dory_tokens {
    jsmn_parser parser;
    jsmntok_t token[DORY_MAX_TOKENS];
};

/* Has jsmn split `text`. Returns how many tokens it found, or 0 when it did not come to the end, or the
 * first one did not; in a text that is no JSON anything may be a token. For json.c alone. */
unsigned dory_tokens_split(struct dory_tokens *tokens, const char *text, size_t len);

/*
 * Splits `text` of `len` bytes, which it changes: each string is unescaped where it stands, and a NUL put behind it;
 * it may hold further NULs, from \u0000. Tokens stand in the order in which they begin.
 *
 * Returns how many they are; or 0, and the text is spoilt, when it is not exactly one JSON object, in valid UTF-8 (RFC 3629), no byte order
 * mark, its escaped surrogates in pairs, of at most DORY_MAX_TOKENS tokens, and nothing but white space around it.
 */
unsigned dory_json_parse(struct dory_tokens *tokens, char *text, size_t len);

#endif
