/* SPDX-License-Identifier: MIT */
/*
 * The driver of SPI NOR chips on a simulated one, which understands commands as its data sheet says: it hears nothing but
 * "read status" while it works, programs only when that was allowed, turns ones into zeros, and goes round within a page.
 */
#include "unit.h"

#include <stdlib.h>

#include "../../port/flash/flash_window.h"
#include "../../port/flash/slot_store.h"
#include "../../port/flash/spi_nor.h"

#define CHIP_LOG2 21U
#define CHIP_SIZE (1U << CHIP_LOG2)
#define PATIENT 100000

enum fault {
    FAULT_NONE,
    FAULT_ABSENT,    /* the line stays high */
    FAULT_GROUNDED,  /* or low */
    FAULT_PROTECTED, /* "write enable" has no effect */
    FAULT_STUCK,     /* what begins never ends */
    FAULT_WEAK_BIT,  /* one bit of each page stays 1 */
};

struct chip {
    uint8_t *bytes;
    enum fault fault;
    uint8_t log2; /* of the size that it tells */
    bool enabled;
    unsigned works;     /* for so many ms more */
    unsigned page_ms;   /* that a page takes */
    unsigned sector_ms; /* and a sector */
    unsigned unheard;   /* commands that came while it was at work */
    unsigned longest;   /* transaction */
    uint32_t now_ms;
};

static uint32_t address_in(const uint8_t *command)
{
    return ((uint32_t)command[1] << 16 | (uint32_t)command[2] << 8 | command[3]) % CHIP_SIZE;
}

static void program(struct chip *chip, uint32_t off, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t at = off / SPI_NOR_PAGE * SPI_NOR_PAGE + (uint32_t)(off + i) % SPI_NOR_PAGE;
        uint8_t stays = chip->fault == FAULT_WEAK_BIT && i == 77 ? 0x10 : 0;
        chip->bytes[at] &= (uint8_t)(data[i] | stays);
    }
}

static void write_to(struct chip *chip, uint8_t what, uint32_t off, const uint8_t *data, size_t len)
{
    if (!chip->enabled) {
        return;
    }
    chip->enabled = false;
    if (what == 0x02) {
        program(chip, off, data, len);
        chip->works = chip->page_ms;
    } else {
        memset(chip->bytes + off / SPI_NOR_SECTOR * SPI_NOR_SECTOR, 0xFF, SPI_NOR_SECTOR);
        chip->works = chip->sector_ms;
    }
}

static uint8_t status_in(const struct chip *chip)
{
    return (uint8_t)((chip->works > 0 ? 1 : 0) | (chip->enabled ? 2 : 0));
}

static void obey(struct chip *chip, const uint8_t *command, size_t command_len, const uint8_t *send, uint8_t *receive,
                 size_t len)
{
    const uint8_t id[] = {0x01, 0x20, chip->log2};

    switch (command[0]) {
    case 0x06:
        assert_int_equal(command_len, 1);
        chip->enabled = chip->fault != FAULT_PROTECTED;
        break;
    case 0x9F:
        assert_true(command_len == 1 && len <= sizeof id);
        memcpy(receive, id, len);
        break;
    case 0x03:
        assert_true(command_len == 4 && receive != NULL && address_in(command) + len <= CHIP_SIZE);
        memcpy(receive, chip->bytes + address_in(command), len);
        break;
    case 0x02:
    case 0xD8:
        assert_true(command_len == 4 && (send != NULL || len == 0));
        write_to(chip, command[0], address_in(command), send, len);
        break;
    default:
        fail_msg("an unknown command: %02x", command[0]);
    }
}

