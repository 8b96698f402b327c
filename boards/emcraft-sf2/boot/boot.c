/* SPDX-License-Identifier: MIT */
/*
 * The boot stage: what runs first, from eNVM. It has boot_choose() look for the
 * firmware that is to run and copies it to DDR, leaves word for it in `kept`,
 * and starts it there. When there is none it says so and tries again, for ever:
 * the flash may have been slow, and somebody may still put an image there.
 *
 * Implementation notes
 *  - What is judged is what is started: the image is checked on its way to DDR
 *    and not read again.
 *  - DDR can't be executed before the MPU says so: by default that region of
 *    memory is a device's (ARMv7-M, B3.1). That holds for the handler of a
 *    HardFault, too, for which the MPU is off unless it is told otherwise.
 *  - A signature says who has made an image, not that it fits this board. One
 *    whose vector table leads elsewhere would lock the core up (B1.5.15), and no
 *    timer gets it out of that.
 */
#include <string.h>

#include "../../../port/bearssl/image_bearssl.h"
#include "../../../port/flash/boot_choice.h"
#include "../../common/board.h"
#include "../../common/firmware_key.h"
#include "../../common/log.h"
#include "../kept.h"
#include "../registers.h"
#include "../slots.h"
#include "../trial.h"
#include "../uart.h"

#define ESRAM 0x20000000U
#define ESRAM_END 0x20010000U
#define DDR 0xA0000000U
#define DDR_ROOM 0x200000U /* memory.ld */

/* ARMv7-M, B3.2 and B3.5. */
#define VTOR REGISTER(0xE000ED08)
#define MPU_CTRL REGISTER(0xE000ED94)
#define MPU_RNR REGISTER(0xE000ED98)
#define MPU_RBAR REGISTER(0xE000ED9C)
#define MPU_RASR REGISTER(0xE000EDA0)
#define MPU_CTRL_ON 7U            /* ENABLE; HFNMIENA: in a HardFault, too; PRIVDEFENA: elsewhere all is as it was */
#define MPU_RASR_DDR 0x030B0033U  /* all may read, write, execute; normal memory; 2^26 bytes; enabled */
#define ICSR_PENDSTCLR (1U << 25) /* the tick's interrupt is no longer pending */

#define VTOR_ALIGNMENT 512U /* for 16 + 81 vectors (B3.2.5) */

#define RETRY_MS 5000U

const char board_name[] = "emcraft-sf2";

/* For fault.c: this one has no log that stays. */
const char *board_reset_reason(void)
{
    return NULL;
}

/* The beginning of the application's vector table (B1.5.3). */
struct vectors {
    uint32_t stack_top;
    uint32_t handlers[3]; /* reset, NMI, HardFault */
};

static const struct vectors *vectors_of(const struct dory_image *image)
{
    return (const struct vectors *)(DDR + image->header_size); // NOLINT(performance-no-int-to-ptr)
}

/* Whether it can be started, and a fault in it be handled. An NMI has no source here, and mostly no handler. */
static bool has_vectors(const struct dory_image *image)
{
    const struct vectors *vectors = vectors_of(image);
    uint32_t begin = DDR + image->header_size;
    bool fits = vectors->stack_top > ESRAM && vectors->stack_top <= ESRAM_END && vectors->stack_top % 8 == 0;

    for (unsigned i = 0; i < 3; i++) {
        uint32_t handler = vectors->handlers[i];

        fits = fits && ((i == 1 && handler == 0) ||
                        (handler % 2 == 1 && handler > begin && handler - begin < image->image_size));
    }
    return fits;
}

/* Whether it is meant to be copied to DDR, and to be started from there: VTOR takes no other addresses (B3.2.5). */
static bool is_for_ddr(const struct dory_image *image)
{
    return (image->flags & DORY_IMAGE_FLAG_RAM_LOAD) != 0 && image->load_addr == DDR &&
           image->header_size % VTOR_ALIGNMENT == 0 && image->image_size >= sizeof(struct vectors);
}

static bool copy(void *ctx, const struct dory_image *image, uint32_t off, const uint8_t *data, size_t len)
{
    (void)ctx;
    if (!is_for_ddr(image) || off > DDR_ROOM || len > DDR_ROOM - off) {
        return false;
    }
    memcpy((uint8_t *)DDR + off, data, len); // NOLINT(performance-no-int-to-ptr)
    return off + len < image->header_size + sizeof(struct vectors) || has_vectors(image);
}

static bool choose(struct boot_result *result)
{
    static struct slots slots;
    struct boot_slots both = {
        .rules = {.crypto = &image_bearssl, .key = image_key, .board = board_name},
        .load = copy,
    };

    slots_begin(&slots);
    both.slot[0] = slots.slot[0];
    both.slot[1] = slots.slot[1];
    return both.slot[0] != NULL && both.slot[1] != NULL && boot_choose(&both, result) == DORY_OK;
}

static void tell(const struct boot_result *result)
{
    char version[DORY_IMAGE_VERSION_TEXT];

    dory_image_version_write(&result->image.version, version);
    log_text("boot: slot ");
    log_text(result->slot == 0 ? "A" : "B");
    log_text(", version ");
    log_text(version);
    log_text(result->on_trial ? ", on trial\n" : "\n");
}

static void open_ddr(void)
{
    MPU_RNR = 0;
    MPU_RBAR = DDR;
    MPU_RASR = MPU_RASR_DDR;
    MPU_CTRL = MPU_CTRL_ON;
    __asm volatile("dsb\nisb" ::: "memory");
}

/* Leaves the core as after a reset, but for the trial's timer. */
_Noreturn static void start(const struct boot_result *result)
{
    const struct vectors *vectors = vectors_of(&result->image);

    boot_handoff_write(&kept.handoff, result->slot, result->on_trial, BOARD_TRIAL_S * 1000U);
    open_ddr();
    SYST_CSR = 0;
    ICSR = ICSR_PENDSTCLR;
    VTOR = (uint32_t)(uintptr_t)vectors;
    if (result->on_trial) {
        trial_begin(BOARD_TRIAL_S);
    }
    __asm volatile("msr msp, %0\n"
                   "bx %1\n"
                   :
                   : "r"(vectors->stack_top), "r"(vectors->handlers[0])
                   : "memory");
    __builtin_unreachable();
}

int main(void)
{
    struct boot_result result;

    trial_end();
    uart_begin();
    cortex_m_begin_tick(CLOCK_HZ);
    if (choose(&result)) {
        tell(&result);
        start(&result);
    }
    log_text("boot: no firmware that is whole, for this board, and signed with its key\n");
    while (board_now_ms() < RETRY_MS) {
        __asm volatile("wfi");
    }
    board_restart();
}
