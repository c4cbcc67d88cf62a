/* mcpricer's inner loops: normals, walks and payoffs of each path against plain formulas. */
#include "mcpricer/walk.h"
#include "nave_rng.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these before itself */
#include <cmocka.h>

enum { GROUPS = 64, MANY = 64 * MC_BUNDLE };

static _Alignas(64) uint32_t words[MANY];
static _Alignas(64) double z[MANY], other[MANY];

static void make_normals(const mc_path *path, uint64_t seed, uint64_t round, double *to)
{
    nave_rng_fill(seed, 1, round * MANY, words, MANY);
    path->normals(words, to, GROUPS);
}

/* The next path that this machine has, from *i on. */
static const mc_path *next_path(size_t *i)
{
    const mc_path *path;
    do
        path = mc_path_at((*i)++);
    while (path != NULL && !path->supported());
    return path;
}

/* Normal `first` or 16 further, of a pair of words. */
static double by_formula(uint32_t radius, uint32_t angle, int second)
{
    double r = sqrt(-2 * log((radius + 0.5) / 4294967296.0));
    double phi = ((angle & 0x3fffffff) + 0.5) / 1073741824.0 * acos(0);
    double x = r * (second ? sin(phi) : cos(phi));
    return angle >> (second ? 30 : 31) & 1 ? -x : x;
}

static void normals_are_those_of_the_formula(void **state)
{
    const mc_path *path;
    (void)state;
    for (size_t i = 0; (path = next_path(&i)) != NULL;) {
        make_normals(path, 5, i, z);
        for (size_t n = 0; n < MANY; n++) {
            const uint32_t *pair = words + n / MC_BUNDLE * MC_BUNDLE + 2 * (n % 16);
            double wanted = by_formula(pair[0], pair[1], n % MC_BUNDLE >= 16);
            assert_true(fabs(z[n] - wanted) < 1e-11);
        }
    }
}

static void extreme_words_make_finite_normals(void **state)
{
    static const uint32_t extremes[] = {0,          1,          0x3fffffff, 0x40000000, 0x7fffffff,
                                        0x80000000, 0xbfffffff, 0xfffffffe, 0xffffffff};
    const mc_path *path;
    (void)state;
    for (size_t n = 0; n < MANY / 2; n++) {
        words[2 * n] = extremes[n % 9];
        words[2 * n + 1] = extremes[n / 9 % 9];
    }
    for (size_t i = 0; (path = next_path(&i)) != NULL;) {
        path->normals(words, z, GROUPS);
        for (size_t n = 0; n < MANY; n++) {
            const uint32_t *pair = words + n / MC_BUNDLE * MC_BUNDLE + 2 * (n % 16);
            double wanted = by_formula(pair[0], pair[1], n % MC_BUNDLE >= 16);
            assert_true(fabs(z[n]) <= MC_NORMAL_MAX);
            assert_true(fabs(z[n] - wanted) < 1e-7); /* radii of 1e-5 are made of few bits */
        }
    }
}

/* Whether a sum of n has come within five of its standard deviations. */
static int within(double sum, double n, double mean, double variance)
{
    return fabs(sum - n * mean) < 5 * sqrt(n * variance);
}

static void moments_and_tails_are_normal(void **state)
{
    enum { ROUNDS = 2000, TAILS = 5 };
    double sum[5] = {0}, pairs = 0, neighbours = 0, days = 0, n = (double)ROUNDS * MANY;
    double beyond[TAILS + 1] = {0};
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        make_normals(mc_path_find("auto"), 2026, round, z);
        for (size_t i = 0; i < MANY; i++) {
            double power = 1;
            for (int k = 1; k <= 4; k++)
                sum[k] += power *= z[i];
            for (int t = 1; t <= TAILS; t++)
                beyond[t] += fabs(z[i]) > t;
            pairs += i % MC_BUNDLE < 16 ? z[i] * z[i + 16] : 0;
            neighbours += i > 0 ? z[i] * z[i - 1] : 0;
            days += i >= MC_BUNDLE ? z[i] * z[i - MC_BUNDLE] : 0;
        }
    }
    assert_true(within(sum[1], n, 0, 1));
    assert_true(within(sum[2], n, 1, 2));
    assert_true(within(sum[3], n, 0, 15));
    assert_true(within(sum[4], n, 3, 96));
    assert_true(within(pairs, n / 2, 0, 1));
    assert_true(within(neighbours, n, 0, 1));
    assert_true(within(days, n, 0, 1));
    for (int t = 1; t <= TAILS; t++) {
        double p = 2 * gsl_cdf_ugaussian_Q(t);
        assert_true(within(beyond[t], n, p, p * (1 - p)));
    }
}

