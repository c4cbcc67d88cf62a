#include "stats.h"
#include "count.h"

#include <gsl/gsl_cdf.h>
#include <stdlib.h>

/* Adds `by` (1, or -1 in two's complement) to the counts of the sequences across the seam. */
static void close_ring(int k, uint64_t *counts, const uint8_t *first, const uint8_t *last,
                       uint64_t by)
{
    for (int start = 0; start < k - 1; start++) {
        size_t number = 0;
        for (int i = start; i < start + k; i++)
            number = number * 10 + (i < k - 1 ? last[i] : first[i - (k - 1)]);
        counts[number] += by;
    }
}

/* Counts of the sequences without their last digits; in place where shorter == counts. */
static void shorten(int k, const uint64_t *counts, uint64_t *shorter)
{
    for (size_t i = 0; i < pi_power10(k - 1); i++) {
        uint64_t sum = 0;
        for (size_t j = 0; j < 10; j++)
            sum += counts[10 * i + j];
        shorter[i] = sum;
    }
}

static double psi2(int k, const uint64_t *counts, uint64_t n)
{
    double expected = (double)n / (double)pi_power10(k), sum = 0;

    for (size_t i = 0; i < pi_power10(k); i++) {
        double off = (double)counts[i] - expected;
        sum += off * off;
    }
    return sum / expected;
}

static pi_test test_of(double value, double freedom)
{
    pi_test test = {value, freedom, 1};

    if (value > 0)
        test.p = gsl_cdf_chisq_Q(value, freedom);
    return test;
}

int pi_stats_compute(pi_stats *stats, int k, uint64_t *counts, uint64_t n, const uint8_t *first,
                     const uint8_t *last)
{
    double psi[3] = {0, 0, 0}; /* of k, k - 1, k - 2 */
    double size = (double)pi_power10(k), shorter_size = size / 10;
    uint64_t *shorter = malloc(pi_power10(k - 1) * sizeof *shorter);

    if (shorter == NULL)
        return -1;
    close_ring(k, counts, first, last, 1);
    psi[0] = psi2(k, counts, n);
    shorten(k, counts, shorter);
    close_ring(k, counts, first, last, UINT64_MAX);
    if (k > 1)
        psi[1] = psi2(k - 1, shorter, n);
    if (k > 2) {
        shorten(k - 1, shorter, shorter);
        psi[2] = psi2(k - 2, shorter, n);
    }
    free(shorter);
    *stats = (pi_stats){.expected = (double)n / size};
    stats->first = test_of(psi[0] - psi[1], size - shorter_size);
    if (k > 1)
        stats->second =
            test_of(psi[0] - 2 * psi[1] + psi[2], size - 2 * shorter_size + shorter_size / 10);
    return 0;
}

const char *pi_stats_verdict(const pi_stats *stats, int k)
{
    double low = stats->first.p, high = low;

    if (k > 1) {
        low = stats->second.p < low ? stats->second.p : low;
        high = stats->second.p > high ? stats->second.p : high;
    }
    if (stats->expected < 5)
        return "Fewer than 5 of each sequence are expected, too few for this test to say much.";
    if (low < 0.001)
        return "Random digits would hardly ever be so uneven: not what one expects of pi.";
    if (high > 0.999)
        return "Random digits would hardly ever be so even: not what one expects of pi.";
    if (low < 0.01 || high > 0.99)
        return "Unusual, but random digits do look like this about once in a hundred times.";
    return "Random digits would look much like this: nothing speaks against pi being random here.";
}
