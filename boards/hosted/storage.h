/* SPDX-License-Identifier: MIT */
/*
 * NOR flash in memory, or in a file that outlives the process. It can be told
 * to fail, or to keep everyone waiting.
 */
#ifndef STORAGE_H
#define STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../port/flash/flash_device.h"

enum storage_fault { STORAGE_OK, STORAGE_FAILS_READ, STORAGE_FAILS_PROGRAM, STORAGE_FAILS_ERASE, STORAGE_BUSY };

/* Opens `file`, which is made if it is not there, or memory that restarts keep if it is NULL. Returns the device, or NULL and a sentence
 * on stderr. `size` is a multiple of the sector. */
const struct flash_device *storage_begin(const char *file, uint64_t size);

/* From now on, until told otherwise. */
void storage_set_fault(enum storage_fault fault);

#endif
