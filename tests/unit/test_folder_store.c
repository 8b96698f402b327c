/* SPDX-License-Identifier: MIT */
/*
 * The folder store, on real files in a folder of its own below $TMPDIR or /tmp.
 * fdatasync() and fsync() are replaced by ones that count, can be made to fail
 * and can be held up, so that what happens during a commit can be looked at.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../port/posix/folder_store.h"

#define MIB (UINT64_C(1) << 20)
#define NOBODY 65534

/* ---- fdatasync() and fsync() under control ---- */

static atomic_int file_syncs;
static atomic_int folder_syncs;
static atomic_int file_sync_error;
static atomic_int folder_sync_error;
static atomic_ullong held_above; /* fdatasync() of files of more bytes waits; UINT64_MAX: of none */

static void wait_while_held(int fd)
{
    struct stat st;
    while (fstat(fd, &st) == 0 && (uint64_t)st.st_size > atomic_load(&held_above))
        usleep(1000);
}

int fdatasync(int fd)
{
    wait_while_held(fd);
    atomic_fetch_add(&file_syncs, 1);
    errno = atomic_load(&file_sync_error);
    return errno != 0 ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    atomic_fetch_add(&folder_syncs, 1);
    errno = atomic_load(&folder_sync_error);
    return errno != 0 ? -1 : (int)syscall(SYS_fsync, fd);
}

static atomic_long file_system; /* what kind statfs() tells; the tests' folder is on a disk wherever it really is */

int statfs(const char *path, struct statfs *st)
{
    long result = syscall(SYS_statfs, path, st);
    st->f_type = atomic_load(&file_system);
    return (int)result;
}

static void hold_syncs_above(uint64_t bytes)
{
    atomic_store(&held_above, bytes);
}

static void let_syncs_go(void)
{
    atomic_store(&held_above, UINT64_MAX);
}

/* ---- The fixture: a root, a store over it, and a place outside ---- */

struct fixture {
    char base[PATH_MAX];
    char root[PATH_MAX + 8];
    char outside[PATH_MAX + 8];
    struct folder_store_options options;
    struct folder_store *store;
    int fds; /* open before */
    atomic_int wakes;
};

static int count_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

static void count_wake(void *ctx)
{
    struct fixture *f = ctx;
    atomic_fetch_add(&f->wakes, 1);
}

static void open_store(struct fixture *f)
{
    char error[256] = "";
    f->store = folder_store_open(&f->options, error, sizeof error);
    if (f->store == NULL)
        fail_msg("%s", error);
}

static void close_store(struct fixture *f)
{
    folder_store_close(f->store);
    f->store = NULL;
}

static void reopen_store(struct fixture *f)
{
    close_store(f);
    open_store(f);
}

static int set_up(void **state, bool sync)
{
    const char *tmp = getenv("TMPDIR");
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->fds = count_fds();
    snprintf(f->base, sizeof f->base, "%s/dory-store-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (mkdtemp(f->base) == NULL)
        return -1;
    snprintf(f->root, sizeof f->root, "%s/root", f->base);
    snprintf(f->outside, sizeof f->outside, "%s/outside", f->base);
    if (mkdir(f->root, 0777) != 0 || mkdir(f->outside, 0777) != 0)
        return -1;
    f->options = (struct folder_store_options){.root = f->root,
                                               .max_file = UINT64_MAX,
                                               .writers = 128,
                                               .partials = 4,
                                               .partial_age_s = 3600,
                                               .sync = sync,
                                               .wake = count_wake,
                                               .wake_ctx = f};
    let_syncs_go();
    file_sync_error = 0;
    folder_sync_error = 0;
    open_store(f);
    file_syncs = 0;
    folder_syncs = 0;
    file_system = 0;
    return 0;
}

static int set_up_synced(void **state)
{
    return set_up(state, true);
}

static int set_up_unsynced(void **state)
{
    return set_up(state, false);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    let_syncs_go();
    if (f->store != NULL)
        folder_store_close(f->store);
    umount(f->root); /* when a test that mounted it has failed */
    remove_tree(f->base);
    int leaked = count_fds() - f->fds;
    if (leaked != 0)
        print_error("%d descriptors leaked\n", leaked);
    free(f);
    return leaked == 0 ? 0 : -1;
}

/* ---- Files, behind the store's back ---- */

static const char *path_in(const char *folder, const char *name)
{
    static char path[PATH_MAX * 2];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *in_root(const struct fixture *f, const char *name)
{
    return path_in(f->root, name);
}

static void make_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static void assert_content(const char *path, const char *expected)
{
    char content[256];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, content, sizeof content - 1);
    assert_true(len >= 0);
    content[len] = '\0';
    close(fd);
    assert_string_equal(content, expected);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Files in a folder whose name begins so; the first one's name is stored. */
static int count_files(const char *folder, const char *prefix, char first[256])
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (count++ == 0 && first != NULL)
            snprintf(first, 256, "%s", entry->d_name);
    }
    closedir(dir);
    return count;
}

static int count_parts(const struct fixture *f)
{
    return count_files(in_root(f, ".dory"), "part-", NULL);
}

static void assert_no_temps(const struct fixture *f)
{
    assert_int_equal(count_files(in_root(f, ".dory"), "tmp-", NULL), 0);
    assert_int_equal(count_parts(f), 0);
}

/* The path of the only partial. */
static const char *part_path(const struct fixture *f)
{
    static char path[PATH_MAX * 3];
    char file[256];
    assert_int_equal(count_files(in_root(f, ".dory"), "part-", file), 1);
    snprintf(path, sizeof path, "%s/.dory/%s", f->root, file);
    return path;
}

static void make_old(const char *path, time_t age_s)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* d/d/…/f */
static void print_deep_name(char name[DORY_MAX_NAME + 1], int folders)
{
    for (int i = 0; i < folders; i++) {
        *name++ = 'd';
        *name++ = '/';
    }
    *name++ = 'f';
    *name = '\0';
}

/* ---- The store, a step at a time ---- */

static struct dory_put plain(const char *name, uint64_t size)
{
    return (struct dory_put){.name = name, .size = size};
}

static struct dory_put checked(const char *name, uint64_t size, uint32_t crc32, bool resume)
{
    return (struct dory_put){.name = name, .size = size, .crc32 = crc32, .has_crc32 = true, .resume = resume};
}

static int try_put(struct fixture *f, struct dory_put put)
{
    struct dory_writer *writer;
    int status = folder_store.put(f->store, &put, &writer);
    if (status == DORY_OK)
        folder_store.abort(f->store, writer, false);
    return status;
}

static struct dory_writer *begin(struct fixture *f, struct dory_put put)
{
    struct dory_writer *writer = NULL;
    assert_int_equal(folder_store.put(f->store, &put, &writer), DORY_OK);
    assert_int_equal(writer->size, put.size);
    return writer;
}

static void feed(struct fixture *f, struct dory_writer *writer, const char *text)
{
    size_t len = strlen(text);
    for (size_t fed = 0; fed < len;) {
        int32_t taken = folder_store.write(f->store, writer, (const uint8_t *)text + fed, len - fed);
        assert_true(taken > 0);
        fed += (size_t)taken;
    }
}

