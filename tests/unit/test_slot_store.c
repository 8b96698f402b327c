/* SPDX-License-Identifier: MIT */
/*
 * The slot store on simulated storage: NOR flash, an SD card, RAM. First what each call does, then cuts of the power: a
 * long random history of changes is looked at ahead of every page that is programmed and every sector that is erased, in
 * each state that a cut could leave there.
 */
#include "unit.h"

#include "../../port/flash/ram_device.h"
#include "../../port/flash/slot_private.h" /* to forge a header */
#include "flash_sim.h"

#define KIB 1024U
#define PIECE 1460U   /* bytes of a segment, as they come from the network */
#define PATIENT 20000 /* calls after which "later" is taken for "never" */

/* ---- The contents of files: one number each ---- */

#define CONTENT_SIZE (512U * KIB)
#define ERASED 4U /* the number of a content of 0xFF only */

static const uint8_t *content_of(uint32_t content)
{
    static uint8_t noise[2 * CONTENT_SIZE];
    static uint8_t erased[CONTENT_SIZE];
    static bool made;

    if (!made) {
        uint32_t random = 7;

        for (size_t i = 0; i < sizeof noise; i++) {
            random = random * 1664525U + 1013904223U;
            noise[i] = (uint8_t)(random >> 24);
        }
        made = true;
        memset(erased, 0xff, sizeof erased);
    }
    return content % 5 == 4 ? erased : noise + (content * 7919U) % CONTENT_SIZE;
}

/* ---- A store on a device ---- */

struct geometry {
    const char *name;
    uint32_t page_size;
    uint32_t sector_size;
    uint32_t slot_size;
    uint8_t slots;
    bool immediate;
};

static const struct geometry nor = {"NOR flash", 256, 4096, 80 * KIB, 4, false};
static const struct geometry small_nor = {"small NOR flash", 64, 256, 10 * KIB, 5, false};
static const struct geometry coarse_nor = {"NOR flash of large sectors", 256, 24 * KIB, 144 * KIB, 3, false};
static const struct geometry immediate_nor = {"NOR flash that never waits", 64, 256, 10 * KIB, 4, true};
static const struct geometry sd = {"SD card", 512, 0, 80 * KIB, 4, false};
static const struct geometry ram = {"RAM", 16, 0, 72 * KIB, 4, true};
static const struct geometry ram_of_bytes = {"RAM without pages", 1, 0, 40 * KIB, 4, true};

struct world {
    const struct geometry *geometry;
    struct flash_sim sim;
    uint8_t *buffer;
    struct slot_store store;
};

static const struct dory_store *const call = &slot_store;

static int try_to_start(struct world *world)
{
    memset(&world->store, 0xc3, sizeof world->store);
    memset(world->buffer, 0xc3, SLOT_STORE_BUFFER(world->geometry->page_size));
    world->sim.pending = false;
    world->store.device = &world->sim.device;
    world->store.buffer = world->buffer;
    world->store.slots = world->geometry->slots;
    return slot_store_begin(&world->store);
}

/* The power comes back: nothing is left but what is on the device. */
static void start(struct world *world)
{
    assert_int_equal(try_to_start(world), DORY_OK);
}

static void make_world(struct world *world, const struct geometry *geometry)
{
    world->geometry = geometry;
    flash_begin(&world->sim, (uint64_t)geometry->slot_size * geometry->slots, geometry->page_size,
                geometry->sector_size);
    world->sim.device.immediate = geometry->immediate;
    world->buffer = malloc(SLOT_STORE_BUFFER(geometry->page_size));
    assert_non_null(world->buffer);
    start(world);
}

static void end_world(struct world *world)
{
    flash_end(&world->sim);
    free(world->buffer);
}

static uint64_t capacity(struct world *world)
{
    struct dory_room room;

    assert_int_equal(call->room(&world->store, &room), DORY_OK);
    return room.max_file;
}

static uint64_t free_slots(struct world *world)
{
    struct dory_room room;

    assert_int_equal(call->room(&world->store, &room), DORY_OK);
    assert_int_equal(room.free % room.max_file, 0);
    assert_int_equal(room.writers, 1);
    return room.free / room.max_file;
}

/* ---- Changes ---- */

/* What is put: the number of a content serves as its CRC-32, for the store does not look at it. */
static struct dory_put putting(const char *name, uint32_t content, uint64_t size)
{
    return (struct dory_put){.name = name, .size = size, .crc32 = content, .has_crc32 = true};
}

static struct dory_writer *begin_put(struct world *world, const struct dory_put *put)
{
    struct dory_writer *writer = NULL;

    assert_int_equal(call->put(&world->store, put, &writer), DORY_OK);
    assert_non_null(writer);
    assert_int_equal(writer->size, put->size);
    assert_int_equal(writer->has_crc32, put->has_crc32);
    assert_true(!writer->has_id && writer->id == 0 && writer->session == NULL && writer->next == NULL);
    return writer;
}

/* Writes until `end` bytes are stored, in pieces. Returns DORY_OK or the failure. */
static int write_until(struct world *world, struct dory_writer *writer, uint32_t content, uint64_t end, uint32_t piece)
{
    const uint8_t *bytes = content_of(content);
    int patience = PATIENT;

    while (writer->stored < end) {
        uint64_t before = writer->stored;
        size_t len = (size_t)(piece < end - before ? piece : end - before);
        void *lent = malloc(len); /* a segment: its bytes are gone when they have been taken, and so is its place */
        int32_t taken;

        assert_non_null(lent);
        memcpy(lent, bytes + before, len);
        taken = call->write(&world->store, writer, lent, len);
        free(lent);
        if (taken < 0) {
            assert_int_equal(writer->stored, before);
            return taken;
        }
        assert_true((size_t)taken <= len && writer->stored == before + (uint64_t)taken);
        patience = taken > 0 ? PATIENT : patience - 1;
        assert_true(patience > 0);
    }
    return DORY_OK;
}

static int commit(struct world *world, struct dory_writer *writer)
{
    int patience = PATIENT;
    int result;

    do {
        result = call->commit(&world->store, writer);
        assert_true(--patience > 0);
    } while (result == DORY_MORE);
    return result;
}

static int try_to_put(struct world *world, const char *name, uint32_t content, uint64_t size)
{
    struct dory_put put = putting(name, content, size);
    struct dory_writer *writer;
    int result = call->put(&world->store, &put, &writer);

    if (result == DORY_OK) {
        result = write_until(world, writer, content, size, PIECE);
        if (result == DORY_OK) {
            return commit(world, writer);
        }
        call->abort(&world->store, writer, true);
    }
    return result;
}

static void put_file(struct world *world, const char *name, uint32_t content, uint64_t size)
{
    assert_int_equal(try_to_put(world, name, content, size), DORY_OK);
}

static int try_to_remove(struct world *world, const char *name)
{
    struct dory_writer *writer;
    int result = call->remove(&world->store, name, &writer);

    if (result == DORY_OK) {
        assert_true(writer->size == 0 && writer->stored == 0 && !writer->has_id && writer->session == NULL);
        result = commit(world, writer);
    }
    return result;
}

static void remove_file(struct world *world, const char *name)
{
    assert_int_equal(try_to_remove(world, name), DORY_OK);
}

/* Begins a put, and writes the first bytes. */
static struct dory_writer *begin_and_write(struct world *world, const char *name, uint32_t content, uint64_t size,
                                           uint64_t end)
{
    struct dory_put put = putting(name, content, size);
    struct dory_writer *writer = begin_put(world, &put);

    assert_int_equal(write_until(world, writer, content, end, PIECE), DORY_OK);
    return writer;
}

/* A put of which only the first bytes come. Returns what a put could resume, in the end. */
static uint64_t break_off(struct world *world, const char *name, uint32_t content, uint64_t size, uint64_t end)
{
    call->abort(&world->store, begin_and_write(world, name, content, size, end), true);
    return call->partial(&world->store, name);
}

/* The power is cut in the middle of a put, and comes back. Returns what a put could resume. */
static uint64_t cut_off(struct world *world, const char *name, uint32_t content, uint64_t size, uint64_t end)
{
    begin_and_write(world, name, content, size, end);
    start(world);
    return call->partial(&world->store, name);
}

/* ---- Looking ---- */

static int open_result(struct world *world, const char *name)
{
    struct dory_file file;
    int result = call->open(&world->store, name, &file);

    if (result == DORY_OK) {
        call->close(&world->store, &file);
    }
    return result;
}

static struct dory_file open_file(struct world *world, const char *name)
{
    struct dory_file file;

    assert_int_equal(call->open(&world->store, name, &file), DORY_OK);
    assert_int_not_equal(file.version, 0);
    return file;
}

static uint64_t version_of(struct world *world, const char *name)
{
    struct dory_file file = open_file(world, name);

    call->close(&world->store, &file);
    return file.version;
}

/* Reads all of an open file. */
static bool holds(struct world *world, struct dory_file *file, uint32_t content)
{
    const uint8_t *expected = content_of(content);
    static uint8_t bytes[8 * KIB];
    int patience = PATIENT;
    uint64_t off = 0;

    while (off < file->size) {
        int32_t got = call->read(&world->store, file, off, bytes, sizeof bytes);

        assert_true(got >= 0 && (uint64_t)got <= file->size - off);
        if (memcmp(bytes, expected + off, (size_t)got) != 0) {
            return false;
        }
        off += (uint64_t)got;
        patience = got > 0 ? PATIENT : patience - 1;
        assert_true(patience > 0);
    }
    return true;
}

