/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes firmware in slots: whatever is on the flash, a boot stage and the application that it starts stay inside it, and the
 * slot that runs is written to by nothing but a confirmation. The input is a script, a byte each step with what follows it:
 * what is on the flash, restarts, puts and boots, and faults. A hash is zeros here and a signature good when it begins with
 * 0x30, as in fuzz_image.c.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../port/flash/boot_choice.h"
#include "../../port/flash/firmware.h"

#define SECTOR 256U
#define SLOT_SIZE (5U * SECTOR)
#define MOST_STEPS 400U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- Images ---- */

static void zero_begin(struct dory_sha256 *sha256)
{
    sha256->state[0] = 0;
}

static void zero_add(struct dory_sha256 *sha256, const uint8_t *data, size_t len)
{
    (void)data;
    sha256->state[0] += len;
}

static void zero_end(struct dory_sha256 *sha256, uint8_t hash[DORY_IMAGE_HASH])
{
    (void)sha256;
    memset(hash, 0, DORY_IMAGE_HASH);
}

static bool verify(const uint8_t point[DORY_IMAGE_POINT], const uint8_t hash[DORY_IMAGE_HASH], const uint8_t *signature,
                   size_t len)
{
    (void)point;
    (void)hash;
    return len > 0 && signature[0] == 0x30;
}

static const struct dory_image_crypto crypto = {zero_begin, zero_add, zero_end, verify};
static const uint8_t key[DORY_IMAGE_KEY] = {[DORY_IMAGE_KEY - DORY_IMAGE_POINT] = 4};
static const char name_of_zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

static size_t put_number(uint8_t *at, uint32_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(number >> (8 * i));
    }
    return bytes;
}

static size_t put_tlv(uint8_t *at, uint32_t type, uint32_t len, uint8_t first)
{
    put_number(at, type, 2);
    put_number(at + 2, len, 2);
    memset(at + 4, 0, len);
    at[4] = first;
    return 4 + len;
}

/* Writes an image whose body has so many bytes. Returns its length, below 1100. */
static size_t make_image(uint8_t *at, uint32_t body)
{
    const uint8_t *begin = at;

    memset(at, 0, DORY_IMAGE_HEADER);
    put_number(at, DORY_IMAGE_MAGIC, 4);
    put_number(at + 8, DORY_IMAGE_HEADER, 2);
    put_number(at + 12, body, 4);
    memset(at + DORY_IMAGE_HEADER, 0x55, body);
    at += DORY_IMAGE_HEADER + body;
    at += put_number(at, DORY_IMAGE_TLVS, 2);
    at += put_number(at, 4 + 36 + 36 + 12, 2);
    at += put_tlv(at, DORY_IMAGE_TLV_HASH, 32, 0);
    at += put_tlv(at, DORY_IMAGE_TLV_KEY_HASH, 32, 0);
    at += put_tlv(at, DORY_IMAGE_TLV_SIGNATURE, 8, 0x30);
    return (size_t)(at - begin);
}

/* ---- The device ---- */

struct device {
    struct flash_device slot[2];
    uint8_t *bytes[2]; /* each an allocation of its own: what is outside is found */
    struct boot_slots boot;
    struct firmware firmware;
    struct dory_writer *writer;
    uint8_t image[2048]; /* that is being put */
    unsigned later;      /* operations that answer "later" */
    unsigned fails;      /* operations until one fails; 0: none does */
    bool writes_marks;   /* the slot that runs may change */
};

static int next_result(struct device *device)
{
    if (device->later > 0) {
        device->later--;
        return DORY_MORE;
    }
    return device->fails > 0 && --device->fails == 0 ? DORY_IO_ERROR : DORY_OK;
}

static struct device *the_device;

static uint8_t *bytes_at(void *ctx, uint64_t off, size_t len)
{
    assert(off <= SLOT_SIZE && len > 0 && len <= SLOT_SIZE - off);
    return the_device->bytes[ctx == &the_device->slot[1]] + off;
}

static int flash_read(void *ctx, uint64_t off, uint8_t *dst, size_t len)
{
    const uint8_t *from = bytes_at(ctx, off, len);
    int result = next_result(the_device);

    if (result == DORY_OK) {
        memcpy(dst, from, len);
    }
    return result;
}

static int flash_program(void *ctx, uint64_t off, const uint8_t *data, size_t len)
{
    uint8_t *to = bytes_at(ctx, off, len);
    int result = next_result(the_device);

    assert(off % 8 == 0 && len % 8 == 0);
    for (size_t i = 0; i < len && result == DORY_OK; i++) {
        to[i] &= data[i];
    }
    return result;
}

static int flash_erase(void *ctx, uint64_t off)
{
    uint8_t *to = bytes_at(ctx, off, SECTOR);
    int result = next_result(the_device);

    assert(off % SECTOR == 0);
    if (result == DORY_OK) {
        memset(to, 0xff, SECTOR);
    }
    return result;
}

