/* SPDX-License-Identifier: MIT */
/*
 * CRC-32 by table, in the size that the builder chose.
 *
 * Implementation notes
 *
 * The CRC is linear over GF(2): the entry of a value is the exclusive or of the entries of its bits. So the compiler
 * makes each table from the entries of the powers of two, and no start-up code is needed.
 */
#include "crc32.h"

#include "dory_config.h"

#define BIT(i, b, entry) (((i) >> (b)&1U) != 0 ? (entry) : 0U)
#define NIBBLE(i, a, b, c, d) (BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d))
#define TIMES_4(X, i) X(i), X((i) + 1U), X((i) + 2U), X((i) + 3U)
#define TIMES_16(X, i) TIMES_4(X, i), TIMES_4(X, (i) + 4U), TIMES_4(X, (i) + 8U), TIMES_4(X, (i) + 12U)
#define TIMES_64(X, i) TIMES_16(X, i), TIMES_16(X, (i) + 16U), TIMES_16(X, (i) + 32U), TIMES_16(X, (i) + 48U)
#define TIMES_256(X) TIMES_64(X, 0U), TIMES_64(X, 64U), TIMES_64(X, 128U), TIMES_64(X, 192U)

#define AFTER_4_BITS(i) NIBBLE(i, 0x1db71064U, 0x3b6e20c8U, 0x76dc4190U, 0xedb88320U)
#define AFTER_8_BITS(i) (NIBBLE(i, 0x77073096U, 0xee0e612cU, 0x076dc419U, 0x0edb8832U) ^ AFTER_4_BITS((i) >> 4))

/* Compilers make one load of it where the machine can. */
#define LOAD_WORD(data) \
    ((uint32_t)(data)[0] | (uint32_t)(data)[1] << 8 | (uint32_t)(data)[2] << 16 | (uint32_t)(data)[3] << 24)

#if DORY_CRC32_TABLE == 16

static const uint32_t table[16] = {TIMES_16(AFTER_4_BITS, 0U)};

static uint32_t update(uint32_t crc, const uint8_t *data, size_t len)
{
    for (; len > 0; len--) {
        crc ^= *data++;
        crc = crc >> 4 ^ table[crc & 15U];
        crc = crc >> 4 ^ table[crc & 15U];
    }
    return crc;
}

#elif DORY_CRC32_TABLE == 256

static const uint32_t table[256] = {TIMES_256(AFTER_8_BITS)};

static inline uint32_t byte_step(uint32_t crc)
{
    return crc >> 8 ^ table[crc & 255U];
}

/* Four bytes are loaded at once; each still takes its turn in the table. */
static inline uint32_t word_step(uint32_t crc, const uint8_t *data)
{
    return byte_step(byte_step(byte_step(byte_step(crc ^ LOAD_WORD(data)))));
}

static uint32_t update(uint32_t crc, const uint8_t *data, size_t len)
{
    for (; len >= 8; len -= 8, data += 8) {
        crc = word_step(word_step(crc, data), data + 4);
    }
    for (; len > 0; len--) {
        crc = byte_step(crc ^ *data++);
    }
    return crc;
}

#else

#define AFTER_16_BITS(i) \
    (NIBBLE(i, 0x191b3141U, 0x32366282U, 0x646cc504U, 0xc8d98a08U) ^ \
     NIBBLE((i) >> 4, 0x4ac21251U, 0x958424a2U, 0xf0794f05U, 0x3b83984bU))
#define AFTER_24_BITS(i) \
    (NIBBLE(i, 0x01c26a37U, 0x0384d46eU, 0x0709a8dcU, 0x0e1351b8U) ^ \
     NIBBLE((i) >> 4, 0x1c26a370U, 0x384d46e0U, 0x709a8dc0U, 0xe1351b80U))
#define AFTER_32_BITS(i) \
    (NIBBLE(i, 0xb8bc6765U, 0xaa09c88bU, 0x8f629757U, 0xc5b428efU) ^ \
     NIBBLE((i) >> 4, 0x5019579fU, 0xa032af3eU, 0x9b14583dU, 0xed59b63bU))

/* One for each distance from the end of a word. */
static const uint32_t table[256] = {TIMES_256(AFTER_8_BITS)};
static const uint32_t table_1[256] = {TIMES_256(AFTER_16_BITS)};
static const uint32_t table_2[256] = {TIMES_256(AFTER_24_BITS)};
static const uint32_t table_3[256] = {TIMES_256(AFTER_32_BITS)};

static inline uint32_t byte_step(uint32_t crc)
{
    return crc >> 8 ^ table[crc & 255U];
}

/* Four bytes a step ("slicing by 4"), each through the table of its distance from the end. */
static inline uint32_t word_step(uint32_t crc, const uint8_t *data)
{
    crc ^= LOAD_WORD(data);
    return table_3[crc & 255U] ^ table_2[crc >> 8 & 255U] ^ table_1[crc >> 16 & 255U] ^ table[crc >> 24];
}

static uint32_t update(uint32_t crc, const uint8_t *data, size_t len)
{
    for (; len >= 16; len -= 16, data += 16) {
        crc = word_step(word_step(word_step(word_step(crc, data), data + 4), data + 8), data + 12);
    }
    for (; len > 0; len--) {
        crc = byte_step(crc ^ *data++);
    }
    return crc;
}

#endif

uint32_t dory_crc32(uint32_t crc, const void *data, size_t len)
{
    return ~update(~crc, (const uint8_t *)data, len);
}
