/* SPDX-License-Identifier: MIT */
/*
 * Restarts: exec().
 *
 * Implementation notes
 *
 * The file has the section `noinit` first, copied there ahead of the exec() and back after it; then comes the memory for
 * the storage, which is mapped. The next start learns of it from the environment: its descriptor, and the port.
 */
#define _GNU_SOURCE
#include "restart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../common/board.h"

#define VARIABLE "DORY_HOSTED_RESTART"
#define MEMORY_OFFSET (UINT64_C(1) << 20)

/* From the linker. */
extern uint8_t __start_noinit[]; // NOLINT(bugprone-reserved-identifier)
extern uint8_t __stop_noinit[];  // NOLINT(bugprone-reserved-identifier)

static struct {
    char **argv;
    int file;
    uint16_t port;
} restart;

static size_t kept_len(void)
{
    return (size_t)((uintptr_t)__stop_noinit - (uintptr_t)__start_noinit);
}

uint16_t restart_begin(char **argv)
{
    char *text = getenv(VARIABLE);
    unsigned long port;

    restart.argv = argv;
    if (text != NULL) {
        restart.file = (int)strtol(text, &text, 10);
        port = strtoul(text, NULL, 10);
        if (port > 0 && port <= UINT16_MAX &&
            pread(restart.file, __start_noinit, kept_len(), 0) == (ssize_t)kept_len()) {
            return (uint16_t)port;
        }
    }
    restart.file = memfd_create("dory-hosted", MFD_CLOEXEC);
    return 0;
}

void restart_set_port(uint16_t port)
{
    restart.port = port;
}

void *restart_memory(uint64_t size)
{
    if (ftruncate(restart.file, (off_t)(MEMORY_OFFSET + size)) != 0) {
        return MAP_FAILED;
    }
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, restart.file, (off_t)MEMORY_OFFSET);
}

/* Of all descriptors but the standard ones only the file is passed on. */
void board_restart(void)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%d %u", restart.file, restart.port);
    (void)fflush(NULL);
    if (pwrite(restart.file, __start_noinit, kept_len(), 0) == (ssize_t)kept_len() &&
        close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(restart.file, F_SETFD, 0) == 0 &&
        setenv(VARIABLE, text, true) == 0) {
        (void)execv("/proc/self/exe", restart.argv);
    }
    perror("hosted: no restart");
    exit(EXIT_FAILURE);
}
