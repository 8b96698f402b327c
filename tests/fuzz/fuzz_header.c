/* SPDX-License-Identifier: MIT */
/* Fuzzes the decoding of headers: whatever the bytes are, it stays within them, and what it accepts is what it says. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/header.h"
#include "../../core/json.h"
#include "../../core/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct values {
    uint64_t id;
    uint64_t filesize;
    uint64_t version;
    struct dory_text cmd;
    struct dory_text filename;
    uint32_t crc32;
    bool resume;
};

enum field { ID, FILESIZE, IF_VERSION, CMD, FILENAME, CRC32, RESUME, FIELDS };

#define AT(member) offsetof(struct values, member)

/* In the order of enum field. */
#define KNOWN(X) \
    X("id", DORY_FIELD_NUMBER, AT(id)) \
    X("filesize", DORY_FIELD_NUMBER, AT(filesize)) \
    X("if_version", DORY_FIELD_VERSION, AT(version)) \
    X("cmd", DORY_FIELD_TEXT, AT(cmd)) \
    X("filename", DORY_FIELD_TEXT, AT(filename)) \
    X("crc32", DORY_FIELD_CRC32, AT(crc32)) \
    X("resume", DORY_FIELD_BOOL, AT(resume))

static const struct dory_field fields[FIELDS] = {KNOWN(DORY_FIELD)};
static const struct dory_fields known = {KNOWN(DORY_FIELD_KEY), fields};

static struct dory_tokens tokens;

static bool has(const struct dory_found *found, enum field field)
{
    return (found->present >> field & 1U) != 0;
}

static void check_text(const char *header, size_t size, struct dory_text text)
{
    assert(text.ptr > header && text.ptr + text.len < header + size);
    assert(text.ptr[text.len] == '\0');
    for (size_t at = 0; at < text.len;) {
        size_t step = dory_utf8_length(text.ptr + at, text.len - at);

        assert(step > 0);
        at += step;
    }
}

static void check_values(const char *header, size_t size, const struct values *values, const struct dory_found *found)
{
    assert((found->present & found->wrong) == 0 && (found->present | found->wrong) >> FIELDS == 0);
    assert(values->id <= DORY_MAX_NUMBER || !has(found, ID));
    assert(values->filesize <= DORY_MAX_NUMBER || !has(found, FILESIZE));
    if (has(found, CMD)) {
        check_text(header, size, values->cmd);
    }
    if (has(found, FILENAME)) {
        check_text(header, size, values->filename);
        (void)dory_name_check(values->filename.ptr, values->filename.len, DORY_MAX_NAME);
    }
}

/* Encodes what was decoded, and something else. Returns the bytes of the header in `encoded`, behind its prefix. */
static size_t encode(const struct values *values, const struct dory_found *found, char *encoded, size_t room)
{
    struct dory_encoder encoder;
    size_t len;

    dory_header_begin(&encoder, encoded, room);
    dory_header_bool(&encoder, "other", true); /* a message has a field at least */
    if (has(found, ID)) {
        dory_header_number(&encoder, "id", values->id);
    }
    if (has(found, FILESIZE)) {
        dory_header_number(&encoder, "filesize", values->filesize);
    }
    if (has(found, IF_VERSION)) {
        dory_header_version(&encoder, "if_version", values->version);
    }
    if (has(found, CMD)) {
        dory_header_text(&encoder, "cmd", values->cmd.ptr, values->cmd.len);
    }
    if (has(found, FILENAME)) {
        dory_header_text(&encoder, "filename", values->filename.ptr, values->filename.len);
    }
    if (has(found, CRC32)) {
        dory_header_crc32(&encoder, "crc32", values->crc32);
    }
    if (has(found, RESUME)) {
        dory_header_bool(&encoder, "resume", values->resume);
    }
    len = dory_header_end(&encoder);
    assert(len > DORY_FRAME_PREFIX);
    return len - DORY_FRAME_PREFIX;
}

static void check_same_text(struct dory_text a, struct dory_text b)
{
    assert(a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0));
}

/* What is encoded from what was decoded is decoded the same. */
static void check_again(const struct values *values, const struct dory_found *found, size_t size)
{
    size_t room = 6 * size + 256;
    char *encoded = (char *)malloc(room);
    struct values again = {.id = 0};
    struct dory_found found_again;
    size_t len;
    int result;

    assert(encoded != NULL);
    len = encode(values, found, encoded, room);
    result = dory_header_decode(encoded + DORY_FRAME_PREFIX, len, &tokens, &known, &again, &found_again);
    assert(result == DORY_OK && found_again.present == found->present && found_again.wrong == 0);
    assert(again.id == values->id || !has(found, ID));
    assert(again.filesize == values->filesize || !has(found, FILESIZE));
    assert(again.version == values->version || !has(found, IF_VERSION));
    assert(again.crc32 == values->crc32 || !has(found, CRC32));
    assert(again.resume == values->resume || !has(found, RESUME));
    check_same_text(again.cmd, has(found, CMD) ? values->cmd : again.cmd);
    check_same_text(again.filename, has(found, FILENAME) ? values->filename : again.filename);
    free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *header = (char *)malloc(size > 0 ? size : 1);
    struct values values = {.id = 0};
    struct dory_found found;

    assert(header != NULL);
    if (size > 0) {
        memcpy(header, data, size);
    }
    if (dory_header_decode(header, size, &tokens, &known, &values, &found) == DORY_OK) {
        check_values(header, size, &values, &found);
        check_again(&values, &found, size);
    }
    free(header);
    return 0;
}
