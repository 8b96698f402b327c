/* SPDX-License-Identifier: MIT */
/*
 * What the builder may choose about core, each with its meaning, its unit and
 * its range. Override with -D on the compiler's command line. Everything else
 * is a field of a struct, chosen when the program runs.
 */
#ifndef DORY_CONFIG_H
#define DORY_CONFIG_H

#define DORY_VERSION "0.1.0"

/* Longest file name, in bytes of UTF-8, that a store or a session holds. */
#ifndef DORY_MAX_NAME
#define DORY_MAX_NAME 64
#endif
#if DORY_MAX_NAME < 16 || DORY_MAX_NAME > 255
#error "DORY_MAX_NAME: 16 to 255 bytes"
#endif

/* JSON tokens that one header may need: an object, and each key and value. */
#ifndef DORY_MAX_TOKENS
#define DORY_MAX_TOKENS 32
#endif
#if DORY_MAX_TOKENS < 32 || DORY_MAX_TOKENS > 1024
#error "DORY_MAX_TOKENS: 32 to 1024 tokens"
#endif

/* Entries of the CRC-32 table: 16 (64 B, two look-ups a byte), 256 (1 KiB, one
 * look-up a byte) or 1024 (4 KiB, four bytes a step). */
#ifndef DORY_CRC32_TABLE
#define DORY_CRC32_TABLE 16
#endif
#if DORY_CRC32_TABLE != 16 && DORY_CRC32_TABLE != 256 && DORY_CRC32_TABLE != 1024
#error "DORY_CRC32_TABLE: 16, 256 or 1024 entries"
#endif

/* Puts of one session that may wait for durability while the next one is
 * already being received. 1 means: one after another. */
#ifndef DORY_MAX_COMMITS
#define DORY_MAX_COMMITS 1
#endif
#if DORY_MAX_COMMITS < 1 || DORY_MAX_COMMITS > 255
#error "DORY_MAX_COMMITS: 1 to 255"
#endif

/* Bytes that a session checks or re-reads before it lets the others run. */
#ifndef DORY_SLICE
#define DORY_SLICE 4096
#endif
#if DORY_SLICE < 256 || DORY_SLICE > 1048576
#error "DORY_SLICE: 256 to 1048576 bytes"
#endif

/* 0: without the code of `run`, which is answered with `unsupported`. */
#ifndef DORY_COMMANDS
#define DORY_COMMANDS 1
#endif
#if DORY_COMMANDS != 0 && DORY_COMMANDS != 1
#error "DORY_COMMANDS: 0 or 1"
#endif

/* 0: without the code of `boot`, which is answered with `unsupported`, and of
 * what `info` tells of slots. */
#ifndef DORY_FIRMWARE
#define DORY_FIRMWARE 1
#endif
#if DORY_FIRMWARE != 0 && DORY_FIRMWARE != 1
#error "DORY_FIRMWARE: 0 or 1"
#endif

/* Bytes of memory for a SHA-256 under way (image.h); BearSSL needs 112. */
#ifndef DORY_SHA256_STATE
#define DORY_SHA256_STATE 112
#endif
#if DORY_SHA256_STATE < 8 || DORY_SHA256_STATE > 1024 || DORY_SHA256_STATE % 8 != 0
#error "DORY_SHA256_STATE: 8 to 1024 bytes, a multiple of 8"
#endif

#endif