static void feed_zeros(struct fixture *f, struct dory_writer *writer, uint64_t len)
{
    static const uint8_t zeros[65536];
    while (len > 0) {
        int32_t taken = folder_store.write(f->store, writer, zeros, len < sizeof zeros ? (size_t)len : sizeof zeros);
        assert_true(taken > 0);
        len -= (uint64_t)taken;
    }
}

static int commit(struct fixture *f, struct dory_writer *writer)
{
    int status = folder_store.commit(f->store, writer);
    for (; status == DORY_MORE; status = folder_store.commit(f->store, writer))
        usleep(200);
    return status;
}

static int put_text(struct fixture *f, const char *name, const char *text)
{
    struct dory_writer *writer;
    struct dory_put put = plain(name, strlen(text));
    int status = folder_store.put(f->store, &put, &writer);
    if (status != DORY_OK)
        return status;
    if (*text != '\0')
        feed(f, writer, text);
    return commit(f, writer);
}

static int remove_name(struct fixture *f, const char *name)
{
    struct dory_writer *writer;
    int status = folder_store.remove(f->store, name, &writer);
    return status == DORY_OK ? commit(f, writer) : status;
}

static int try_open(struct fixture *f, const char *name)
{
    struct dory_file file;
    int status = folder_store.open(f->store, name, &file);
    if (status == DORY_OK)
        folder_store.close(f->store, &file);
    return status;
}

static uint64_t version_of(struct fixture *f, const char *name)
{
    struct dory_file file;
    assert_int_equal(folder_store.open(f->store, name, &file), DORY_OK);
    folder_store.close(f->store, &file);
    return file.version;
}

static void assert_reads(struct fixture *f, struct dory_file *file, const char *expected)
{
    char content[256] = "";
    uint64_t off = 0;
    assert_int_equal(file->size, strlen(expected));
    while (off < file->size) {
        int32_t len = folder_store.read(f->store, file, off, (uint8_t *)content + off, sizeof content - off);
        assert_true(len > 0);
        off += (uint64_t)len;
    }
    assert_string_equal(content, expected);
}

static void assert_file(struct fixture *f, const char *name, const char *expected)
{
    struct dory_file file;
    assert_int_equal(folder_store.open(f->store, name, &file), DORY_OK);
    assert_reads(f, &file, expected);
    folder_store.close(f->store, &file);
}

/* Begins a put of 10 bytes with crc32 `crc32`, breaks it off after `text`, keeps it. */
static void leave_partial(struct fixture *f, const char *name, uint32_t crc32, const char *text)
{
    struct dory_writer *writer = begin(f, checked(name, 10, crc32, false));
    feed(f, writer, text);
    folder_store.abort(f->store, writer, true);
}

static int list_to_the_end(struct fixture *f, struct dory_listing *listing)
{
    struct dory_entry entry;
    int status;
    do
        status = folder_store.next(f->store, listing, &entry);
    while (status >= 0);
    return status;
}

static uint64_t partial_of(struct fixture *f, const char *name)
{
    return folder_store.partial(f->store, name);
}

/* ---- Puts ---- */

static void a_put_is_read_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a.txt", "hello"), DORY_OK);
    assert_file(f, "a.txt", "hello");
    assert_content(in_root(f, "a.txt"), "hello");
    assert_no_temps(f);
}

static void an_empty_file_is_a_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "empty", ""), DORY_OK);
    assert_file(f, "empty", "");
}

static void a_put_makes_the_folders_that_are_missing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a/b/c.txt", "deep"), DORY_OK);
    assert_int_equal(put_text(f, "a/b/d.txt", "too"), DORY_OK);
    assert_file(f, "a/b/c.txt", "deep");
    assert_file(f, "a/b/d.txt", "too");
}

static void readers_see_the_old_file_until_the_commit(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a", "old"), DORY_OK);
    struct dory_writer *writer = begin(f, plain("a", 5));
    feed(f, writer, "newer");
    assert_file(f, "a", "old");
    assert_int_equal(commit(f, writer), DORY_OK);
    assert_file(f, "a", "newer");
}

static void no_more_bytes_are_taken_than_announced(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer = begin(f, plain("a", 3));
    assert_int_equal(folder_store.write(f->store, writer, (const uint8_t *)"abcdef", 6), 3);
    assert_int_equal(commit(f, writer), DORY_OK);
    assert_file(f, "a", "abc");
}

static void half_a_file_is_never_published(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer = begin(f, plain("a", 10));
    feed(f, writer, "half");
    assert_int_equal(commit(f, writer), DORY_IO_ERROR);
    assert_int_equal(try_open(f, "a"), DORY_NOT_FOUND);
    assert_no_temps(f);
}

static void an_aborted_put_leaves_the_old_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a", "old"), DORY_OK);
    struct dory_writer *writer = begin(f, plain("a", 5));
    feed(f, writer, "new");
    folder_store.abort(f->store, writer, true);
    assert_file(f, "a", "old");
    assert_no_temps(f);
}

static void a_name_has_one_writer(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *other;
    struct dory_writer *writer = begin(f, plain("a", 1));
    struct dory_put put = plain("a", 1);
    assert_int_equal(folder_store.put(f->store, &put, &other), DORY_BUSY);
    assert_int_equal(folder_store.remove(f->store, "a", &other), DORY_BUSY);
    assert_ptr_equal(folder_store.holder(f->store, "a"), writer);
    assert_null(folder_store.holder(f->store, "b"));
    assert_int_equal(try_put(f, plain("b", 1)), DORY_OK);
    folder_store.abort(f->store, writer, false);
    assert_null(folder_store.holder(f->store, "a"));
    assert_int_equal(try_put(f, plain("a", 1)), DORY_OK);
}

static void a_put_without_a_free_writer_is_busy(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    f->options.writers = 2;
    open_store(f);
    struct dory_writer *first = begin(f, plain("1", 1));
    struct dory_writer *second = begin(f, plain("2", 1));
    assert_int_equal(try_put(f, plain("3", 1)), DORY_BUSY);
    folder_store.abort(f->store, first, false);
    assert_int_equal(try_put(f, plain("3", 1)), DORY_OK);
    folder_store.abort(f->store, second, false);
}

static void a_file_over_the_limit_is_too_large(void **state)
{
    struct fixture *f = *state;
    struct dory_room room;
    assert_int_equal(folder_store.room(f->store, &room), DORY_OK);
    assert_int_equal(room.max_file, (UINT64_C(1) << 53) - 1);
    close_store(f);
    f->options.max_file = 10;
    open_store(f);
    assert_int_equal(folder_store.room(f->store, &room), DORY_OK);
    assert_int_equal(room.max_file, 10);
    assert_int_equal(room.writers, 128);
    assert_int_equal(try_put(f, plain("a", 10)), DORY_OK);
    assert_int_equal(try_put(f, plain("a", 11)), DORY_TOO_LARGE);
}

