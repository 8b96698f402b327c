/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files, without libFuzzer: a debugger or another compiler is all it takes.
 *
 *     cc -g -o replay tests/fuzz/replay.c tests/fuzz/fuzz_server.c core/[!c]*.c core/crc32.c -DDORY_MAX_NAME=255
 *     ./replay FILE...
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    static uint8_t buf[ROOM];

    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size;

        if (file == NULL) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        size = fread(buf, 1, sizeof buf, file);
        (void)fclose(file);
        (void)LLVMFuzzerTestOneInput(buf, size);
    }
    printf("%d files\n", argc - 1);
    return EXIT_SUCCESS;
}
