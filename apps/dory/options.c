/* SPDX-License-Identifier: MIT */
/* Understanding the command line. */
#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define MAX_TIMEOUT_S 86400.0
#define MAX_RETRIES 1000000L

/* Options without a letter. */
enum {
    OPTION_JSON = 256,
    OPTION_NO_PROGRESS,
    OPTION_TIMEOUT,
    OPTION_RETRIES,
    OPTION_NO_REPLY,
    OPTION_CHECK,
    OPTION_TO
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"quiet", no_argument, NULL, 'q'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"retries", required_argument, NULL, OPTION_RETRIES},
    {"recursive", no_argument, NULL, 'r'},
    {"no-reply", no_argument, NULL, OPTION_NO_REPLY},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"to", required_argument, NULL, OPTION_TO},
    {NULL, 0, NULL, 0},
};

void options_help(void)
{
    fputs("usage: dory COMMAND [OPTION]... WORD...\n"
          "\n"
          "  dory put [-r] FILE... TARGET      send files; -r: folders, too\n"
          "  dory get TARGET/NAME [FILE|-]     fetch a file; -: to standard output\n"
          "  dory ls TARGET[/PREFIX]           list files: size and name\n"
          "  dory rm TARGET/NAME...            delete files\n"
          "  dory stat [--check] TARGET/NAME   tell size, version and CRC-32 of a file\n"
          "  dory info TARGET                  tell what the server is, and its limits\n"
          "  dory run TARGET LINE...           run a command there; ends as it ends\n"
          "  dory shell TARGET                 a prompt for commands, put and get\n"
          "  dory discover [--to ADDR[:PORT]]  find servers nearby, or at ADDR\n"
          "\n"
          "TARGET is HOST[:PORT][/NAME]: port 9002 unless given, IPv6 in [brackets].\n"
          "What is put to TARGET, or to a NAME that ends in /, keeps its own name.\n"
          "\n"
          "  -q, --quiet    tell nothing but failures   --json         tell it as JSON\n"
          "  --timeout S    give up after S seconds     --no-progress  draw nothing\n"
          "                 without progress (30)       --no-reply     put: for servers\n"
          "  --retries N    tries after a failure (5)                  that never answer\n"
          "  -h, --help     show this                   --version      show the version\n"
          "\n"
          "Example: dory put build/app.bin board.local:9002/app.bin\n"
          "Exit: 0 done, 1 refused, 2 usage, 3 no connection, 4 timeout, 5 local file,\n"
          "6 what arrived is not what was sent. run: as the command, 255 on failure.\n",
          stdout);
}

static bool parse_timeout(struct options *options, const char *text, char *error, size_t error_len)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= MAX_TIMEOUT_S)) {
        snprintf(error, error_len, "--timeout '%s' must be a number of seconds, 0.001 to 86400", text);
        return false;
    }
    options->timeout_ms = (uint32_t)(seconds * 1000);
    options->timeout_given = true;
    return true;
}

static bool parse_retries(struct options *options, const char *text, char *error, size_t error_len)
{
    char *end;
    long retries = strtol(text, &end, 10);

    if (end == text || *end != '\0' || retries < 0 || retries > MAX_RETRIES) {
        snprintf(error, error_len, "--retries '%s' must be a whole number, 0 to 1000000", text);
        return false;
    }
    options->retries = (uint32_t)retries;
    return true;
}

/* Takes one option. Returns OPTIONS_RUN to go on. */
static enum options_result on_option(struct options *options, int option, char **argv, char *error, size_t error_len)
{
    switch (option) {
    case 'h':
        return OPTIONS_HELP;
    case 'V':
        return OPTIONS_VERSION;
    case 'q':
        options->quiet = true;
        break;
    case 'r':
        options->recursive = true;
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_NO_PROGRESS:
        options->no_progress = true;
        break;
    case OPTION_NO_REPLY:
        options->no_reply = true;
        break;
    case OPTION_CHECK:
        options->check = true;
        break;
    case OPTION_TO:
        if (options->to_count == OPTIONS_MAX_TO) {
            snprintf(error, error_len, "--to '%s' is one too many: %d will do", optarg, OPTIONS_MAX_TO);
            return OPTIONS_WRONG;
        }
        options->to[options->to_count++] = optarg;
        break;
    case OPTION_TIMEOUT:
        return parse_timeout(options, optarg, error, error_len) ? OPTIONS_RUN : OPTIONS_WRONG;
    case OPTION_RETRIES:
        return parse_retries(options, optarg, error, error_len) ? OPTIONS_RUN : OPTIONS_WRONG;
    case ':':
        snprintf(error, error_len, "%s needs a value", argv[optind - 1]);
        return OPTIONS_WRONG;
    case '?':
        if (optopt > 0 && optopt < 256) {
            snprintf(error, error_len, "there is no option -%c", optopt);
        } else {
            snprintf(error, error_len, "%s is no option of dory", argv[optind - 1]);
        }
        return OPTIONS_WRONG;
    default: /* what getopt_long() returns is an int, so no enum can be complete */
        break;
    }
    return OPTIONS_RUN;
}

