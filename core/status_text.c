/* SPDX-License-Identifier: MIT */
/* The statuses' sentences, apart from their names: devices do not need them. */
#include "status.h"

const char *dory_status_sentence(enum dory_status status)
{
    static const char *const sentences[] = {
#define SENTENCE(symbol, number, name, sentence) sentence,
        DORY_STATUSES(SENTENCE)
#undef SENTENCE
    };
    return sentences[DORY_MORE - (int)status];
}
