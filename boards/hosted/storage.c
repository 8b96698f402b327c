/* SPDX-License-Identifier: MIT */
/*
 * NOR flash as a piece of memory, mapped from a file if there is one: erased
 * bytes are 0xFF, programming only clears bits.
 */
#define _GNU_SOURCE
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board_config.h"
#include "restart.h"

#define SECTOR_SIZE 4096U

static uint8_t *memory;
static enum storage_fault fault;

static int result(enum storage_fault failing)
{
    if (fault == STORAGE_BUSY) {
        return DORY_MORE;
    }
    return fault == failing ? DORY_IO_ERROR : DORY_OK;
}

static int storage_read(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    int status = result(STORAGE_FAILS_READ);

    (void)ctx;
    if (status == DORY_OK) {
        memcpy(dst, memory + off, len);
    }
    return status;
}

static int storage_program(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    int status = result(STORAGE_FAILS_PROGRAM);

    (void)ctx;
    for (size_t i = 0; status == DORY_OK && i < len; i++) {
        memory[off + i] &= data[i];
    }
    return status;
}

static int storage_erase(void *ctx, uint64_t off)
{
    int status = result(STORAGE_FAILS_ERASE);

    (void)ctx;
    if (status == DORY_OK) {
        memset(memory + off, 0xFF, SECTOR_SIZE);
    }
    return status;
}

/* A new file reads as zeros: as good as any other garbage. */
static void *map(const char *file, uint64_t size)
{
    int descriptor;
    void *mapped;

    if (file == NULL) {
        return restart_memory(size);
    }
    descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0 || ftruncate(descriptor, (off_t)size) != 0) {
        return MAP_FAILED;
    }
    mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    (void)close(descriptor);
    return mapped;
}

const struct flash_device *storage_begin(const char *file, uint64_t size)
{
    static const struct flash_operations operations = {
        .read = storage_read,
        .program = storage_program,
        .erase = storage_erase,
    };
    static struct flash_device device = {
        .operations = &operations, .page_size = BOARD_PAGE, .sector_size = SECTOR_SIZE};
    void *mapped = map(file, size);

    if (mapped == MAP_FAILED) {
        fprintf(stderr, "hosted: %s: %s\n", file != NULL ? file : "memory", strerror(errno));
        return NULL;
    }
    memory = mapped;
    device.size = size;
    return &device;
}

void storage_set_fault(enum storage_fault wanted)
{
    fault = wanted;
}