static void bins_are_evenly_filled(void **state)
{
    enum { ROUNDS = 500, BINS = 1000 };
    static double bins[BINS];
    double chi = 0, expected = (double)ROUNDS * MANY / BINS;
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        make_normals(mc_path_find("auto"), 7, round, z);
        for (size_t i = 0; i < MANY; i++)
            bins[(int)fmin(gsl_cdf_ugaussian_P(z[i]) * BINS, BINS - 1)]++;
    }
    for (int b = 0; b < BINS; b++)
        chi += (bins[b] - expected) * (bins[b] - expected) / expected;
    assert_true(gsl_cdf_chisq_Q(chi, BINS - 1) > 1e-3);
    assert_true(gsl_cdf_chisq_P(chi, BINS - 1) > 1e-3);
}

static int close_to(double a, double b, double relative)
{
    return fabs(a - b) <= relative * fabs(b);
}

static void walk_by_formula(mc_bundle *b, double drift, double vol)
{
    for (size_t i = 0; i < MANY; i++) {
        size_t p = i % MC_BUNDLE;
        b->log[p] += drift + vol * z[i];
        b->price[p] = 100 * exp(b->log[p]);
        b->sum[p] += b->price[p];
        b->log_sum[p] += b->log[p];
    }
}

/* From volatilities of nothing to 500 %: the exponential is good over its whole range. */
static void walks_are_those_of_the_formula(void **state)
{
    static const struct {
        double rate, sigma, h;
    } cases[] = {{0.05, 0.25, 1 / 260.0}, {0.05, 0.4, 1 / 260.0}, {-0.5, 0.0, 1 / 12.0},
                 {0.1, 1.5, 0.1},         {1, 5, 1 / 4.0},        {0, 0.01, 1e-6}};
    const mc_path *path;
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        mc_motion motion = mc_motion_of(cases[c].rate, cases[c].sigma, cases[c].h);
        for (size_t i = 0; (path = next_path(&i)) != NULL;) {
            static mc_bundle wanted, walked, logged;
            double relative = ldexp(1e-10, motion.halvings);
            make_normals(path, 3, c, z);
            mc_bundle_begin(&wanted, 100);
            mc_bundle_begin(&walked, 100);
            mc_bundle_begin(&logged, 100);
            walk_by_formula(&wanted, motion.drift, motion.vol);
            path->walk(&walked, &motion, z, 10); /* in two parts */
            path->walk(&walked, &motion, z + 10 * MC_BUNDLE, GROUPS - 10);
            path->walk_logs(&logged, &motion, z, GROUPS);
            for (size_t p = 0; p < MC_BUNDLE; p++) {
                assert_true(close_to(walked.price[p], wanted.price[p], relative));
                assert_true(close_to(walked.sum[p], wanted.sum[p], relative));
                assert_true(fabs(logged.log_sum[p] - wanted.log_sum[p]) <
                            1e-10 * (1 + fabs(wanted.log_sum[p])));
            }
            assert_memory_equal(walked.price, logged.price, sizeof walked.price);
            assert_memory_equal(walked.sum, logged.sum, sizeof walked.sum);
        }
    }
}

/* A thousand steps: as far apart as the header says. */
static void paths_agree(void **state)
{
    mc_motion motion = mc_motion_of(0.05, 0.4, 1 / 260.0);
    const mc_path *path;
    (void)state;
    for (size_t i = 0; (path = next_path(&i)) != NULL;) {
        static mc_bundle plain, fast;
        mc_bundle_begin(&plain, 100);
        mc_bundle_begin(&fast, 100);
        for (uint64_t round = 0; round < 16; round++) {
            make_normals(mc_path_find("plain"), 11, round, z);
            make_normals(path, 11, round, other);
            mc_path_find("plain")->walk(&plain, &motion, z, GROUPS);
            path->walk(&fast, &motion, other, GROUPS);
        }
        for (size_t p = 0; p < MC_BUNDLE; p++) {
            assert_true(close_to(fast.price[p], plain.price[p], MC_AGREEMENT));
            assert_true(close_to(fast.sum[p], plain.sum[p], MC_AGREEMENT));
        }
    }
}

