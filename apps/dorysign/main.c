/* SPDX-License-Identifier: MIT */
/* dorysign: signs firmware images in MCUboot's format, and makes the keys for it. Here: from the command line to a command. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "app.h"

const struct command commands[] = {
    {"keygen", "dorysign keygen [-f] [-o KEY.pem]", 0, "fo", command_keygen},
    {"sign", "dorysign sign --key KEY.pem --version VERSION IN.bin OUT.img", 2, "kvcbsl", command_sign},
    {"verify", "dorysign verify --key KEY.pem IMAGE", 1, "k", command_verify},
    {"show", "dorysign show IMAGE", 1, "", command_show},
    {"pubkey", "dorysign pubkey [--format F] [-o FILE] KEY.pem", 1, "Fo", command_pubkey},
    {NULL, NULL, 0, NULL, NULL},
};

enum exit_code complain(enum exit_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("dorysign: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    int code;

    /* A file that may not grow is told as an error, and its temporary is removed. */
    signal(SIGXFSZ, SIG_IGN);
    code = options_parse(&options, argc, argv);
    if (code >= 0) {
        return code;
    }
    code = (int)options.command->run(&options);
    if (fflush(stdout) != 0) {
        return (int)complain(EXIT_LOCAL_FILE, "standard output can't be written to");
    }
    return code;
}
