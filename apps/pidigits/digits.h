/* Decimals of pi in memory: computed, checked by an independent series, converted. */
#ifndef PIDIGITS_DIGITS_H
#define PIDIGITS_DIGITS_H

#include "progress.h"

#include <stddef.h>

typedef enum digits_phase {
    DIGITS_COMPUTING,
    DIGITS_CHECKING,
    DIGITS_CONVERTING,
    DIGITS_WRITING, /* the caller's */
    DIGITS_PHASES
} digits_phase;

/*
 * The first n decimals behind "3.", n >= 1, as characters, not terminated; to be freed.
 * seconds[phase] is set for the first three phases.  NULL with *why set: out of memory, or a check
 * has failed.
 */
char *digits_of_pi(size_t n, int threads, progress *p, double seconds[DIGITS_PHASES],
                   const char **why);

/* Bytes of memory that n decimals take at most, about. */
double digits_memory(double n);

double digits_clock(void); /* seconds, monotonic */

#endif
