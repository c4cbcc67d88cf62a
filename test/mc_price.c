/* What mcpricer computes, against what is known: closed forms, bounds, published values, and error
 * bars against the spread that they speak of.  Seeds are fixed, so no verdict is a matter of luck.
 * timeout: 240 */
#include "mcpricer/exact.h"
#include "mcpricer/price.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these before itself */
#include <cmocka.h>

enum { CELLS = 225 };

typedef struct grid {
    mc_estimate at[CELLS][MC_PRICES];
} grid;

/* All cells of a problem, as the program has them but in one part a unit. */
static void price(const mc_problem *problem, uint64_t samples, grid *result)
{
    static mc_sums sums[CELLS];
    size_t cells = mc_problem_cells(problem);
    mc_pricer *pricer = mc_pricer_new(problem, mc_path_find("auto"));
    assert_non_null(pricer);
    assert_true(cells <= CELLS);
    memset(sums, 0, sizeof sums);
    if (problem->common) {
        mc_part part = {0, problem->strikes, 0, problem->sigmas, 0, samples};
        mc_pricer_run(pricer, &part, sums);
    }
    for (size_t c = 0; c < cells && !problem->common; c++) {
        mc_part part = {
            mc_cell_strike(problem, c), 1, mc_cell_sigma(problem, c), 1, c << 40, samples};
        mc_pricer_run(pricer, &part, &sums[c]);
    }
    for (size_t c = 0; c < cells; c++) {
        mc_payoff payoff = mc_exact_payoff(problem, c);
        for (int k = 0; k < MC_PRICES; k++)
            result->at[c][k] = mc_sums_estimate(&sums[c], &payoff, k, problem->control);
    }
    mc_pricer_free(pricer);
}

static mc_problem one_cell(double strike, double sigma, int days)
{
    mc_problem p = mc_problem_default;
    p.strikes = p.sigmas = 1;
    p.min_strike = p.max_strike = strike;
    p.min_sigma = p.max_sigma = sigma;
    p.days = days;
    return p;
}

/* ---- closed forms ---- */

static int near(double a, double b, double distance)
{
    return fabs(a - b) <= distance;
}

static void european_closed_form(void **state)
{
    mc_problem p = one_cell(100, 0.2, 260);
    double call, put;
    (void)state;
    mc_exact_european(&p, 100, 0.2, &call, &put);
    assert_true(near(call, 10.450583572185565, 1e-12)); /* Hull's example, to all digits */
    assert_true(near(put, 5.573526022256971, 1e-12));
    mc_exact_european(&p, 90, 0, &call, &put);
    assert_true(near(call, 100 - 90 * exp(-0.05), 1e-12) && put <= 0);
}

/* With one step it is the European one; with many it nears the continuous one, whose logarithm has
 * mean (r - s^2/2) / 2 and variance s^2 / 3. */
static void geometric_closed_form(void **state)
{
    mc_problem p = one_cell(100, 0.2, 1);
    double call, put, european, european_put, s = 0.2 / sqrt(3), mean, d;
    (void)state;
    mc_exact_european(&p, 95, 0.2, &european, &european_put);
    mc_exact_geometric(&p, 95, 0.2, &call, &put);
    assert_true(near(call, european, 1e-12) && near(put, european_put, 1e-12));
    p.days = 1000000;
    mc_exact_geometric(&p, 100, 0.2, &call, &put);
    mean = log(100) + (0.05 - 0.02) / 2;
    d = (mean - log(100)) / s;
    assert_true(near(call,
                     exp(-0.05) * (exp(mean + s * s / 2) * gsl_cdf_ugaussian_P(d + s) -
                                   100 * gsl_cdf_ugaussian_P(d)),
                     1e-5));
}

/* ---- estimates ---- */

static double z_of(mc_estimate e, double exact)
{
    return (e.price - exact) / e.error;
}

/* Independent cells: errors are of the size that is claimed, and none is far off. */
static void european_prices_are_right(void **state)
{
    static grid g;
    mc_problem p = mc_problem_default;
    (void)state;
    for (p.control = 0; p.control < 2; p.control++) {
        double square = 0;
        p.days = 20;
        price(&p, 20000, &g);
        for (size_t c = 0; c < CELLS; c++) {
            mc_payoff exact = mc_exact_payoff(&p, c);
            double call = z_of(g.at[c][MC_ECALL], exact.centre[MC_ECALL]);
            double put = z_of(g.at[c][MC_EPUT], exact.centre[MC_EPUT]);
            assert_true(fabs(call) < 4.5 && fabs(put) < 4.5);
            square += call * call;
        }
        assert_true(gsl_cdf_chisq_Q(square, CELLS) > 1e-3);
        assert_true(gsl_cdf_chisq_P(square, CELLS) > 1e-3);
    }
}

/* call - put = discounted mean less discounted strike, for the very samples of a cell: of the last
 * price its expectation is known, of the average as well. */