static void assert_file(struct world *world, const char *name, uint32_t content, uint64_t size)
{
    struct dory_file file = open_file(world, name);

    assert_int_equal(file.size, size);
    assert_true(holds(world, &file, content));
    call->close(&world->store, &file);
}

static int next_entry(struct world *world, struct dory_listing *listing, struct dory_entry *entry)
{
    int patience = PATIENT;
    int result;

    do {
        result = call->next(&world->store, listing, entry);
        assert_true(--patience > 0);
    } while (result == DORY_MORE);
    return result;
}

static struct dory_listing begin_list(struct world *world)
{
    struct dory_listing listing;

    assert_int_equal(call->list(&world->store, "", &listing), DORY_OK);
    return listing;
}

/* Counts the listing's further entries, and those of `name`. */
static unsigned count_entries(struct world *world, struct dory_listing *listing, const char *name, unsigned *named)
{
    struct dory_entry entry;
    unsigned count = 0;

    *named = 0;
    while (next_entry(world, listing, &entry) == DORY_OK) {
        count++;
        *named += strcmp(entry.name, name) == 0;
    }
    call->end_list(&world->store, listing);
    return count;
}

static unsigned count_files(struct world *world)
{
    struct dory_listing listing = begin_list(world);
    unsigned named;

    return count_entries(world, &listing, "", &named);
}

/* ---- Cuts of the power ---- */

#define NAMES 5U
#define MOST_PUTS 256U

static const char *const names[NAMES] = {"a", "b", "log/x", "log/y", "new"};

struct state {
    bool there;
    uint32_t content;
    uint64_t size;
    uint64_t version;
};

/* A change at a time, on a device of which a cut of the power may leave many things. What is left is looked at on another
 * one, `after`, which can have a history of its own. */
struct history {
    struct world *world;
    struct history *after;
    uint32_t random;
    unsigned looks;
    unsigned resumed;
    struct state file[NAMES];
    struct state next;            /* what is being put, or removed when !there */
    unsigned changing;            /* a name, or NAMES */
    bool committing;              /* the new state may be there */
    uint64_t newest;              /* version seen */
    struct state puts[MOST_PUTS]; /* that partials may be of; `version` is the name */
    unsigned put_count;
    uint64_t kept; /* bytes of the last put's partial, when they are known */
};

static uint32_t random_below(struct history *history, uint32_t limit)
{
    history->random = history->random * 1664525U + 1013904223U;
    return (uint32_t)((uint64_t)(history->random >> 4) * limit >> 28);
}

/* Finds a name as it was, or as it is to be. */
static void look_at_file(struct history *history, struct world *world, unsigned i, struct state *found)
{
    const struct state *old = &history->file[i];
    const struct state *next = &history->next;
    struct dory_file file = {0};
    int result = call->open(&world->store, names[i], &file);
    bool may_be_new = history->changing == i && history->committing;

    *found = *old;
    if (may_be_new && result == (next->there ? DORY_OK : DORY_NOT_FOUND) &&
        (!next->there || !old->there || file.version != old->version)) {
        *found = *next;
        found->version = file.version;
        assert_true(!next->there || file.version > history->newest);
    } else {
        assert_int_equal(result, old->there ? DORY_OK : DORY_NOT_FOUND);
    }
    if (found->there) {
        assert_int_equal(file.version, found->version);
        assert_int_equal(file.size, found->size);
        assert_true(holds(world, &file, found->content));
        call->close(&world->store, &file);
    }
}

/* Old or new, never neither, and nothing else. */
static void look_at_files(struct history *history, struct world *world, struct state found[NAMES])
{
    unsigned count = 0;

    for (unsigned i = 0; i < NAMES; i++) {
        look_at_file(history, world, i, &found[i]);
        count += found[i].there;
    }
    assert_int_equal(count_files(world), count);
}

/* The change in hand is over: what is there is the old state from now on. */
static void settle(struct history *history)
{
    struct state found[NAMES];

    look_at_files(history, history->world, found);
    for (unsigned i = 0; i < NAMES; i++) {
        history->file[i] = found[i];
        history->newest = found[i].there && found[i].version > history->newest ? found[i].version : history->newest;
    }
    history->changing = NAMES;
    history->committing = false;
}

static void must_commit(struct history *history, struct dory_writer *writer)
{
    history->committing = true;
    assert_int_equal(commit(history->world, writer), DORY_OK);
    history->file[history->changing] = history->next;
    history->file[history->changing].version = 0;
    if (history->next.there) {
        uint64_t version = version_of(history->world, names[history->changing]);

        assert_true(version > history->newest);
        history->file[history->changing].version = version;
    }
    history->committing = false;
    settle(history);
}

static void history_remove(struct history *history, unsigned name)
{
    struct dory_writer *writer;

    history->changing = name;
    history->next = (struct state){.there = false};
    assert_int_equal(call->remove(&history->world->store, names[name], &writer), DORY_OK);
    must_commit(history, writer);
}

static void check_partial(struct history *history, struct dory_writer *writer, uint32_t content)
{
    static uint8_t bytes[4 * KIB];
    int patience = PATIENT;
    uint64_t off = 0;

    while (off < writer->stored) {
        size_t len = writer->stored - off < sizeof bytes ? (size_t)(writer->stored - off) : sizeof bytes;
        int32_t got = call->reread(&history->world->store, writer, off, bytes, len);

        assert_true(got >= 0 && (size_t)got <= len);
        assert_memory_equal(bytes, content_of(content) + off, (size_t)got);
        off += (uint64_t)got;
        patience = got > 0 ? PATIENT : patience - 1;
        assert_true(patience > 0);
    }
}

/* How a put of a history ends. */
enum end { COMMITTED, KEPT, DROPPED, UNOBSERVED, CUT, ENDS };

static void history_put(struct history *history, unsigned name, const struct state *next, bool resume, enum end end)
{
    struct world *world = history->world;
    struct dory_put put = putting(names[name], next->content, next->size);
    uint64_t until =
        end == COMMITTED || end == UNOBSERVED ? next->size : random_below(history, (uint32_t)next->size + 1);
    struct dory_writer *writer;

    history->kept = 0;
    put.resume = resume;
    put.has_crc32 = resume || random_below(history, 8) != 0;
    history->changing = name;
    history->next = *next;
    history->next.there = true;
    assert_true(history->put_count < MOST_PUTS);
    history->puts[history->put_count] = *next;
    history->puts[history->put_count++].version = name;
    writer = begin_put(world, &put);
    history->resumed += writer->stored > 0;
    check_partial(history, writer, next->content);
    assert_int_equal(write_until(world, writer, next->content, until, 100 + random_below(history, 5000)), DORY_OK);
    if (end == COMMITTED) {
        must_commit(history, writer);
    } else if (end != CUT) {
        uint64_t stored = writer->stored;

        history->committing = end == UNOBSERVED;
        if (end != UNOBSERVED || call->commit(&world->store, writer) == DORY_MORE) {
            call->abort(&world->store, writer, end == KEPT);
        }
        while (slot_store_run(&world->store) == DORY_MORE) {
        }
        settle(history);
        if (end == KEPT && put.has_crc32) {
            history->kept = stored;
            assert_int_equal(call->partial(&world->store, names[name]), stored);
        }
    }
}

/* What is left of the last put is of that put. */
static void look_at_partial(struct history *history, struct world *world)
{
    const struct state *last = &history->puts[history->put_count - 1];
    struct history after = {.world = world};
    uint64_t partial = history->put_count > 0 ? call->partial(&world->store, names[last->version]) : 0;
    struct dory_put put;
    struct dory_writer *writer;

    if (history->kept > 0) {
        assert_int_equal(partial, history->kept);
    }
    if (partial > 0) {
        put = putting(names[last->version], last->content, last->size);
        put.resume = true;
        writer = begin_put(world, &put);
        check_partial(&after, writer, last->content);
        call->abort(&world->store, writer, true);
        assert_int_equal(call->partial(&world->store, names[last->version]), partial);
    }
}

static void make_state(struct history *history, struct state *next)
{
    uint32_t most = (uint32_t)capacity(history->world);
    uint32_t kind = random_below(history, 8);

    *next = (struct state){.there = true, .content = random_below(history, 1000)};
    next->size = kind == 0   ? random_below(history, 3)
                 : kind < 5  ? random_below(history, 3000)
                 : kind == 5 ? most - random_below(history, 2)
                             : random_below(history, most);
}

/* A name that can be put: one that is there already, or for which a slot is left when it is published. */
static unsigned pick_name(struct history *history, unsigned limit)
{
    unsigned count = 0;
    unsigned name = random_below(history, limit);

    for (unsigned i = 0; i < NAMES; i++) {
        count += history->file[i].there;
    }
    while (!history->file[name].there && count + 2U > history->world->geometry->slots) {
        name = (name + 1) % limit;
    }
    return name;
}

/* Goes on after a cut: with what a put has left behind, if there is something. Returns whether there was. */
static bool resume_something(struct history *history, const struct history *from)
{
    for (unsigned i = from->put_count; i > 0; i--) {
        const struct state *put = &from->puts[i - 1];
        unsigned name = (unsigned)put->version;
        uint64_t partial = call->partial(&history->world->store, names[name]);
        struct dory_put again = putting(names[name], put->content, put->size);
        struct dory_writer *writer;

        again.resume = true;
        if (partial == 0 || (!history->file[name].there && pick_name(history, NAMES - 1) != name)) {
            continue;
        }
        writer = begin_put(history->world, &again);
        assert_true(writer->stored == 0 || writer->stored == partial);
        partial = writer->stored;
        call->abort(&history->world->store, writer, true);
        if (partial > 0) {
            history_put(history, name, put, true, COMMITTED);
            return true;
        }
    }
    return false;
}

