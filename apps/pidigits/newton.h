/* Newton's iteration for reciprocals, on integers that stand for fixed-point numbers. */
#ifndef PIDIGITS_NEWTON_H
#define PIDIGITS_NEWTON_H

#include <gmp.h>
#include <stddef.h>

/* r = about 2^(2 bits) / x for x of exactly `bits` bits; off by a few hundred units at most. */
void newton_reciprocal(mpz_t r, const mpz_t x, size_t bits, int threads);

/* r = about 2^bits / sqrt(d) for a small d > 1; off by a few hundred units at most. */
void newton_reciprocal_root(mpz_t r, unsigned long d, size_t bits, int threads);

#endif
