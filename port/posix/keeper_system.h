/* SPDX-License-Identifier: MIT */
/* What a keeper needs and POSIX doesn't have. Without it only process groups are ended. */
#ifndef DORY_KEEPER_SYSTEM_H
#define DORY_KEEPER_SYSTEM_H

#include <stdbool.h>

/* Makes this process the parent of its descendants' orphans, and closes what it
 * has inherited above KEEPER_CONTROL. */
void keeper_system_begin(void);

/* This process shall be killed when its parent ends. */
void keeper_system_die_with_parent(void);

/* Sends SIGKILL to every child that this process has now, and to its process
 * group, unless that is our own: nobody in a group forks past a signal to it. */
void keeper_system_kill_children(void);

/* The two ways to find them; the first returns false where the kernel doesn't
 * offer it. */
bool keeper_system_kill_listed(void);
void keeper_system_kill_found(void);

#endif