/* The store that a cut has left takes changes, and they last. */
static void go_on_after(struct history *history, const struct history *from)
{
    struct state next;
    unsigned name = pick_name(history, NAMES);

    if (random_below(history, 2) == 0 || !resume_something(history, from)) {
        make_state(history, &next);
        history_put(history, name, &next, false, COMMITTED);
    }
    start(history->world);
    settle(history);
    name = random_below(history, NAMES);
    if (history->file[name].there) {
        history_remove(history, name);
        start(history->world);
        settle(history);
    }
}

/* Looks at what a cut would leave of `operation`. */
static void look(struct history *history, const struct flash_operation *operation, enum flash_tear tear, bool go_on)
{
    struct history *after = history->after;

    flash_copy(&after->world->sim, &history->world->sim);
    flash_tear(&after->world->sim, operation, tear);
    start(after->world);
    look_at_files(history, after->world, after->file);
    if (history->looks++ % 4 == 0) {
        look_at_partial(history, after->world);
    }
    if (go_on) {
        after->newest = history->newest;
        after->put_count = 0;
        after->changing = NAMES;
        after->committing = false;
        settle(after);
        go_on_after(after, history);
    }
}

/* Every state of what tells one file from another; of a file's bytes fewer, for there are many of these. */
static void before_operation(void *ctx, struct flash_sim *sim, const struct flash_operation *operation)
{
    struct history *history = ctx;
    uint32_t slot_size = history->world->geometry->slot_size;
    bool is_data = operation->off % slot_size >= slot_size - capacity(history->world);

    if (is_data) {
        if (random_below(history, 1 + 128 / sim->device.page_size) == 0) {
            look(history, operation, (enum flash_tear)random_below(history, FLASH_TEARS),
                 random_below(history, 16) == 0);
        }
        return;
    }
    for (enum flash_tear tear = TEAR_NOTHING; tear < FLASH_TEARS; tear++) {
        look(history, operation, tear, random_below(history, 4) == 0);
    }
}

static void make_history(struct history *history, const struct geometry *geometry, uint32_t seed, struct history *after)
{
    memset(history, 0, sizeof *history);
    history->world = malloc(sizeof *history->world);
    assert_non_null(history->world);
    make_world(history->world, geometry);
    history->random = seed;
    history->world->sim.random = seed;
    history->changing = NAMES;
    history->after = after;
    if (after != NULL) {
        history->world->sim.before = before_operation;
        history->world->sim.before_ctx = history;
    }
}

static void end_history(struct history *history)
{
    end_world(history->world);
    free(history->world);
}

/* One change of a history, or a restart. */
static void live_on(struct history *history)
{
    unsigned name = pick_name(history, NAMES - 1);
    enum end end = (enum end)random_below(history, ENDS + 1);
    const struct state *last = &history->puts[history->put_count - (history->put_count > 0)];
    struct state next;

    end = end < ENDS ? end : COMMITTED;
    make_state(history, &next);
    if (random_below(history, 5) == 0 && history->file[name].there) {
        history_remove(history, name);
    } else if (random_below(history, 2) == 0 && history->put_count > 0 &&
               (history->file[last->version].there || pick_name(history, NAMES - 1) == last->version)) {
        next = *last;
        history_put(history, (unsigned)last->version, &next, true, end);
    } else {
        history_put(history, name, &next, false, end);
    }
    if (end == CUT || random_below(history, 6) == 0) {
        start(history->world);
        settle(history);
        look_at_partial(history, history->world);
    }
}

static void cut_everywhere(const struct geometry *geometry, unsigned seeds, unsigned changes)
{
    for (uint32_t seed = 1; seed <= seeds; seed++) {
        struct history third;
        struct history second;
        struct history first;

        make_history(&third, geometry, seed, NULL);
        make_history(&second, geometry, seed, seed % 4 == 0 ? &third : NULL);
        make_history(&first, geometry, seed, &second);
        first.world->sim.most_later = seed % 3 == 0 && !geometry->immediate ? 3 : 0;
        for (unsigned i = 0; i < changes; i++) {
            live_on(&first);
        }
        print_message("%s, seed %u: %u + %u looks, %u + %u resumed\n", geometry->name, seed, first.looks, second.looks,
                      first.resumed, second.resumed);
        end_history(&first);
        end_history(&second);
        end_history(&third);
    }
}

static void power_is_cut_on_nor_flash(void **state)
{
    (void)state;
    cut_everywhere(&nor, 4, 40);
}

static void power_is_cut_on_small_nor_flash(void **state)
{
    (void)state;
    cut_everywhere(&small_nor, 4, 40);
}

static void power_is_cut_on_nor_flash_that_never_waits(void **state)
{
    (void)state;
    cut_everywhere(&immediate_nor, 2, 40);
}

static void power_is_cut_on_an_sd_card(void **state)
{
    (void)state;
    cut_everywhere(&sd, 4, 40);
}

static void power_is_cut_on_ram(void **state)
{
    (void)state;
    cut_everywhere(&ram, 4, 40);
    cut_everywhere(&ram_of_bytes, 1, 20);
}

/* ---- What each call does ---- */

static void file_is_read_as_it_was_put(void **state)
{
    static const struct geometry *const all[] = {&nor, &small_nor, &coarse_nor,  &immediate_nor,
                                                 &sd,  &ram,       &ram_of_bytes};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        struct world world;
        uint32_t page_size = all[i]->page_size;
        const uint64_t sizes[] = {0, 1, page_size - 1, page_size, page_size + 1, 4095, 4097, 0};

        make_world(&world, all[i]);
        for (unsigned k = 0; k < COUNT_OF(sizes); k++) {
            uint64_t size = k + 1 < COUNT_OF(sizes) ? sizes[k] : capacity(&world);

            world.sim.most_later = k % 2 == 0 && !all[i]->immediate ? 4 : 0;
            put_file(&world, "file", k, size);
            assert_file(&world, "file", k, size);
            start(&world);
            assert_file(&world, "file", k, size);
        }
        end_world(&world);
    }
}

static void put_larger_than_a_slot_is_refused_before_anything_is_erased(void **state)
{
    struct dory_writer *writer;
    struct world world;
    struct dory_put put;

    (void)state;
    make_world(&world, &nor);
    put = putting("file", 1, capacity(&world) + 1);
    assert_int_equal(call->put(&world.store, &put, &writer), DORY_TOO_LARGE);
    put.size = UINT64_MAX;
    assert_int_equal(call->put(&world.store, &put, &writer), DORY_TOO_LARGE);
    assert_int_equal(world.sim.erasures + world.sim.programs, 0);
    put.size = capacity(&world);
    begin_put(&world, &put);
    end_world(&world);
}

static void put_that_finds_no_free_slot_is_refused(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &sd);
    assert_int_equal(free_slots(&world), 4);
    put_file(&world, "a", 1, 100);
    put_file(&world, "b", 2, 100);
    put_file(&world, "c", 3, 100);
    assert_int_equal(free_slots(&world), 1);
    put_file(&world, "a", 4, 200); /* takes the free one, and leaves one */
    put_file(&world, "d", 5, 100);
    assert_int_equal(free_slots(&world), 0);
    assert_int_equal(try_to_put(&world, "e", 6, 0), DORY_NO_SPACE);
    assert_int_equal(try_to_put(&world, "a", 6, 0), DORY_NO_SPACE);
    remove_file(&world, "b");
    assert_int_equal(free_slots(&world), 1);
    put_file(&world, "e", 7, 100);
    assert_file(&world, "a", 4, 200);
    assert_file(&world, "c", 3, 100);
    assert_file(&world, "d", 5, 100);
    assert_file(&world, "e", 7, 100);
    end_world(&world);
}

static void second_writer_is_told_to_wait(void **state)
{
    struct dory_writer *second;
    struct dory_writer *writer;
    struct world world;
    struct dory_put put = putting("a", 1, 1000);

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "b", 2, 10);
    assert_null(call->holder(&world.store, "a"));
    writer = begin_put(&world, &put);
    assert_int_equal(free_slots(&world), 2); /* its own counts no longer, that of "b" neither */
    assert_ptr_equal(call->holder(&world.store, "a"), writer);
    assert_null(call->holder(&world.store, "b"));
    assert_int_equal(call->put(&world.store, &put, &second), DORY_BUSY);
    assert_int_equal(try_to_put(&world, "b", 3, 10), DORY_BUSY);
    assert_int_equal(try_to_remove(&world, "b"), DORY_BUSY);
    assert_int_equal(write_until(&world, writer, 1, 1000, PIECE), DORY_OK);
    assert_int_equal(free_slots(&world), 2);
    assert_ptr_equal(call->holder(&world.store, "a"), writer);
    assert_int_equal(commit(&world, writer), DORY_OK);
    assert_null(call->holder(&world.store, "a"));
    assert_int_equal(call->remove(&world.store, "b", &writer), DORY_OK);
    assert_ptr_equal(call->holder(&world.store, "b"), writer);
    assert_int_equal(try_to_put(&world, "a", 3, 10), DORY_BUSY);
    call->abort(&world.store, writer, false);
    assert_null(call->holder(&world.store, "b"));
    assert_file(&world, "b", 2, 10);
    end_world(&world);
}

