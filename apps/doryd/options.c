/* SPDX-License-Identifier: MIT */
/*
 * doryd's command line: one table says what each option takes and where it goes.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    FLAG,    /* bool */
    TEXT,    /* const char * */
    NAME,    /* likewise, as `info` tells it */
    NUMBER,  /* uint64_t */
    RATE,    /* uint32_t */
    SECONDS, /* uint32_t, kept in milliseconds */
    LISTEN,  /* struct addresses */
    COMMAND,
    HELP,
    VERSION
};

struct option_row {
    const char *name;
    enum kind kind;
    size_t at; /* offset in struct options */
    double min;
    double max;
};

#define AT(member) offsetof(struct options, member)

/* 24 days: half of what a clock of 32 bits can tell apart. */
#define MAX_SECONDS 2147483.0

static const struct option_row rows[] = {
    {"root", TEXT, AT(root), 0, 0},
    {"listen", LISTEN, AT(listen), 0, 0},
    {"sized-commands", LISTEN, AT(sized), 0, 0},
    {"headed-commands", LISTEN, AT(headed), 0, 0},
    {"name", NAME, AT(name), 0, 0},
    {"read-only", FLAG, AT(read_only), 0, 0},
    {"no-sync", FLAG, AT(no_sync), 0, 0},
    {"no-discovery", FLAG, AT(no_discovery), 0, 0},
    {"max-file", NUMBER, AT(max_file), 0, (double)DORY_MAX_NUMBER},
    {"max-header", NUMBER, AT(max_header), 160, 32768},
    {"max-name", NUMBER, AT(max_name), 16, DORY_MAX_NAME},
    {"sessions", NUMBER, AT(sessions), 1, 1000000},
    {"command", COMMAND, 0, 0, 0},
    {"shell", FLAG, AT(shell), 0, 0},
    {"i-know-this-is-open", FLAG, AT(open_shell), 0, 0},
    {"command-timeout", SECONDS, AT(command_timeout_ms), 0, MAX_SECONDS},
    {"command-output", NUMBER, AT(command_output), 0, (double)DORY_MAX_NUMBER},
    {"max-commands", NUMBER, AT(max_commands), 1, 10000},
    {"partials", NUMBER, AT(partials), 0, 100000},
    {"partial-age", SECONDS, AT(partial_age_ms), 0, MAX_SECONDS},
    {"linger", SECONDS, AT(linger_ms), 0, MAX_SECONDS},
    {"header-timeout", SECONDS, AT(limits.header_ms), 0.001, MAX_SECONDS},
    {"body-timeout", SECONDS, AT(limits.body_ms), 0.001, MAX_SECONDS},
    {"rate-window", SECONDS, AT(limits.rate_ms), 0.001, MAX_SECONDS},
    {"min-rate", RATE, AT(limits.min_rate), 0, 1000000000},
    {"output-timeout", SECONDS, AT(limits.output_ms), 0.001, MAX_SECONDS},
    {"idle-timeout", SECONDS, AT(limits.idle_ms), 0.001, MAX_SECONDS},
    {"evict-after", SECONDS, AT(limits.evict_ms), 0, MAX_SECONDS},
    {"busy-wait", SECONDS, AT(limits.busy_ms), 0, MAX_SECONDS},
    {"more-every", SECONDS, AT(limits.more_ms), 0.001, MAX_SECONDS},
    {"help", HELP, 0, 0, 0},
    {"version", VERSION, 0, 0, 0},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const char help[] = "usage: doryd --root DIR [OPTION]...       serve the files of a folder\n"
                           "  example: doryd --root ./files --listen 127.0.0.1:9002\n"
                           "\n"
                           "  --listen ADDR:PORT  repeatable; 127.0.0.1:9002 unless given; port 0 picks one\n"
                           "  --read-only  no put, no delete   --no-sync  `ok` no longer waits for the disk\n"
                           "  --name NAME (the host's)    --no-discovery  `dory discover` doesn't find it\n"
                           "  --max-file BYTES    --max-header BYTES (4096)   --max-name BYTES (255)\n"
                           "  --sessions N        connections at once (16384, if the file limit allows)\n"
                           "  --partials N        broken uploads to resume (16), --partial-age S (86400)\n"
                           "  --command 'NAME=PROGRAM [ARG]...'  may be run; repeatable   --shell  any may\n"
                           "  --command-timeout S (300)   --command-output BYTES   --max-commands N (128)\n"
                           "  --i-know-this-is-open       --shell on addresses beyond 127.0.0.1, too\n"
                           "  --sized-commands ADDR:PORT  --headed-commands ADDR:PORT  for plain clients\n"
                           "limits, in seconds:\n"
                           "  --idle-timeout (120)  between requests    --header-timeout (10)  a header\n"
                           "  --body-timeout (30)   a silent upload     --output-timeout (30)  a slow reader\n"
                           "  --rate-window (30)    in which an upload brings --min-rate (256) bytes/s\n"
                           "  --busy-wait (10)      a put without id waits for the name's other writer\n"
                           "  --evict-after (5)     a silent upload may lose its place to a new connection\n"
                           "  --more-every (5)      a sign of life in long answers    --linger (2) after FIN\n"
                           "  --help  --version\n"
                           "\n"
                           "There is no authentication or encryption: listen beyond 127.0.0.1 only in a\n"
                           "network that you trust. SIGTERM finishes what is being committed.\n";

static int usage(const char *word, const char *problem)
{
    fprintf(stderr, "doryd: %s: %s\n(doryd --help shows how it is used)\n", word, problem);
    return EXIT_USAGE;
}

/* Reads a decimal number without sign, exponent or leading white space. */
static bool read_number(const char *text, bool whole, double *value)
{
    char *end;

    if (text[0] < '0' || text[0] > '9' || strspn(text, whole ? "0123456789" : "0123456789.") != strlen(text)) {
        return false;
    }
    errno = 0;
    *value = strtod(text, &end);
    return errno == 0 && *end == '\0';
}

static int set_number(struct options *options, const struct option_row *row, const char *text)
{
    char *member = (char *)options + row->at;
    double value;
    char problem[96];

    if (!read_number(text, row->kind != SECONDS, &value) || value < row->min || value > row->max) {
        snprintf(problem, sizeof problem, "--%s takes a number from %.15g to %.16g", row->name, row->min, row->max);
        return usage(text, problem);
    }
    if (row->kind == NUMBER) {
        *(uint64_t *)(void *)member = strtoull(text, NULL, 10);
    } else {
        *(uint32_t *)(void *)member = (uint32_t)(row->kind == SECONDS ? value * 1000 + 0.5 : value);
    }
    return -1;
}

bool options_name_ok(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '"' || name[i] == '\\') {
            return false;
        }
    }
    return len > 0 && len <= DORY_MAX_TOLD && dory_utf8_check(name, len);
}

