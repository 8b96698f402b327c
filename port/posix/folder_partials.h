/* SPDX-License-Identifier: MIT */
/*
 * The partials that nobody writes now: a table of those in ROOT/.dory, bounded
 * in number and age, read from the folder once, at the start.
 *
 * A partial's file is called part-HASH-SIZE-CRC32, in hexadecimal, from its
 * first byte on: so it is found again after a crash, however sudden.
 */
#ifndef DORY_FOLDER_PARTIALS_H
#define DORY_FOLDER_PARTIALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* Bytes of a temporary file's name with its NUL: "part-" and 16, 16 and 8 digits. */
#define FOLDER_TEMP_NAME 48

/* Which content of which name. The name only as its hash: should two names
 * share one, the CRC of the prefix tells the client, as after any change. */
struct folder_key {
    uint64_t name_hash;
    uint64_t size;
    uint32_t crc32;
};

struct folder_partial {
    struct folder_key key;
    uint64_t stored;         /* bytes */
    struct timespec written; /* when last; decides who is the oldest */
};

struct folder_partials {
    int area_fd; /* ROOT/.dory, lent */
    uint32_t max;
    uint32_t age_s;
    uint32_t count;
    uint64_t bytes; /* of all of them */
    struct folder_partial *all;
};

/* FNV-1a, 64 bits. */
uint64_t folder_name_hash(const char *name);

bool folder_key_equal(const struct folder_key *a, const struct folder_key *b);

/* Writes the file name of the partial with `key`. */
void folder_key_print(const struct folder_key *key, char file[FOLDER_TEMP_NAME]);

/* Reads the folder `area_fd`: partials go to the table as far as number and
 * age allow; the others and all other temporary files are removed. Returns 0,
 * or -1 and errno. folder_partials_close() is due in both cases. */
int folder_partials_open(struct folder_partials *partials, int area_fd, uint32_t max, uint32_t age_s);
void folder_partials_close(struct folder_partials *partials);

/* The partial of a name, there is at most one, or NULL; good until the next change. */
const struct folder_partial *folder_partials_find(const struct folder_partials *partials, uint64_t name_hash);

/* Puts the file with `key`, of which `st` tells, into the table; the oldest makes room. */
void folder_partials_keep(struct folder_partials *partials, const struct folder_key *key, const struct stat *st);

/* Takes the partial of a name out of the table, and leaves its file. */
void folder_partials_take(struct folder_partials *partials, uint64_t name_hash);

/* Removes the partial of a name, if there is one. */
void folder_partials_drop(struct folder_partials *partials, uint64_t name_hash);

/* Removes the oldest partial. Returns false when there was none. */
bool folder_partials_drop_oldest(struct folder_partials *partials);

/* Removes all that are too old. */
void folder_partials_expire(struct folder_partials *partials);

#endif