static void what_does_not_fit_is_refused_before_the_body(void **state)
{
    struct fixture *f = *state;
    struct dory_room room;
    assert_int_equal(folder_store.room(f->store, &room), DORY_OK);
    assert_true(room.free > 0);
    assert_int_equal(try_put(f, plain("a", (UINT64_C(1) << 53) - 1)), DORY_NO_SPACE);
    assert_int_equal(try_put(f, plain("a", 1)), DORY_OK);
}

static void a_file_size_limit_is_no_space(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct dory_writer *writer = begin(f, plain("a", 100));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 8, .rlim_max = before.rlim_max}), 0);
    int32_t part = folder_store.write(f->store, writer, (const uint8_t *)"0123456789", 10);
    int32_t rest = folder_store.write(f->store, writer, (const uint8_t *)"89", 2);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(part, 8);
    assert_int_equal(rest, DORY_NO_SPACE);
    folder_store.abort(f->store, writer, false);
    assert_no_temps(f);
}

static void a_large_file_goes_through_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer = begin(f, plain("large", 17 * MIB + 1));
    feed_zeros(f, writer, 17 * MIB + 1);
    assert_int_equal(commit(f, writer), DORY_OK);
    struct dory_file file;
    assert_int_equal(folder_store.open(f->store, "large", &file), DORY_OK);
    assert_int_equal(file.size, 17 * MIB + 1);
    folder_store.close(f->store, &file);
}

static void a_removed_file_is_gone(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "d/a", "x"), DORY_OK);
    assert_int_equal(remove_name(f, "d/a"), DORY_OK);
    assert_int_equal(try_open(f, "d/a"), DORY_NOT_FOUND);
    assert_int_equal(remove_name(f, "d/a"), DORY_NOT_FOUND);
    assert_int_equal(remove_name(f, "other/a"), DORY_NOT_FOUND);
    assert_true(exists(in_root(f, "d")));
}

static void a_removal_can_be_given_up(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer;
    assert_int_equal(put_text(f, "a", "x"), DORY_OK);
    assert_int_equal(folder_store.remove(f->store, "a", &writer), DORY_OK);
    assert_int_equal(writer->size, 0);
    folder_store.abort(f->store, writer, true);
    assert_file(f, "a", "x");
}

/* ---- Names that lead to something else ---- */

static void a_name_below_a_file_is_bad(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a", "x"), DORY_OK);
    assert_int_equal(put_text(f, "a/b", "y"), DORY_BAD_NAME);
    assert_int_equal(try_open(f, "a/b"), DORY_BAD_NAME);
    assert_int_equal(remove_name(f, "a/b"), DORY_BAD_NAME);
    assert_file(f, "a", "x");
}

static void assert_bad_name(struct fixture *f, const char *name)
{
    assert_int_equal(try_put(f, plain(name, 1)), DORY_BAD_NAME);
    assert_int_equal(try_open(f, name), DORY_BAD_NAME);
    assert_int_equal(remove_name(f, name), DORY_BAD_NAME);
}

static void what_is_no_regular_file_is_a_bad_name(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(in_root(f, "folder"), 0777), 0);
    assert_int_equal(mkfifo(in_root(f, "fifo"), 0666), 0);
    assert_bad_name(f, "folder");
    assert_bad_name(f, "fifo");
    assert_bad_name(f, "fifo/below");
}

static void a_symbolic_link_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char target[PATH_MAX * 2];
    snprintf(target, sizeof target, "%s", path_in(f->outside, "secret"));
    make_file(target, "secret");
    assert_int_equal(symlink(f->outside, in_root(f, "folder")), 0);
    assert_int_equal(symlink(target, in_root(f, "file")), 0);
    assert_int_equal(symlink("nowhere", in_root(f, "dangling")), 0);
    assert_bad_name(f, "folder");
    assert_bad_name(f, "folder/secret");
    assert_bad_name(f, "folder/new");
    assert_bad_name(f, "file");
    assert_bad_name(f, "dangling");
    assert_content(target, "secret");
    assert_false(exists(path_in(f->outside, "new")));
}

static void a_folder_swapped_for_a_link_does_not_lead_away(void **state)
{
    struct fixture *f = *state;
    char moved[PATH_MAX * 2];
    snprintf(moved, sizeof moved, "%s", in_root(f, "moved"));
    struct dory_writer *writer = begin(f, plain("a/file", 4));
    assert_int_equal(rename(in_root(f, "a"), moved), 0);
    assert_int_equal(symlink(f->outside, in_root(f, "a")), 0);
    feed(f, writer, "here");
    assert_int_equal(commit(f, writer), DORY_OK);
    assert_file(f, "moved/file", "here");
    assert_false(exists(path_in(f->outside, "file")));
}

static void a_link_that_came_meanwhile_is_not_replaced(void **state)
{
    struct fixture *f = *state;
    make_file(path_in(f->outside, "file"), "theirs");
    struct dory_writer *writer = begin(f, plain("a", 4));
    feed(f, writer, "ours");
    char target[PATH_MAX * 2];
    snprintf(target, sizeof target, "%s", path_in(f->outside, "file"));
    assert_int_equal(symlink(target, in_root(f, "a")), 0);
    assert_int_equal(commit(f, writer), DORY_BAD_NAME);
    assert_content(target, "theirs");
    assert_true(exists(in_root(f, "a")));
    assert_no_temps(f);
}

static void a_folder_that_came_meanwhile_stays(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer = begin(f, checked("a", 4, 1, false));
    feed(f, writer, "ours");
    assert_int_equal(mkdir(in_root(f, "a"), 0777), 0);
    assert_int_equal(commit(f, writer), DORY_BAD_NAME);
    assert_no_temps(f);
}

static void a_folder_that_went_meanwhile_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer = begin(f, plain("a/b", 4));
    feed(f, writer, "ours");
    assert_int_equal(rmdir(in_root(f, "a")), 0);
    assert_int_equal(commit(f, writer), DORY_IO_ERROR);
    assert_no_temps(f);
}

static void a_root_that_is_gone_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct dory_listing listing;
    struct dory_entry entry;
    struct dory_writer *writer = begin(f, plain("a", 4));
    feed(f, writer, "ours");
    remove_tree(f->root);
    assert_int_equal(commit(f, writer), DORY_IO_ERROR);
    assert_int_equal(put_text(f, "a", "x"), DORY_IO_ERROR);
    assert_int_equal(put_text(f, "a/b", "x"), DORY_IO_ERROR);
    assert_int_equal(try_open(f, "a"), DORY_NOT_FOUND);
    assert_int_equal(remove_name(f, "a"), DORY_NOT_FOUND);
    if (folder_store.list(f->store, "", &listing) == DORY_OK) {
        assert_int_equal(folder_store.next(f->store, &listing, &entry), DORY_NOT_FOUND);
        folder_store.end_list(f->store, &listing);
    }
}

