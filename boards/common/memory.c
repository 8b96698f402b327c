/* SPDX-License-Identifier: MIT */
/*
 * The functions of string.h that dory and lwIP call: smaller than newlib's, and
 * memcpy() is faster. They take the place of those in libc.a because the linker
 * sees them first. boards.mk sees to it that the compiler makes no call of
 * memcpy() out of the loops in memcpy().
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The core loads and stores words at any address (ARMv7-M, A3.2.1), but several of them only at a word boundary. */
typedef uint32_t __attribute__((aligned(1), may_alias)) word;

#ifdef __OPTIMIZE_SIZE__
#define IS_SMALL true
#else
#define IS_SMALL false
#endif

/* As many words as there are registers for. */
#define BLOCK 44U
#define BLOCK_REGISTERS "r3-r12, lr"
#define CLOBBERED "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

/* Copies whole blocks from one word boundary to another; `len` is BLOCK at least. Returns what is left of it. */
static inline size_t copy_aligned(uint8_t **to, const uint8_t **from, size_t len)
{
    len -= BLOCK;
    __asm volatile("0: ldmia %1!, {" BLOCK_REGISTERS "}\n"
                   "stmia %0!, {" BLOCK_REGISTERS "}\n"
                   "subs %2, #44\n"
                   "bhs 0b"
                   : "+r"(*to), "+r"(*from), "+r"(len)
                   :
                   : CLOBBERED);
    return len + BLOCK;
}

/* The same from anywhere to a word boundary. The pointer that it reads through is a word behind, for the last load to move
 * it on. */
static inline size_t copy_unaligned(uint8_t **to, const uint8_t **from, size_t len)
{
    const uint8_t *behind = *from - 4;
    len -= BLOCK;
    __asm volatile("0: ldr r3, [%1, #4]\n"
                   "ldr r4, [%1, #8]\n"
                   "ldr r5, [%1, #12]\n"
                   "ldr r6, [%1, #16]\n"
                   "ldr r7, [%1, #20]\n"
                   "ldr r8, [%1, #24]\n"
                   "ldr r9, [%1, #28]\n"
                   "ldr r10, [%1, #32]\n"
                   "ldr r11, [%1, #36]\n"
                   "ldr r12, [%1, #40]\n"
                   "ldr lr, [%1, #44]!\n"
                   "stmia %0!, {" BLOCK_REGISTERS "}\n"
                   "subs %2, #44\n"
                   "bhs 0b"
                   : "+r"(*to), "+r"(behind), "+r"(len)
                   :
                   : CLOBBERED);
    *from = behind + 4;
    return len + BLOCK;
}

/* Copies until less than a block is left. Returns how much that is. A small image does without. */
static inline size_t copy_blocks(uint8_t **to, const uint8_t **from, size_t len)
{
    if (IS_SMALL) {
        return len;
    }
    for (; (uintptr_t)*to % 4 != 0; len--) {
        *(*to)++ = *(*from)++;
    }
    if (len < BLOCK) {
        return len;
    }
    return (uintptr_t)*from % 4 == 0 ? copy_aligned(to, from, len) : copy_unaligned(to, from, len);
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    uint8_t *to = dst;
    const uint8_t *from = src;
    if (len >= BLOCK) {
        len = copy_blocks(&to, &from, len);
    }
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
