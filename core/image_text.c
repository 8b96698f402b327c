/* SPDX-License-Identifier: MIT */
/* The sentences for an image's faults, apart from the check: devices need not tell them. */
#include "image.h"

const char *dory_image_fault_sentence(enum dory_image_fault fault)
{
    static const char *const sentences[] = {
#define SENTENCE(symbol, status, sentence) sentence,
        DORY_IMAGE_FAULTS(SENTENCE)
#undef SENTENCE
    };
    return sentences[fault];
}