static void name_is_a_file_or_a_folder(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &sd);
    put_file(&world, "a", 1, 10);
    put_file(&world, "log/x", 2, 20);
    put_file(&world, "ab", 3, 30);
    assert_int_equal(open_result(&world, "log"), DORY_BAD_NAME);
    assert_int_equal(open_result(&world, "a/b"), DORY_BAD_NAME);
    assert_int_equal(open_result(&world, "log/y"), DORY_NOT_FOUND);
    assert_int_equal(open_result(&world, "log/x/z"), DORY_BAD_NAME);
    assert_int_equal(open_result(&world, "lo"), DORY_NOT_FOUND);
    assert_int_equal(try_to_put(&world, "log", 4, 1), DORY_BAD_NAME);
    assert_int_equal(try_to_put(&world, "a/b", 4, 1), DORY_BAD_NAME);
    assert_int_equal(try_to_put(&world, "a/b/c", 4, 1), DORY_BAD_NAME);
    assert_int_equal(try_to_remove(&world, "log"), DORY_BAD_NAME);
    assert_int_equal(try_to_remove(&world, "log/y"), DORY_NOT_FOUND);
    remove_file(&world, "a");
    put_file(&world, "a/b", 5, 50); /* the folder ends with its last file, and begins with its first */
    assert_int_equal(open_result(&world, "a"), DORY_BAD_NAME);
    assert_file(&world, "a/b", 5, 50);
    end_world(&world);
}

static void longest_name_is_kept(void **state)
{
    char name[DORY_MAX_NAME + 1];
    struct world world;

    (void)state;
    make_world(&world, &small_nor);
    memset(name, 'n', sizeof name);
    name[DORY_MAX_NAME] = '\0';
    put_file(&world, name, 1, 300);
    name[DORY_MAX_NAME - 1] = 'm';
    put_file(&world, name, 2, 300);
    start(&world);
    assert_int_equal(count_files(&world), 2);
    assert_file(&world, name, 2, 300);
    name[DORY_MAX_NAME - 1] = 'n';
    assert_file(&world, name, 1, 300);
    end_world(&world);
}

static void open_file_keeps_its_bytes_while_it_is_replaced_and_removed(void **state)
{
    struct dory_file old;
    struct dory_file again;
    struct world world;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "a", 1, 20000);
    old = open_file(&world, "a");
    again = open_file(&world, "a");
    put_file(&world, "a", 2, 30000);
    put_file(&world, "a", 3, 30000);
    put_file(&world, "a", 4, 30000);
    assert_true(holds(&world, &old, 1));
    remove_file(&world, "a");
    assert_int_equal(open_result(&world, "a"), DORY_NOT_FOUND);
    assert_int_equal(free_slots(&world), 4);
    put_file(&world, "b", 5, 30000);
    put_file(&world, "c", 6, 30000);
    put_file(&world, "d", 7, 30000);
    assert_true(holds(&world, &old, 1));
    call->close(&world.store, &old);
    assert_int_equal(try_to_put(&world, "e", 8, 1), DORY_BUSY); /* the one free slot is still being read */
    assert_true(holds(&world, &again, 1));
    call->close(&world.store, &again);
    put_file(&world, "e", 8, 1);
    end_world(&world);
}

static void no_more_readers_than_can_be_counted(void **state)
{
    static struct dory_file file[256];
    struct world world;

    (void)state;
    make_world(&world, &ram);
    put_file(&world, "a", 1, 10);
    for (unsigned i = 0; i < 255; i++) {
        file[i] = open_file(&world, "a");
    }
    assert_int_equal(call->open(&world.store, "a", &file[255]), DORY_BUSY);
    for (unsigned i = 0; i < 255; i++) {
        call->close(&world.store, &file[i]);
    }
    assert_int_equal(open_result(&world, "a"), DORY_OK);
    end_world(&world);
}

/* ---- Listings ---- */

static void listing_gives_each_file_once(void **state)
{
    struct dory_listing listing;
    struct dory_entry entry;
    struct world world;
    unsigned named;

    (void)state;
    make_world(&world, &nor);
    assert_int_equal(count_files(&world), 0);
    put_file(&world, "a", 1, 111);
    put_file(&world, "b", 2, 0);
    listing = begin_list(&world);
    assert_int_equal(next_entry(&world, &listing, &entry), DORY_OK);
    assert_string_equal(entry.name, "a");
    assert_int_equal(entry.size, 111);
    assert_int_equal(next_entry(&world, &listing, &entry), DORY_OK);
    assert_string_equal(entry.name, "b");
    assert_int_equal(entry.size, 0);
    assert_int_equal(next_entry(&world, &listing, &entry), DORY_NOT_FOUND);
    call->end_list(&world.store, &listing);
    world.sim.most_later = 3;
    listing = begin_list(&world);
    assert_int_equal(count_entries(&world, &listing, "b", &named), 2);
    assert_int_equal(named, 1);
    end_world(&world);
}

/* Replaced before and after it was told, into slots before and behind the one it was in. */
static void file_that_is_replaced_while_it_is_listed_is_told_once(void **state)
{
    (void)state;
    for (unsigned told = 0; told <= 2; told++) {
        for (unsigned replaced = 1; replaced <= 5; replaced++) {
            struct dory_listing listing;
            struct dory_entry entry;
            struct world world;
            unsigned named = 0;
            unsigned also;

            make_world(&world, &sd);
            put_file(&world, "a", 1, 10);
            put_file(&world, "b", 2, 10);
            listing = begin_list(&world);
            for (unsigned i = 0; i < told; i++) {
                assert_int_equal(next_entry(&world, &listing, &entry), DORY_OK);
                named += strcmp(entry.name, "a") == 0;
            }
            for (unsigned i = 0; i < replaced; i++) {
                put_file(&world, "a", i, 20);
            }
            assert_int_equal(told + count_entries(&world, &listing, "a", &also), 2);
            assert_int_equal(named + also, 1);
            end_world(&world);
        }
    }
}

static void file_that_is_removed_while_it_is_listed_is_not_told(void **state)
{
    struct dory_listing listing;
    struct world world;
    unsigned named;

    (void)state;
    make_world(&world, &sd);
    put_file(&world, "a", 1, 10);
    put_file(&world, "b", 2, 10);
    listing = begin_list(&world);
    remove_file(&world, "a");
    assert_int_equal(count_entries(&world, &listing, "b", &named), 1);
    assert_int_equal(named, 1);
    end_world(&world);
}

static void listings_do_not_disturb_each_other(void **state)
{
    struct dory_listing listing[20];
    struct dory_entry entry;
    struct world world;
    unsigned named;

    (void)state;
    make_world(&world, &ram);
    put_file(&world, "a", 1, 10);
    put_file(&world, "b", 1, 10);
    for (unsigned i = 0; i < COUNT_OF(listing); i++) {
        listing[i] = begin_list(&world);
    }
    for (unsigned i = 0; i < COUNT_OF(listing); i += 2) {
        assert_int_equal(next_entry(&world, &listing[i], &entry), DORY_OK);
    }
    for (unsigned i = 0; i < COUNT_OF(listing); i++) {
        assert_int_equal(count_entries(&world, &listing[i], "a", &named), i % 2 == 0 ? 1 : 2);
    }
    end_world(&world);
}

/* ---- Versions ---- */

static void version_never_comes_twice(void **state)
{
    static const struct geometry *const all[] = {&nor, &sd};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        uint64_t newest = 0;
        struct world world;

        make_world(&world, all[i]);
        for (unsigned k = 0; k < 60; k++) {
            uint64_t version;

            put_file(&world, "a", k, 100);
            version = version_of(&world, "a");
            assert_true(version > newest);
            newest = version;
            if (k % 5 != 0) {
                start(&world);
                assert_int_equal(version_of(&world, "a"), version);
            }
            if (k % 3 != 0) {
                remove_file(&world, "a");
            }
            if (k % 7 == 0) {
                break_off(&world, "c", k, 40000, 33000);
            }
            if (k % 2 != 0) {
                start(&world);
            }
        }
        end_world(&world);
    }
}

/* Its slot is erased for the next put, and that is cut short: the version must not be lost with it. */
static void version_of_a_removed_file_survives_its_slot(void **state)
{
    struct dory_writer *writer;
    struct dory_put put = putting("x", 9, 100);
    struct world world;
    uint64_t version;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "b", 1, 10);
    put_file(&world, "c", 1, 10);
    put_file(&world, "d", 1, 10);
    put_file(&world, "a", 1, 10);
    version = version_of(&world, "a");
    remove_file(&world, "a");
    start(&world);
    world.sim.fail_program = 1;
    writer = begin_put(&world, &put);
    assert_int_equal(write_until(&world, writer, 9, 100, PIECE), DORY_IO_ERROR);
    start(&world);
    put_file(&world, "a", 2, 10);
    assert_true(version_of(&world, "a") > version);
    end_world(&world);
}

/* ---- Partials ---- */

/* Resumes, checks what is there, and completes. Returns the offset. */
static uint64_t resume(struct world *world, const char *name, uint32_t content, uint64_t size)
{
    struct history history = {.world = world};
    struct dory_put put = putting(name, content, size);
    struct dory_writer *writer;
    uint64_t stored;

    put.resume = true;
    writer = begin_put(world, &put);
    stored = writer->stored;
    check_partial(&history, writer, content);
    assert_int_equal(write_until(world, writer, content, size, PIECE), DORY_OK);
    assert_int_equal(commit(world, writer), DORY_OK);
    assert_file(world, name, content, size);
    return stored;
}