static void transfer(void *ctx, const uint8_t *command, size_t command_len, const uint8_t *send, uint8_t *receive,
                     size_t len)
{
    struct chip *chip = ctx;
    bool there = chip->fault != FAULT_ABSENT && chip->fault != FAULT_GROUNDED;

    assert_true(len <= SPI_NOR_PIECE);
    chip->longest = len > chip->longest ? (unsigned)len : chip->longest;
    if (receive != NULL) {
        memset(receive, chip->fault == FAULT_GROUNDED ? 0 : 0xFF, len);
    }
    if (there && command[0] == 0x05) {
        memset(receive, status_in(chip), len);
    } else if (there && chip->works > 0) {
        chip->unheard++;
    } else if (there) {
        obey(chip, command, command_len, send, receive, len);
    }
}

/* Time goes on with each look at the clock. */
static uint32_t now_ms(void *ctx)
{
    struct chip *chip = ctx;

    chip->now_ms++;
    chip->works -= chip->works > 0 && chip->fault != FAULT_STUCK;
    return chip->now_ms;
}

struct bench {
    struct chip chip;
    struct spi_nor_bus bus;
    struct spi_nor nor;
    const struct flash_device *flash;
};

static struct bench *set_up(void)
{
    struct bench *bench = calloc(1, sizeof *bench);

    assert_non_null(bench);
    bench->chip = (struct chip){
        .bytes = malloc(CHIP_SIZE), .log2 = CHIP_LOG2, .page_ms = 2, .sector_ms = 300, .now_ms = 0xFFFFFFF0};
    assert_non_null(bench->chip.bytes);
    memset(bench->chip.bytes, 0x5A, CHIP_SIZE);
    bench->bus = (struct spi_nor_bus){.transfer = transfer, .now_ms = now_ms, .ctx = &bench->chip};
    return bench;
}

static struct bench *begin(void)
{
    struct bench *bench = set_up();

    bench->flash = spi_nor_begin(&bench->nor, &bench->bus);
    assert_non_null(bench->flash);
    return bench;
}

static void end(struct bench *bench)
{
    free(bench->chip.bytes);
    free(bench);
}

/* --- calls that are repeated until they are done --- */

static int read_at(const struct flash_device *flash, uint64_t off, uint8_t *dst, size_t len)
{
    int result = flash->operations->read(flash->ctx, off, dst, len);

    for (int i = 0; i < PATIENT && result == DORY_MORE; i++) {
        result = flash->operations->read(flash->ctx, off, dst, len);
    }
    return result;
}

static int program_at(const struct flash_device *flash, uint64_t off, const uint8_t *data, size_t len)
{
    int result = flash->operations->program(flash->ctx, off, data, len);

    for (int i = 0; i < PATIENT && result == DORY_MORE; i++) {
        result = flash->operations->program(flash->ctx, off, data, len);
    }
    return result;
}

static int erase_at(const struct flash_device *flash, uint64_t off)
{
    int result = flash->operations->erase(flash->ctx, off);

    for (int i = 0; i < PATIENT && result == DORY_MORE; i++) {
        result = flash->operations->erase(flash->ctx, off);
    }
    return result;
}

static const uint8_t *some_bytes(void)
{
    static uint8_t bytes[16 * SPI_NOR_PAGE];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    return bytes;
}

/* --- what works --- */

static void the_chip_tells_how_large_it_is(void **state)
{
    struct bench *bench = begin();

    (void)state;
    assert_int_equal(bench->flash->size, CHIP_SIZE);
    assert_int_equal(bench->flash->page_size, 256);
    assert_int_equal(bench->flash->sector_size, 65536);
    assert_false(bench->flash->immediate);
    end(bench);
}

static void of_a_chip_beyond_three_address_bytes_16_mib_are_used(void **state)
{
    struct bench *bench = set_up();

    (void)state;
    bench->chip.log2 = 26;
    bench->flash = spi_nor_begin(&bench->nor, &bench->bus);
    assert_non_null(bench->flash);
    assert_int_equal(bench->flash->size, 16U << 20);
    end(bench);
}

