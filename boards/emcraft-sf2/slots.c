/* SPDX-License-Identifier: MIT */
/* The parts of the NOR flash. */
#include "slots.h"

#include "board_config.h"
#include "spi.h"

/* MCUboot's write alignment, and so the pages of slots. */
#define WRITE_ALIGNMENT 8U

_Static_assert(BOARD_SLOT_SIZE % BOARD_SECTOR == 0 && BOARD_SLOT_B_OFF >= BOARD_SLOT_A_OFF + BOARD_SLOT_SIZE,
               "BOARD_SLOT_A_OFF, BOARD_SLOT_B_OFF, BOARD_SLOT_SIZE: slots are apart, and whole sectors");

void slots_begin(struct slots *slots)
{
    const struct flash_device *chip = spi_nor_begin(&slots->chip, spi_begin());

    if (chip == NULL || chip->size <= BOARD_STORE_OFF) {
        return;
    }
    slots->slot[0] = flash_window_begin(&slots->windows[0], chip, BOARD_SLOT_A_OFF, BOARD_SLOT_SIZE, WRITE_ALIGNMENT);
    slots->slot[1] = flash_window_begin(&slots->windows[1], chip, BOARD_SLOT_B_OFF, BOARD_SLOT_SIZE, WRITE_ALIGNMENT);
    slots->files =
        flash_window_begin(&slots->windows[2], chip, BOARD_STORE_OFF, chip->size - BOARD_STORE_OFF, BOARD_PAGE);
}
