/* SPDX-License-Identifier: MIT */
/* The log that survives a restart: what it keeps, what it never takes for a log, and reading it while it goes on. */
#include "unit.h"

#include "../../port/log_ring.h"

#define SIZE 64U

static struct log_ring ring;
static char text[SIZE];

static bool begin_log(void)
{
    static uint32_t seed;

    return log_ring_begin(&ring, text, SIZE, seed += 77);
}

static int begin_anew(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof ring);
    memset(text, 0, sizeof text);
    assert_false(begin_log());
    return 0;
}

static void say(const char *words)
{
    log_ring_write(&ring, words, strlen(words));
}

/* Reads on in a file that is open, `piece` bytes at a time. Returns its text, or NULL when it has changed. */
static const char *read_on(const struct dory_file *file, uint64_t off, size_t piece)
{
    static char content[SIZE + 1];

    while (off < file->size) {
        int32_t got = log_ring_read(&ring, file, off, (uint8_t *)content + off, piece);

        if (got == DORY_CHANGED) {
            return NULL;
        }
        assert_in_range(got, 1, piece);
        off += (uint32_t)got;
    }
    content[off] = '\0';
    return content;
}

/* The log as a file, the same whatever is read at a time. */
static const char *log_now(void)
{
    struct dory_file file;
    char first[SIZE + 1];

    log_ring_open(&ring, &file);
    assert_true(file.version != 0);
    (void)snprintf(first, sizeof first, "%s", read_on(&file, 0, SIZE));
    for (size_t piece = 1; piece < SIZE; piece++) {
        assert_string_equal(read_on(&file, 0, piece), first);
    }
    return read_on(&file, 0, SIZE);
}

static void a_log_that_begins_is_empty(void **state)
{
    (void)state;
    assert_string_equal(log_now(), "");
}

static void what_is_written_is_read_and_goes_on_after_a_restart(void **state)
{
    (void)state;
    say("one\n");
    say("two\n");
    assert_string_equal(log_now(), "one\ntwo\n");
    assert_true(begin_log());
    assert_string_equal(log_now(), "one\ntwo\n");
    say("three\n");
    assert_string_equal(log_now(), "one\ntwo\nthree\n");
}

static void a_full_log_drops_whole_lines_the_oldest_first_and_survives_a_restart(void **state)
{
    char line[16];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        char wanted[SIZE];

        (void)snprintf(line, sizeof line, "line %05u\n", i);
        say(line);
        if (i >= 10) {
            (void)snprintf(wanted, sizeof wanted, "line %05u\nline %05u\nline %05u\nline %05u\nline %05u\n", i - 4,
                           i - 3, i - 2, i - 1, i);
            assert_string_equal(log_now(), wanted);
            assert_true(begin_log());
            assert_string_equal(log_now(), wanted);
        }
    }
}

static void a_line_longer_than_the_log_leaves_its_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        say("0123456789");
    }
    assert_int_equal(strlen(log_now()), SIZE - SIZE / 8);
    assert_string_equal(log_now() + SIZE - SIZE / 8 - 10, "0123456789");
}

static void a_note_is_kept_until_the_log_is_lost(void **state)
{
    (void)state;
    assert_int_equal(ring.note, 0);
    log_ring_note(&ring, 5);
    assert_true(begin_log());
    assert_int_equal(ring.note, 5);
    text[0] ^= 1; /* is not held */
    assert_true(begin_log());
    ring.magic ^= 1;
    assert_false(begin_log());
    assert_int_equal(ring.note, 0);
}

static void random_memory_is_never_taken_for_a_log(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        for (size_t k = 0; k < sizeof ring; k++) {
            random = random * 1664525 + 1013904223;
            ((uint8_t *)&ring)[k] = (uint8_t)(random >> 24);
        }
        if (i % 2 == 0) { /* half of it as it should be */
            ring.magic = UINT32_C(0x6c6f6721);
            ring.size = SIZE;
            ring.held = ring.held % (SIZE + 1);
            ring.next = ring.next % SIZE;
        }
        assert_false(begin_log());
        assert_string_equal(log_now(), "");
    }
}

