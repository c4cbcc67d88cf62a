/*
 * A binary fraction into decimals, by multiplications only.
 *
 * Invariant: every decimal written is right, or radix_decimals returns -1; it never guesses.
 */
#ifndef PIDIGITS_RADIX_H
#define PIDIGITS_RADIX_H

#include "progress.h"

#include <gmp.h>
#include <stddef.h>

size_t radix_round(size_t digits); /* the digits that are really made: at least as many */
size_t radix_bits(size_t digits);  /* the bits behind the point that radix_decimals wants */

/*
 * The first `digits` decimals (a value of radix_round) behind the point of x /
 * 2^radix_bits(digits), x of that many bits, at most a few units below the true value and never
 * above it.  x is used up. -1: some decimals lie too near to a run of nines for this precision.
 */
int radix_decimals(char *out, mpz_t x, size_t digits, int threads, progress *p);

#endif
