/* The statistics against published figures and against their definition; the words of the report.
 */
#include "parallelpi/report.h"
#include "parallelpi/stats.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_near(double value, double expected, double within)
{
    if (!(fabs(value - expected) <= within))
        fail_msg("%.10g is not %.10g", value, expected);
}

/* The published counts of the first million decimals. */
static void single_digits_of_a_million(void **state)
{
    uint64_t counts[] = {99959, 99758, 100026, 100229, 100230, 100359, 99548, 99800, 99985, 100106};
    pi_stats stats;
    (void)state;

    assert_int_equal(pi_stats_compute(&stats, 1, counts, 1000000, NULL, NULL), 0);
    assert_near(stats.first.value, 5.50908, 1e-9);
    assert_near(stats.first.freedom, 9, 0);
    assert_near(stats.first.p, 0.78783, 1e-4);
    assert_near(stats.expected, 100000, 0);
}

/* psi2 of k digits by its definition, the digits as a ring. */
static double psi2_of(const uint8_t *digits, size_t n, int k)
{
    size_t cells = pi_power10(k);
    double *counts = calloc(cells, sizeof *counts), expected = (double)n / (double)cells, sum = 0;

    for (size_t i = 0; k > 0 && i < n; i++) {
        size_t number = 0;
        for (size_t j = 0; j < (size_t)k; j++)
            number = number * 10 + digits[(i + j) % n];
        counts[number]++;
    }
    for (size_t i = 0; k > 0 && i < cells; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    free(counts);
    return sum;
}

static void check_serial_test(const uint8_t *digits, size_t n, int k)
{
    size_t cells = pi_power10(k);
    uint64_t *counts = calloc(cells, sizeof *counts), *saved = calloc(cells, sizeof *saved);
    double psi[3];
    pi_stats stats;

    for (size_t i = 0; i + (size_t)k <= n; i++) {
        size_t number = 0;
        for (int j = 0; j < k; j++)
            number = number * 10 + digits[i + (size_t)j];
        counts[number]++;
    }
    memcpy(saved, counts, cells * sizeof *counts);
    assert_int_equal(pi_stats_compute(&stats, k, counts, n, digits, digits + n - (k - 1)), 0);
    assert_memory_equal(counts, saved, cells * sizeof *counts);
    for (int i = 0; i < 3; i++)
        psi[i] = psi2_of(digits, n, k - i);
    assert_near(stats.first.value, psi[0] - psi[1], 1e-6 * psi[0]);
    assert_near(stats.first.freedom, (double)cells - (double)cells / 10, 0);
    assert_near(stats.second.value, psi[0] - 2 * psi[1] + psi[2], 1e-6 * psi[0]);
    assert_near(stats.second.freedom, (double)cells * 0.81, 0.5);
    free(counts);
    free(saved);
}

static void serial_test_as_defined(void **state)
{
    uint8_t digits[5000];
    uint64_t seed = 42;
    (void)state;

    for (size_t i = 0; i < sizeof digits; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        digits[i] = (uint8_t)((seed >> 40) % 10);
    }
    for (int k = 2; k <= 5; k++) {
        check_serial_test(digits, sizeof digits, k);
        check_serial_test(digits, (size_t)k, k);
    }
}

static void judges_in_words(void **state)
{
    pi_stats stats = {.expected = 1000, .first = {90, 90, 0.5}, .second = {81, 81, 0.5}};
    const char *fine = pi_stats_verdict(&stats, 2);
    (void)state;

    stats.second.p = 1e-9;
    assert_string_not_equal(pi_stats_verdict(&stats, 2), fine);
    assert_string_equal(pi_stats_verdict(&stats, 1), fine);
    stats.second.p = 0.5;
    stats.first.p = 0.9999;
    assert_string_not_equal(pi_stats_verdict(&stats, 2), fine);
    stats.expected = 1;
    assert_non_null(strstr(pi_stats_verdict(&stats, 2), "too few"));
}

static void names_sequences(void **state)
{
    char text[PI_MAX_K + 1];
    (void)state;

    assert_string_equal(pi_report_sequence(2, 7, text), "07");
    assert_string_equal(pi_report_sequence(8, 12345, text), "00012345");
    assert_string_equal(pi_report_sequence(1, 0, text), "0");
}

static void finds_extremes(void **state)
{
    uint64_t counts[] = {5, 3, 9, 3, 9, 5, 5, 5, 5, 5}, most, least;
    pi_result result = {.k = 1, .counts = counts};
    (void)state;

    pi_report_extremes(&result, &most, &least);
    assert_int_equal(most, 2);
    assert_int_equal(least, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_digits_of_a_million),
        cmocka_unit_test(serial_test_as_defined),
        cmocka_unit_test(judges_in_words),
        cmocka_unit_test(names_sequences),
        cmocka_unit_test(finds_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
