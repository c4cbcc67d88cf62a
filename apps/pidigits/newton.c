/*
 * Design notes
 *
 * Both iterations double the number of correct bits, less a few that SLACK covers: a start with
 * h = bits / 2 + SLACK bits gives `bits`.  The halves' products are all that is computed at full
 * length, so the last step costs about as much as all before it.
 */
#include "newton.h"

#include "multiply.h"

enum { SLACK = 16, DIRECT_BITS = 20000 };

/* With r = r_h 2^(bits - h) and e = 2^(bits + h) - x r_h: 2^(2 bits) / x is r + r_h e / 2^(2h). */
void newton_reciprocal(mpz_t r, const mpz_t x, size_t bits, int threads)
{
    if (bits <= DIRECT_BITS) {
        mpz_set_ui(r, 0);
        mpz_setbit(r, 2 * bits);
        mpz_fdiv_q(r, r, x);
        return;
    }
    size_t h = bits / 2 + SLACK;
    mpz_t e, top;
    mpz_init(e);
    mpz_init(top);
    mpz_fdiv_q_2exp(top, x, bits - h);
    newton_reciprocal(r, top, h, threads);
    multiply(top, x, r, threads);
    mpz_setbit(e, bits + h);
    mpz_sub(e, e, top);
    mpz_fdiv_q_2exp(e, e, bits - h);
    multiply(e, e, r, threads);
    mpz_fdiv_q_2exp(e, e, 3 * h - bits);
    mpz_mul_2exp(r, r, bits - h);
    mpz_add(r, r, e);
    mpz_clear(e);
    mpz_clear(top);
}

/* With e = 2^(2h) - d r_h^2: 2^bits / sqrt(d) is r_h 2^(bits - h) + r_h e 2^(bits - 3h) / 2. */
void newton_reciprocal_root(mpz_t r, unsigned long d, size_t bits, int threads)
{
    if (bits <= DIRECT_BITS) {
        mpz_set_ui(r, 0);
        mpz_setbit(r, 2 * bits);
        mpz_fdiv_q_ui(r, r, d);
        mpz_sqrt(r, r);
        return;
    }
    size_t h = bits / 2 + SLACK;
    mpz_t e, square;
    mpz_init(e);
    mpz_init(square);
    newton_reciprocal_root(r, d, h, threads);
    multiply(square, r, r, threads);
    mpz_mul_ui(square, square, d);
    mpz_setbit(e, 2 * h);
    mpz_sub(e, e, square);
    multiply(e, e, r, threads);
    mpz_fdiv_q_2exp(e, e, 3 * h - bits + 1);
    mpz_mul_2exp(r, r, bits - h);
    mpz_add(r, r, e);
    mpz_clear(e);
    mpz_clear(square);
}
