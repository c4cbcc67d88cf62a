/*
 * Products of large integers: number-theoretic transforms modulo three to six 50-bit primes where
 * the processor has vectors with fused multiply-add, GMP otherwise and for small factors.
 *
 * Invariant: multiply_prepare runs first, alone, with the size of the largest product to come; from
 * then on the tables are only read, and any number of threads may multiply.
 */
#ifndef PIDIGITS_MULTIPLY_H
#define PIDIGITS_MULTIPLY_H

#include <gmp.h>
#include <stddef.h>

int multiply_prepare(size_t bits); /* 0, or -1 when out of memory */
void multiply_release(void);
const char *multiply_name(void); /* the way large products are made, for people */

/* z = a * b on up to `threads` threads.  z may be a or b. */
void multiply(mpz_t z, const mpz_t a, const mpz_t b, int threads);

#endif