static void a_closed_folder_is_forbidden(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    bool is_root = geteuid() == 0;
    assert_int_equal(chmod(f->base, 0755), 0);
    remove_tree(f->root);
    assert_int_equal(mkdir(f->root, 0777), 0);
    if (is_root)
        assert_int_equal(chown(f->root, NOBODY, NOBODY) + seteuid(NOBODY), 0);
    open_store(f);
    int published = put_text(f, "closed/old", "old");
    chmod(in_root(f, "closed/old"), 0);
    chmod(in_root(f, "closed"), 0555);
    int small = put_text(f, "closed/new", "new");
    int large = try_put(f, plain("closed/new", 2 * MIB));
    int below = try_put(f, plain("closed/b/new", 1));
    int removed = remove_name(f, "closed/old");
    int opened = try_open(f, "closed/old");
    chmod(in_root(f, "closed"), 0777);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(published, DORY_OK);
    assert_int_equal(small, DORY_FORBIDDEN);
    assert_int_equal(large, DORY_FORBIDDEN);
    assert_int_equal(below, DORY_FORBIDDEN);
    assert_int_equal(removed, DORY_FORBIDDEN);
    assert_int_equal(opened, DORY_FORBIDDEN);
    assert_no_temps(f);
}

static void without_descriptors_the_store_is_busy(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    struct dory_listing begun;
    struct dory_listing listing;
    assert_int_equal(put_text(f, "d/a", "x"), DORY_OK);
    leave_partial(f, "partial", 7, "01234");
    assert_int_equal(folder_store.list(f->store, "", &begun), DORY_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max}), 0);
    int opened = try_open(f, "d/a");
    int put = try_put(f, plain("b", 1));
    int resumed = try_put(f, checked("partial", 10, 7, true));
    int listed = folder_store.list(f->store, "", &listing);
    int deeper = list_to_the_end(f, &begun);
    setrlimit(RLIMIT_NOFILE, &before);
    folder_store.end_list(f->store, &begun);
    assert_int_equal(opened, DORY_BUSY);
    assert_int_equal(put, DORY_BUSY);
    assert_int_equal(resumed, DORY_BUSY);
    assert_int_equal(partial_of(f, "partial"), 5);
    assert_int_equal(listed, DORY_BUSY);
    assert_int_equal(deeper, DORY_IO_ERROR); /* an end it must not look like */
    assert_file(f, "d/a", "x");
}

/* ---- Reading what changes ---- */

static void an_open_file_keeps_its_bytes_when_it_is_replaced_or_removed(void **state)
{
    struct fixture *f = *state;
    struct dory_file file;
    assert_int_equal(put_text(f, "a", "first"), DORY_OK);
    assert_int_equal(folder_store.open(f->store, "a", &file), DORY_OK);
    assert_int_equal(put_text(f, "a", "2nd"), DORY_OK);
    assert_reads(f, &file, "first");
    assert_int_equal(remove_name(f, "a"), DORY_OK);
    assert_reads(f, &file, "first");
    folder_store.close(f->store, &file);
}

static void assert_changed_by(struct fixture *f, const char *content)
{
    struct dory_file file;
    uint8_t bytes[16];
    assert_int_equal(put_text(f, "a", "first"), DORY_OK);
    make_old(in_root(f, "a"), 60); /* the clock of the file system is coarse */
    assert_int_equal(folder_store.open(f->store, "a", &file), DORY_OK);
    make_file(in_root(f, "a"), content);
    assert_int_equal(folder_store.read(f->store, &file, 0, bytes, sizeof bytes), DORY_CHANGED);
    assert_int_equal(folder_store.read(f->store, &file, 4, bytes, sizeof bytes), DORY_CHANGED);
    folder_store.close(f->store, &file);
}

static void a_file_that_somebody_writes_into_has_changed(void **state)
{
    struct fixture *f = *state;
    assert_changed_by(f, "other");
    assert_changed_by(f, "cut");
    assert_changed_by(f, "");
    assert_changed_by(f, "longer than before");
}

static void a_version_changes_with_the_file_only(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a", "1"), DORY_OK);
    uint64_t first = version_of(f, "a");
    assert_int_equal(version_of(f, "a"), first);
    assert_int_equal(put_text(f, "b", "1"), DORY_OK);
    assert_int_not_equal(version_of(f, "b"), first);
    assert_int_equal(put_text(f, "a", "1"), DORY_OK);
    assert_int_not_equal(version_of(f, "a"), first);
}

/* ---- Syncing ---- */

static void a_commit_syncs_the_file_and_its_folder(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a", "x"), DORY_OK);
    assert_int_equal(file_syncs, 1);
    assert_int_equal(folder_syncs, 1);
    assert_int_equal(remove_name(f, "a"), DORY_OK);
    assert_int_equal(file_syncs, 1);
    assert_int_equal(folder_syncs, 2);
    close_store(f); /* wakes come just after the news */
    assert_int_equal(f->wakes, 2);
}

static void new_folders_are_synced_into_their_parents(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a/b/c", "x"), DORY_OK);
    assert_int_equal(folder_syncs, 3); /* the root, a, b */
    assert_int_equal(put_text(f, "a/b/d", "x"), DORY_OK);
    assert_int_equal(folder_syncs, 4);
}

/* Story: the put that made a folder is given up, another one uses the folder. */
static void a_folder_that_another_put_made_is_synced_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(try_put(f, plain("a/given-up", 1)), DORY_OK);
    assert_int_equal(try_put(f, plain("b/given-up", 1)), DORY_OK);
    assert_int_equal(folder_syncs, 0);
    assert_int_equal(put_text(f, "a/b", "x"), DORY_OK);
    assert_int_equal(folder_syncs, 2);
}

static void many_new_folders_are_synced_as_well(void **state)
{
    struct fixture *f = *state;
    char name[DORY_MAX_NAME + 1];
    print_deep_name(name, 100);
    assert_int_equal(put_text(f, name, "x"), DORY_OK);
    assert_int_equal(folder_syncs, 101);
    assert_file(f, name, "x");
}

static void without_sync_nothing_is_synced(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a/b", "x"), DORY_OK);
    assert_int_equal(remove_name(f, "a/b"), DORY_OK);
    assert_int_equal(file_syncs + folder_syncs, 0);
    assert_int_equal(f->wakes, 0);
}

static void a_file_that_cannot_be_synced_leaves_the_old_one_and_no_partial(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_text(f, "a", "old"), DORY_OK);
    struct dory_writer *writer = begin(f, checked("a", 3, 1, false));
    feed(f, writer, "new");
    file_sync_error = EIO;
    assert_int_equal(commit(f, writer), DORY_IO_ERROR);
    file_sync_error = 0;
    assert_file(f, "a", "old");
    assert_int_equal(partial_of(f, "a"), 0);
    assert_no_temps(f);
    assert_int_equal(put_text(f, "a", "new"), DORY_OK);
}

static void a_disk_that_is_full_at_last_is_no_space(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer = begin(f, plain("a", 3));
    feed(f, writer, "new");
    file_sync_error = ENOSPC;
    assert_int_equal(commit(f, writer), DORY_NO_SPACE);
}

static void a_folder_that_cannot_be_synced_is_an_error(void **state)
{
    struct fixture *f = *state;
    folder_sync_error = EIO;
    assert_int_equal(put_text(f, "a", "x"), DORY_IO_ERROR);
    assert_int_equal(put_text(f, "new/a", "x"), DORY_IO_ERROR);
    assert_false(exists(in_root(f, "new/a"))); /* its path would not last */
    folder_sync_error = 0;
    assert_int_equal(put_text(f, "new/a", "x"), DORY_OK);
    assert_no_temps(f);
}

