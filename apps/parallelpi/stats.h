/* stats - are the sequences as frequent as random ones would be?
 *
 * For single digits the chi-square test. Sequences that overlap are not independent of each other,
 * so that for k > 1 the chi-square of their counts does not follow the chi-square distribution; its
 * differences over k do. That is the serial test of I. J. Good, "The serial test for sampling
 * numbers and other tests for randomness", Proc. Camb. Phil. Soc. 49 (1953) 276-284:
 *
 *     psi2(k)             = sum (count - n/10^k)^2 / (n/10^k), psi2(0) = psi2(-1) = 0
 *     psi2(k) - psi2(k-1)                        10^k - 10^(k-1) degrees of freedom
 *     psi2(k) - 2 psi2(k-1) + psi2(k-2)          10^k - 2*10^(k-1) + 10^(k-2), for k > 1
 *
 * The theory takes the digits as a ring. So the k - 1 sequences that run from the last digits into
 * the first ones are counted as well here (and nowhere else); counts of shorter sequences are then
 * sums of those of longer ones, ends included. */
#ifndef PARALLELPI_STATS_H
#define PARALLELPI_STATS_H

#include <stdint.h>

/* A statistic: its value, its degrees of freedom, and the chance of a value at least so large in
 * random digits. */
typedef struct pi_test {
    double value, freedom, p;
} pi_test;

typedef struct pi_stats {
    double expected; /* count of a sequence in random digits */
    pi_test first;   /* k = 1: chi-square; else the first difference */
    pi_test second;  /* k > 1: the second difference */
} pi_stats;

/* From the counts of n - k + 1 sequences of k digits out of n, and the k - 1 digits at both ends.
 * counts is changed and put back. Returns 0, -1 when out of memory. */
int pi_stats_compute(pi_stats *stats, int k, uint64_t *counts, uint64_t n, const uint8_t *first,
                     const uint8_t *last);

/* A plain sentence of what the figures mean; a static string. */
const char *pi_stats_verdict(const pi_stats *stats, int k);

#endif