static const struct flash_operations operations = {flash_read, flash_program, flash_erase};

/* The other store: there is nothing in it. */
static int no_file(void *ctx, const char *name, struct dory_file *file)
{
    (void)ctx;
    (void)name;
    (void)file;
    return DORY_NOT_FOUND;
}

static const struct dory_store no_store = {.open = no_file};

static void begin_device(struct device *device)
{
    memset(device, 0, sizeof *device);
    the_device = device;
    for (unsigned i = 0; i < 2; i++) {
        device->bytes[i] = (uint8_t *)malloc(SLOT_SIZE);
        assert(device->bytes[i] != NULL);
        memset(device->bytes[i], 0xff, SLOT_SIZE);
        device->slot[i] = (struct flash_device){.operations = &operations,
                                                .ctx = &device->slot[i],
                                                .size = SLOT_SIZE,
                                                .page_size = 8,
                                                .sector_size = SECTOR};
    }
}

static void begin_firmware(struct device *device, unsigned running, bool on_trial)
{
    struct firmware *firmware = &device->firmware;

    memset(firmware, 0xa5, sizeof *firmware);
    firmware->slot[0] = &device->slot[0];
    firmware->slot[1] = &device->slot[1];
    firmware->running = (uint8_t)running;
    firmware->on_trial = on_trial;
    firmware->rules = (struct dory_image_rules){.crypto = &crypto, .key = key};
    firmware->store = &no_store;
    firmware->confirmed = NULL;
    firmware->refused = NULL;
    device->writer = NULL;
    (void)firmware_begin(firmware);
    assert(strlen(firmware->told.image) == DORY_IMAGE_DIGITS);
}

static void start(struct device *device)
{
    struct boot_result result;

    device->boot.slot[0] = &device->slot[0];
    device->boot.slot[1] = &device->slot[1];
    device->boot.rules = (struct dory_image_rules){.crypto = &crypto, .key = key};
    if (boot_choose(&device->boot, &result) == DORY_OK) {
        assert(result.image.size <= SLOT_SIZE - SECTOR && !(result.on_trial && result.confirmed));
        assert(memcmp(device->bytes[result.slot], "\x3d\xb8\xf3\x96", 4) == 0);
        begin_firmware(device, result.slot, result.on_trial);
    } else {
        begin_firmware(device, 0, false);
    }
}

/* ---- The script ---- */

struct script {
    const uint8_t *at;
    size_t left;
};

static uint8_t next_byte(struct script *script)
{
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->at++;
}

static uint32_t next_off(struct script *script)
{
    uint32_t high = next_byte(script);

    return (high << 8 | next_byte(script)) % SLOT_SIZE;
}

enum step {
    STEP_IMAGE, /* a slot gets an image, and marks of a plan */
    STEP_BYTE,  /* a byte of a slot is changed */
    STEP_BYTES, /* bytes of a slot are those that follow */
    STEP_START,
    STEP_BEGIN, /* the application, without the boot stage */
    STEP_PUT,
    STEP_WRITE,
    STEP_REREAD,
    STEP_COMMIT,
    STEP_ABORT,
    STEP_BOOT,
    STEP_REMOVE,
    STEP_OPEN,
    STEP_RUN,
    STEP_LATER,
    STEP_FAIL
};

static void fill_slot(struct device *device, struct script *script)
{
    unsigned choice = next_byte(script);
    uint8_t *bytes = device->bytes[choice & 1];
    struct trailer_mark mark;

    memset(bytes, 0xff, SLOT_SIZE);
    (void)make_image(bytes, 1 + next_off(script) % 800);
    for (unsigned nth = 0;
         (choice & 2) != 0 && trailer_mark(&mark, (enum trailer_plan)((choice >> 2) % 5), nth, (uint16_t)(choice >> 5));
         nth++) {
        memcpy(bytes + SLOT_SIZE - mark.from_end, mark.bytes, mark.len);
    }
}

static void fill_bytes(struct device *device, struct script *script)
{
    uint8_t *bytes = device->bytes[next_byte(script) & 1];
    uint32_t off = next_off(script);
    uint32_t len = next_byte(script);

    for (uint32_t i = 0; i < len && off + i < SLOT_SIZE; i++) {
        bytes[off + i] = next_byte(script);
    }
}

static void begin_put(struct device *device, struct script *script)
{
    uint32_t body = 1 + next_off(script) % 1100;
    uint8_t choice = next_byte(script);
    size_t len = make_image(device->image, body);
    struct dory_put put = {
        .name = "firmware", .size = len, .crc32 = body, .has_crc32 = (choice & 1) != 0, .resume = (choice & 2) != 0};

    device->image[next_off(script)] ^= (choice & 4) != 0;
    put.size += (choice & 8) != 0 ? 1 : 0;
    if (device->writer == NULL && firmware_store.put(&device->firmware, &put, &device->writer) != DORY_OK) {
        device->writer = NULL;
    }
}

