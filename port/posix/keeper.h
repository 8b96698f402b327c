/* SPDX-License-Identifier: MIT */
/*
 * The keeper: a small process around one command, which ends everything that
 * the command has started. It is the program itself, executed once more:
 * processes.c starts it, main() hands it over.
 *
 * Implementation notes
 *  - A child that calls setsid(), or whose parent has gone, leaves the
 *    command's process group, and then nobody would find it. Linux hands such
 *    orphans to the nearest ancestor that is a "child subreaper" (prctl(2)):
 *    the keeper, whose children are then exactly what is left of the command.
 *    Elsewhere only the process group is ended.
 *  - The keeper holds one end of a socket pair. When the other end is closed,
 *    by whatever end the server takes, the command is ended: SIGTERM to its
 *    process group first, SIGKILL to everything after KEEPER_GRACE_MS or when
 *    its first process has gone. If the keeper itself is killed, the command's
 *    first process is, too.
 *  - In the end the keeper writes one byte to the socket, the exit code; by
 *    then nobody is left who could write output.
 */
#ifndef DORY_KEEPER_H
#define DORY_KEEPER_H

#include <stdbool.h>

/* argv[0] of the keeper. What follows: how many files the command may have
 * open (0: as many as the keeper), the path of its program, its argv. */
#define KEEPER_NAME "dory-keeper"
#define KEEPER_WORDS 3

/* The keeper's end of the socket pair; 0, 1 and 2 are the command's. */
#define KEEPER_CONTROL 3

#define KEEPER_GRACE_MS 500

/* To be asked first thing in main(): whether this process is a keeper. */
bool keeper_is_meant(int argc, char **argv);

/* Then this is all that main() does. Does not return. */
_Noreturn void keeper_run(char **argv);

/* Ends every child of this process, theirs, and so on. They are this process's
 * to wait for (see above), and all have been waited for when it returns. If
 * `first` is among them, `*status` is set as by waitpid(). */
void keeper_end_family(int first, int *status);

#endif
