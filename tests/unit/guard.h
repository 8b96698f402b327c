/* SPDX-License-Identifier: MIT */
/* Memory whose end is followed at once by a page that must not be touched: reading or writing past it is a crash. */
#ifndef GUARD_H
#define GUARD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Makes memory of at least `room` bytes, writable, for good. Returns its end, where the page begins. */
static inline uint8_t *guard_make(size_t room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (room + page - 1) / page * page;
    uint8_t *base = (uint8_t *)mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert(base != MAP_FAILED);
    assert(mprotect(base + size, page, PROT_NONE) == 0);
    return base + size;
}

/* Most bytes that guard_copy() takes. */
#define GUARD_ROOM 65536U

/* Copies `len` bytes to a place that ends at the page. The next call takes the place. */
static inline void *guard_copy(const void *data, size_t len)
{
    static uint8_t *end;

    if (end == NULL) {
        end = guard_make(GUARD_ROOM);
    }
    assert(len <= GUARD_ROOM);
    memset(end - GUARD_ROOM, 0xa5, GUARD_ROOM);
    if (len > 0) {
        memcpy(end - len, data, len);
    }
    return end - len;
}

#endif