static void what_was_programmed_is_read_and_its_neighbours_stay(void **state)
{
    struct bench *bench = begin();
    static uint8_t found[18 * SPI_NOR_PAGE];

    (void)state;
    assert_int_equal(erase_at(bench->flash, 2 * SPI_NOR_SECTOR), DORY_OK);
    assert_int_equal(program_at(bench->flash, 2 * SPI_NOR_SECTOR + 512, some_bytes(), 16 * SPI_NOR_PAGE), DORY_OK);
    assert_int_equal(read_at(bench->flash, 2 * SPI_NOR_SECTOR + 256, found, sizeof found), DORY_OK);
    assert_memory_equal(found + 256, some_bytes(), 16 * SPI_NOR_PAGE);
    assert_int_equal(found[255], 0xFF);
    assert_int_equal(found[17 * SPI_NOR_PAGE], 0xFF);
    assert_int_equal(bench->chip.bytes[2 * SPI_NOR_SECTOR - 1], 0x5A);
    assert_int_equal(bench->chip.bytes[3 * SPI_NOR_SECTOR], 0x5A);
    assert_int_equal(bench->chip.unheard, 0);
    end(bench);
}

static void a_long_read_is_cut_into_pieces(void **state)
{
    struct bench *bench = begin();
    uint8_t *found = malloc(3 * SPI_NOR_PIECE);

    (void)state;
    assert_non_null(found);
    for (uint32_t i = 0; i < CHIP_SIZE; i++) {
        bench->chip.bytes[i] = (uint8_t)(i ^ i >> 8);
    }
    assert_int_equal(read_at(bench->flash, 12345, found, 3 * SPI_NOR_PIECE), DORY_OK);
    assert_memory_equal(found, bench->chip.bytes + 12345, 3 * SPI_NOR_PIECE);
    assert_int_equal(bench->chip.longest, SPI_NOR_PIECE);
    free(found);
    end(bench);
}

static void no_call_waits_for_the_chip(void **state)
{
    struct bench *bench = begin();
    uint32_t since_ms;

    (void)state;
    since_ms = bench->chip.now_ms;
    assert_int_equal(bench->flash->operations->erase(bench->flash->ctx, 0), DORY_MORE);
    assert_true(bench->chip.now_ms - since_ms <= 2);
    assert_int_equal(erase_at(bench->flash, 0), DORY_OK);
    assert_true(bench->chip.now_ms - since_ms >= 300);
    since_ms = bench->chip.now_ms;
    assert_int_equal(bench->flash->operations->program(bench->flash->ctx, 0, some_bytes(), 256), DORY_MORE);
    assert_true(bench->chip.now_ms - since_ms <= 2);
    end(bench);
}

static void a_chip_that_a_restart_found_at_work_is_waited_for(void **state)
{
    struct bench *bench = set_up();

    (void)state;
    bench->chip.works = 2000;
    bench->flash = spi_nor_begin(&bench->nor, &bench->bus);
    assert_non_null(bench->flash);
    assert_int_equal(bench->flash->size, CHIP_SIZE);
    assert_int_equal(bench->chip.unheard, 0);
    end(bench);
}

/* --- what doesn't --- */

static void without_a_chip_there_is_no_storage(void **state)
{
    const enum fault faults[] = {FAULT_ABSENT, FAULT_GROUNDED, FAULT_STUCK};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct bench *bench = set_up();
        bench->chip.fault = faults[i];
        bench->chip.works = faults[i] == FAULT_STUCK;
        assert_null(spi_nor_begin(&bench->nor, &bench->bus));
        end(bench);
    }
}

static void a_chip_that_tells_no_sensible_size_is_not_used(void **state)
{
    const uint8_t sizes[] = {0, 15, 32, 0xFF};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct bench *bench = set_up();
        bench->chip.log2 = sizes[i];
        assert_null(spi_nor_begin(&bench->nor, &bench->bus));
        end(bench);
    }
}

static void a_page_that_was_not_erased_is_an_io_error(void **state)
{
    struct bench *bench = begin();

    (void)state;
    assert_int_equal(program_at(bench->flash, 0, some_bytes(), 256), DORY_IO_ERROR);
    assert_int_equal(erase_at(bench->flash, 0), DORY_OK);
    assert_int_equal(program_at(bench->flash, 0, some_bytes(), 256), DORY_OK);
    end(bench);
}

