#include "digits.h"

#include "bbp.h"
#include "decimals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHECK_BITS = 40, WINDOW = 52, POOL_MAX = 64 };

double digits_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double digits_memory(double n)
{
    return 12 * n + 32e6;
}

/* 10^7 to 1.5 * 10^8 digits took this long on one and two threads of a processor of 2021. */
double digits_guess(double n, int threads)
{
    double bits = log2(n + 1);
    return 0.7e-9 * n * bits * bits * (0.4 + 0.6 / threads);
}

const char *digits_arithmetic(void)
{
    return "FLINT " FLINT_VERSION;
}

/* The fractional part of 2^position x, WINDOW bits of it. */
static double bits_behind(const arb_t x, size_t position)
{
    fmpz_t window;
    fmpz_init(window);
    arf_get_fmpz_fixed_si(window, arb_midref(x), -(slong)(position + WINDOW));
    fmpz_fdiv_r_2exp(window, window, WINDOW);
    double value = ldexp(fmpz_get_d(window), -WINDOW);
    fmpz_clear(window);
    return value;
}

/* The bounds of 2^position x. */
static double radius_behind(const arb_t x, size_t position)
{
    mag_t radius;
    mag_init(radius);
    mag_mul_2exp_si(radius, arb_radref(x), (slong)position);
    double value = mag_get_d(radius);
    mag_clear(radius);
    return value;
}

/*
 * Compare the last bits that reach the decimals with the other series.  An error anywhere in the
 * sum, the division or the root changes the bits behind it, so the last ones vouch for all.
 */
static int check_end(const arb_t x, size_t bits, progress *p)
{
    size_t position = bits > CHECK_BITS ? bits - CHECK_BITS : 0;
    position = position < bbp_reach() ? position : bbp_reach();
    double error, theirs = bbp_fraction(position, &error, p);
    double apart = fabs(bits_behind(x, position) - theirs);
    return fmin(apart, 1 - apart) <= error + radius_behind(x, position) ? 0 : -1;
}

/* The time since *last, which becomes now. */
static double lap(double *last)
{
    double before = *last;
    *last = digits_clock();
    return *last - before;
}

/* 1: done; 0: the precision leaves a decimal open; -1: *why. */
static int attempt(char *out, size_t n, slong bits, progress *p, double seconds[DIGITS_PHASES],
                   const char **why)
{
    double last = digits_clock();
    arb_t pi;
    arb_init(pi);
    progress_begin(p, DIGITS_COMPUTING);
    arb_const_pi(pi, bits + 2);
    flint_cleanup(); /* it keeps a copy */
    seconds[DIGITS_COMPUTING] = lap(&last);
    progress_begin(p, DIGITS_CHECKING);
    int status = check_end(pi, (size_t)decimals_bits(n), p);
    seconds[DIGITS_CHECKING] = lap(&last);
    if (status != 0) {
        *why = "the check by the series of Bailey, Borwein and Plouffe failed: nothing is written";
    } else {
        progress_begin(p, DIGITS_CONVERTING);
        status = decimals_of(out, pi, n) == 0;
        seconds[DIGITS_CONVERTING] = lap(&last);
    }
    arb_clear(pi);
    return status;
}

char *digits_of_pi(size_t n, int guard, int threads, progress *p, double seconds[DIGITS_PHASES],
                   const char **why)
{
    char *out = malloc(decimals_room(n));
    if (out == NULL) {
        *why = "out of memory";
        return NULL;
    }
    /* FLINT waits for ever for threads that the system refuses. */
    flint_set_num_threads(threads < POOL_MAX ? threads : POOL_MAX);
    int status = 0;
    for (slong spare = guard; status == 0; spare *= 2) {
        status = attempt(out, n, decimals_bits(n) + spare, p, seconds, why);
    }
    flint_cleanup_master();
    if (status < 0) {
        free(out);
        return NULL;
    }
    return out;
}
