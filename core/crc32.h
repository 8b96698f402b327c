/* SPDX-License-Identifier: MIT */
/*
 * CRC-32 as in zlib, gzip and Ethernet: polynomial 0xEDB88320 reflected,
 * initial value and final xor 0xFFFFFFFF (ISO 3309, RFC 1952 section 8).
 */
#ifndef DORY_CRC32_H
#define DORY_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* A function that continues `crc` (0 at the start) over `len` bytes and
 * returns the new value. A port may bring a faster one of this type. */
typedef uint32_t dory_crc32_function(uint32_t crc, const void *data, size_t len);

/* The one that core brings; its table has DORY_CRC32_TABLE entries. */
uint32_t dory_crc32(uint32_t crc, const void *data, size_t len);

#endif