static void a_bit_that_does_not_take_is_an_io_error(void **state)
{
    struct bench *bench = begin();
    uint8_t zeros[2 * SPI_NOR_PAGE] = {0};

    (void)state;
    assert_int_equal(erase_at(bench->flash, 0), DORY_OK);
    bench->chip.fault = FAULT_WEAK_BIT;
    assert_int_equal(program_at(bench->flash, 0, zeros, sizeof zeros), DORY_IO_ERROR);
    bench->chip.fault = FAULT_NONE;
    assert_int_equal(program_at(bench->flash, 512, zeros, sizeof zeros), DORY_OK);
    end(bench);
}

static void a_chip_that_is_protected_or_gone_is_an_io_error(void **state)
{
    const enum fault faults[] = {FAULT_PROTECTED, FAULT_ABSENT, FAULT_GROUNDED};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct bench *bench = begin();
        bench->chip.fault = faults[i];
        assert_int_equal(erase_at(bench->flash, 0), DORY_IO_ERROR);
        assert_int_equal(program_at(bench->flash, 0, some_bytes(), 256), DORY_IO_ERROR);
        assert_int_equal(bench->chip.bytes[0], 0x5A);
        bench->chip.fault = FAULT_NONE;
        assert_int_equal(erase_at(bench->flash, 0), DORY_OK);
        end(bench);
    }
}

static void a_chip_that_never_gets_done_is_an_io_error_until_it_does(void **state)
{
    struct bench *bench = begin();
    uint8_t byte;

    (void)state;
    bench->chip.fault = FAULT_STUCK;
    assert_int_equal(erase_at(bench->flash, 0), DORY_IO_ERROR);
    assert_int_equal(read_at(bench->flash, 0, &byte, 1), DORY_IO_ERROR);
    assert_int_equal(program_at(bench->flash, 0, some_bytes(), 256), DORY_IO_ERROR);
    bench->chip.fault = FAULT_NONE;
    bench->chip.works = 0;
    assert_int_equal(read_at(bench->flash, 0, &byte, 1), DORY_OK);
    assert_int_equal(program_at(bench->flash, 0, some_bytes(), 256), DORY_OK);
    end(bench);
}

/* --- several users of one chip --- */

static void a_window_reaches_its_part_and_nothing_else(void **state)
{
    struct bench *bench = begin();
    struct flash_window window;
    const struct flash_device *part =
        flash_window_begin(&window, bench->flash, 3 * SPI_NOR_SECTOR, 2 * SPI_NOR_SECTOR, SPI_NOR_PAGE);
    uint8_t found[256];

    (void)state;
    assert_non_null(part);
    assert_int_equal(part->size, 2 * SPI_NOR_SECTOR);
    assert_int_equal(erase_at(part, SPI_NOR_SECTOR), DORY_OK);
    assert_int_equal(program_at(part, SPI_NOR_SECTOR, some_bytes(), 256), DORY_OK);
    assert_int_equal(read_at(part, SPI_NOR_SECTOR, found, 256), DORY_OK);
    assert_memory_equal(found, some_bytes(), 256);
    assert_memory_equal(bench->chip.bytes + 4 * SPI_NOR_SECTOR, some_bytes(), 256);
    assert_int_equal(bench->chip.bytes[4 * SPI_NOR_SECTOR - 1], 0x5A);
    assert_int_equal(bench->chip.bytes[5 * SPI_NOR_SECTOR], 0x5A);
    end(bench);
}

