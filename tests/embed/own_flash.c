/* SPDX-License-Identifier: MIT */
/*
 * A flash of one's own: a SPI NOR chip under the slot store. What stands between the two marks is shown in
 * port/README.md; the rest stands for the chip, puts a file into it, and finds it there after a restart.
 */
#include <assert.h>
#include <string.h>

#include "../../port/flash/slot_store.h"
#include "exchange.h"

#define CHIP_SIZE (1024 * 1024)

/* --- a made-up chip, and the driver that you have for yours --- */

static uint8_t chip[CHIP_SIZE];
static unsigned chip_works; /* for so many looks at its status register */

static bool chip_is_busy(void)
{
    chip_works -= chip_works > 0;
    return chip_works > 0;
}

static bool chip_read(uint32_t address, uint8_t *dst, size_t len)
{
    assert(chip_works == 0 && address + len <= CHIP_SIZE);
    memcpy(dst, chip + address, len);
    return true;
}

/* Starts to program one page of 256 bytes. */
static void chip_program(uint32_t address, const uint8_t *data)
{
    assert(chip_works == 0 && address % 256 == 0 && address < CHIP_SIZE);
    for (unsigned i = 0; i < 256; i++) {
        assert(chip[address + i] == 0xff);
        chip[address + i] &= data[i];
    }
    chip_works = 7;
}

/* Starts to erase one sector of 4 KiB. */
static void chip_erase(uint32_t address)
{
    assert(chip_works == 0 && address % 4096 == 0 && address < CHIP_SIZE);
    memset(chip + address, 0xff, 4096);
    chip_works = 450;
}

/* README: begin */
/* A SPI NOR chip of 1 MiB. What it is at, between two calls: */
static struct {
    size_t programmed; /* bytes of the call under way that were given to the chip */
    bool erases;
} nor;

static int nor_read(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    (void)ctx;
    if (chip_is_busy()) {
        return DORY_MORE;
    }
    return chip_read((uint32_t)off, dst, len) ? DORY_OK : DORY_IO_ERROR;
}

/* The first call starts the first page and says "later"; the one that finds the chip idle behind the last page ends it. */
static int nor_program(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    (void)ctx;
    if (chip_is_busy()) {
        return DORY_MORE;
    }
    if (nor.programmed == len) {
        nor.programmed = 0;
        return DORY_OK;
    }
    chip_program((uint32_t)off + (uint32_t)nor.programmed, data + nor.programmed);
    nor.programmed += 256;
    return DORY_MORE;
}

static int nor_erase(void *ctx, uint64_t off)
{
    (void)ctx;
    if (chip_is_busy()) {
        return DORY_MORE;
    }
    if (nor.erases) {
        nor.erases = false;
        return DORY_OK;
    }
    chip_erase((uint32_t)off);
    nor.erases = true;
    return DORY_MORE;
}

static const struct flash_operations nor_operations = {
    .read = nor_read,
    .program = nor_program,
    .erase = nor_erase,
};

static const struct flash_device nor_device = {
    .operations = &nor_operations,
    .size = 1024 * 1024,
    .page_size = 256,
    .sector_size = 4096,
    .immediate = false,
};

static uint8_t page[SLOT_STORE_BUFFER(256)];
static struct slot_store store = {
    .device = &nor_device, .buffer = page, .slots = 8, /* of 128 KiB: files of up to 122,880 bytes */
};
/* README: end */

static void restart(void)
{
    store = (struct slot_store){.device = &nor_device, .buffer = page, .slots = 8};
}

static bool ask(const char *header, const char *body, const char *expected)
{
    return exchange(&slot_store, &store, header, body, expected);
}

int main(void)
{
    struct dory_room room;
    bool fine =
        slot_store_begin(&store) == DORY_OK && slot_store.room(&store, &room) == DORY_OK && room.max_file == 122880;

    fine = fine &&
           ask("{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":5,\"crc32\":\"3610a686\"}", "hello",
               "{\"id\":1,\"status\":\"ok\",\"data_size\":0}") &&
           ask("{\"cmd\":\"put\",\"id\":1,\"filename\":\"a\",\"filesize\":3}", "new",
               "{\"id\":1,\"status\":\"ok\",\"data_size\":0}");
    restart();
    fine =
        fine && slot_store_begin(&store) == DORY_OK &&
        ask("{\"cmd\":\"get\",\"id\":1,\"filename\":\"a\"}", "",
            "{\"id\":1,\"status\":\"ok\",\"filesize\":3,\"offset\":0,\"version\":\"0000000000000002\",\"data_size\":3}"
            "new");
    return fine ? 0 : 1;
}
