/* SPDX-License-Identifier: MIT */
/*
 * jsmn, compiled once. In a file of its own, because the compiler makes less of jsmn and of its caller when it can't merge
 * the two.
 */
#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "json.h"

unsigned dory_tokens_split(struct dory_tokens *tokens, const char *text, size_t len)
{
    jsmn_parser *parser = &tokens->parser;

    jsmn_init(parser);
    (void)jsmn_parse(parser, text, len, tokens->token, DORY_MAX_TOKENS);
    return parser->pos == len && tokens->token[0].end >= 0 ? parser->toknext : 0;
}
