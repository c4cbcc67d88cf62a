/* spawn - runs another program and waits for it.
 *
 * The variables by which mpirun talks to its ranks are kept from it: a program that happens to use
 * MPI would take itself for one of them. */
#ifndef COMMON_SPAWN_H
#define COMMON_SPAWN_H

#include <stddef.h>

/* The path of a program: beside our own executable if `beside`, else in PATH. To be freed; NULL
 * when there is none. */
char *spawn_find(const char *name, int beside);

/* Runs a program; `input` is the descriptor it gets as standard input, -1: ours. Returns its exit
 * status, 128 + signal as in a shell, or -1 with errno when it could not be started. */
int spawn_run(const char *path, const char *const *argv, int input);

/* The same, and what it writes to standard output is *output, which is to be freed; NULL unless a status
 * is returned. */
int spawn_read(const char *path, const char *const *argv, int input, char **output);

#endif