static void a_window_beyond_the_chip_or_across_a_sector_is_refused(void **state)
{
    struct bench *bench = begin();
    struct flash_window window;

    (void)state;
    assert_non_null(flash_window_begin(&window, bench->flash, 0, CHIP_SIZE, SPI_NOR_PAGE));
    assert_null(flash_window_begin(&window, bench->flash, 0, CHIP_SIZE + SPI_NOR_SECTOR, SPI_NOR_PAGE));
    assert_null(flash_window_begin(&window, bench->flash, CHIP_SIZE + SPI_NOR_SECTOR, SPI_NOR_SECTOR, SPI_NOR_PAGE));
    assert_null(
        flash_window_begin(&window, bench->flash, SPI_NOR_SECTOR, UINT64_MAX - SPI_NOR_SECTOR + 1, SPI_NOR_PAGE));
    assert_null(flash_window_begin(&window, bench->flash, 256, SPI_NOR_SECTOR, SPI_NOR_PAGE));
    assert_null(flash_window_begin(&window, bench->flash, 0, SPI_NOR_SECTOR + 256, SPI_NOR_PAGE));
    end(bench);
}

static void a_window_may_have_smaller_pages(void **state)
{
    struct bench *bench = begin();
    struct flash_window window;
    const struct flash_device *part = flash_window_begin(&window, bench->flash, 0, SPI_NOR_SECTOR, 8);
    uint8_t expected[3 * SPI_NOR_PAGE];
    uint8_t found[sizeof expected];

    (void)state;
    assert_non_null(part);
    assert_int_equal(part->page_size, 8);
    assert_int_equal(erase_at(part, 0), DORY_OK);
    assert_int_equal(program_at(part, 16, some_bytes(), 8), DORY_OK);
    assert_int_equal(program_at(part, 0, some_bytes() + 100, 8), DORY_OK);
    /* From the middle of a page to that of the next but one: the chip itself would go round in the first. */
    assert_int_equal(program_at(part, 200, some_bytes(), 2 * SPI_NOR_PAGE), DORY_OK);
    memset(expected, 0xFF, sizeof expected);
    memcpy(expected + 16, some_bytes(), 8);
    memcpy(expected, some_bytes() + 100, 8);
    memcpy(expected + 200, some_bytes(), 2 * SPI_NOR_PAGE);
    assert_int_equal(read_at(part, 0, found, sizeof found), DORY_OK);
    assert_memory_equal(found, expected, sizeof expected);
    assert_int_equal(program_at(part, 16, some_bytes() + 1, 8), DORY_IO_ERROR); /* not twice */
    end(bench);
}

static void a_window_has_no_larger_pages_and_no_odd_ones(void **state)
{
    struct bench *bench = begin();
    struct flash_window window;

    (void)state;
    assert_null(flash_window_begin(&window, bench->flash, 0, SPI_NOR_SECTOR, 2 * SPI_NOR_PAGE));
    assert_null(flash_window_begin(&window, bench->flash, 0, SPI_NOR_SECTOR, 24));
    assert_null(flash_window_begin(&window, bench->flash, 0, SPI_NOR_SECTOR, 0));
    end(bench);
}

static void while_the_chip_works_for_one_user_the_other_waits(void **state)
{
    struct bench *bench = begin();
    struct flash_window windows[2];
    const struct flash_device *one = flash_window_begin(&windows[0], bench->flash, 0, SPI_NOR_SECTOR, SPI_NOR_PAGE);
    const struct flash_device *other =
        flash_window_begin(&windows[1], bench->flash, SPI_NOR_SECTOR, SPI_NOR_SECTOR, SPI_NOR_PAGE);
    uint8_t byte;

    (void)state;
    bench->chip.page_ms = 50;
    assert_int_equal(erase_at(one, 0), DORY_OK);
    assert_int_equal(erase_at(other, 0), DORY_OK);
    assert_int_equal(one->operations->program(one->ctx, 0, some_bytes(), 512), DORY_MORE);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(other->operations->program(other->ctx, 0, some_bytes() + 256, 256), DORY_MORE);
        assert_int_equal(other->operations->read(other->ctx, 0, &byte, 1), DORY_MORE);
    }
    assert_int_equal(program_at(one, 0, some_bytes(), 512), DORY_OK);
    assert_int_equal(program_at(other, 0, some_bytes() + 256, 256), DORY_OK);
    assert_memory_equal(bench->chip.bytes, some_bytes(), 512);
    assert_memory_equal(bench->chip.bytes + SPI_NOR_SECTOR, some_bytes() + 256, 256);
    assert_int_equal(bench->chip.unheard, 0);
    end(bench);
}