static void small_files_share_the_sync_of_their_folder(void **state)
{
    enum { COUNT = 100 };
    struct fixture *f = *state;
    struct dory_writer *writers[COUNT];
    char name[32];
    hold_syncs_above(0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "file%d", i);
        writers[i] = begin(f, plain(name, 1));
        feed(f, writers[i], "x");
        assert_int_equal(folder_store.commit(f->store, writers[i]), DORY_MORE);
    }
    let_syncs_go();
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(commit(f, writers[i]), DORY_OK);
    assert_int_equal(file_syncs, COUNT);
    assert_in_range(folder_syncs, 1, 4);
    assert_int_equal(count_files(f->root, "file", NULL), COUNT);
}

static void a_small_file_does_not_wait_for_large_ones(void **state)
{
    enum { COUNT = 6 };
    struct fixture *f = *state;
    struct dory_writer *large[COUNT];
    char name[32];
    hold_syncs_above(MIB);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "large%d", i);
        large[i] = begin(f, plain(name, MIB + 1));
        feed_zeros(f, large[i], MIB + 1);
        assert_int_equal(folder_store.commit(f->store, large[i]), DORY_MORE);
    }
    assert_int_equal(put_text(f, "small", "x"), DORY_OK);
    assert_int_equal(folder_store.commit(f->store, large[0]), DORY_MORE);
    let_syncs_go();
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(commit(f, large[i]), DORY_OK);
}

static void a_commit_given_up_ends_unobserved(void **state)
{
    struct fixture *f = *state;
    hold_syncs_above(0);
    struct dory_writer *writer = begin(f, checked("a", 1, 1, false));
    feed(f, writer, "x");
    assert_int_equal(folder_store.commit(f->store, writer), DORY_MORE);
    assert_int_equal(try_put(f, plain("a", 1)), DORY_BUSY);
    folder_store.abort(f->store, writer, true);
    assert_null(folder_store.holder(f->store, "a"));
    assert_int_equal(try_put(f, plain("a", 1)), DORY_BUSY);
    let_syncs_go();
    while (try_put(f, plain("a", 1)) == DORY_BUSY)
        usleep(200);
    assert_file(f, "a", "x");
    assert_no_temps(f);
}

static void *let_go_soon(void *unused)
{
    (void)unused;
    usleep(20000);
    let_syncs_go();
    return NULL;
}

static void closing_waits_for_the_commits(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    hold_syncs_above(0);
    for (int i = 0; i < 3; i++) {
        struct dory_writer *writer = begin(f, plain((const char *[]){"a", "b", "c"}[i], 1));
        feed(f, writer, "x");
        assert_int_equal(folder_store.commit(f->store, writer), DORY_MORE);
        folder_store.abort(f->store, writer, false);
    }
    assert_int_equal(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
    reopen_store(f);
    pthread_join(thread, NULL);
    assert_file(f, "a", "x");
    assert_file(f, "b", "x");
    assert_file(f, "c", "x");
}

/* ---- Partials ---- */

static void a_partial_is_resumed(void **state)
{
    struct fixture *f = *state;
    uint8_t back[10];
    leave_partial(f, "d/a", 7, "01234");
    assert_int_equal(partial_of(f, "d/a"), 5);
    assert_int_equal(partial_of(f, "a"), 0);
    struct dory_writer *writer = begin(f, checked("d/a", 10, 7, true));
    assert_int_equal(writer->stored, 5);
    assert_int_equal(partial_of(f, "d/a"), 0); /* not idle now */
    assert_int_equal(folder_store.reread(f->store, writer, 1, back, 4), 4);
    assert_memory_equal(back, "1234", 4);
    feed(f, writer, "56789");
    assert_int_equal(commit(f, writer), DORY_OK);
    assert_file(f, "d/a", "0123456789");
    assert_no_temps(f);
}

static void a_partial_can_break_off_again(void **state)
{
    struct fixture *f = *state;
    leave_partial(f, "a", 7, "01234");
    struct dory_writer *writer = begin(f, checked("a", 10, 7, true));
    feed(f, writer, "5");
    folder_store.abort(f->store, writer, true);
    assert_int_equal(partial_of(f, "a"), 6);
    assert_int_equal(count_parts(f), 1);
}

static void a_partial_that_was_cut_cannot_be_read_back(void **state)
{
    struct fixture *f = *state;
    uint8_t back[10];
    leave_partial(f, "a", 7, "01234");
    struct dory_writer *writer = begin(f, checked("a", 10, 7, true));
    assert_int_equal(truncate(part_path(f), 0), 0);
    assert_int_equal(folder_store.reread(f->store, writer, 0, back, 5), DORY_IO_ERROR);
    folder_store.abort(f->store, writer, false);
    assert_no_temps(f);
}

static void only_what_has_bytes_and_a_crc32_is_kept(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer = begin(f, plain("a", 10));
    feed(f, writer, "01234");
    folder_store.abort(f->store, writer, true);
    folder_store.abort(f->store, begin(f, checked("b", 10, 1, false)), true);
    writer = begin(f, checked("c", 10, 1, false));
    feed(f, writer, "01234");
    folder_store.abort(f->store, writer, false);
    assert_int_equal(partial_of(f, "a") + partial_of(f, "b") + partial_of(f, "c"), 0);
    assert_no_temps(f);
}

static void without_room_for_partials_none_is_kept(void **state)
{
    struct fixture *f = *state;
    leave_partial(f, "a", 7, "01234");
    close_store(f);
    f->options.partials = 0;
    open_store(f);
    assert_no_temps(f);
    leave_partial(f, "a", 7, "01234");
    assert_int_equal(partial_of(f, "a"), 0);
    assert_no_temps(f);
}

static void assert_starts_over(struct fixture *f, struct dory_put put)
{
    leave_partial(f, "a", 7, "01234");
    struct dory_writer *writer = begin(f, put);
    assert_int_equal(writer->stored, 0);
    assert_int_equal(partial_of(f, "a"), 0);
    folder_store.abort(f->store, writer, false);
    assert_no_temps(f);
}

static void a_put_that_does_not_resume_drops_the_partial_of_its_content(void **state)
{
    assert_starts_over(*state, checked("a", 10, 7, false));
}

static void a_put_of_other_content_leaves_the_partial_until_it_is_published(void **state)
{
    struct fixture *f = *state;
    const struct dory_put others[] = {checked("a", 10, 8, true), checked("a", 5, 7, true), plain("a", 5)};
    leave_partial(f, "a", 7, "01234");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct dory_writer *writer = begin(f, others[i]);
        assert_int_equal(writer->stored, 0);
        folder_store.abort(f->store, writer, false);
        assert_int_equal(partial_of(f, "a"), 5);
    }
    assert_int_equal(put_text(f, "a", "56789"), DORY_OK);
    assert_int_equal(partial_of(f, "a"), 0);
    assert_no_temps(f);
}

