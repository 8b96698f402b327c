/* SPDX-License-Identifier: MIT */
/*
 * sticky: shows why a protocol over TCP needs framing. Here is only its command line; what there is to learn is in
 * lesson.c.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/dory_config.h"
#include "lesson.h"

#define EXIT_USAGE 2

struct options {
    struct lesson lesson;
    bool raw;
    bool framed;
};

static const char help[] = "usage: sticky [OPTION]...      why a protocol over TCP needs framing\n"
                           "  example: sticky --mode raw --reads 3,12,1024\n"
                           "\n"
                           "Sends two messages over a TCP connection with itself, on 127.0.0.1, and shows\n"
                           "what a slow reader gets: pieces that are no messages. Then sends the same\n"
                           "messages framed, and shows that they arrive as they were.\n"
                           "\n"
                           "  --mode raw|framed         only the problem, or only the cure\n"
                           "  --reads SIZE[,SIZE]...    (5,1024) bytes that the receives ask for in turn,\n"
                           "                            then the last again: up to 16 of 1 to 1024\n"
                           "  --json                    what each receive gave, and each message found in\n"
                           "                            it, as one JSON object a line\n"
                           "  --help  --version\n"
                           "\n"
                           "exit codes: 0 done; 1 failed: which system call, and why, is told; 2 usage\n";

static int usage(const char *word, const char *problem)
{
    fprintf(stderr, "sticky: %s: %s\n(sticky --help shows how it is used)\n", word, problem);
    return EXIT_USAGE;
}

/* Reads "5,1024". Returns false when it is anything else. */
static bool read_sizes(struct lesson *lesson, const char *text)
{
    lesson->read_count = 0;
    do {
        size_t digits = strspn(text, "0123456789");
        unsigned long size = strtoul(text, NULL, 10);

        if (digits == 0 || size < 1 || size > MAX_READ || lesson->read_count == MAX_READS) {
            return false;
        }
        lesson->reads[lesson->read_count++] = size;
        text += digits;
    } while (*text++ == ',');
    return text[-1] == '\0';
}

/* Returns -1 to go on, or the exit code to leave with. */
static int set_option(struct options *options, int letter, const char *value)
{
    switch (letter) {
    case 'm':
        options->raw = strcmp(value, "raw") == 0;
        options->framed = strcmp(value, "framed") == 0;
        return options->raw || options->framed ? -1 : usage(value, "--mode takes raw or framed");
    case 'r':
        return read_sizes(&options->lesson, value) ? -1 : usage(value, "--reads takes up to 16 sizes of 1 to 1024");
    case 'j':
        options->lesson.teller.json = true;
        return -1;
    case 'h':
        fputs(help, stdout);
        return EXIT_SUCCESS;
    case 'v':
        puts("sticky " DORY_VERSION);
        return EXIT_SUCCESS;
    case ':':
        return usage(value, "a value is missing behind it");
    default:
        return usage(value, "no such option, or not with a value");
    }
}

/* Returns as set_option(). */
static int parse(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"mode", required_argument, NULL, 'm'}, {"reads", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},    {NULL, 0, NULL, 0},
    };
    int result = -1;

    opterr = 0;
    while (result < 0) {
        const char *word = argv[optind];
        int letter = getopt_long(argc, argv, "+:h", known, NULL);

        if (letter == -1) {
            break;
        }
        result = set_option(options, letter, optarg != NULL ? optarg : word);
    }
    if (result < 0 && optind < argc) {
        return usage(argv[optind], "a word that sticky has no use for");
    }
    return result;
}

static int show(struct options *options)
{
    struct teller *teller = &options->lesson.teller;

    if (options->raw) {
        teller->mode = "raw";
        lesson_raw(&options->lesson);
    }
    if (options->raw && options->framed) {
        tell_text(teller, "\n\n");
    }
    teller->mode = "framed";
    if (options->framed && !lesson_framed(&options->lesson)) {
        fputs("sticky: the framed messages did not arrive as they were sent\n", stderr);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* What was printed must have arrived, too. */
static int end(int code)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_SUCCESS) {
        fprintf(stderr, "sticky: standard output: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return code;
}

int main(int argc, char **argv)
{
    struct options options = {.lesson = {.reads = {5, MAX_READ}, .read_count = 2}, .raw = true, .framed = true};
    int result = parse(&options, argc, argv);

    return end(result < 0 ? show(&options) : result);
}