static void write_some(struct device *device, uint32_t len)
{
    uint64_t left = device->writer->size - device->writer->stored;

    len = len < left ? len : (uint32_t)left;
    if (len > 0) {
        uint8_t *lent = (uint8_t *)malloc(len);

        assert(lent != NULL);
        memcpy(lent, device->image + device->writer->stored, len);
        (void)firmware_store.write(&device->firmware, device->writer, lent, len);
        free(lent);
        assert(device->writer->stored <= device->writer->size);
    }
}

static void reread_some(struct device *device, uint32_t off)
{
    uint8_t bytes[100];

    if (off < device->writer->stored) {
        int32_t got = firmware_store.reread(&device->firmware, device->writer, off, bytes, sizeof bytes);

        assert(got <= (int32_t)sizeof bytes && (got < 0 || (uint64_t)got <= device->writer->stored - off));
    }
}

static void open_and_read(struct device *device, uint32_t off)
{
    struct dory_file file = {0};
    uint8_t bytes[64];

    if (firmware_store.open(&device->firmware, "firmware", &file) == DORY_OK) {
        assert(file.hidden && file.version != 0 && file.size <= SLOT_SIZE - SECTOR);
        if (off < file.size) {
            (void)firmware_store.read(&device->firmware, &file, off, bytes, sizeof bytes);
        }
        firmware_store.close(&device->firmware, &file);
    }
}

static void boot(struct device *device, uint8_t choice)
{
    const char *image = (choice & 4) != 0 ? "x" : name_of_zeros;

    device->writes_marks = choice % 3 == DORY_BOOT_CONFIRM || device->writes_marks;
    (void)firmware_boots.boot(&device->firmware, (enum dory_boot_mode)(choice % 3), image);
}

/* Steps of a put that is under way; without one nothing happens. */
static void do_put_step(struct device *device, struct script *script, enum step step)
{
    uint32_t number = next_off(script);

    if (device->writer == NULL) {
        return;
    }
    if (step == STEP_WRITE) {
        write_some(device, number);
    } else if (step == STEP_REREAD) {
        reread_some(device, number);
    } else if (step == STEP_ABORT) {
        firmware_store.abort(&device->firmware, device->writer, number % 2 != 0);
        device->writer = NULL;
    } else if (firmware_store.commit(&device->firmware, device->writer) != DORY_MORE) {
        device->writer = NULL;
    }
}

static void do_step(struct device *device, struct script *script)
{
    enum step step = (enum step)(next_byte(script) & 15);

    switch (step) {
    case STEP_IMAGE:
        fill_slot(device, script);
        break;
    case STEP_BYTE:
        device->bytes[next_byte(script) & 1][next_off(script)] = next_byte(script);
        break;
    case STEP_BYTES:
        fill_bytes(device, script);
        break;
    case STEP_START:
        start(device);
        break;
    case STEP_BEGIN:
        begin_firmware(device, next_byte(script) & 1, next_byte(script) & 1);
        break;
    case STEP_PUT:
        begin_put(device, script);
        break;
    case STEP_WRITE:
    case STEP_REREAD:
    case STEP_COMMIT:
    case STEP_ABORT:
        do_put_step(device, script, step);
        break;
    case STEP_BOOT:
        boot(device, next_byte(script));
        break;
    case STEP_REMOVE:
        if (device->writer == NULL &&
            firmware_store.remove(&device->firmware, "firmware", &device->writer) != DORY_OK) {
            device->writer = NULL;
        }
        break;
    case STEP_OPEN:
        open_and_read(device, next_off(script));
        break;
    case STEP_RUN:
        (void)firmware_run(&device->firmware);
        break;
    case STEP_LATER:
        device->later = next_byte(script) % 16U;
        break;
    case STEP_FAIL:
        device->fails = next_byte(script);
        break;
    }
}

/* A step of the application, which leaves the slot that runs alone, but for a confirmation. */
static void do_checked_step(struct device *device, struct script *script)
{
    enum step step = (enum step)(*script->at & 15);
    uint8_t before[SLOT_SIZE];

    memcpy(before, device->bytes[device->firmware.running], SLOT_SIZE);
    do_step(device, script);
    if (step > STEP_BEGIN && !device->writes_marks) {
        assert(memcmp(before, device->bytes[device->firmware.running], SLOT_SIZE) == 0);
    } else if (step == STEP_START || step == STEP_BEGIN) {
        device->writes_marks = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, size};
    static struct device device;

    begin_device(&device);
    begin_firmware(&device, 0, false);
    for (unsigned i = 0; i < MOST_STEPS && script.left > 0; i++) {
        do_checked_step(&device, &script);
    }
    start(&device);
    free(device.bytes[0]);
    free(device.bytes[1]);
    return 0;
}
