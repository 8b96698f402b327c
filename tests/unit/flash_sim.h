/* SPDX-License-Identifier: MIT */
/*
 * Raw storage in memory, for tests: it keeps the contract of flash_device.h, checks that its caller does, dawdles and
 * fails on demand, and does what a cut of the power does. All in a header, for each test is a program of one file.
 *
 * Implementation notes
 *
 * Ahead of every page that is programmed and every sector that is erased, `before` is called: a test looks there what would
 * be left if the power went now. flash_tear() makes that state, in place or in a copy (flash_copy).
 *
 * A page counts as used from its programming on until its sector has been erased, whatever its bytes look like: also when
 * the power was cut before the first bit changed, and also when it was cut while the sector was being erased. A test may
 * except pages that are programmed again when nothing can be seen of the first time; with the same bytes (`may_retry`).
 */
#ifndef FLASH_SIM_H
#define FLASH_SIM_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../port/flash/flash_device.h"

/* What a cut of the power leaves of the operation under way. */
enum flash_tear {
    TEAR_NOTHING,   /* it had not begun */
    TEAR_MIXTURE,   /* any bit may have changed */
    TEAR_BEGINNING, /* the first bytes have changed */
    TEAR_END,       /* all but the first bytes have changed */
    TEAR_ALL,       /* it was done, but nobody heard of it */
    FLASH_TEARS
};

/* One page to be programmed, or, when `data` is NULL, one sector to be erased. */
struct flash_operation {
    uint64_t off;
    const uint8_t *data;
    size_t len;
};

struct flash_sim {
    struct flash_device device;
    uint8_t *bytes;
    bool *used;       /* a page each */
    uint32_t *sums;   /* the same, of the bytes that were programmed last; NULL without may_retry */
    unsigned *erases; /* a sector each: how often */
    uint32_t random;
    unsigned most_later; /* times that an operation answers DORY_MORE at most */
    bool stuck;          /* every operation does, for ever */
    unsigned reads;      /* operations so far */
    unsigned programs;
    unsigned erasures;
    /* The operation that is to fail, counted from now: 1 is the next one; 0: none. */
    unsigned fail_read;
    unsigned fail_program;
    unsigned fail_erase;
    enum flash_tear fail_as; /* what it does nevertheless */
    bool fail_for_good;      /* so do all of that kind after it */
    void (*before)(void *before_ctx, struct flash_sim *sim, const struct flash_operation *operation);
    void *before_ctx;
    bool (*may_retry)(const struct flash_sim *sim, uint64_t off); /* NULL: no page */

    /* The operation that has answered DORY_MORE. */
    bool pending;
    unsigned later; /* times that it still will */
    struct flash_operation operation;
    uint32_t sum; /* of its data, which must stay */
};

static inline uint32_t flash_random(struct flash_sim *sim)
{
    sim->random = sim->random * 1664525U + 1013904223U;
    return sim->random >> 8;
}

static inline uint32_t flash_sum(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; data != NULL && i < len; i++) {
        sum = sum * 31 + data[i];
    }
    return sum;
}

/* --- what operations do --- */

/* Does `operation` as far as `tear` says. */
static inline void flash_tear(struct flash_sim *sim, const struct flash_operation *operation, enum flash_tear tear)
{
    size_t border = flash_random(sim) % operation->len;
    size_t page_size = sim->device.page_size;

    for (size_t i = 0; i < operation->len; i++) {
        uint8_t to = operation->data != NULL ? operation->data[i] : 0xff;
        bool all = tear == TEAR_ALL || (tear == TEAR_BEGINNING && i < border) || (tear == TEAR_END && i >= border);
        uint8_t changed = all ? 0xff : tear == TEAR_MIXTURE ? (uint8_t)flash_random(sim) : 0;
        uint8_t *byte = &sim->bytes[operation->off + i];

        *byte = (uint8_t)((*byte & ~changed) | (to & changed));
    }
    for (uint64_t page = operation->off / page_size; page < (operation->off + operation->len) / page_size; page++) {
        sim->used[page] = operation->data != NULL || tear != TEAR_ALL;
        if (sim->sums != NULL) {
            sim->sums[page] = operation->data != NULL ? flash_sum(operation->data, operation->len) : 0;
        }
    }
}

/* Whether a page can be programmed. */
static inline bool flash_is_free(const struct flash_sim *sim, const struct flash_operation *operation)
{
    uint64_t page = operation->off / operation->len;

    if (sim->device.sector_size == 0 || !sim->used[page]) {
        return true;
    }
    for (uint64_t i = 0; i < operation->len; i++) {
        if (sim->bytes[operation->off + i] != 0xff) {
            return false;
        }
    }
    return sim->may_retry != NULL && sim->may_retry(sim, operation->off) &&
           sim->sums[page] == flash_sum(operation->data, operation->len);
}

static inline void flash_do(struct flash_sim *sim, const struct flash_operation *operation, bool fails)
{
    if (sim->before != NULL) {
        sim->before(sim->before_ctx, sim, operation);
    }
    if (operation->data == NULL) {
        sim->erases[operation->off / operation->len]++;
    } else {
        assert(flash_is_free(sim, operation));
    }
    flash_tear(sim, operation, fails ? sim->fail_as : TEAR_ALL);
}

/* Counts down to the operation that is to fail. Returns whether this is the one. */
static inline bool flash_fails(const struct flash_sim *sim, unsigned *count)
{
    if (*count == 0 || --*count > 0) {
        return false;
    }
    *count = sim->fail_for_good;
    return true;
}