/* ---- payoffs ---- */

static mc_ends ends;

static double gain(double x)
{
    return x > 0 ? x : 0;
}

static void tally_by_formula(size_t n, int rows, int control, const mc_payoff *payoff,
                             mc_sums *sums)
{
    for (size_t i = 0; i < n; i++) {
        double y[MC_PRICES] = {0}, c[MC_CONTROLS] = {0}, k = payoff->strike;
        for (int row = 0; row < rows; row++) {
            double w = payoff->discount / rows;
            y[MC_ECALL] += w * gain(ends.last[row][i] - k);
            y[MC_EPUT] += w * gain(k - ends.last[row][i]);
            y[MC_ACALL] += w * gain(ends.mean[row][i] - k);
            y[MC_APUT] += w * gain(k - ends.mean[row][i]);
            c[MC_CONTROL_LAST] += w * ends.last[row][i];
            c[MC_CONTROL_CALL] += w * gain(ends.geometric[row][i] - k);
            c[MC_CONTROL_PUT] += w * gain(k - ends.geometric[row][i]);
        }
        sums->n++;
        for (int p = 0; p < MC_PRICES; p++) {
            double d = y[p] - payoff->centre[p], e;
            e = c[mc_control_of[p]] - payoff->expected[mc_control_of[p]];
            sums->y[p] += d;
            sums->yy[p] += d * d;
            sums->yc[p] += control ? d * e : 0;
        }
        for (int p = 0; control && p < MC_CONTROLS; p++) {
            sums->c[p] += c[p] - payoff->expected[p];
            sums->cc[p] += (c[p] - payoff->expected[p]) * (c[p] - payoff->expected[p]);
        }
    }
}

static void assert_sums(const mc_sums *got, const mc_sums *wanted)
{
    const double *a = (const double *)got, *b = (const double *)wanted;
    for (size_t i = 0; i < sizeof *got / sizeof *a; i++)
        assert_true(fabs(a[i] - b[i]) <= 1e-12 * (fabs(b[i]) + 1e4));
}

static void payoffs_are_added_up(void **state)
{
    const mc_payoff payoff = {101, 0.95, {6, 4, 3, 2}, {100, 3, 2}};
    const mc_path *path;
    (void)state;
    for (size_t i = 0; i < MC_STRETCH; i++) {
        for (int row = 0; row < MC_ROWS; row++) {
            ends.last[row][i] = 80 + (double)(i * 37 % 41);
            ends.mean[row][i] = 90 + (double)((i + (size_t)row) * 17 % 23);
            ends.geometric[row][i] = ends.mean[row][i] - 0.25;
        }
    }
    for (size_t i = 0; (path = next_path(&i)) != NULL;) {
        for (size_t n = 0; n <= MC_STRETCH; n += n < 20 ? 1 : 251) {
            for (int kind = 0; kind < 4; kind++) {
                mc_sums got = {.n = 3, .y = {1, 2, 3, 4}}, wanted = got;
                path->tally(&ends, n, 1 + kind / 2, kind % 2, &payoff, &got);
                tally_by_formula(n, 1 + kind / 2, kind % 2, &payoff, &wanted);
                assert_sums(&got, &wanted);
            }
        }
    }
}

static void paths_are_found_by_name(void **state)
{
    (void)state;
    assert_string_equal(mc_path_find("plain")->name, "plain");
    assert_non_null(mc_path_find(NULL));
    assert_ptr_equal(mc_path_find("auto"), mc_path_find(NULL));
    assert_null(mc_path_find("sse"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normals_are_those_of_the_formula),
        cmocka_unit_test(extreme_words_make_finite_normals),
        cmocka_unit_test(moments_and_tails_are_normal),
        cmocka_unit_test(bins_are_evenly_filled),
        cmocka_unit_test(walks_are_those_of_the_formula),
        cmocka_unit_test(paths_agree),
        cmocka_unit_test(payoffs_are_added_up),
        cmocka_unit_test(paths_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