static int set_name(struct options *options, const char *name)
{
    if (!options_name_ok(name)) {
        return usage(name, "--name takes 1 to 32 bytes of UTF-8 without \", \\ and control characters");
    }
    options->name = name;
    return -1;
}

/* HOST:PORT, where a HOST with colons of its own stands in brackets. Whether it can be listened on shows later. */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t host_len = colon != NULL ? (size_t)(colon - text) : 0;
    bool in_brackets = host_len > 2 && text[0] == '[' && text[host_len - 1] == ']';
    double port;

    if (host_len == 0 || (memchr(text, ':', host_len) != NULL && !in_brackets)) {
        return false;
    }
    return read_number(colon + 1, true, &port) && port <= 65535;
}

static int add_address(struct addresses *addresses, const char *option, const char *address)
{
    char problem[96];

    if (!is_address(address)) {
        snprintf(problem, sizeof problem, "--%s takes ADDR:PORT, and IPv6 as [ADDR]:PORT", option);
        return usage(address, problem);
    }
    if (addresses->count == MAX_LISTENERS) {
        return usage(address, "too many addresses to listen on");
    }
    addresses->text[addresses->count++] = address;
    return -1;
}

/* Whether it makes sense shows later. */
static int add_command(struct options *options, const char *text)
{
    if (options->command_count == MAX_COMMANDS) {
        return usage(text, "too many commands");
    }
    options->command[options->command_count++] = text;
    return -1;
}

static int set_option(struct options *options, const struct option_row *row, const char *text)
{
    char *member = (char *)options + row->at;

    switch (row->kind) {
    case FLAG:
        *(bool *)member = true;
        return -1;
    case TEXT:
        *(const char **)(void *)member = text;
        return -1;
    case NAME:
        return set_name(options, text);
    case NUMBER:
    case RATE:
    case SECONDS:
        return set_number(options, row, text);
    case LISTEN:
        return add_address((struct addresses *)(void *)member, row->name, text);
    case COMMAND:
        return add_command(options, text);
    case HELP:
        fputs(help, stdout);
        return EXIT_SUCCESS;
    case VERSION:
        puts("doryd " DORY_VERSION);
        return EXIT_SUCCESS;
    }
    return -1;
}

static bool takes_word(enum kind kind)
{
    return kind != FLAG && kind != HELP && kind != VERSION;
}

static void set_defaults(struct options *options)
{
    *options = (struct options){
        .max_file = DORY_MAX_NUMBER,
        .partials = 16,
        .command_timeout_ms = 300000,
        .command_output = DORY_MAX_NUMBER,
        .max_commands = 128,
        .max_header = 4096,
        .max_name = DORY_MAX_NAME,
        .partial_age_ms = 86400000,
        .linger_ms = 2000,
        .limits = DORY_LIMITS,
    };
}

static int check(const struct options *options, int argc, char **argv)
{
    if (optind < argc) {
        return usage(argv[optind], "a word that doryd has no use for");
    }
    if (options->root == NULL) {
        return usage("--root", "the folder to serve must be given");
    }
    if (options->sized.count + options->headed.count > 0 && !options->shell && options->command_count == 0) {
        return usage(options->sized.count > 0 ? "--sized-commands" : "--headed-commands",
                     "there is no command that could be run: give --command or --shell, too");
    }
    if (options->max_header < 2 * options->max_name + 128) {
        return usage("--max-header", "must be at least twice --max-name and 128 more");
    }
    return -1;
}

int options_parse(struct options *options, int argc, char **argv)
{
    struct option long_options[ROW_COUNT + 1] = {{NULL, 0, NULL, 0}};
    int result = -1;
    int index;
    int found;

    for (size_t i = 0; i < ROW_COUNT; i++) {
        long_options[i].name = rows[i].name;
        long_options[i].has_arg = takes_word(rows[i].kind) ? required_argument : no_argument;
    }
    set_defaults(options);
    opterr = 0;
    while (result < 0 && (found = getopt_long(argc, argv, ":h", long_options, &index)) != -1) {
        if (found == 'h') {
            fputs(help, stdout);
            result = EXIT_SUCCESS;
        } else if (found == ':') {
            result = usage(argv[optind - 1], "a value is missing behind it");
        } else if (found != 0) {
            result = usage(argv[optind - 1], "no such option, or not with a value");
        } else {
            result = set_option(options, &rows[index], optarg);
        }
    }
    return result < 0 ? check(options, argc, argv) : result;
}