static void put_call_parity(void **state)
{
    static grid g;
    mc_problem p = mc_problem_default;
    double average = 0;
    (void)state;
    for (int j = 1; j <= p.days; j++)
        average += 100 * exp(0.05 * j / p.days) / p.days;
    price(&p, 4096, &g);
    for (size_t c = 0; c < CELLS; c++) {
        double k = mc_problem_strike(&p, mc_cell_strike(&p, c)) * exp(-0.05);
        double e = g.at[c][MC_ECALL].price - g.at[c][MC_EPUT].price;
        double a = g.at[c][MC_ACALL].price - g.at[c][MC_APUT].price;
        double e_error = g.at[c][MC_ECALL].error + g.at[c][MC_EPUT].error;
        double a_error = g.at[c][MC_ACALL].error + g.at[c][MC_APUT].error;
        assert_true(fabs(e - (100 - k)) < 4 * e_error);
        assert_true(fabs(a - (average * exp(-0.05) - k)) < 4 * a_error);
    }
}

/* The same random numbers everywhere: of a volatility, prices are monotone and convex in the strike
 * and parity holds to the last digits; the arithmetic mean is not below the geometric. */
static void common_numbers_keep_order(void **state)
{
    static grid g;
    mc_problem p = mc_problem_default;
    (void)state;
    p.common = 1;
    price(&p, 5000, &g);
    for (int s = 0; s < p.sigmas; s++) {
        for (int k = 0; k + 1 < p.strikes; k++) {
            const mc_estimate *low = g.at[mc_cell_at(&p, k, s)];
            const mc_estimate *high = g.at[mc_cell_at(&p, k + 1, s)];
            double step = (high[MC_ECALL].price - high[MC_EPUT].price) -
                          (low[MC_ECALL].price - low[MC_EPUT].price);
            assert_true(high[MC_ECALL].price < low[MC_ECALL].price);
            assert_true(high[MC_ACALL].price < low[MC_ACALL].price);
            assert_true(high[MC_EPUT].price > low[MC_EPUT].price);
            assert_true(high[MC_APUT].price > low[MC_APUT].price);
            assert_true(near(step, -exp(-0.05) * 20 / 14, 1e-9));
        }
    }
}

static void arithmetic_is_above_geometric(void **state)
{
    static grid g;
    mc_problem p = mc_problem_default;
    (void)state;
    p.control = p.common = 1;
    price(&p, 20000, &g);
    for (size_t c = 0; c < CELLS; c++) {
        mc_payoff exact = mc_exact_payoff(&p, c);
        assert_true(g.at[c][MC_ACALL].price > exact.centre[MC_ACALL]);
        assert_true(g.at[c][MC_APUT].price < exact.centre[MC_APUT]);
    }
}

static void no_volatility_is_no_chance(void **state)
{
    static grid g;
    mc_problem p = one_cell(99, 0, 4);
    double mean = 0;
    (void)state;
    for (int j = 1; j <= 4; j++)
        mean += 25 * exp(0.05 * j / 4);
    for (p.control = 0; p.control < 2; p.control++) {
        price(&p, 1000, &g);
        assert_true(near(g.at[0][MC_ECALL].price, 100 - 99 * exp(-0.05), 1e-10));
        assert_true(near(g.at[0][MC_ACALL].price, (mean - 99) * exp(-0.05), 1e-10));
        assert_true(near(g.at[0][MC_EPUT].price, 0, 0) && near(g.at[0][MC_APUT].price, 0, 0));
        assert_true(g.at[0][MC_ACALL].error < 1e-9);
    }
}

/* Continuous averages, rate 0.09, spot 100: Zhang, A semi-analytical method for pricing and hedging
 * continuously sampled arithmetic average rate options, J. Comp. Finance 5, 2001.  The gap to n
 * steps is c / n to first order (the mean of the values after each step is a sum of Riemann from
 * the right), so twice the price at 2 n less that at n is the continuous one but for O(1 / n^2). */
static void zhangs_values(void **state)
{
    static const struct {
        double sigma, strike, price;
    } known[] = {{0.05, 95, 8.8088392}, {0.05, 100, 4.3082350}, {0.05, 105, 0.9583841},
                 {0.1, 95, 8.9118509},  {0.1, 100, 4.9151167},  {0.1, 105, 2.0700634},
                 {0.2, 95, 9.9956567},  {0.2, 100, 6.7773481},  {0.2, 105, 4.2965626},
                 {0.3, 95, 11.6558858}, {0.3, 100, 8.8287588},  {0.3, 105, 6.5177905},
                 {0.4, 95, 13.5107083}, {0.4, 100, 10.9237708}, {0.4, 105, 8.7299362}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double last = INFINITY, prices[2], errors[2];
        for (int fine = 0; fine < 2; fine++) {
            static grid g;
            mc_problem p = one_cell(known[i].strike, known[i].sigma, fine ? 512 : 256);
            p.rate = 0.09;
            p.control = 1;
            p.seed = 100 + i;
            price(&p, 40000, &g);
            prices[fine] = g.at[0][MC_ACALL].price;
            errors[fine] = g.at[0][MC_ACALL].error;
            assert_true(fabs(prices[fine] - known[i].price) < last); /* it nears them */
            last = fabs(prices[fine] - known[i].price) + 3 * errors[fine];
        }
        assert_true(near(2 * prices[1] - prices[0], known[i].price,
                         5e-5 + 4 * sqrt(4 * errors[1] * errors[1] + errors[0] * errors[0])));
    }
}

