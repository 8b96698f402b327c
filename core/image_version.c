/* SPDX-License-Identifier: MIT */
/* An image's version: its order, and as text. */
#include "image.h"

int dory_image_version_compare(const struct dory_image_version *a, const struct dory_image_version *b)
{
    uint64_t first = (uint64_t)a->major << 56 | (uint64_t)a->minor << 48 | (uint64_t)a->revision << 32 | a->build;
    uint64_t second = (uint64_t)b->major << 56 | (uint64_t)b->minor << 48 | (uint64_t)b->revision << 32 | b->build;

    return (first > second) - (first < second);
}

static char *write_number(char *text, uint32_t number)
{
    uint32_t unit = 1;

    while (number / unit >= 10) {
        unit *= 10;
    }
    for (; unit > 0; unit /= 10) {
        *text++ = (char)('0' + number / unit % 10);
    }
    return text;
}

void dory_image_version_write(const struct dory_image_version *version, char text[DORY_IMAGE_VERSION_TEXT])
{
    text = write_number(text, version->major);
    *text++ = '.';
    text = write_number(text, version->minor);
    *text++ = '.';
    text = write_number(text, version->revision);
    if (version->build != 0) {
        *text++ = '+';
        text = write_number(text, version->build);
    }
    *text = '\0';
}

/* Reads a number of one digit or more, without zeros before it. Returns the place behind it, or NULL. */
static const char *read_number(const char *text, uint32_t max, uint32_t *number)
{
    const char *first = text;

    for (*number = 0; *text >= '0' && *text <= '9'; text++) {
        uint32_t digit = (uint32_t)(*text - '0');

        if (*number > (max - digit) / 10) {
            return NULL;
        }
        *number = *number * 10 + digit;
    }
    return text == first || (*first == '0' && text - first > 1) ? NULL : text;
}

bool dory_image_version_read(const char *text, struct dory_image_version *version)
{
    static const uint32_t limits[] = {UINT8_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX};
    static const char lead[] = "..+";
    uint32_t numbers[4] = {0};
    unsigned at = 0;

    text = read_number(text, limits[at], &numbers[at]);
    while (text != NULL && *text != '\0') {
        if (*text == '+' && at < 2) {
            at = 2;
        }
        if (at == 3 || *text != lead[at]) {
            return false;
        }
        at++;
        text = read_number(text + 1, limits[at], &numbers[at]);
    }
    *version = (struct dory_image_version){(uint8_t)numbers[0], (uint8_t)numbers[1], (uint16_t)numbers[2], numbers[3]};
    return text != NULL;
}
