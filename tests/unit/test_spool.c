/* SPDX-License-Identifier: MIT */
/* Both spools, in memory and in files, do the same; then what is each one's own. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../port/posix/spool_file.h"
#include "../../port/spool_ram.h"

#define PLACES 3U
#define SIZE 4096U

static char folder[512];

static struct spool_ram_place ram_places[PLACES];
static uint8_t ram_bytes[PLACES * SIZE];
static struct spool_ram ram = {.places = ram_places, .bytes = ram_bytes, .size = SIZE};
static struct spool_file *file;

static void *ram_ctx(void)
{
    return &ram;
}

static void *file_ctx(void)
{
    return file;
}

static const struct {
    const struct spool *functions;
    void *(*ctx)(void);
} kinds[2] = {{&spool_ram, ram_ctx}, {&spool_file, file_ctx}};

static int set_up(void **state)
{
    (void)state;
    memset(ram_places, 0, sizeof ram_places);
    file = spool_file_new(folder, PLACES);
    return file != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    spool_file_free(file);
    return 0;
}

static int make_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(folder, sizeof folder, "%s/dory-spool-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* The descriptors that this process has open. */
static unsigned descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

static unsigned names_in(const char *path)
{
    unsigned count = 0;
    DIR *names = opendir(path);

    assert_non_null(names);
    for (const struct dirent *entry = readdir(names); entry != NULL; entry = readdir(names)) {
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2 ? 1 : 0;
    }
    closedir(names);
    return count;
}

/* Pieces of both streams, mixed, in all places at once; then every stretch is read back. */
static void streams_and_places_are_kept_apart(void **state)
{
    static uint8_t model[PLACES][2][SIZE];
    uint32_t lens[PLACES][2] = {{0}};

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        const struct spool *spool = kinds[kind].functions;
        void *ctx = kinds[kind].ctx();
        uint8_t got[SIZE];

        memset(lens, 0, sizeof lens);
        for (unsigned step = 0; step < 200; step++) {
            unsigned place = step % PLACES;
            unsigned which = step * 7 % 5 % 2;
            size_t len = 1 + step * 13 % 37;
            uint8_t *at = model[place][which] + lens[place][which];

            memset(at, (int)step, len);
            at[0] = (uint8_t)(step + 100);
            assert_int_equal(spool->append(ctx, place, which == 0 ? DORY_STDOUT : DORY_STDERR, at, len), len);
            lens[place][which] += (uint32_t)len;
        }
        for (unsigned place = 0; place < PLACES; place++) {
            for (unsigned which = 0; which < 2; which++) {
                for (uint32_t off = 0; off < lens[place][which]; off += 11) {
                    size_t len = lens[place][which] - off;

                    assert_true(spool->read(ctx, place, which == 0 ? DORY_STDOUT : DORY_STDERR, off, got, len));
                    assert_memory_equal(got, model[place][which] + off, len);
                }
            }
        }
    }
}

static void a_place_is_empty_after_reset_and_the_others_are_not(void **state)
{
    uint8_t got[3];

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        const struct spool *spool = kinds[kind].functions;
        void *ctx = kinds[kind].ctx();

        spool->reset(ctx, 0);
        for (uint32_t place = 0; place < 2; place++) {
            assert_int_equal(spool->append(ctx, place, DORY_STDOUT, (const uint8_t *)"old", 3), 3);
            assert_int_equal(spool->append(ctx, place, DORY_STDERR, (const uint8_t *)"err", 3), 3);
        }
        spool->reset(ctx, 0);
        assert_int_equal(spool->append(ctx, 0, DORY_STDOUT, (const uint8_t *)"new", 3), 3);
        assert_true(spool->read(ctx, 0, DORY_STDOUT, 0, got, 3));
        assert_memory_equal(got, "new", 3);
        assert_true(spool->read(ctx, 1, DORY_STDERR, 0, got, 3));
        assert_memory_equal(got, "err", 3);
    }
}

static void memory_is_shared_by_both_streams_to_its_last_byte(void **state)
{
    uint8_t data[SIZE];
    uint8_t got[SIZE];

    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 31);
    }
    for (size_t out = 0; out <= SIZE; out += 64) {
        spool_ram.reset(&ram, 1);
        assert_int_equal(spool_ram.append(&ram, 1, DORY_STDOUT, data, out), out);
        assert_int_equal(spool_ram.append(&ram, 1, DORY_STDERR, data, SIZE), SIZE - out);
        assert_int_equal(spool_ram.append(&ram, 1, DORY_STDOUT, data, 1), 0);
        assert_true(spool_ram.read(&ram, 1, DORY_STDOUT, 0, got, out));
        assert_memory_equal(got, data, out);
        assert_true(spool_ram.read(&ram, 1, DORY_STDERR, 0, got, SIZE - out));
        assert_memory_equal(got, data, SIZE - out);
    }
    assert_int_equal(ram_places[0].out_len + ram_places[2].err_len, 0);
}

static void files_have_no_name_and_are_not_inherited(void **state)
{
    unsigned before = descriptors();
    int next = dup(0);

    (void)state;
    close(next);
    assert_int_equal(spool_file.append(file, 0, DORY_STDOUT, (const uint8_t *)"x", 1), 1);
    assert_int_equal(fcntl(next, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(names_in(folder), 0);
    assert_int_equal(descriptors(), before + 1);
    assert_int_equal(spool_file.append(file, 0, DORY_STDERR, (const uint8_t *)"x", 1), 1);
    assert_int_equal(descriptors(), before + SPOOL_FILES);
    spool_file.reset(file, 0);
    assert_int_equal(descriptors(), before);
}

static void without_a_folder_nothing_is_kept(void **state)
{
    struct spool_file *nowhere = spool_file_new("/nowhere/at/all", 1);

    (void)state;
    assert_non_null(nowhere);
    assert_int_equal(spool_file.append(nowhere, 0, DORY_STDOUT, (const uint8_t *)"x", 1), 0);
    spool_file.reset(nowhere, 0);
    spool_file_free(nowhere);
}

/* As on a disk that is full. */
static void what_does_not_fit_in_a_file_is_told(void **state)
{
    struct rlimit before;
    struct rlimit limit;
    uint8_t data[SIZE] = {7};
    uint8_t got[1000];

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(spool_file.append(file, 0, DORY_STDOUT, data, SIZE), 1000);
    assert_int_equal(spool_file.append(file, 0, DORY_STDOUT, data, SIZE), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(spool_file.read(file, 0, DORY_STDOUT, 0, got, sizeof got));
    assert_memory_equal(got, data, sizeof got);
    assert_false(spool_file.read(file, 0, DORY_STDOUT, 1, got, sizeof got));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(streams_and_places_are_kept_apart),
        TEST(a_place_is_empty_after_reset_and_the_others_are_not),
        TEST(memory_is_shared_by_both_streams_to_its_last_byte),
        TEST(files_have_no_name_and_are_not_inherited),
        TEST(without_a_folder_nothing_is_kept),
        TEST(what_does_not_fit_in_a_file_is_told),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
