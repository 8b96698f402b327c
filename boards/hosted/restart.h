/* SPDX-License-Identifier: MIT */
/*
 * Restarts of the hosted board: the program is executed anew, in the same
 * process, with the same options and at the same port. What a device's RAM and
 * flash keep over a restart is kept in a file without a name, which ends with
 * the process: that is the power going.
 */
#ifndef RESTART_H
#define RESTART_H

#include <stdint.h>

/* To be called first. `argv` is main()'s. Returns the port to listen at, or 0 when this is the first start. */
uint16_t restart_begin(char **argv);

/* The port that the next start is to listen at. */
void restart_set_port(uint16_t port);

/* Memory of `size` bytes that a restart keeps; zero at first. Returns MAP_FAILED and errno when there is none. */
void *restart_memory(uint64_t size);

#endif
