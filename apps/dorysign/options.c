/* SPDX-License-Identifier: MIT */
/* Understanding the command line. */
#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

#define HEADER_SIZE 0x200 /* bytes, unless told: the vector table behind it is aligned for every Cortex-M */

/* The letters are what `struct command` and getopt know them by; only f, h and o can be typed as such. */
static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", required_argument, NULL, 'v'},
    {"key", required_argument, NULL, 'k'},
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, 'f'},
    {"security-counter", required_argument, NULL, 'c'},
    {"board", required_argument, NULL, 'b'},
    {"header-size", required_argument, NULL, 's'},
    {"format", required_argument, NULL, 'F'},
    {"load-addr", required_argument, NULL, 'l'},
    {NULL, 0, NULL, 0},
};

static const char help[] = "usage: dorysign COMMAND [OPTION]... WORD...\n"
                           "\n"
                           "  dorysign keygen [-f] [-o KEY.pem]        make a key, for its owner alone\n"
                           "  dorysign sign --key KEY.pem --version VERSION IN.bin OUT.img\n"
                           "  dorysign verify --key KEY.pem IMAGE      check hash and signature\n"
                           "  dorysign show IMAGE                      tell what is in it\n"
                           "  dorysign pubkey [--format F] KEY.pem     the public key: F is c, pem or raw\n"
                           "\n"
                           "sign:\n"
                           "  --version VERSION       MAJOR[.MINOR[.REVISION]][+BUILD]\n"
                           "  --security-counter N    devices refuse images with a lower one than theirs\n"
                           "  --board NAME            the only kind of board that takes it\n"
                           "  --header-size N         bytes ahead of the binary, 32 to 65535 (0x200)\n"
                           "  --load-addr ADDRESS     the boot stage copies the image there, header and all\n"
                           "\n"
                           "  -f, --force    replace a key     -o, --output FILE    not to standard output\n"
                           "  -h, --help     show this         --version            alone: dorysign's own\n"
                           "\n"
                           "Example: dorysign sign --key key.pem --version 1.2.3 build/app.bin app.img\n"
                           "Exit: 0 done, 1 the image is refused, 2 usage, 5 a local file.\n";

static int usage(const char *word, const char *problem)
{
    fprintf(stderr, "dorysign: %s: %s\n(dorysign --help shows how it is used)\n", word, problem);
    return EXIT_USAGE;
}

/* Reads a whole number; 0x… too. */
static bool read_number(const char *text, unsigned long min, unsigned long max, unsigned long *number)
{
    char *end;

    errno = 0;
    *number = strtoul(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number >= min && *number <= max;
}

static int set_number(struct options *options, int letter, const char *text)
{
    unsigned long number;

    if (letter == 'l') {
        if (!read_number(text, 0, UINT32_MAX, &number)) {
            return usage(text, "an address is a number, 0 to 0xffffffff");
        }
        options->load_addr = (uint32_t)number;
        options->has_load_addr = true;
        return -1;
    }
    if (letter == 'c') {
        if (!read_number(text, 0, UINT32_MAX, &number)) {
            return usage(text, "a security counter is a whole number, 0 to 4294967295");
        }
        options->counter = (uint32_t)number;
        options->has_counter = true;
        return -1;
    }
    if (!read_number(text, DORY_IMAGE_HEADER, UINT16_MAX, &number)) {
        return usage(text, "the size of a header is a whole number, 32 to 65535");
    }
    options->header_size = (uint16_t)number;
    return -1;
}

static int set_format(struct options *options, const char *text)
{
    static const char *const names[] = {[FORMAT_C] = "c", [FORMAT_PEM] = "pem", [FORMAT_RAW] = "raw"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0) {
            options->format = (enum key_format)i;
            return -1;
        }
    }
    return usage(text, "a format is c, pem or raw");
}

static int set_board(struct options *options, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return usage("--board", "a name has no control characters");
        }
    }
    options->board = text;
    return len > 0 && len <= DORY_IMAGE_BOARD ? -1 : usage(text, "the name of a board has 1 to 32 bytes");
}

/* Takes one option. Returns -1 to go on, or what to exit with. */
static int set_option(struct options *options, int letter, char **argv)
{
    switch (letter) {
    case 'h':
        fputs(help, stdout);
        return EXIT_DONE;
    case 'v':
        options->has_version = true;
        return dory_image_version_read(optarg, &options->version)
                   ? -1
                   : usage(optarg, "a version is MAJOR[.MINOR[.REVISION]][+BUILD], as in 1.2.3+4");
    case 'k':
        options->key = optarg;
        return -1;
    case 'o':
        options->output = optarg;
        return -1;
    case 'f':
        options->force = true;
        return -1;
    case 'b':
        return set_board(options, optarg);
    case 'F':
        return set_format(options, optarg);
    case 'c':
    case 'l':
    case 's':
        return set_number(options, letter, optarg);
    case ':':
        return usage(argv[optind - 1], "a value is missing behind it");
    default: /* what getopt_long() returns is an int, so no enum can be complete */
        return usage(argv[optind - 1], "no such option");
    }
}

static int find_command(struct options *options, const char *word)
{
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, word) == 0) {
            options->command = command;
            return -1;
        }
    }
    return usage(word, "no such command; there are keygen, sign, verify, show and pubkey");
}

static int check(const struct options *options, const char *given)
{
    const struct command *command = options->command;
    size_t wrong = strspn(given, command->options);

    for (const struct option *option = long_options; given[wrong] != '\0' && option->name != NULL; option++) {
        if (option->val == given[wrong]) {
            return usage(option->name, "no option of this command");
        }
    }
    if (options->word_count > command->words) {
        return usage(options->words[command->words], "one word too many");
    }
    if (options->word_count < command->words) {
        return usage(command->usage, "a word is missing");
    }
    if (options->key == NULL && strchr(command->options, 'k') != NULL) {
        return usage("--key", "is missing");
    }
    return options->has_version || strchr(command->options, 'v') == NULL ? -1 : usage("--version", "is missing");
}

int options_parse(struct options *options, int argc, char **argv)
{
    char given[sizeof long_options / sizeof long_options[0] + 1] = "";
    int result = -1;
    int letter;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("dorysign " DORY_VERSION);
        return EXIT_DONE;
    }
    *options = (struct options){.header_size = HEADER_SIZE};
    opterr = 0;
    while (result < 0 && (letter = getopt_long(argc, argv, ":fho:", long_options, NULL)) != -1) {
        result = set_option(options, letter, argv);
        if (strchr(given, letter) == NULL) {
            given[strlen(given)] = (char)letter;
        }
    }
    if (result >= 0) {
        return result;
    }
    if (optind == argc) {
        return usage("a command is missing", "keygen, sign, verify, show or pubkey");
    }
    options->words = argv + optind + 1;
    options->word_count = argc - optind - 1;
    result = find_command(options, argv[optind]);
    return result < 0 ? check(options, given) : result;
}
