/*
 * A real number, known within bounds, into decimals.
 *
 * Invariant: every decimal written is right, or decimals_of returns -1; it never guesses.
 */
#ifndef PIDIGITS_DECIMALS_H
#define PIDIGITS_DECIMALS_H

#include "numbers.h"

size_t decimals_room(size_t n); /* bytes for n decimals: at least n, and a few */
slong decimals_bits(size_t n);  /* bits behind the point without which there is no knowing them */

/*
 * The first n decimals behind the point of x, which is used up; out has decimals_room(n) bytes. -1:
 * x is not known well enough to tell.
 */
int decimals_of(char *out, arb_t x, size_t n);

#endif