static void a_log_with_any_bit_turned_is_given_up(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * offsetof(struct log_ring, text); bit++) {
        (void)begin_anew(NULL);
        say("some words\n");
        ((uint8_t *)&ring)[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(begin_log());
        assert_string_equal(log_now(), "");
    }
    for (size_t bit = 0; bit < 8 * strlen("some words\n"); bit++) {
        (void)begin_anew(NULL);
        say("some words\n");
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        assert_false(begin_log());
    }
}

static void a_log_of_another_size_is_given_up(void **state)
{
    (void)state;
    say("some words\n");
    assert_false(log_ring_begin(&ring, text, SIZE - 1, 5));
}

static void no_version_comes_twice(void **state)
{
    uint64_t versions[300];
    struct dory_file file;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(versions); i++) {
        if (i % 50 == 0) {
            (void)begin_anew(NULL);
        } else {
            say("word\n");
        }
        log_ring_open(&ring, &file);
        versions[i] = file.version;
        for (unsigned k = 0; k < i; k++) {
            assert_true(versions[k] != versions[i]);
        }
    }
}

static void an_open_file_is_what_it_was_or_has_changed_wherever_the_log_goes_on(void **state)
{
    unsigned changed = 0;
    unsigned stayed = 0;

    (void)state;
    for (unsigned before = 0; before < 30; before++) {
        for (size_t read = 0; read <= 20; read++) {
            for (unsigned after = 0; after < 30; after++) {
                struct dory_file file;
                char wanted[SIZE + 1];
                const char *got;

                (void)begin_anew(NULL);
                for (unsigned i = 0; i < before; i++) {
                    say(&"abcdefg"[i % 5]);
                    say("\n");
                }
                log_ring_open(&ring, &file);
                (void)snprintf(wanted, sizeof wanted, "%s", read_on(&file, 0, SIZE));
                for (unsigned i = 0; i < after; i++) {
                    say(&"ABCDEFG"[i % 5]);
                }
                if (read >= file.size) {
                    continue;
                }
                got = read_on(&file, read, 3);
                changed += got == NULL;
                stayed += got != NULL;
                assert_true(got == NULL || strcmp(got + read, wanted + read) == 0);
            }
        }
    }
    assert_true(changed > 1000);
    assert_true(stayed > 1000);
}

static void a_full_log_can_be_read_while_it_grows_by_an_eighth(void **state)
{
    struct dory_file file;
    char wanted[SIZE + 1];

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        say("abcdefg\n");
    }
    log_ring_open(&ring, &file);
    (void)snprintf(wanted, sizeof wanted, "%s", read_on(&file, 0, SIZE));
    say("12345678");
    assert_string_equal(read_on(&file, 0, SIZE), wanted);
    for (unsigned i = 0; i < 10; i++) {
        say("12345678");
    }
    assert_null(read_on(&file, 0, SIZE));
}

static void a_file_of_another_epoch_has_changed(void **state)
{
    struct dory_file file;

    (void)state;
    say("words\n");
    log_ring_open(&ring, &file);
    (void)begin_anew(NULL);
    say("worms\n");
    assert_null(read_on(&file, 0, SIZE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_log_that_begins_is_empty, begin_anew),
        cmocka_unit_test_setup(what_is_written_is_read_and_goes_on_after_a_restart, begin_anew),
        cmocka_unit_test_setup(a_full_log_drops_whole_lines_the_oldest_first_and_survives_a_restart, begin_anew),
        cmocka_unit_test_setup(a_line_longer_than_the_log_leaves_its_end, begin_anew),
        cmocka_unit_test_setup(a_note_is_kept_until_the_log_is_lost, begin_anew),
        cmocka_unit_test_setup(random_memory_is_never_taken_for_a_log, begin_anew),
        cmocka_unit_test_setup(a_log_with_any_bit_turned_is_given_up, begin_anew),
        cmocka_unit_test_setup(a_log_of_another_size_is_given_up, begin_anew),
        cmocka_unit_test_setup(no_version_comes_twice, begin_anew),
        cmocka_unit_test_setup(an_open_file_is_what_it_was_or_has_changed_wherever_the_log_goes_on, begin_anew),
        cmocka_unit_test_setup(a_full_log_can_be_read_while_it_grows_by_an_eighth, begin_anew),
        cmocka_unit_test_setup(a_file_of_another_epoch_has_changed, begin_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