static void a_refused_put_leaves_the_partial(void **state)
{
    struct fixture *f = *state;
    leave_partial(f, "a", 7, "01234");
    assert_int_equal(try_put(f, plain("a", (UINT64_C(1) << 53) - 1)), DORY_NO_SPACE);
    assert_int_equal(mkdir(in_root(f, "a"), 0777), 0);
    assert_int_equal(try_put(f, plain("a", 1)), DORY_BAD_NAME);
    assert_int_equal(partial_of(f, "a"), 5);
}

static void a_partial_larger_than_announced_is_dropped(void **state)
{
    struct fixture *f = *state;
    leave_partial(f, "a", 7, "01234");
    make_file(part_path(f), "0123456789x");
    struct dory_writer *writer = begin(f, checked("a", 10, 7, true));
    assert_int_equal(writer->stored, 0);
    folder_store.abort(f->store, writer, false);
    assert_no_temps(f);
}

static void a_link_in_place_of_a_partial_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char target[PATH_MAX * 2];
    snprintf(target, sizeof target, "%s", path_in(f->outside, "file"));
    make_file(target, "theirs");
    leave_partial(f, "a", 7, "01234");
    assert_int_equal(unlink(part_path(f)) + symlink(target, in_root(f, ".dory/link")), 0);
    char link[PATH_MAX * 2];
    snprintf(link, sizeof link, "%s", in_root(f, ".dory/link"));
    leave_partial(f, "b", 7, "01234"); /* tells what b's file is called */
    char part[PATH_MAX * 3];
    snprintf(part, sizeof part, "%s", part_path(f));
    assert_int_equal(rename(link, part), 0);
    struct dory_writer *writer = begin(f, checked("b", 10, 7, true));
    assert_int_equal(writer->stored, 0);
    feed(f, writer, "0123456789");
    assert_int_equal(commit(f, writer), DORY_OK);
    assert_content(target, "theirs");
    assert_file(f, "b", "0123456789");
}

static void what_lies_in_the_way_of_a_new_file_is_removed(void **state)
{
    struct fixture *f = *state;
    leave_partial(f, "a", 7, "01234");
    char part[PATH_MAX * 3];
    snprintf(part, sizeof part, "%s", part_path(f));
    assert_int_equal(put_text(f, "a", "x"), DORY_OK);
    make_file(part, "strange");
    struct dory_writer *writer = begin(f, checked("a", 10, 7, true));
    assert_int_equal(writer->stored, 0);
    folder_store.abort(f->store, writer, false);
}

static void a_file_system_in_memory_is_not_synced(void **state)
{
    struct fixture *f = *state;
    file_system = TMPFS_MAGIC;
    reopen_store(f);
    assert_int_equal(put_text(f, "d/a", "new"), DORY_OK);
    assert_int_equal(file_syncs, 0);
    assert_int_equal(folder_syncs, 0);
    assert_file(f, "d/a", "new");
}

static void a_restart_keeps_partials(void **state)
{
    struct fixture *f = *state;
    leave_partial(f, "d/a", 7, "01234");
    reopen_store(f);
    assert_int_equal(partial_of(f, "d/a"), 5);
    struct dory_writer *writer = begin(f, checked("d/a", 10, 7, true));
    assert_int_equal(writer->stored, 5);
    feed(f, writer, "56789");
    assert_int_equal(commit(f, writer), DORY_OK);
    assert_file(f, "d/a", "0123456789");
}

/* In a process of its own, which ends without a word, as by kill -9. */
static void write_and_die(struct fixture *f)
{
    char error[256];
    struct dory_writer *writer;
    struct dory_put with_crc32 = checked("a", 10, 7, false);
    struct dory_put without = plain("b", 10);
    f->store = folder_store_open(&f->options, error, sizeof error);
    if (f->store == NULL || folder_store.put(f->store, &with_crc32, &writer) != DORY_OK ||
        folder_store.write(f->store, writer, (const uint8_t *)"01234", 5) != 5 ||
        folder_store.put(f->store, &without, &writer) != DORY_OK ||
        folder_store.write(f->store, writer, (const uint8_t *)"01234", 5) != 5)
        _exit(1);
    kill(getpid(), SIGKILL);
}

static void a_crash_leaves_a_partial_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    int how;
    close_store(f);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_and_die(f);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(count_files(in_root(f, ".dory"), "tmp-", NULL), 1);
    open_store(f);
    assert_int_equal(count_files(in_root(f, ".dory"), "tmp-", NULL), 0);
    assert_int_equal(partial_of(f, "a"), 5);
    assert_int_equal(partial_of(f, "b"), 0);
}

static void the_oldest_partial_makes_room(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    f->options.partials = 3;
    open_store(f);
    for (const char *name = "a\0b\0c\0d\0e\0"; *name != '\0'; name += 2) {
        leave_partial(f, name, 1, "12345");
        usleep(20000); /* the clock of the file system is coarse */
    }
    assert_int_equal(partial_of(f, "a") + partial_of(f, "b"), 0);
    assert_int_equal(partial_of(f, "c") + partial_of(f, "d") + partial_of(f, "e"), 15);
    close_store(f);
    f->options.partials = 1;
    open_store(f);
    assert_int_equal(partial_of(f, "e"), 5);
    assert_int_equal(count_parts(f), 1);
}

static void an_old_partial_expires(void **state)
{
    struct fixture *f = *state;
    leave_partial(f, "a", 1, "1");
    make_old(part_path(f), 3590);
    leave_partial(f, "b", 1, "1");
    reopen_store(f);
    folder_store_expire(f->store);
    assert_int_equal(count_parts(f), 2);
    close_store(f);
    f->options.partial_age_s = 60;
    open_store(f); /* at the start */
    assert_int_equal(partial_of(f, "a"), 0);
    assert_int_equal(partial_of(f, "b"), 1);
    make_old(part_path(f), 58);
    reopen_store(f);
    assert_int_equal(partial_of(f, "b"), 1);
    sleep(3);
    folder_store_expire(f->store); /* and later */
    assert_int_equal(partial_of(f, "b"), 0);
    assert_no_temps(f);
}

static void only_partials_are_taken_for_partials(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    make_file(in_root(f, ".dory/tmp-17"), "x");
    make_file(in_root(f, ".dory/part-"), "x");
    make_file(in_root(f, ".dory/part-1-a-00000001"), "x");
    make_file(in_root(f, ".dory/part-00000000000000ff-A-00000001"), "x");
    make_file(in_root(f, ".dory/part-00000000000000ff-a-00000001.old"), "x");
    make_file(in_root(f, ".dory/part-00000000000000ff-a-00000001"), "more than 10 bytes");
    make_file(in_root(f, ".dory/part-00000000000000ff-a-00000002"), "");
    assert_int_equal(symlink("lock", in_root(f, ".dory/part-00000000000000ff-a-00000003")), 0);
    make_file(in_root(f, ".dory/notes"), "somebody's");
    open_store(f);
    assert_no_temps(f);
    assert_content(in_root(f, ".dory/notes"), "somebody's");
}

/* ---- File systems of their own: as root only ---- */

static void mount_or_skip(const char *where, const char *size)
{
    if (mount("dory-test", where, "tmpfs", 0, size) != 0)
        skip();
}

