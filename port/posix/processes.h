/* SPDX-License-Identifier: MIT */
/*
 * A provider of commands (core/commands.h) whose commands are processes, each
 * with a keeper (keeper.h) around it.
 *
 * Not thread-safe. The program's main() begins with keeper_is_meant(). A
 * command gets the environment, the current folder and the umask of this
 * process, an empty standard input, its two outputs, no other descriptor, no
 * controlling terminal, a process group of its own, and every signal as usual.
 */
#ifndef DORY_PROCESSES_H
#define DORY_PROCESSES_H

#include "../../core/commands.h"
#include "command_lines.h"
#include "net_posix.h"

/* Descriptors that a command takes in this process. */
#define PROCESS_DESCRIPTORS 3U

struct processes_options {
    const struct command_lines *lines; /* stays the caller's, until processes_free() */
    struct net *net;      /* its tick() is called when there is news; NULL: the caller asks again and again */
    const char *program;  /* this program's file, which is executed once more; stays the caller's */
    uint32_t max_running; /* commands at once, those included that are being ended */
    uint32_t timeout_ms;  /* of a command; 0: none */
    uint64_t max_output;  /* bytes of a command, both streams together */
    uint32_t open_files;  /* a command's soft limit; 0: that of this process */
};

struct processes;

/* Returns NULL and sets errno when there is no memory or no descriptor. The caller owns it until processes_free(). */
struct processes *processes_new(const struct processes_options *options);

/* The provider; its `ctx` is the struct processes. */
extern const struct dory_commands processes_commands;

/* Looks after keepers that are ending. To be called at each tick. Returns in how many milliseconds it wants to be
 * called again at the latest. */
uint32_t processes_tick(struct processes *processes);

/* Tells every command to end (SIGTERM, soon SIGKILL), and starts no further one. Sessions still get the exit codes, but
 * no more output. */
void processes_stop(struct processes *processes);

/* Waits until the keepers of ended commands are gone, though not for ever. Every command must have been ended. */
void processes_free(struct processes *processes);

#endif
