/* SPDX-License-Identifier: MIT */
/*
 * JSON by jsmn, and what jsmn leaves to be checked.
 *
 * Implementation notes
 *
 * jsmn, when strict, pairs the brackets and tells each token's parent, lets only strings be keys, takes no escapes but
 * JSON's, nothing else outside of strings than brackets, commas, colons, white space and words (numbers, true, false,
 * null), and ends a word only where one of these follows. It passes over where commas and colons stand, where keys must,
 * what words are, control characters, and bytes that are no UTF-8.
 *
 * So the text is gone through once more. Which lexeme may stand behind which is a matter of the two alone, but for a
 * string: it is a key, has a colon and then one child, just when its parent is an object. As long as that holds, jsmn
 * has seen the beginning of a JSON text, so the parent that it gives to the next token is right.
 *
 * Why jsmn stops need not be looked at: it has come to the end of the text, and the object to its own, or it has not.
 */
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "json.h"

#include <string.h>

/* What a text consists of, each by its first character; of words that is any other. */
static const char lexemes[] = {'{', '[', '"', '0', '}', ']', ',', ':'};

enum { OBJECT, ARRAY, STRING, WORD, OBJECT_END, ARRAY_END, COMMA, COLON };

#define BIT(lexeme) (1U << (lexeme))
#define VALUE (BIT(OBJECT) | BIT(ARRAY) | BIT(STRING) | BIT(WORD))
#define AFTER_VALUE (BIT(OBJECT_END) | BIT(ARRAY_END) | BIT(COMMA))

/* What may stand behind each. */
static const uint8_t followers[] = {
    [OBJECT] = BIT(STRING) | BIT(OBJECT_END),
    [ARRAY] = VALUE | BIT(ARRAY_END),
    [STRING] = AFTER_VALUE | BIT(COLON),
    [WORD] = AFTER_VALUE,
    [OBJECT_END] = AFTER_VALUE,
    [ARRAY_END] = AFTER_VALUE,
    [COMMA] = VALUE,
    [COLON] = VALUE,
};

static unsigned lexeme_of(char c)
{
    const char *found = memchr(lexemes, c, sizeof lexemes);

    return found != NULL ? (unsigned)(found - lexemes) : WORD;
}

/* Unescapes a string, from behind its quote. Returns whether it is one, and a key just where it must be. */
static bool take_string(const struct dory_tokens *tokens, jsmntok_t *token, char *text, char *at)
{
    bool is_key = tokens->token[token->parent].type == JSMN_OBJECT;

    at = dory_text_unescape(at, text + token->end);
    if (at == NULL || token->size != (int)is_key) {
        return false;
    }
    token->end = (int)(at - text);
    return true;
}

unsigned dory_json_parse(struct dory_tokens *tokens, char *text, size_t len)
{
    jsmntok_t *token = tokens->token;
    unsigned expected = BIT(OBJECT); /* nothing more, when the object has ended */

    jsmn_init(&tokens->parser);
    (void)jsmn_parse(&tokens->parser, text, len, token, DORY_MAX_TOKENS);
    if (tokens->parser.pos != len || token->end < 0) {
        return 0;
    }
    for (char *at = text; at < text + len; at++) {
        unsigned lexeme;
        char *end;

        if ((unsigned char)*at <= ' ') {
            continue;
        }
        lexeme = lexeme_of(*at);
        if ((expected >> lexeme & 1) == 0) {
            return 0;
        }
        expected = at + 1 == text + tokens->token[0].end ? 0 : followers[lexeme];
        if (lexeme > WORD) {
            continue;
        }
        end = text + token->end;
        if (lexeme == STRING) {
            if (!take_string(tokens, token, text, at + 1)) {
                return 0;
            }
            at = end;
        } else if (lexeme == WORD) {
            if (dory_text_word(at) != end) {
                return 0;
            }
            at = end - 1;
        }
        token++;
    }
    return expected == 0 ? tokens->parser.toknext : 0;
}