static void put_that_broke_off_is_resumed_at_the_last_byte(void **state)
{
    static const struct geometry *const all[] = {&nor, &small_nor, &immediate_nor, &sd, &ram, &ram_of_bytes};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        for (uint32_t content = 0; content <= ERASED; content += ERASED) {
            struct world world;

            make_world(&world, all[i]);
            world.sim.most_later = all[i]->immediate ? 0 : 3;
            assert_int_equal(break_off(&world, "a", content, 5000, 3333), 3333);
            assert_int_equal(call->partial(&world.store, "b"), 0);
            assert_int_equal(free_slots(&world), all[i]->slots);
            assert_int_equal(break_off(&world, "a", content, 5000, 0),
                             0); /* a new beginning is the end of the old one */
            assert_int_equal(break_off(&world, "a", content, 5000, 4444), 4444);
            assert_int_equal(resume(&world, "a", content, 5000), 4444);
            assert_int_equal(call->partial(&world.store, "a"), 0);
            end_world(&world);
        }
    }
}

/* However few bytes there are, and up to all of them; also after a restart. */
static void partial_ends_with_the_very_byte_that_arrived(void **state)
{
    static const struct geometry *const all[] = {&nor, &small_nor, &immediate_nor, &sd, &ram, &ram_of_bytes};

    (void)state;
    for (unsigned i = 0; i < 2 * COUNT_OF(all); i++) {
        const struct geometry *geometry = all[i / 2];
        uint32_t page_size = geometry->page_size;
        uint32_t sector_size = geometry->sector_size;
        const uint64_t ends[] = {1,    2,    page_size - 1, page_size,   page_size + 1,   3 * page_size - 1,
                                 4095, 4096, 4097,          sector_size, sector_size + 1, 6999,
                                 7000};
        struct world world;

        make_world(&world, geometry);
        for (unsigned k = 0; k < COUNT_OF(ends); k++) {
            if (ends[k] == 0) {
                continue;
            }
            assert_int_equal(break_off(&world, "a", k, 7000, ends[k]), ends[k]);
            if (i % 2 != 0) {
                start(&world);
                assert_int_equal(call->partial(&world.store, "a"), ends[k]);
            }
            assert_int_equal(resume(&world, "a", k, 7000), ends[k]);
        }
        end_world(&world);
    }
}

/* Goes on with a put, by `more` bytes, and breaks off again. */
static void resume_and_break_off(struct world *world, uint32_t content, uint64_t size, uint64_t more)
{
    struct history history = {.world = world};
    struct dory_put put = putting("a", content, size);
    uint64_t before = call->partial(&world->store, "a");
    struct dory_writer *writer;

    put.resume = true;
    writer = begin_put(world, &put);
    assert_int_equal(writer->stored, before);
    check_partial(&history, writer, content);
    assert_int_equal(write_until(world, writer, content, before + more, PIECE), DORY_OK);
    /* What was there can be read back as long as the put lasts. */
    writer->stored = before;
    check_partial(&history, writer, content);
    writer->stored = before + more;
    call->abort(&world->store, writer, true);
    assert_int_equal(call->partial(&world->store, "a"), before + more);
}

static void put_can_be_resumed_again_and_again(void **state)
{
    static const struct geometry *const all[] = {&nor, &small_nor, &immediate_nor, &sd, &ram, &ram_of_bytes};
    static const uint64_t steps[] = {1, 0, 1, 254, 0, 512, 513, 63, 3000, 1};

    (void)state;
    for (unsigned i = 0; i < 3 * COUNT_OF(all); i++) {
        struct world world;
        uint64_t end = 0;

        make_world(&world, all[i / 3]);
        world.sim.most_later = all[i / 3]->immediate ? 0 : 3;
        put_file(&world, "b", 9, 5000);
        for (unsigned k = 0; k < COUNT_OF(steps); k++) {
            resume_and_break_off(&world, 5, 7000, steps[k]);
            end += steps[k];
            if (i % 3 == 1) {
                start(&world);
            } else if (i % 3 == 2) {
                put_file(&world, "b", k, 4000); /* takes the buffer */
            }
            assert_int_equal(call->partial(&world.store, "a"), end);
        }
        assert_int_equal(resume(&world, "a", 5, 7000), end);
        end_world(&world);
    }
}

/* All had arrived, but nobody asked for the commit: there is nothing to write when it is resumed. */
static void whole_partial_can_be_committed(void **state)
{
    static const struct geometry *const all[] = {&nor, &sd, &ram};

    (void)state;
    for (unsigned i = 0; i < 2 * COUNT_OF(all); i++) {
        struct world world;

        make_world(&world, all[i / 2]);
        world.sim.most_later = all[i / 2]->immediate ? 0 : 3;
        assert_int_equal(break_off(&world, "a", 1, 5001, 5001), 5001);
        if (i % 2 != 0) {
            start(&world);
        }
        assert_int_equal(resume(&world, "a", 1, 5001), 5001);
        start(&world);
        assert_file(&world, "a", 1, 5001);
        end_world(&world);
    }
}

/* The put is given up while its header is being written, over and over: the tail moves from head to head. */
static void tail_survives_a_put_that_is_given_up_at_once(void **state)
{
    static const struct geometry *const all[] = {&nor, &small_nor, &sd};
    static const struct dory_put again = {.name = "a", .size = 5000, .crc32 = 6, .has_crc32 = true, .resume = true};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        struct world world;

        make_world(&world, all[i]);
        assert_int_equal(break_off(&world, "a", 6, 5000, 1111), 1111);
        for (unsigned steps = 0; steps < 40; steps++) {
            struct dory_writer *writer = begin_put(&world, &again);
            int32_t taken = 0;

            world.sim.most_later = 10;
            for (unsigned k = 0; k < steps && taken == 0; k++) {
                taken = call->write(&world.store, writer, content_of(6) + 1111, 1);
            }
            call->abort(&world.store, writer, true);
            assert_int_equal(call->partial(&world.store, "a"), 1111 + taken);
            if (taken > 0) {
                call->abort(&world.store, begin_and_write(&world, "a", 6, 5000, 1111), true);
            }
            world.sim.most_later = 0;
        }
        assert_int_equal(resume(&world, "a", 6, 5000), 1111);
        end_world(&world);
    }
}

/* The header may get there all the same. */
static void put_that_is_given_up_before_its_first_byte_leaves_nothing(void **state)
{
    struct dory_put put = putting("a", 1, 100);
    struct world world;

    (void)state;
    make_world(&world, &sd);
    for (unsigned i = 0; i < 8; i++) {
        struct dory_writer *writer = begin_put(&world, &put);

        world.sim.stuck = true;
        assert_int_equal(call->write(&world.store, writer, content_of(1), 100), 0);
        call->abort(&world.store, writer, true);
        world.sim.stuck = false;
        assert_int_equal(call->partial(&world.store, "a"), 0);
        assert_int_equal(free_slots(&world), 4);
    }
    put_file(&world, "a", 1, 100);
    put_file(&world, "b", 1, 100);
    put_file(&world, "c", 1, 100);
    put_file(&world, "d", 1, 100);
    end_world(&world);
}

/* The tail is read in vain, or written: the partial is lost, and nothing else. */
static void tail_that_fails_is_no_partial(void **state)
{
    static const struct geometry *const all[] = {&nor, &sd, &ram};

    (void)state;
    for (unsigned i = 0; i < 3 * COUNT_OF(all); i++) {
        struct world world;
        struct dory_writer *writer;
        struct dory_put put = putting("a", 2, 100);

        make_world(&world, all[i / 3]);
        put_file(&world, "a", 1, 3000);
        if (i % 3 < 2) {
            writer = begin_and_write(&world, "a", 2, 100, 10);
            world.sim.fail_program = 1 + i % 3; /* the tail, then its record */
            world.sim.fail_as = TEAR_MIXTURE;
        } else {
            assert_int_equal(break_off(&world, "a", 2, 100, 10), 10);
            put.resume = true;
            writer = begin_put(&world, &put);
            world.sim.fail_read = 1;
            assert_int_equal(write_until(&world, writer, 2, 100, 10), DORY_IO_ERROR);
        }
        call->abort(&world.store, writer, true);
        assert_int_equal(call->partial(&world.store, "a"), 0);
        assert_int_equal(free_slots(&world), all[i / 3]->slots - 1U);
        assert_int_equal(world.sim.fail_program + world.sim.fail_read, 0);
        assert_file(&world, "a", 1, 3000);
        start(&world);
        assert_int_equal(call->partial(&world.store, "a"), 0);
        assert_file(&world, "a", 1, 3000);
        assert_int_equal(resume(&world, "a", 2, 100), 0);
        end_world(&world);
    }
}

/* Cuts of the power while a partial that ends within a page is resumed, and broken off again. */
struct tail_cuts {
    struct world *after;
    uint64_t before; /* bytes of the partial */
    unsigned exact;  /* cuts after which it was the one before */
    unsigned looks;
};

static void cut_at_tail(void *ctx, struct flash_sim *sim, const struct flash_operation *operation)
{
    struct tail_cuts *cuts = ctx;
    struct world *after = cuts->after;

    for (enum flash_tear tear = TEAR_NOTHING; tear < FLASH_TEARS; tear++) {
        uint64_t partial;

        flash_copy(&after->sim, sim);
        flash_tear(&after->sim, operation, tear);
        start(after);
        partial = call->partial(&after->store, "a");
        cuts->looks++;
        cuts->exact += partial == cuts->before;
        assert_true(partial <= cuts->before || partial == cuts->before + 777);
        assert_file(after, "old", 3, 1000);
        if (partial == 0) {
            assert_int_equal(break_off(after, "a", 8, 6000, 1), 1);
            partial = 1;
        } else {
            resume_and_break_off(after, 8, 6000, 7);
            partial += 7;
        }
        start(after);
        assert_int_equal(resume(after, "a", 8, 6000), partial);
    }
}

