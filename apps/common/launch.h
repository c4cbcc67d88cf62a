/* launch - how a program that farms begins and ends: MPI, one reading of the command line, the
 * exit status. */
#ifndef COMMON_LAUNCH_H
#define COMMON_LAUNCH_H

#include "nave.h"

/* Reads a command line into `options`.  Returns 0 when work may begin, -1 with *status when not;
 * what is wrong, or the answer to --help, has then been printed. */
typedef int launch_parse(void *options, int argc, char **argv, int *status);

/* Initialises MPI; returns the rank. */
int launch_init(int *argc, char ***argv);

/* Rank 0 parses first, so that only one says what is wrong.  Collective.  Returns as `parse`, the
 * same on all ranks. */
int launch_options(launch_parse *parse, void *options, int argc, char **argv, int *status);

/* nave_run() over all ranks with `hub`; a failure to open is said on rank 0.  Returns the exit
 * status, with standard output flushed. */
int launch_farm(const char *program, const nave_options *farm, int (*hub)(nave *ctx, void *arg),
                void *arg);

/* The exit status of a program that failed because of this code of Nave's. */
int launch_status(int code);

/* Measures on a direct view of one engine, and on another if that is lost meanwhile.  Returns what
 * `measure` does, 0 if it went well, or a code of Nave's. */
int launch_on_one(nave *ctx, int (*measure)(nave_view *one, void *arg), void *arg);

/* Flushes standard output on rank 0; what cannot be written is a failure.  Returns the status. */
int launch_flush(const char *program, int status);

#endif