/* Over many seeds prices spread as far as their errors say: chi-square of known band. */
static void standard_errors_are_honest(void **state)
{
    enum { SEEDS = 200 };
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        static grid g;
        mc_problem p = one_cell(100, 0.25, 12);
        double sum[MC_PRICES] = {0}, square[MC_PRICES] = {0}, variance[MC_PRICES] = {0};
        p.control = kind % 2;
        p.antithetic = kind / 2;
        for (p.seed = 1; p.seed <= SEEDS; p.seed++) {
            price(&p, 3000, &g);
            for (int k = 0; k < MC_PRICES; k++) {
                sum[k] += g.at[0][k].price;
                square[k] += g.at[0][k].price * g.at[0][k].price;
                variance[k] += g.at[0][k].error * g.at[0][k].error / SEEDS;
            }
        }
        for (int k = 0; k < MC_PRICES; k++) {
            double chi = (square[k] - sum[k] * sum[k] / SEEDS) / variance[k];
            assert_true(gsl_cdf_chisq_Q(chi, SEEDS - 1) > 1e-3);
            assert_true(gsl_cdf_chisq_P(chi, SEEDS - 1) > 1e-3);
        }
    }
}

static double variance_of(mc_problem p, int k)
{
    static grid g;
    price(&p, 20000, &g);
    return g.at[0][k].error * g.at[0][k].error;
}

static void controls_reduce_variance(void **state)
{
    mc_problem plain = one_cell(100, 0.25, 260), controlled = plain, mirrored = plain;
    (void)state;
    controlled.control = 1;
    mirrored.antithetic = 1;
    assert_true(variance_of(plain, MC_ACALL) / variance_of(controlled, MC_ACALL) > 300);
    assert_true(variance_of(plain, MC_APUT) / variance_of(controlled, MC_APUT) > 300);
    assert_true(variance_of(plain, MC_ECALL) / variance_of(controlled, MC_ECALL) > 4);
    assert_true(variance_of(plain, MC_ECALL) / variance_of(mirrored, MC_ECALL) > 2);
}

/* ---- parts ---- */

/* A part's sums do not depend on the other cells of the part, nor on the path beyond MC_AGREEMENT. */
static void a_part_is_the_same_wherever_it_is(void **state)
{
    static mc_sums all[CELLS], one;
    mc_problem p = mc_problem_default;
    mc_pricer *pricer;
    mc_part part = {0, 15, 0, 15, 9, 1300};
    (void)state;
    p.common = p.control = p.antithetic = 1;
    p.days = 70;
    pricer = mc_pricer_new(&p, mc_path_find("auto"));
    mc_pricer_run(pricer, &part, all);
    for (int s = 0; s < 15; s += 7) {
        part = (mc_part){4, 1, s, 1, 9, 1300};
        memset(&one, 0, sizeof one);
        mc_pricer_run(pricer, &part, &one);
        assert_memory_equal(&one, &all[mc_cell_at(&p, 4, s)], sizeof one);
    }
    mc_pricer_free(pricer);
    part = (mc_part){4, 1, 14, 1, 9, 1300};
    pricer = mc_pricer_new(&p, mc_path_find("plain"));
    memset(&one, 0, sizeof one);
    mc_pricer_run(pricer, &part, &one);
    for (int k = 0; k < MC_PRICES; k++)
        assert_true(near(one.yy[k] / all[mc_cell_at(&p, 4, 14)].yy[k], 1, 1e-10));
    mc_pricer_free(pricer);
}

static void samples_add_up(void **state)
{
    static mc_sums whole, parts;
    mc_problem p = one_cell(100, 0.3, 10);
    mc_pricer *pricer = mc_pricer_new(&p, mc_path_find("auto"));
    mc_part part = {0, 1, 0, 1, 4, 1024 + 500};
    mc_sums first = {0};
    (void)state;
    mc_pricer_run(pricer, &part, &whole);
    assert_true(near(whole.n, 1524, 0));
    part.samples = 1024;
    mc_pricer_run(pricer, &part, &first);
    part.samples = 500;
    part.stream = 5;
    mc_pricer_run(pricer, &part, &parts);
    mc_sums_add(&first, &parts);
    assert_true(near(first.n, whole.n, 0));
    assert_true(!near(first.y[0], whole.y[0], 1e-9)); /* the rest is another stream's */
    mc_pricer_free(pricer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(european_closed_form),
        cmocka_unit_test(geometric_closed_form),
        cmocka_unit_test(european_prices_are_right),
        cmocka_unit_test(put_call_parity),
        cmocka_unit_test(common_numbers_keep_order),
        cmocka_unit_test(arithmetic_is_above_geometric),
        cmocka_unit_test(no_volatility_is_no_chance),
        cmocka_unit_test(zhangs_values),
        cmocka_unit_test(standard_errors_are_honest),
        cmocka_unit_test(controls_reduce_variance),
        cmocka_unit_test(a_part_is_the_same_wherever_it_is),
        cmocka_unit_test(samples_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