static void a_full_disk_takes_the_partials_back(void **state)
{
    struct fixture *f = *state;
    struct dory_room room;
    close_store(f);
    mount_or_skip(f->root, "size=1m");
    open_store(f);
    struct dory_writer *writer = begin(f, checked("a", MIB, 1, false));
    feed_zeros(f, writer, MIB / 2);
    folder_store.abort(f->store, writer, true);
    int known = folder_store.room(f->store, &room);
    writer = begin(f, plain("b", 900 * 1024));
    feed_zeros(f, writer, 900 * 1024);
    uint64_t left = partial_of(f, "a");
    int status = commit(f, writer);
    int more = try_put(f, plain("c", MIB));
    close_store(f);
    assert_int_equal(umount(f->root), 0);
    assert_int_equal(known, DORY_OK);
    assert_in_range(room.free, MIB - 65536, MIB);
    assert_int_equal(left, 0);
    assert_int_equal(status, DORY_OK);
    assert_int_equal(more, DORY_NO_SPACE);
}

static void a_disk_that_fills_up_is_no_space(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[65536];
    close_store(f);
    mount_or_skip(f->root, "size=1m");
    open_store(f);
    struct dory_writer *first = begin(f, plain("a", 800 * 1024));
    struct dory_writer *second = begin(f, checked("b", 800 * 1024, 1, false));
    feed_zeros(f, first, 800 * 1024);
    int32_t taken;
    do
        taken = folder_store.write(f->store, second, zeros, sizeof zeros);
    while (taken > 0);
    folder_store.abort(f->store, second, true);
    int status = commit(f, first);
    close_store(f);
    assert_int_equal(umount(f->root), 0);
    assert_int_equal(taken, DORY_NO_SPACE);
    assert_int_equal(status, DORY_OK);
}

static void another_file_system_below_the_root_is_unsupported(void **state)
{
    struct fixture *f = *state;
    char mounted[PATH_MAX * 2];
    snprintf(mounted, sizeof mounted, "%s", in_root(f, "m"));
    assert_int_equal(mkdir(mounted, 0777), 0);
    mount_or_skip(mounted, "size=1m");
    make_file(in_root(f, "m/there"), "x");
    int put = try_put(f, plain("m/a", 1));
    int opened = try_open(f, "m/there");
    int removed = remove_name(f, "m/there");
    assert_int_equal(umount(mounted), 0);
    assert_int_equal(put, DORY_UNSUPPORTED);
    assert_int_equal(opened, DORY_OK);
    assert_int_equal(removed, DORY_OK);
}

/* ---- Opening ---- */

static void assert_cannot_open(struct fixture *f, const char *expected)
{
    char error[512] = "";
    assert_null(folder_store_open(&f->options, error, sizeof error));
    if (strstr(error, expected) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error, expected);
}

static void a_root_has_one_server(void **state)
{
    struct fixture *f = *state;
    assert_cannot_open(f, "another server is using this folder");
    f->options.read_only = true; /* does no harm */
    struct folder_store *first = f->store;
    open_store(f);
    close_store(f);
    f->store = first;
    f->options.read_only = false;
    reopen_store(f);
}

static void a_root_must_be_a_folder(void **state)
{
    struct fixture *f = *state;
    make_file(in_root(f, "file"), "x");
    f->options.root = path_in(f->root, "file");
    assert_cannot_open(f, "Not a directory");
    f->options.root = path_in(f->root, "nowhere");
    assert_cannot_open(f, "nowhere: No such file");
}

static void the_own_folder_must_be_no_link(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    remove_tree(in_root(f, ".dory"));
    assert_int_equal(symlink(f->outside, in_root(f, ".dory")), 0);
    assert_cannot_open(f, "/.dory");
    assert_int_equal(count_files(f->outside, "", NULL), 0);
}

static void a_read_only_store_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct dory_writer *writer;
    struct dory_room room;
    close_store(f);
    remove_tree(in_root(f, ".dory"));
    make_file(in_root(f, "a"), "x");
    f->options.read_only = true;
    open_store(f);
    assert_file(f, "a", "x");
    assert_int_equal(try_put(f, plain("b", 1)), DORY_FORBIDDEN);
    assert_int_equal(folder_store.remove(f->store, "a", &writer), DORY_FORBIDDEN);
    assert_null(folder_store.holder(f->store, "a"));
    assert_int_equal(partial_of(f, "a"), 0);
    assert_int_equal(folder_store.room(f->store, &room), DORY_OK);
    assert_int_equal(room.free, 0);
    folder_store_expire(f->store);
    assert_false(exists(in_root(f, ".dory")));
}

/* ---- Listings ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names, sorted, each followed by its size and a semicolon. */
static const char *list(struct fixture *f, const char *prefix)
{
    static char text[4096];
    char *names[64] = {NULL};
    size_t count = 0;
    struct dory_listing listing;
    struct dory_entry entry;
    assert_int_equal(folder_store.list(f->store, prefix, &listing), DORY_OK);
    int status;
    while ((status = folder_store.next(f->store, &listing, &entry)) != DORY_NOT_FOUND) {
        assert_true(status == DORY_OK || status == DORY_MORE);
        if (status == DORY_OK)
            assert_true(count < 64 && asprintf(&names[count++], "%s %d;", entry.name, (int)entry.size) > 0);
    }
    folder_store.end_list(f->store, &listing);
    qsort(names, count, sizeof *names, by_text);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strncat(text, names[i], sizeof text - strlen(text) - 1);
        free(names[i]);
    }
    return text;
}

static void a_listing_has_every_file_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(list(f, ""), "");
    assert_int_equal(put_text(f, "a", "1"), DORY_OK);
    assert_int_equal(put_text(f, "b/c", "22"), DORY_OK);
    assert_int_equal(put_text(f, "b/d/e", ""), DORY_OK);
    leave_partial(f, "partial", 1, "12");
    make_file(path_in(f->outside, "secret"), "x");
    make_file(in_root(f, ".doryish"), "x");
    make_file(in_root(f, "b/.dory"), "x");
    make_file(in_root(f, ".hidden"), "x");
    assert_int_equal(mkdir(in_root(f, "empty"), 0777), 0);
    assert_int_equal(mkfifo(in_root(f, "fifo"), 0666), 0);
    assert_int_equal(symlink("a", in_root(f, "link")), 0);
    assert_int_equal(symlink(f->outside, in_root(f, "linked")), 0);
    assert_string_equal(list(f, ""), ".hidden 1;a 1;b/c 2;b/d/e 0;");
}

