#include "digits.h"

#include "bbp.h"
#include "chudnovsky.h"
#include "multiply.h"
#include "radix.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { CHECK_BITS = 40, WINDOW = 52 };

static const double BITS_PER_DIGIT = 3.3219280948873626;

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

/*
 * Compare the last bits that reach the decimals with the other series.  An error anywhere in the
 * sum, the division or the root changes the bits behind it, so the last ones vouch for all.
 */
static int check_end(const mpz_t x, size_t bits, size_t n, int threads, progress *p)
{
    size_t position = (size_t)((double)n * BITS_PER_DIGIT);
    position = position > CHECK_BITS ? position - CHECK_BITS : 0;
    position = position < bbp_reach() ? position : bbp_reach();
    mpz_t window;
    mpz_init(window);
    mpz_fdiv_q_2exp(window, x, bits - position - WINDOW);
    mpz_fdiv_r_2exp(window, window, WINDOW);
    double ours = ldexp(mpz_get_d(window), -WINDOW), error;
    double theirs = bbp_fraction(position, threads, &error, p);
    mpz_clear(window);
    double apart = fabs(ours - theirs);
    return fmin(apart, 1 - apart) <= error ? 0 : -1;
}

/* Numbers come and go by the million: asking the system for fresh pages each time took a tenth of
 * the run. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

/* The time since *last, which becomes now. */
static double lap(double *last)
{
    double before = *last;
    *last = digits_clock();
    return *last - before;
}

/* x is pi 2^bits and is used up. */
static char *convert(mpz_t x, size_t made, int threads, progress *p, const char **why)
{
    char *out = malloc(made);
    if (out == NULL) {
        *why = "out of memory";
        return NULL;
    }
    mpz_fdiv_r_2exp(x, x, radix_bits(made));
    if (radix_decimals(out, x, made, threads, p) != 0) {
        *why = "a run of nines is too long for the precision: ask for another number of digits";
        free(out);
        return NULL;
    }
    return out;
}

char *digits_of_pi(size_t n, int threads, progress *p, double seconds[DIGITS_PHASES],
                   const char **why)
{
    size_t made = radix_round(n), bits = radix_bits(made);
    double last = digits_clock();
    keep_memory();
    if (multiply_prepare(bits / 2 * 5) != 0) {
        *why = "out of memory";
        return NULL;
    }
    mpz_t x;
    mpz_init(x);
    progress_begin(p, DIGITS_COMPUTING);
    chudnovsky_pi(x, bits, threads, p);
    seconds[DIGITS_COMPUTING] = lap(&last);
    progress_begin(p, DIGITS_CHECKING);
    char *out = NULL;
    if (check_end(x, bits, n, threads, p) != 0) {
        *why = "the check by the series of Bailey, Borwein and Plouffe failed: nothing is written";
    } else {
        seconds[DIGITS_CHECKING] = lap(&last);
        progress_begin(p, DIGITS_CONVERTING);
        out = convert(x, made, threads, p, why);
        seconds[DIGITS_CONVERTING] = lap(&last);
    }
    mpz_clear(x);
    multiply_release();
    return out;
}