static void power_is_cut_at_every_step_of_a_tail(void **state)
{
    static const struct geometry *const all[] = {&nor, &small_nor, &immediate_nor, &sd, &ram, &ram_of_bytes};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        for (uint64_t before = 1; before < 5100; before += 1 + before / 3) {
            struct world world;
            struct world after;
            struct tail_cuts cuts = {.after = &after, .before = before};

            make_world(&world, all[i]);
            make_world(&after, all[i]);
            put_file(&world, "old", 3, 1000);
            break_off(&world, "a", 8, 6000, before);
            world.sim.before = cut_at_tail;
            world.sim.before_ctx = &cuts;
            resume_and_break_off(&world, 8, 6000, 777);
            assert_true(cuts.exact > 0 && cuts.exact < cuts.looks); /* as it was before, until there is a new header */
            end_world(&world);
            end_world(&after);
        }
    }
}

static void partial_survives_a_restart_with_its_offset(void **state)
{
    static const struct geometry *const all[] = {&nor, &sd, &coarse_nor, &ram};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        for (uint32_t content = 0; content <= ERASED; content += ERASED) {
            struct world world;
            uint64_t partial;

            make_world(&world, all[i]);
            put_file(&world, "a", 7, 100);
            partial = cut_off(&world, "a", content, 60000, 55000);
            assert_in_range(partial, 55000 - 24 * KIB, 55000);
            start(&world);
            assert_int_equal(call->partial(&world.store, "a"), partial);
            assert_file(&world, "a", 7, 100);
            assert_int_equal(free_slots(&world), all[i]->slots - 1);
            assert_int_equal(resume(&world, "a", content, 60000), partial);
            start(&world);
            assert_int_equal(call->partial(&world.store, "a"), 0);
            assert_file(&world, "a", content, 60000);
            end_world(&world);
        }
    }
}

/* However often the power is cut, a put gets on: each time there is room for all records of progress again. */
static void put_that_is_cut_again_and_again_comes_to_its_end(void **state)
{
    static const struct geometry *const all[] = {&nor, &sd};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        struct dory_put put = putting("a", 3, 0);
        struct world world;
        uint64_t before = 0;
        unsigned cuts = 0;

        make_world(&world, all[i]);
        put.size = capacity(&world);
        put.resume = true;
        for (;;) {
            struct dory_writer *writer = begin_put(&world, &put);

            assert_int_equal(writer->stored, before);
            if (put.size - before <= 17 * KIB) {
                break;
            }
            assert_int_equal(write_until(&world, writer, 3, before + 17 * KIB, 900), DORY_OK);
            start(&world);
            assert_true(call->partial(&world.store, "a") > before);
            before = call->partial(&world.store, "a");
            cuts++;
        }
        assert_true(cuts >= 3);
        start(&world);
        assert_int_equal(resume(&world, "a", 3, put.size), before);
        end_world(&world);
    }
}

/* However large a file is, the records of progress reach to its end, and no further. */
static void progress_is_recorded_evenly(void **state)
{
    static const struct geometry large[] = {{"SD card", 512, 0, 300 * KIB, 2, false},
                                            {"NOR flash", 256, 4096, 300 * KIB, 2, false}};
    static const uint64_t sizes[] = {13 * 16384 - 5, 13 * 16384, 13 * 16384 + 5, 14 * 16384, 280000};
    struct world world;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(sizes) * COUNT_OF(large); i++) {
        uint64_t size = sizes[i / COUNT_OF(large)];
        uint64_t interval = i % COUNT_OF(large) == 0 ? 16384 : size / 12 + 1 + 4096;

        make_world(&world, &large[i % COUNT_OF(large)]);
        for (uint64_t end = 20000; end <= size; end += 20000) {
            uint64_t partial = cut_off(&world, "a", i, size, end);
            assert_in_range(partial, end < interval ? 0 : end - interval, end);
            assert_int_equal(partial % world.store.layout.unit, 0);
        }
        for (unsigned k = 0; k < 3; k++) {
            put_file(&world, "a", i, size);
            start(&world);
            assert_file(&world, "a", i, size);
        }
        end_world(&world);
    }
}

static void partial_goes_only_to_the_very_same_put(void **state)
{
    struct dory_put put = putting("a", 1, 50000);
    struct dory_writer *writer;
    struct world world;

    (void)state;
    make_world(&world, &sd);
    assert_int_equal(break_off(&world, "a", 1, 50000, 40999), 40999);
    put.resume = true;
    put.crc32 = 2;
    writer = begin_put(&world, &put);
    assert_int_equal(writer->stored, 0);
    call->abort(&world.store, writer, true);
    put.crc32 = 1;
    put.size = 50001;
    writer = begin_put(&world, &put);
    assert_int_equal(writer->stored, 0);
    call->abort(&world.store, writer, true);
    put.size = 50000;
    put.name = "b";
    writer = begin_put(&world, &put);
    assert_int_equal(writer->stored, 0);
    call->abort(&world.store, writer, true);
    assert_int_equal(call->partial(&world.store, "a"), 40999);
    put.name = "a";
    writer = begin_put(&world, &put);
    assert_int_equal(writer->stored, 40999);
    call->abort(&world.store, writer, true); /* before it was even begun */
    assert_int_equal(call->partial(&world.store, "a"), 40999);
    put.resume = false;
    writer = begin_put(&world, &put);
    assert_int_equal(writer->stored, 0);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    end_world(&world);
}

static void partial_that_was_of_no_use_is_dropped(void **state)
{
    struct dory_put put = putting("a", 1, 50000);
    struct dory_writer *writer;
    struct world world;

    (void)state;
    make_world(&world, &sd);
    break_off(&world, "a", 1, 50000, 40999);
    put.resume = true;
    writer = begin_put(&world, &put);
    world.sim.fail_read = 1;
    assert_int_equal(call->reread(&world.store, writer, 0, (uint8_t[1]){0}, 1), DORY_IO_ERROR);
    call->abort(&world.store, writer, false);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    assert_int_equal(free_slots(&world), 4);
    end_world(&world);
}

static void newest_partial_makes_the_older_one_go(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &nor);
    assert_true(break_off(&world, "a", 1, 50000, 45000) > 0);
    assert_true(break_off(&world, "b", 2, 50000, 45000) > 0);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    start(&world);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    assert_true(call->partial(&world.store, "b") > 0);
    /* Slots are there to be used: the partial's own, when there is no other. */
    put_file(&world, "1", 1, 10);
    put_file(&world, "2", 1, 10);
    put_file(&world, "3", 1, 10);
    assert_true(call->partial(&world.store, "b") > 0);
    assert_int_equal(free_slots(&world), 1);
    put_file(&world, "4", 1, 10);
    assert_int_equal(call->partial(&world.store, "b"), 0);
    start(&world);
    assert_int_equal(call->partial(&world.store, "b"), 0);
    end_world(&world);
}

static void partial_of_other_content_goes_when_the_name_is_published(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &nor);
    assert_true(break_off(&world, "a", 1, 50000, 45000) > 0);
    put_file(&world, "b", 2, 10);
    assert_true(call->partial(&world.store, "a") > 0);
    put_file(&world, "a", 2, 10);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    start(&world);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    end_world(&world);
}

static void put_without_crc32_leaves_no_partial(void **state)
{
    struct dory_put put = putting("a", 1, 50000);
    struct dory_writer *writer;
    struct world world;

    (void)state;
    make_world(&world, &nor);
    put.has_crc32 = false;
    writer = begin_put(&world, &put);
    assert_int_equal(write_until(&world, writer, 1, 45000, PIECE), DORY_OK);
    call->abort(&world.store, writer, true);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    start(&world);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    put.has_crc32 = true;
    writer = begin_put(&world, &put);
    assert_int_equal(write_until(&world, writer, 1, 45000, PIECE), DORY_OK);
    call->abort(&world.store, writer, false);
    assert_int_equal(call->partial(&world.store, "a"), 0);
    end_world(&world);
}

/* ---- Wear ---- */

static void wear_is_spread_over_the_free_slots(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "stays", 1, 5000);
    memset(world.sim.erases, 0, 80 * sizeof *world.sim.erases);
    for (unsigned i = 0; i < 90; i++) {
        put_file(&world, "a", i, 5000);
        if (i % 10 == 9) {
            start(&world);
        }
    }
    for (unsigned slot = 0; slot < 4; slot++) {
        unsigned sector = slot * 20; /* two heads, then the file */
        unsigned puts = slot == 1 ? 0 : 30;

        assert_in_range(world.sim.erases[sector], puts / 2, (puts + 1) / 2);
        assert_int_equal(world.sim.erases[sector] + world.sim.erases[sector + 1], puts);
        assert_int_equal(world.sim.erases[sector + 2], puts);
        assert_int_equal(world.sim.erases[sector + 3], puts);
        assert_int_equal(world.sim.erases[sector + 4], 0); /* nothing is erased that is not needed */
    }
    assert_file(&world, "stays", 1, 5000);
    end_world(&world);
}

/* ---- Failures ---- */

/* A put of which the k-th program or erase fails, and is done as far as fail_as says. Returns the put's result. */
static int fail_once(struct world *world, unsigned *count, unsigned k)
{
    uint32_t content = 2 + k;
    bool is_new;
    int result;

    put_file(world, "a", 1, 3000);
    *count = k;
    result = try_to_put(world, "a", content, 9000);
    *count = 0;
    assert_true(result == DORY_IO_ERROR || result == DORY_OK);
    assert_file(world, "a", result == DORY_OK ? content : 1, result == DORY_OK ? 9000 : 3000);
    start(world);
    is_new = open_file(world, "a").size == 9000;
    /* A commit record may have got there although the device says it has not. */
    assert_true(is_new || result != DORY_OK);
    start(world);
    assert_file(world, "a", is_new ? content : 1, is_new ? 9000 : 3000);
    return result;
}

