/* SPDX-License-Identifier: MIT */
/* The CRC-32 of a large file, and of its beginnings, as fast as the machine can. */
#ifndef DORY_APP_CHECKSUM_H
#define DORY_APP_CHECKSUM_H

#include "local.h"

/* CRC-32s of the beginnings of a file, at each multiple of CHECKSUM_BLOCK_LEN bytes. With them that of any beginning is
 * known after reading a piece of it, in no time even on a slow disk. */
#define CHECKSUM_BLOCK_LEN (UINT64_C(1) << 22)

struct checksum {
    uint32_t crc32;  /* of the whole file */
    uint32_t *marks; /* mark i: of the first i blocks */
    size_t count;
};

/* Computes them. Calls `pace` now and then with about how far it is; when that returns false, gives up. Returns false
 * with errno, or ECANCELED when `pace` said so. */
bool checksum_file(struct checksum *checksum, const struct local_file *file, bool (*pace)(void *ctx, uint64_t done),
                   void *ctx);

void checksum_free(struct checksum *checksum);

#endif
