/*
 * pi by the series of D. and G. Chudnovsky (1988), summed by binary splitting.
 *
 * Invariant: the result never exceeds the true value, and is less than two units below it.
 */
#ifndef PIDIGITS_CHUDNOVSKY_H
#define PIDIGITS_CHUDNOVSKY_H

#include "progress.h"

#include <gmp.h>
#include <stddef.h>

/* x = floor(pi * 2^bits), or one less.  multiply_prepare has been called for 3 * bits. */
void chudnovsky_pi(mpz_t x, size_t bits, int threads, progress *p);

#endif