/* --- the contract --- */

/* Whether an operation is to answer DORY_MORE now; it is repeated as it was, and nothing else is asked meanwhile. */
static inline bool flash_is_later(struct flash_sim *sim, const struct flash_operation *operation)
{
    if (sim->stuck && !sim->pending) {
        sim->later = 0;
    } else if (!sim->pending) {
        sim->later = sim->most_later > 0 ? flash_random(sim) % (sim->most_later + 1) : 0;
    } else {
        assert(operation->off == sim->operation.off && operation->data == sim->operation.data);
        assert(operation->len == sim->operation.len && flash_sum(operation->data, operation->len) == sim->sum);
    }
    sim->operation = *operation;
    sim->sum = flash_sum(operation->data, operation->len);
    sim->pending = sim->stuck || sim->later > 0;
    sim->later -= sim->later > 0;
    assert(!sim->pending || !sim->device.immediate);
    return sim->pending;
}

static inline int flash_read(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    struct flash_sim *sim = (struct flash_sim *)ctx;

    assert(!sim->pending && len > 0 && off <= sim->device.size && len <= sim->device.size - off);
    sim->reads++;
    if (flash_fails(sim, &sim->fail_read)) {
        memset(dst, 0x5a, len);
        return DORY_IO_ERROR;
    }
    if (sim->stuck || (sim->most_later > 0 && flash_random(sim) % 4 == 0)) {
        memset(dst, 0xa5, len);
        return DORY_MORE;
    }
    memcpy(dst, sim->bytes + off, len);
    return DORY_OK;
}

static inline int flash_program(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    struct flash_sim *sim = (struct flash_sim *)ctx;
    struct flash_operation operation = {.off = off, .data = data, .len = len};
    size_t page_size = sim->device.page_size;

    assert(len > 0 && off % page_size == 0 && len % page_size == 0);
    assert(off <= sim->device.size && len <= sim->device.size - off);
    if (flash_is_later(sim, &operation)) {
        return DORY_MORE;
    }
    operation.len = page_size;
    while (len > 0) {
        bool fails = flash_fails(sim, &sim->fail_program);

        sim->programs++;
        flash_do(sim, &operation, fails);
        if (fails) {
            return DORY_IO_ERROR;
        }
        operation.off += page_size;
        operation.data += page_size;
        len -= page_size;
    }
    return DORY_OK;
}

static inline int flash_erase(void *ctx, uint64_t off)
{
    struct flash_sim *sim = (struct flash_sim *)ctx;
    struct flash_operation operation = {.off = off, .len = sim->device.sector_size};
    bool fails;

    assert(off % sim->device.sector_size == 0 && off < sim->device.size);
    if (flash_is_later(sim, &operation)) {
        return DORY_MORE;
    }
    fails = flash_fails(sim, &sim->fail_erase);
    sim->erasures++;
    flash_do(sim, &operation, fails);
    return fails ? DORY_IO_ERROR : DORY_OK;
}

static const struct flash_operations flash_with_erase = {flash_read, flash_program, flash_erase};
static const struct flash_operations flash_without_erase = {flash_read, flash_program, NULL};

/* --- life --- */

/* Makes storage that holds garbage. `sector_size` 0: without erase. */
static inline void flash_begin(struct flash_sim *sim, uint64_t size, uint32_t page_size, uint32_t sector_size)
{
    memset(sim, 0, sizeof *sim);
    sim->device.operations = sector_size != 0 ? &flash_with_erase : &flash_without_erase;
    sim->device.ctx = sim;
    sim->device.size = size;
    sim->device.page_size = page_size;
    sim->device.sector_size = sector_size;
    sim->bytes = (uint8_t *)malloc(size);
    sim->used = (bool *)malloc(size / page_size * sizeof *sim->used);
    sim->erases = (unsigned *)calloc(sector_size != 0 ? size / sector_size : 1, sizeof *sim->erases);
    assert(sim->bytes != NULL && sim->used != NULL && sim->erases != NULL);
    sim->random = 1;
    for (uint64_t i = 0; i < size; i++) {
        sim->bytes[i] = (uint8_t)flash_random(sim);
    }
    memset(sim->used, 1, size / page_size * sizeof *sim->used);
}

/* Excepts pages of which `may_retry` says so. */
static inline void flash_let_retry(struct flash_sim *sim, bool (*may_retry)(const struct flash_sim *sim, uint64_t off))
{
    sim->may_retry = may_retry;
    sim->sums = (uint32_t *)calloc(sim->device.size / sim->device.page_size, sizeof *sim->sums);
    assert(sim->sums != NULL);
}

static inline void flash_end(struct flash_sim *sim)
{
    free(sim->bytes);
    free(sim->used);
    free(sim->sums);
    free(sim->erases);
}

/* Copies what the power leaves: the bytes, not what was under way. Both have the same geometry. */
static inline void flash_copy(struct flash_sim *to, const struct flash_sim *from)
{
    assert(to->device.size == from->device.size && to->device.page_size == from->device.page_size);
    memcpy(to->bytes, from->bytes, from->device.size);
    memcpy(to->used, from->used, from->device.size / from->device.page_size * sizeof *from->used);
    if (from->sums != NULL) {
        memcpy(to->sums, from->sums, from->device.size / from->device.page_size * sizeof *from->sums);
    }
    to->pending = false;
}

#endif
