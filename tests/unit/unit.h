/* SPDX-License-Identifier: MIT */
/* What each unit test includes first: cmocka, and what it asks for. */
#ifndef UNIT_H
#define UNIT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* MAP_ANONYMOUS, memmem() */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#endif