static void a_listing_follows_its_prefix(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {"a", "ab", "a.d/x", "b/c", "b/cd/e", "bc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(put_text(f, names[i], ""), DORY_OK);
    assert_string_equal(list(f, "a"), "a 0;a.d/x 0;ab 0;");
    assert_string_equal(list(f, "a.d/"), "a.d/x 0;");
    assert_string_equal(list(f, "b"), "b/c 0;b/cd/e 0;bc 0;");
    assert_string_equal(list(f, "b/"), "b/c 0;b/cd/e 0;");
    assert_string_equal(list(f, "b/cd"), "b/cd/e 0;");
    assert_string_equal(list(f, "b/cd/e"), "b/cd/e 0;");
    assert_string_equal(list(f, "b/cd/e/f"), "");
    assert_string_equal(list(f, "../"), "");
    assert_string_equal(list(f, "/"), "");
}

/* A name of 255 bytes is listed, one of 256 is not, and the deepest nesting fits. */
static void a_listing_stops_at_the_longest_name(void **state)
{
    struct fixture *f = *state;
    char deep[DORY_MAX_NAME + 1];
    char expected[DORY_MAX_NAME + 8];
    print_deep_name(deep, DORY_MAX_NAME / 2);
    assert_int_equal(strlen(deep), DORY_MAX_NAME);
    assert_int_equal(put_text(f, deep, ""), DORY_OK);
    snprintf(expected, sizeof expected, "%s 0;", deep);
    assert_string_equal(list(f, ""), expected);
    assert_string_equal(list(f, "d/d/d/"), expected);
    char beside[PATH_MAX * 2];
    int len = snprintf(beside, sizeof beside, "%sg", in_root(f, deep));
    make_file(beside, "");
    assert_string_equal(list(f, ""), expected);
    beside[len - 2] = 'h';
    beside[len - 1] = '\0';
    assert_int_equal(mkdir(beside, 0777), 0);
    assert_string_equal(list(f, ""), expected);
}

static void a_listing_works_a_piece_at_a_time(void **state)
{
    struct fixture *f = *state;
    char name[32];
    struct dory_listing listing;
    struct dory_entry entry;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "f%d", i);
        make_file(in_root(f, name), "");
    }
    assert_int_equal(folder_store.list(f->store, "x", &listing), DORY_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(folder_store.next(f->store, &listing, &entry), DORY_MORE);
    folder_store.end_list(f->store, &listing);
}

static void a_listing_can_be_given_up_half_way(void **state)
{
    struct fixture *f = *state;
    struct dory_listing listing;
    struct dory_entry entry;
    assert_int_equal(put_text(f, "a/b/c/d", ""), DORY_OK);
    assert_int_equal(folder_store.list(f->store, "", &listing), DORY_OK);
    assert_int_equal(folder_store.next(f->store, &listing, &entry), DORY_OK);
    folder_store.end_list(f->store, &listing); /* and tear_down() counts the descriptors */
}

/* ---- */

#define SYNCED(test) \
    { \
#test, test, set_up_synced, tear_down, NULL \
    }
#define UNSYNCED(test) \
    { \
#test " (unsynced)", test, set_up_unsynced, tear_down, NULL \
    }
#define BOTH(test) SYNCED(test), UNSYNCED(test)

static const struct CMUnitTest tests[] = {
    BOTH(a_put_is_read_back),
    BOTH(an_empty_file_is_a_file),
    BOTH(a_put_makes_the_folders_that_are_missing),
    BOTH(readers_see_the_old_file_until_the_commit),
    BOTH(no_more_bytes_are_taken_than_announced),
    BOTH(half_a_file_is_never_published),
    BOTH(an_aborted_put_leaves_the_old_file),
    BOTH(a_name_has_one_writer),
    BOTH(a_put_without_a_free_writer_is_busy),
    SYNCED(a_file_over_the_limit_is_too_large),
    BOTH(what_does_not_fit_is_refused_before_the_body),
    BOTH(a_file_size_limit_is_no_space),
    BOTH(a_large_file_goes_through_in_pieces),
    BOTH(a_removed_file_is_gone),
    BOTH(a_removal_can_be_given_up),
    BOTH(a_name_below_a_file_is_bad),
    SYNCED(what_is_no_regular_file_is_a_bad_name),
    SYNCED(a_symbolic_link_is_not_followed),
    BOTH(a_folder_swapped_for_a_link_does_not_lead_away),
    BOTH(a_link_that_came_meanwhile_is_not_replaced),
    BOTH(a_folder_that_came_meanwhile_stays),
    BOTH(a_folder_that_went_meanwhile_is_an_error),
    BOTH(a_root_that_is_gone_is_an_error),
    BOTH(a_closed_folder_is_forbidden),
    SYNCED(without_descriptors_the_store_is_busy),
    SYNCED(an_open_file_keeps_its_bytes_when_it_is_replaced_or_removed),
    SYNCED(a_file_that_somebody_writes_into_has_changed),
    SYNCED(a_version_changes_with_the_file_only),
    SYNCED(a_commit_syncs_the_file_and_its_folder),
    SYNCED(new_folders_are_synced_into_their_parents),
    SYNCED(a_folder_that_another_put_made_is_synced_too),
    SYNCED(many_new_folders_are_synced_as_well),
    UNSYNCED(without_sync_nothing_is_synced),
    SYNCED(a_file_that_cannot_be_synced_leaves_the_old_one_and_no_partial),
    SYNCED(a_disk_that_is_full_at_last_is_no_space),
    SYNCED(a_folder_that_cannot_be_synced_is_an_error),
    SYNCED(small_files_share_the_sync_of_their_folder),
    SYNCED(a_small_file_does_not_wait_for_large_ones),
    SYNCED(a_commit_given_up_ends_unobserved),
    SYNCED(closing_waits_for_the_commits),
    BOTH(a_partial_is_resumed),
    BOTH(a_partial_can_break_off_again),
    SYNCED(a_partial_that_was_cut_cannot_be_read_back),
    SYNCED(only_what_has_bytes_and_a_crc32_is_kept),
    SYNCED(without_room_for_partials_none_is_kept),
    SYNCED(a_put_that_does_not_resume_drops_the_partial_of_its_content),
    SYNCED(a_put_of_other_content_leaves_the_partial_until_it_is_published),
    SYNCED(a_refused_put_leaves_the_partial),
    SYNCED(a_partial_larger_than_announced_is_dropped),
    SYNCED(a_link_in_place_of_a_partial_is_not_followed),
    SYNCED(what_lies_in_the_way_of_a_new_file_is_removed),
    SYNCED(a_file_system_in_memory_is_not_synced),
    BOTH(a_restart_keeps_partials),
    BOTH(a_crash_leaves_a_partial_and_nothing_else),
    SYNCED(the_oldest_partial_makes_room),
    UNSYNCED(an_old_partial_expires),
    SYNCED(only_partials_are_taken_for_partials),
    BOTH(a_full_disk_takes_the_partials_back),
    SYNCED(a_disk_that_fills_up_is_no_space),
    SYNCED(another_file_system_below_the_root_is_unsupported),
    SYNCED(a_root_has_one_server),
    SYNCED(a_root_must_be_a_folder),
    SYNCED(the_own_folder_must_be_no_link),
    SYNCED(a_read_only_store_changes_nothing),
    SYNCED(a_listing_has_every_file_and_nothing_else),
    SYNCED(a_listing_follows_its_prefix),
    SYNCED(a_listing_stops_at_the_longest_name),
    SYNCED(a_listing_works_a_piece_at_a_time),
    SYNCED(a_listing_can_be_given_up_half_way),
};

int main(void)
{
    return cmocka_run_group_tests_name("folder_store", tests, NULL, NULL);
}
