/* SPDX-License-Identifier: MIT */
/* A provider of firmware that answers what a test wants, after as many times "later" as it wants, and remembers what it was asked. */
#ifndef SCRIPT_FIRMWARE_H
#define SCRIPT_FIRMWARE_H

#include "rig.h"

#define IMAGE_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define IMAGE_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

struct script_firmware {
    struct dory_running running;
    int result;     /* of boot(), in the end */
    unsigned later; /* calls that answer DORY_MORE before each result */
    unsigned calls;
    unsigned ended; /* with a result */
    enum dory_boot_mode mode;
    char image[BYTES_ROOM];
};

static inline int script_boot(void *ctx, enum dory_boot_mode mode, const char *image)
{
    struct script_firmware *script = (struct script_firmware *)ctx;
    bool again = script->later > 0 && script->calls % (script->later + 1) != 0;

    assert_true(mode == DORY_BOOT_TEST || mode == DORY_BOOT_PERMANENT || mode == DORY_BOOT_CONFIRM);
    assert_true(strlen(image) < sizeof script->image);
    if (again) {
        assert_int_equal(mode, script->mode);
        assert_string_equal(image, script->image);
    }
    script->mode = mode;
    memcpy(script->image, image, strlen(image) + 1);
    script->calls++;
    if (script->later > 0 && script->calls % (script->later + 1) != 0) {
        return DORY_MORE;
    }
    script->ended++;
    return script->result;
}

static const struct dory_firmware script_firmware = {.boot = script_boot};

/* Gives the server the provider, whose script goes on from its beginning. */
static inline void script_firmware_use(struct script_firmware *script, struct dory_server *server)
{
    script->running =
        (struct dory_running){.image = IMAGE_A, .boot_id = "89abcdef", .slot = "ready", .confirmed = true};
    script->calls = 0;
    script->ended = 0;
    server->boots = &script_firmware;
    server->boots_ctx = script;
    server->running = &script->running;
}

#endif
