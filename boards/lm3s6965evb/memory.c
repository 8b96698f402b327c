/* SPDX-License-Identifier: MIT */
/*
 * The functions of string.h that dory and lwIP call, small: 0.3 KB in place of
 * newlib's 1.6 KB. They take the place of those in libc.a because the linker
 * sees them first. boards.mk sees to it that the compiler makes no call of
 * memcpy() out of the loop in memcpy().
 */
#include <stdint.h>
#include <string.h>

/* The core loads and stores words at any address (ARMv7-M, A3.2.1). */
typedef uint32_t __attribute__((aligned(1), may_alias)) word;

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    uint8_t *to = dst;
    const uint8_t *from = src;
    for (; len >= 4; len -= 4) {
        *(word *)to = *(const word *)from;
        to += 4;
        from += 4;
    }
    while (len-- > 0) {
        *to++ = *from++;
    }
    return dst;
}

/* memcpy() goes forward, and reads each word before it writes it. */
void *memmove(void *dst, const void *src, size_t len)
{
    if ((uintptr_t)dst <= (uintptr_t)src) {
        return memcpy(dst, src, len);
    }
    while (len-- > 0) {
        ((uint8_t *)dst)[len] = ((const uint8_t *)src)[len];
    }
    return dst;
}

void *memset(void *dst, int value, size_t len)
{
    uint8_t *to = dst;
    while (len-- > 0) {
        *to++ = (uint8_t)value;
    }
    return dst;
}

int memcmp(const void *left, const void *right, size_t len)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (; len > 0; len--, a++, b++) {
        if (*a != *b) {
            return *a - *b;
        }
    }
    return 0;
}

void *memchr(const void *bytes, int value, size_t len)
{
    for (const uint8_t *byte = bytes; len > 0; len--, byte++) {
        if (*byte == (uint8_t)value) {
            return (void *)(uintptr_t)byte;
        }
    }
    return NULL;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end != '\0') {
        end++;
    }
    return (size_t)(end - text);
}

int strncmp(const char *left, const char *right, size_t len)
{
    for (; len > 0; len--, left++, right++) {
        if (*left != *right || *left == '\0') {
            return (uint8_t)*left - (uint8_t)*right;
        }
    }
    return 0;
}

int strcmp(const char *left, const char *right)
{
    while (*left == *right && *left != '\0') {
        left++;
        right++;
    }
    return (uint8_t)*left - (uint8_t)*right;
}