static void failing_device_leaves_the_old_file(void **state)
{
    static const struct geometry *const all[] = {&nor, &sd, &ram};

    (void)state;
    for (unsigned i = 0; i < 2 * COUNT_OF(all) * FLASH_TEARS; i++) {
        struct world world;
        unsigned k = 1;

        make_world(&world, all[i % COUNT_OF(all)]);
        world.sim.fail_as = (enum flash_tear)(i / 2 / COUNT_OF(all));
        while (fail_once(&world, i % 2 == 0 ? &world.sim.fail_program : &world.sim.fail_erase, k) != DORY_OK) {
            k++;
        }
        end_world(&world);
    }
}

/* Nobody knows what the page that failed looks like now: nothing goes there before it has been erased. */
static void put_that_failed_is_begun_anew(void **state)
{
    struct world world;

    (void)state;
    for (enum flash_tear tear = TEAR_NOTHING; tear < FLASH_TEARS; tear++) {
        make_world(&world, &nor);
        world.sim.fail_program = 10;
        world.sim.fail_as = tear;
        assert_int_equal(try_to_put(&world, "a", 1, 60000), DORY_IO_ERROR);
        assert_int_equal(call->partial(&world.store, "a"), 0);
        assert_int_equal(free_slots(&world), 4);
        assert_int_equal(resume(&world, "a", 1, 60000), 0);
        end_world(&world);
    }
}

static void device_that_fails_for_good_leaves_the_old_file(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "a", 1, 3000);
    world.sim.fail_for_good = true;
    world.sim.fail_program = 1;
    world.sim.fail_as = TEAR_MIXTURE;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(try_to_put(&world, "a", 2, 3000), DORY_IO_ERROR);
        assert_int_equal(try_to_remove(&world, "a"), DORY_IO_ERROR);
        assert_file(&world, "a", 1, 3000);
    }
    world.sim.fail_program = 0;
    start(&world);
    assert_file(&world, "a", 1, 3000);
    put_file(&world, "a", 2, 3000);
    end_world(&world);
}

static void removal_that_fails_leaves_the_file(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "a", 1, 3000);
    put_file(&world, "a", 2, 3000);
    for (unsigned k = 0; k < 4; k++) {
        world.sim.fail_erase = k % 2 == 0 ? 1 + k / 2 : 0;
        world.sim.fail_program = k % 2 == 0 ? 0 : 1 + k / 2;
        assert_int_equal(try_to_remove(&world, "a"), DORY_IO_ERROR);
        assert_file(&world, "a", 2, 3000);
        start(&world);
        assert_file(&world, "a", 2, 3000);
        put_file(&world, "a", 2, 3000); /* leaves a stale one */
    }
    remove_file(&world, "a");
    start(&world);
    assert_int_equal(count_files(&world), 0);
    end_world(&world);
}

/* A commit record that got there although the device said it had not: a later removal has to find it. */
static void commit_that_failed_is_not_found_again_after_a_removal(void **state)
{
    struct world world;

    (void)state;
    make_world(&world, &sd);
    put_file(&world, "a", 1, 100);
    world.sim.fail_program = 3; /* header, page, commit */
    world.sim.fail_as = TEAR_ALL;
    assert_int_equal(try_to_put(&world, "a", 2, 100), DORY_IO_ERROR);
    assert_file(&world, "a", 1, 100);
    assert_int_equal(free_slots(&world), 3);
    remove_file(&world, "a");
    start(&world);
    assert_int_equal(open_result(&world, "a"), DORY_NOT_FOUND);
    end_world(&world);
}

static void failing_reads_are_told(void **state)
{
    struct dory_listing listing;
    struct dory_entry entry;
    struct dory_writer *writer;
    struct dory_file file;
    struct world world;
    struct dory_put put = putting("a", 1, 10);
    uint8_t byte;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "a", 1, 3000);
    file = open_file(&world, "a");
    listing = begin_list(&world);
    world.sim.fail_read = 1;
    world.sim.fail_for_good = true;
    assert_int_equal(call->read(&world.store, &file, 0, &byte, 1), DORY_IO_ERROR);
    assert_int_equal(open_result(&world, "a"), DORY_IO_ERROR);
    assert_int_equal(call->put(&world.store, &put, &writer), DORY_IO_ERROR);
    assert_int_equal(try_to_remove(&world, "a"), DORY_IO_ERROR);
    assert_int_equal(call->next(&world.store, &listing, &entry), DORY_IO_ERROR);
    assert_int_equal(try_to_start(&world), DORY_IO_ERROR);
    world.sim.fail_read = 0;
    start(&world);
    assert_file(&world, "a", 1, 3000);
    assert_int_equal(world.sim.erasures, 2); /* nothing was taken for free meanwhile */
    end_world(&world);
}

static void assert_no_storage(struct slot_store *store)
{
    struct dory_listing listing;
    struct dory_writer *writer;
    struct dory_file file;
    struct dory_room room;
    struct dory_put put = putting("a", 1, 10);

    assert_int_equal(slot_store_begin(store), DORY_IO_ERROR);
    assert_int_equal(call->open(store, "a", &file), DORY_IO_ERROR);
    assert_int_equal(call->put(store, &put, &writer), DORY_IO_ERROR);
    put.size = 0;
    assert_int_equal(call->put(store, &put, &writer), DORY_IO_ERROR);
    assert_int_equal(call->remove(store, "a", &writer), DORY_IO_ERROR);
    assert_int_equal(call->list(store, "", &listing), DORY_IO_ERROR);
    assert_int_equal(call->partial(store, "a"), 0);
    assert_null(call->holder(store, "a"));
    assert_int_equal(call->room(store, &room), DORY_OK);
    assert_true(room.free == 0 && room.max_file == 0);
    assert_int_not_equal(slot_store_run(store), DORY_MORE);
}

static void without_storage_every_call_fails(void **state)
{
    static uint8_t bytes[64 * KIB];
    static uint8_t buffer[SLOT_STORE_BUFFER(16)];
    struct slot_store store = {.slots = 4};
    struct flash_device device;

    (void)state;
    assert_no_storage(&store);
    ram_device_begin(&device, bytes, sizeof bytes, 16);
    store.device = &device;
    store.buffer = buffer;
    store.slots = 1;
    assert_no_storage(&store);
    store.slots = SLOT_STORE_MAX_SLOTS + 1;
    assert_no_storage(&store);
    store.slots = 4;
    assert_int_equal(slot_store_begin(&store), DORY_OK);
    for (device.size = 0; device.size < 4 * KIB; device.size += 100) {
        assert_no_storage(&store);
    }
}

static int read_zeros(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    const uint64_t *size = ctx;

    assert_true(off < *size && len <= *size - off);
    memset(dst, 0, len);
    return DORY_OK;
}

static void slots_of_a_large_device_stay_below_4_gib(void **state)
{
    static const struct flash_operations operations = {.read = read_zeros};
    static const uint64_t sizes[] = {UINT64_C(1) << 33, (UINT64_C(1) << 33) + 512, UINT64_C(1) << 36,
                                     UINT64_C(1) << 41};
    static uint8_t buffer[SLOT_STORE_BUFFER(512)];
    struct dory_room room;

    (void)state;
    for (unsigned i = 0; i < 2 * COUNT_OF(sizes); i++) {
        uint64_t size = sizes[i / 2];
        struct flash_device device = {.operations = &operations, .ctx = &size, .size = size, .page_size = 512};
        struct slot_store store = {.device = &device, .buffer = buffer, .slots = i % 2 == 0 ? 2 : 32};
        uint64_t slot = size / store.slots < UINT32_MAX ? size / store.slots : UINT32_MAX;

        assert_int_equal(slot_store_begin(&store), DORY_OK);
        assert_int_equal(call->room(&store, &room), DORY_OK);
        assert_in_range(room.max_file, slot - 16 * KIB, slot);
        assert_int_equal(room.free, store.slots * room.max_file);
    }
}

static void garbage_is_free_space(void **state)
{
    (void)state;
    for (unsigned fill = 0; fill < 3; fill++) {
        struct world world;

        make_world(&world, &sd); /* random bytes */
        if (fill > 0) {
            memset(world.sim.bytes, fill == 1 ? 0 : 0xff, world.sim.device.size);
        }
        start(&world);
        assert_int_equal(free_slots(&world), 4);
        assert_int_equal(count_files(&world), 0);
        put_file(&world, "a", 1, 1000);
        end_world(&world);
    }
}

/* Not what any cut leaves, but a card can be swapped for one that somebody made. */
static void forged_header_reaches_no_further_than_its_slot(void **state)
{
    static const int32_t beyond[][2] = {{0, 0}, {1, 0}, {1000000, 0}, {0, 1}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(beyond); i++) {
        struct slot_record record;
        struct world world;
        unsigned slot = 1;
        uint32_t len;

        make_world(&world, &sd);
        put_file(&world, "a", 1, 100);
        assert_int_equal(slot_file_read(&world.store, slot, &record), DORY_OK);
        record.size = (uint32_t)capacity(&world) + (uint32_t)beyond[i][0];
        record.offset = beyond[i][1] != 0 ? record.size + 1 : 0;
        len = slot_record_put(&world.store, &record, strlen(record.name));
        memcpy(world.sim.bytes + slot * sd.slot_size + slot_place_off(&world.store, slot, NEWER_HEAD, PLACE_HEADER),
               world.buffer, len);
        start(&world);
        assert_int_equal(open_result(&world, "a"), i == 0 ? DORY_OK : DORY_NOT_FOUND);
        end_world(&world);
    }
}

