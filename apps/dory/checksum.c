/* SPDX-License-Identifier: MIT */
/*
 * The CRC-32 of a large file.
 *
 * Implementation notes
 *
 * Blocks are read and checked by a few threads, each by itself; then they are put together: the CRC-32 of A and B in a
 * row is that of A, multiplied by x to the number of B's bits, plus that of B, all modulo the CRC's polynomial over
 * GF(2). The blocks are all of one length, a power of two, so the factor is the same for all and found by squaring.
 */
#define _DEFAULT_SOURCE

#include "checksum.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Read at once: large enough that calls cost nothing, small enough to stay in the cache. */
#define SLICE_LEN (256U * 1024U)

/* More threads than that only wait for memory. */
#define MAX_HELPERS 3

/* x to the power of 0 and 1, and the polynomial, in CRC-32's order of bits: the highest power is bit 0. */
#define X_POWER_0 UINT32_C(0x80000000)
#define X_POWER_1 UINT32_C(0x40000000)
#define POLYNOMIAL UINT32_C(0xedb88320)

struct work {
    const struct local_file *file;
    uint32_t *block_crc32; /* of each block by itself */
    size_t count;
    atomic_size_t next;
    atomic_int error; /* errno of the first failure */
    bool (*pace)(void *ctx, uint64_t done);
    void *ctx;
};

/* ---- Arithmetic ---- */

static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (uint32_t power = X_POWER_0; power != 0; power >>= 1) {
        if ((a & power) != 0) {
            product ^= b;
        }
        b = (b & 1U) != 0 ? b >> 1 ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

/* What a CRC-32 is multiplied with when a block follows. */
static uint32_t block_factor(void)
{
    uint32_t factor = X_POWER_1;

    for (uint64_t bits = 8 * CHECKSUM_BLOCK_LEN; bits > 1; bits /= 2) {
        factor = multiply(factor, factor);
    }
    return factor;
}

/* ---- Reading ---- */

static bool check_range(const struct local_file *file, uint64_t off, uint64_t len, uint32_t *crc32)
{
    static _Thread_local uint8_t slice[SLICE_LEN];

    while (len > 0) {
        size_t piece = len < SLICE_LEN ? (size_t)len : SLICE_LEN;

        if (!local_read(file, off, slice, piece)) {
            return false;
        }
        *crc32 = libdeflate_crc32(*crc32, slice, piece);
        off += piece;
        len -= piece;
    }
    return true;
}

static void fail(struct work *work, int error)
{
    int none = 0;

    atomic_compare_exchange_strong(&work->error, &none, error);
}

/* Takes blocks until there are no more. Only the thread that began it all keeps pace. */
static void check_blocks(struct work *work, bool keeps_pace)
{
    size_t i = atomic_fetch_add(&work->next, 1);

    while (i < work->count && atomic_load(&work->error) == 0) {
        uint64_t off = i * CHECKSUM_BLOCK_LEN;

        if (keeps_pace && !work->pace(work->ctx, off)) {
            fail(work, ECANCELED);
        } else if (!check_range(work->file, off, CHECKSUM_BLOCK_LEN, &work->block_crc32[i])) {
            fail(work, errno);
        }
        i = atomic_fetch_add(&work->next, 1);
    }
}

static void *help(void *work)
{
    check_blocks((struct work *)work, false);
    return NULL;
}

/* Checks all whole blocks. A helper that can't be had is just missed. */
static void check_together(struct work *work)
{
    pthread_t helpers[MAX_HELPERS];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = 0;

    while (count < MAX_HELPERS && (long)count + 1 < processors && count + 1 < work->count &&
           pthread_create(&helpers[count], NULL, help, work) == 0) {
        count++;
    }
    check_blocks(work, true);
    while (count > 0) {
        pthread_join(helpers[--count], NULL);
    }
}

/* Turns the blocks' own CRC-32s, at mark 1 and on, into those of beginnings. */
static void combine(struct checksum *checksum)
{
    uint32_t factor = block_factor();

    for (size_t i = 1; i < checksum->count; i++) {
        checksum->marks[i] ^= multiply(factor, checksum->marks[i - 1]);
    }
}

bool checksum_file(struct checksum *checksum, const struct local_file *file, bool (*pace)(void *ctx, uint64_t done),
                   void *ctx)
{
    struct work work = {.file = file, .count = (size_t)(file->size / CHECKSUM_BLOCK_LEN), .pace = pace, .ctx = ctx};
    uint64_t whole = work.count * CHECKSUM_BLOCK_LEN;
    int error;

    checksum->count = work.count + 1;
    checksum->marks = calloc(checksum->count, sizeof *checksum->marks);
    if (checksum->marks == NULL) {
        return false;
    }
    work.block_crc32 = checksum->marks + 1;
    check_together(&work);
    combine(checksum);
    checksum->crc32 = checksum->marks[work.count];
    error = atomic_load(&work.error);
    if (error == 0 && check_range(file, whole, file->size - whole, &checksum->crc32)) {
        return true;
    }
    error = error != 0 ? error : errno;
    checksum_free(checksum);
    errno = error;
    return false;
}

void checksum_free(struct checksum *checksum)
{
    free(checksum->marks);
    checksum->marks = NULL;
    checksum->count = 0;
}
