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

enum { DIGITS_GUARD = 64 }; /* bits: never yet too few */

/*
 * The first n decimals behind "3.", n >= 1, as characters, not terminated; to be freed.  guard, at
 * least 1: bits of precision to spare; where they leave the last decimal open, all is done again
 * with twice as many.  seconds[phase] is set for the first three phases; of these only checking
 * counts thousandths.  NULL with *why set: out of memory, or the check has failed.
 */
char *digits_of_pi(size_t n, int guard, int threads, progress *p, double seconds[DIGITS_PHASES],
                   const char **why);

/* Bytes of memory that n decimals take at most, about; and seconds to compute them, a guess. */
double digits_memory(double n);
double digits_guess(double n, int threads);

double digits_clock(void); /* seconds, monotonic */

const char *digits_arithmetic(void); /* who does it, for people */

#endif