static bool find_command(struct options *options, const char *word, const struct command *commands)
{
    for (; commands->name != NULL; commands++) {
        if (strcmp(commands->name, word) == 0) {
            options->command = commands;
            return true;
        }
    }
    return false;
}

/* `word` is no command, or there is none. */
static enum options_result wrong_command(const char *word, const struct command *commands, char *error,
                                         size_t error_len)
{
    size_t len = (size_t)(word != NULL ? snprintf(error, error_len, "'%s' is no command:", word)
                                       : snprintf(error, error_len, "a command is missing:"));

    for (const struct command *row = commands; row->name != NULL && len < error_len; row++) {
        const char *before = row == commands ? "" : row[1].name == NULL ? " or" : ",";

        len += (size_t)snprintf(error + len, error_len - len, "%s %s", before, row->name);
    }
    return OPTIONS_WRONG;
}

/* An option that another command has says nothing here. */
static const char *misplaced(const struct options *options)
{
    bool put = strcmp(options->command->name, "put") == 0;

    if (options->recursive && !put) {
        return "-r";
    }
    if (options->no_reply && !put) {
        return "--no-reply";
    }
    if (options->to_count > 0 && strcmp(options->command->name, "discover") != 0) {
        return "--to";
    }
    return options->check && strcmp(options->command->name, "stat") != 0 ? "--check" : NULL;
}

static bool check_words(const struct options *options, char *error, size_t error_len)
{
    const struct command *command = options->command;
    const char *wrong = misplaced(options);

    if (wrong != NULL) {
        snprintf(error, error_len, "%s is no option of '%s'", wrong, command->name);
    } else if (options->word_count < command->min_words) {
        snprintf(error, error_len, "a word is missing: %s %s", command->name, command->usage);
    } else if (options->word_count > command->max_words) {
        snprintf(error, error_len, "'%s' is one word too many: %s %s", options->words[command->max_words],
                 command->name, command->usage);
    } else {
        return true;
    }
    return false;
}

/* Takes a word that is no option. Returns false for a first one that is no command. */
static bool on_word(struct options *options, char *word, const struct command *commands)
{
    if (options->command == NULL) {
        return find_command(options, word, commands);
    }
    options->words[options->word_count++] = word;
    return true;
}

static bool is_line_next(const struct options *options)
{
    return options->command != NULL && options->command->takes_line && options->word_count == 1;
}

/* What getopt() leaves. */
static bool take_rest(struct options *options, int argc, char **argv, const struct command *commands)
{
    if (is_line_next(options) && optind < argc && strcmp(argv[optind], "--") == 0) {
        optind++;
    }
    while (optind < argc) {
        if (!on_word(options, argv[optind++], commands)) {
            return false;
        }
    }
    return true;
}

enum options_result options_parse(struct options *options, int argc, char **argv, const struct command *commands,
                                  char *error, size_t error_len)
{
    /* Words are gathered where words were that have been read. */
    options->words = argv;
    options->word_count = 0;
    options->command = NULL;
    optind = 0; /* from the beginning: a shell comes here more than once */
    opterr = 0;
    while (!is_line_next(options)) {
        int option = getopt_long(argc, argv, "-:hVqr", long_options, NULL);
        enum options_result result = OPTIONS_RUN;

        if (option == -1) {
            break;
        }
        if (option != 1) {
            result = on_option(options, option, argv, error, error_len);
        } else if (!on_word(options, optarg, commands)) {
            return wrong_command(optarg, commands, error, error_len);
        }
        if (result != OPTIONS_RUN) {
            return result;
        }
    }
    if (!take_rest(options, argc, argv, commands)) {
        return wrong_command(argv[optind - 1], commands, error, error_len);
    }
    if (options->command == NULL) {
        return wrong_command(NULL, commands, error, error_len);
    }
    return check_words(options, error, error_len) ? OPTIONS_RUN : OPTIONS_WRONG;
}