static void files_of_another_layout_are_free_space(void **state)
{
    struct geometry other = sd;
    struct world world;

    (void)state;
    make_world(&world, &sd);
    for (unsigned i = 0; i < 8; i++) {
        put_file(&world, "a", i, 10 * KIB);
    }
    other.slots = 2;
    world.geometry = &other;
    start(&world);
    assert_int_equal(free_slots(&world), 2);
    assert_int_equal(count_files(&world), 0);
    end_world(&world);
}

/* ---- A device that takes its time ---- */

static void device_that_is_stuck_stalls_nobody(void **state)
{
    struct dory_put put = putting("b", 2, 30000);
    struct dory_listing listing;
    struct dory_entry entry;
    struct dory_writer *writer;
    struct dory_file file;
    struct dory_room room;
    struct world world;
    uint64_t stored;
    uint8_t byte;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "a", 1, 3000);
    file = open_file(&world, "a");
    listing = begin_list(&world);
    writer = begin_put(&world, &put);
    assert_int_equal(write_until(&world, writer, 2, 10000, PIECE), DORY_OK);
    world.sim.stuck = true;
    while (call->write(&world.store, writer, content_of(2) + writer->stored, 100) > 0) {
    }
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(call->write(&world.store, writer, content_of(2) + writer->stored, 100), 0);
        assert_int_equal(call->read(&world.store, &file, 0, &byte, 1), 0);
        assert_int_equal(call->next(&world.store, &listing, &entry), DORY_MORE);
    }
    assert_int_equal(open_result(&world, "a"), DORY_BUSY);
    assert_int_equal(try_to_put(&world, "c", 1, 10), DORY_BUSY);
    assert_int_equal(call->partial(&world.store, "b"), 0);
    assert_int_equal(call->room(&world.store, &room), DORY_OK);
    stored = writer->stored;
    call->abort(&world.store, writer, true);
    assert_null(call->holder(&world.store, "b"));
    assert_int_equal(try_to_put(&world, "c", 1, 10), DORY_BUSY);
    world.sim.stuck = false;
    assert_true(stored > 10000);
    assert_int_equal(call->partial(&world.store, "b"), stored);
    assert_int_equal(resume(&world, "b", 2, 30000), stored);
    assert_true(holds(&world, &file, 1));
    end_world(&world);
}

static void commit_that_is_given_up_ends_unobserved(void **state)
{
    (void)state;
    for (unsigned removal = 0; removal < 2; removal++) {
        struct dory_put put = putting("a", 2, 3000);
        struct dory_writer *writer;
        struct world world;

        make_world(&world, &nor);
        put_file(&world, "a", 1, 3000);
        if (removal) {
            assert_int_equal(call->remove(&world.store, "a", &writer), DORY_OK);
        } else {
            writer = begin_put(&world, &put);
            assert_int_equal(write_until(&world, writer, 2, 3000, PIECE), DORY_OK);
        }
        world.sim.stuck = true;
        assert_int_equal(call->commit(&world.store, writer), DORY_MORE);
        call->abort(&world.store, writer, true);
        assert_null(call->holder(&world.store, "a"));
        assert_int_equal(slot_store_run(&world.store), DORY_MORE);
        world.sim.stuck = false;
        world.sim.most_later = 5;
        while (slot_store_run(&world.store) == DORY_MORE) {
        }
        if (removal) {
            assert_int_equal(open_result(&world, "a"), DORY_NOT_FOUND);
        } else {
            assert_file(&world, "a", 2, 3000);
        }
        put_file(&world, "b", 3, 100);
        end_world(&world);
    }
}

static void commit_that_is_given_up_and_fails_leaves_the_old_file(void **state)
{
    struct dory_put put = putting("a", 2, 3000);
    struct dory_writer *writer;
    struct world world;

    (void)state;
    make_world(&world, &nor);
    put_file(&world, "a", 1, 3000);
    writer = begin_put(&world, &put);
    assert_int_equal(write_until(&world, writer, 2, 3000, PIECE), DORY_OK);
    world.sim.stuck = true;
    assert_int_equal(call->commit(&world.store, writer), DORY_MORE);
    call->abort(&world.store, writer, true);
    world.sim.stuck = false;
    world.sim.fail_program = 1;
    assert_file(&world, "a", 1, 3000);
    put_file(&world, "a", 3, 100);
    assert_file(&world, "a", 3, 100);
    end_world(&world);
}

static void half_a_file_is_never_published(void **state)
{
    struct dory_put put = putting("a", 2, 3000);
    struct dory_writer *writer;
    struct world world;

    (void)state;
    make_world(&world, &sd);
    put_file(&world, "a", 1, 3000);
    writer = begin_put(&world, &put);
    assert_int_equal(write_until(&world, writer, 2, 2999, PIECE), DORY_OK);
    assert_int_equal(commit(&world, writer), DORY_IO_ERROR);
    assert_file(&world, "a", 1, 3000);
    start(&world);
    assert_file(&world, "a", 1, 3000);
    end_world(&world);
}

/* ---- RAM ---- */

static void ram_is_a_device(void **state)
{
    static uint8_t bytes[384 * KIB];

    (void)state;
    for (uint32_t page_size = 1; page_size <= 4096; page_size *= 2) {
        struct geometry geometry = {"RAM", page_size, 0, sizeof bytes / 2, 2, true};
        struct world world;

        memset(bytes, 0x77, sizeof bytes);
        make_world(&world, &geometry);
        ram_device_begin(&world.sim.device, bytes, sizeof bytes, page_size);
        start(&world);
        put_file(&world, "a", page_size, 10000);
        put_file(&world, "a", page_size + 1, 12345);
        start(&world);
        assert_file(&world, "a", page_size + 1, 12345);
        end_world(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_read_as_it_was_put),
        cmocka_unit_test(put_larger_than_a_slot_is_refused_before_anything_is_erased),
        cmocka_unit_test(put_that_finds_no_free_slot_is_refused),
        cmocka_unit_test(second_writer_is_told_to_wait),
        cmocka_unit_test(name_is_a_file_or_a_folder),
        cmocka_unit_test(longest_name_is_kept),
        cmocka_unit_test(open_file_keeps_its_bytes_while_it_is_replaced_and_removed),
        cmocka_unit_test(no_more_readers_than_can_be_counted),
        cmocka_unit_test(listing_gives_each_file_once),
        cmocka_unit_test(file_that_is_replaced_while_it_is_listed_is_told_once),
        cmocka_unit_test(file_that_is_removed_while_it_is_listed_is_not_told),
        cmocka_unit_test(listings_do_not_disturb_each_other),
        cmocka_unit_test(version_never_comes_twice),
        cmocka_unit_test(version_of_a_removed_file_survives_its_slot),
        cmocka_unit_test(put_that_broke_off_is_resumed_at_the_last_byte),
        cmocka_unit_test(partial_ends_with_the_very_byte_that_arrived),
        cmocka_unit_test(put_can_be_resumed_again_and_again),
        cmocka_unit_test(whole_partial_can_be_committed),
        cmocka_unit_test(tail_survives_a_put_that_is_given_up_at_once),
        cmocka_unit_test(put_that_is_given_up_before_its_first_byte_leaves_nothing),
        cmocka_unit_test(tail_that_fails_is_no_partial),
        cmocka_unit_test(power_is_cut_at_every_step_of_a_tail),
        cmocka_unit_test(partial_survives_a_restart_with_its_offset),
        cmocka_unit_test(put_that_is_cut_again_and_again_comes_to_its_end),
        cmocka_unit_test(progress_is_recorded_evenly),
        cmocka_unit_test(partial_goes_only_to_the_very_same_put),
        cmocka_unit_test(partial_that_was_of_no_use_is_dropped),
        cmocka_unit_test(newest_partial_makes_the_older_one_go),
        cmocka_unit_test(partial_of_other_content_goes_when_the_name_is_published),
        cmocka_unit_test(put_without_crc32_leaves_no_partial),
        cmocka_unit_test(wear_is_spread_over_the_free_slots),
        cmocka_unit_test(failing_device_leaves_the_old_file),
        cmocka_unit_test(put_that_failed_is_begun_anew),
        cmocka_unit_test(device_that_fails_for_good_leaves_the_old_file),
        cmocka_unit_test(removal_that_fails_leaves_the_file),
        cmocka_unit_test(commit_that_failed_is_not_found_again_after_a_removal),
        cmocka_unit_test(failing_reads_are_told),
        cmocka_unit_test(without_storage_every_call_fails),
        cmocka_unit_test(slots_of_a_large_device_stay_below_4_gib),
        cmocka_unit_test(garbage_is_free_space),
        cmocka_unit_test(forged_header_reaches_no_further_than_its_slot),
        cmocka_unit_test(files_of_another_layout_are_free_space),
        cmocka_unit_test(device_that_is_stuck_stalls_nobody),
        cmocka_unit_test(commit_that_is_given_up_ends_unobserved),
        cmocka_unit_test(commit_that_is_given_up_and_fails_leaves_the_old_file),
        cmocka_unit_test(half_a_file_is_never_published),
        cmocka_unit_test(ram_is_a_device),
        cmocka_unit_test(power_is_cut_on_nor_flash),
        cmocka_unit_test(power_is_cut_on_small_nor_flash),
        cmocka_unit_test(power_is_cut_on_nor_flash_that_never_waits),
        cmocka_unit_test(power_is_cut_on_an_sd_card),
        cmocka_unit_test(power_is_cut_on_ram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