/* --- with the store that it is for --- */

static void begin_store(struct slot_store *store, const struct flash_device *flash, uint8_t *page)
{
    *store = (struct slot_store){.device = flash, .buffer = page, .slots = 4};
    assert_int_equal(slot_store_begin(store), DORY_OK);
}

static void put_file(struct slot_store *store, const char *name, const uint8_t *data, size_t len)
{
    struct dory_put put = {.name = name, .size = len};
    struct dory_writer *writer = NULL;
    int result = DORY_MORE;

    assert_int_equal(slot_store.put(store, &put, &writer), DORY_OK);
    for (int i = 0; i < PATIENT && writer->stored < len; i++) {
        assert_true(slot_store.write(store, writer, data + writer->stored, len - (size_t)writer->stored) >= 0);
    }
    for (int i = 0; i < PATIENT && result == DORY_MORE; i++) {
        result = slot_store.commit(store, writer);
    }
    assert_int_equal(result, DORY_OK);
}

static void expect_file(struct slot_store *store, const char *name, const uint8_t *data, size_t len)
{
    static uint8_t found[16 * SPI_NOR_PAGE];
    struct dory_file file;

    assert_int_equal(slot_store.open(store, name, &file), DORY_OK);
    assert_int_equal(file.size, len);
    assert_int_equal(slot_store.read(store, &file, 0, found, len), len);
    assert_memory_equal(found, data, len);
    slot_store.close(store, &file);
}

static void the_slot_store_finds_a_file_on_it_after_a_restart(void **state)
{
    struct bench *bench = begin();
    static struct slot_store store;
    static uint8_t page[SLOT_STORE_BUFFER(SPI_NOR_PAGE)];
    struct dory_room room;

    (void)state;
    begin_store(&store, bench->flash, page);
    assert_int_equal(slot_store.room(&store, &room), DORY_OK);
    assert_int_equal(room.max_file, CHIP_SIZE / 4 - 2 * SPI_NOR_SECTOR);
    put_file(&store, "f", some_bytes(), 1000);
    assert_non_null(spi_nor_begin(&bench->nor, &bench->bus));
    begin_store(&store, bench->flash, page);
    expect_file(&store, "f", some_bytes(), 1000);
    assert_int_equal(bench->chip.unheard, 0);
    end(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chip_tells_how_large_it_is),
        cmocka_unit_test(of_a_chip_beyond_three_address_bytes_16_mib_are_used),
        cmocka_unit_test(what_was_programmed_is_read_and_its_neighbours_stay),
        cmocka_unit_test(a_long_read_is_cut_into_pieces),
        cmocka_unit_test(no_call_waits_for_the_chip),
        cmocka_unit_test(a_chip_that_a_restart_found_at_work_is_waited_for),
        cmocka_unit_test(without_a_chip_there_is_no_storage),
        cmocka_unit_test(a_chip_that_tells_no_sensible_size_is_not_used),
        cmocka_unit_test(a_page_that_was_not_erased_is_an_io_error),
        cmocka_unit_test(a_bit_that_does_not_take_is_an_io_error),
        cmocka_unit_test(a_chip_that_is_protected_or_gone_is_an_io_error),
        cmocka_unit_test(a_chip_that_never_gets_done_is_an_io_error_until_it_does),
        cmocka_unit_test(a_window_reaches_its_part_and_nothing_else),
        cmocka_unit_test(a_window_beyond_the_chip_or_across_a_sector_is_refused),
        cmocka_unit_test(a_window_may_have_smaller_pages),
        cmocka_unit_test(a_window_has_no_larger_pages_and_no_odd_ones),
        cmocka_unit_test(while_the_chip_works_for_one_user_the_other_waits),
        cmocka_unit_test(the_slot_store_finds_a_file_on_it_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
