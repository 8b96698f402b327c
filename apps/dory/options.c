/* SPDX-License-Identifier: MIT */
/* Understanding the command line. */
#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define MAX_SECONDS 86400.0
#define MAX_JOBS 256L
#define MAX_RETRIES 1000000L

/* Options without a letter. */
enum {
    OPTION_JSON = 256,
    OPTION_NO_PROGRESS,
    OPTION_TIMEOUT,
    OPTION_RETRIES,
    OPTION_NO_REPLY,
    OPTION_CHECK,
    OPTION_TO,
    OPTION_TARGETS,
    OPTION_WAIT,
    OPTION_NO_CONFIRM,
    OPTION_FORCE
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
    {"jobs", required_argument, NULL, 'j'},
    {"targets", required_argument, NULL, OPTION_TARGETS},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"no-confirm", no_argument, NULL, OPTION_NO_CONFIRM},
    {"force", no_argument, NULL, OPTION_FORCE},
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
          "  dory flash IMAGE TARGET...        update firmware, and see that it runs\n"
          "  dory discover [--to ADDR[:PORT]]  find servers nearby, or at ADDR\n"
          "\n"
          "TARGET is HOST[:PORT][/NAME]: port 9002 unless given, IPv6 in [brackets].\n"
          "  -q, --quiet  only failures       --timeout S     without progress (30)\n"
          "  --json       tell it as JSON     --retries N     after a failure (5)\n"
          "  --version    tell the version    --no-progress   draw nothing\n"
          "  --no-reply   put: for servers    --no-confirm    flash: leave it on trial\n"
          "               that never answer   --targets FILE  flash: one TARGET a line\n"
          "  -j N         flash: at once (4)  --wait S        flash: for an answer (240)\n"
          "  --force      flash: also another board's image, or an older version\n"
          "Example: dory put build/app.bin board.local:9002/app.bin\n"
          "Exit: 0 done, 1 refused, 2 usage, 3 no connection, 4 timeout, 5 local file,\n"
          "6 not what was sent, 7 new firmware did not come up; run: as the command, or 255\n",
          stdout);
}

/* Reads a time. Returns OPTIONS_RUN, having set `*given`, too. */
static enum options_result parse_time(const char *option, uint32_t *ms, bool *given, char *error, size_t error_len)
{
    char *end;
    double seconds = strtod(optarg, &end);

    if (end == optarg || *end != '\0' || !(seconds >= 0.001 && seconds <= MAX_SECONDS)) {
        snprintf(error, error_len, "%s '%s' must be a number of seconds, 0.001 to 86400", option, optarg);
        return OPTIONS_WRONG;
    }
    *ms = (uint32_t)(seconds * 1000);
    *given = true;
    return OPTIONS_RUN;
}

static enum options_result parse_count(const char *option, long least, long most, uint32_t *count, char *error,
                                       size_t error_len)
{
    char *end;
    long value = strtol(optarg, &end, 10);

    if (end == optarg || *end != '\0' || value < least || value > most) {
        snprintf(error, error_len, "%s '%s' must be a whole number, %ld to %ld", option, optarg, least, most);
        return OPTIONS_WRONG;
    }
    *count = (uint32_t)value;
    return OPTIONS_RUN;
}

/* What an option without a value sets; NULL: it is none of those. */
static bool *flag_of(struct options *options, int option)
{
    switch (option) {
    case 'q':
        return &options->quiet;
    case 'r':
        return &options->recursive;
    case OPTION_JSON:
        return &options->json;
    case OPTION_NO_PROGRESS:
        return &options->no_progress;
    case OPTION_NO_REPLY:
        return &options->no_reply;
    case OPTION_CHECK:
        return &options->check;
    case OPTION_NO_CONFIRM:
        return &options->no_confirm;
    case OPTION_FORCE:
        return &options->force;
    default: /* what getopt_long() returns is an int, so no enum can be complete */
        return NULL;
    }
}

/* Takes one option. Returns OPTIONS_RUN to go on. */
static enum options_result on_option(struct options *options, int option, char **argv, char *error, size_t error_len)
{
    bool *flag = flag_of(options, option);

    if (flag != NULL) {
        *flag = true;
        return OPTIONS_RUN;
    }
    switch (option) {
    case 'h':
        return OPTIONS_HELP;
    case 'V':
        return OPTIONS_VERSION;
    case OPTION_TO:
        if (options->to_count == OPTIONS_MAX_TO) {
            snprintf(error, error_len, "--to '%s' is one too many: %d will do", optarg, OPTIONS_MAX_TO);
            return OPTIONS_WRONG;
        }
        options->to[options->to_count++] = optarg;
        break;
    case OPTION_TARGETS:
        options->targets = optarg;
        break;
    case 'j':
        options->jobs_given = true;
        return parse_count("-j", 1, MAX_JOBS, &options->jobs, error, error_len);
    case OPTION_WAIT:
        return parse_time("--wait", &options->wait_ms, &options->wait_given, error, error_len);
    case OPTION_TIMEOUT:
        return parse_time("--timeout", &options->timeout_ms, &options->timeout_given, error, error_len);
    case OPTION_RETRIES:
        return parse_count("--retries", 0, MAX_RETRIES, &options->retries, error, error_len);
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
    default: /* as above */
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
    const struct {
        bool given;
        const char *option;
        const char *command;
    } owned[] = {
        {options->recursive, "-r", "put"},        {options->no_reply, "--no-reply", "put"},
        {options->check, "--check", "stat"},      {options->to_count > 0, "--to", "discover"},
        {options->jobs_given, "-j", "flash"},     {options->targets != NULL, "--targets", "flash"},
        {options->wait_given, "--wait", "flash"}, {options->no_confirm, "--no-confirm", "flash"},
        {options->force, "--force", "flash"},
    };

    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        if (owned[i].given && strcmp(options->command->name, owned[i].command) != 0) {
            return owned[i].option;
        }
    }
    return NULL;
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
        int option = getopt_long(argc, argv, "-:hVqrj:", long_options, NULL);
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
