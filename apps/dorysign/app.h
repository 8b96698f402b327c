/* SPDX-License-Identifier: MIT */
/* What the commands of dorysign share: the command line as it was understood, exit codes, and complaining. */
#ifndef DORYSIGN_APP_H
#define DORYSIGN_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/image.h"

/* Exit codes, those of dory. */
enum exit_code { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_LOCAL_FILE = 5 };

enum key_format { FORMAT_C, FORMAT_PEM, FORMAT_RAW };

struct options {
    const struct command *command;
    char **words;
    int word_count;
    const char *key;    /* path, or NULL */
    const char *output; /* path, or NULL for standard output */
    const char *board;  /* or NULL */
    struct dory_image_version version;
    uint32_t counter;
    uint32_t load_addr;
    uint16_t header_size;
    bool has_version;
    bool has_counter;
    bool has_load_addr;
    bool force;
    enum key_format format;
};

struct command {
    const char *name;
    const char *usage;
    int words;
    const char *options; /* their letters, see options.c */
    enum exit_code (*run)(const struct options *options);
};

extern const struct command commands[]; /* the last one has no name */

/* Understands the command line. Returns -1 to go on, or what to exit with, everything having been said. */
int options_parse(struct options *options, int argc, char **argv);

enum exit_code command_keygen(const struct options *options);
enum exit_code command_sign(const struct options *options);
enum exit_code command_verify(const struct options *options);
enum exit_code command_show(const struct options *options);
enum exit_code command_pubkey(const struct options *options);

/* Says what is wrong, as printf() does, on standard error. Returns `code`. */
enum exit_code complain(enum exit_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
