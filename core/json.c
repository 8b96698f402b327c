/* SPDX-License-Identifier: MIT */
/*
 * JSON by jsmn, and what jsmn leaves to be checked.
 *
 * Implementation notes
 *
 * jsmn pairs the brackets, tells each token's parent and how many children it has, and takes no escapes but JSON's. As it
 * is used here, not strict, it passes over all else: where commas and colons stand, where keys must, what words are
 * (numbers, true, false, null), control characters, and bytes that are no UTF-8.
 *
 * So the text is gone through once more. Which lexeme may stand behind which is a matter of the two alone, but for a
 * string: it is a key, has a colon and then one child, just when its parent is an object; and nothing else may have an
 * object as its parent. As long as that holds, jsmn has seen the beginning of a JSON text, so the parent that it gives to
 * the next token is right.
 *
 * Why jsmn stops need not be looked at: it has come to the end of the text, and the object to its own, or it has not.
 */
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

/* Takes a token, which is a `lexeme`. Returns its last character, for a bracket its only one; or NULL when it is wrong. */
static char *take(const struct dory_tokens *tokens, jsmntok_t *token, char *text, unsigned lexeme)
{
    char *at = text + token->start;
    char *end = text + token->end;
    bool is_key = token->parent >= 0 && tokens->token[token->parent].type == JSMN_OBJECT;

    if (is_key != (lexeme == STRING && token->size == 1)) {
        return NULL;
    }
    if (lexeme == STRING) {
        at = dory_text_unescape(at, end);
        if (at == NULL) {
            return NULL;
        }
        token->end = (int)(at - text);
        return end;
    }
    if (lexeme == WORD) {
        return dory_text_is_word(at, (size_t)(end - at)) ? end - 1 : NULL;
    }
    return at;
}

unsigned dory_json_parse(struct dory_tokens *tokens, char *text, size_t len)
{
    jsmntok_t *token = tokens->token;
    unsigned count = dory_tokens_split(tokens, text, len);
    unsigned expected = BIT(OBJECT); /* nothing more, when the object has ended */

    for (char *at = text; count > 0 && at < text + len; at++) {
        unsigned lexeme;

        if ((unsigned char)*at <= ' ') {
            continue;
        }
        lexeme = lexeme_of(*at);
        if ((expected >> lexeme & 1) == 0) {
            return 0;
        }
        expected = at + 1 == text + tokens->token[0].end ? 0 : followers[lexeme];
        if (lexeme <= WORD) {
            at = take(tokens, token++, text, lexeme);
            if (at == NULL) {
                return 0;
            }
        }
    }
    return expected == 0 ? count : 0;
}
