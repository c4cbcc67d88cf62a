#include "exact.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

/* Discounted means of max(0, X - K) and max(0, K - X), X lognormal: ln X of this mean and deviation.
 * Computed apart: the difference of the two would lose digits. */
static void lognormal(double mean, double deviation, double strike, double discount, double *call,
                      double *put)
{
    double forward = exp(mean + deviation * deviation / 2), d;

    if (deviation <= 0) {
        *call = discount * fmax(forward - strike, 0);
        *put = discount * fmax(strike - forward, 0);
        return;
    }
    d = (mean - log(strike)) / deviation;
    *call =
        discount * (forward * gsl_cdf_ugaussian_P(d + deviation) - strike * gsl_cdf_ugaussian_P(d));
    *put =
        discount * (strike * gsl_cdf_ugaussian_Q(d) - forward * gsl_cdf_ugaussian_Q(d + deviation));
}

void mc_exact_european(const mc_problem *problem, double strike, double sigma, double *call,
                       double *put)
{
    lognormal(log(problem->spot) + problem->rate - sigma * sigma / 2, sigma, strike,
              exp(-problem->rate), call, put);
}

void mc_exact_geometric(const mc_problem *problem, double strike, double sigma, double *call,
                        double *put)
{
    double n = problem->days;
    double mean = log(problem->spot) + (problem->rate - sigma * sigma / 2) * (n + 1) / (2 * n);
    double deviation = sigma * sqrt((n + 1) * (2 * n + 1) / 6) / n;

    lognormal(mean, deviation, strike, exp(-problem->rate), call, put);
}

mc_payoff mc_exact_payoff(const mc_problem *problem, size_t cell)
{
    double strike = mc_problem_strike(problem, mc_cell_strike(problem, cell));
    double sigma = mc_problem_sigma(problem, mc_cell_sigma(problem, cell));
    mc_payoff payoff = {.strike = strike, .discount = exp(-problem->rate)};

    mc_exact_european(problem, strike, sigma, &payoff.centre[MC_ECALL], &payoff.centre[MC_EPUT]);
    mc_exact_geometric(problem, strike, sigma, &payoff.centre[MC_ACALL], &payoff.centre[MC_APUT]);
    payoff.expected[MC_CONTROL_LAST] = problem->spot;
    payoff.expected[MC_CONTROL_CALL] = payoff.centre[MC_ACALL];
    payoff.expected[MC_CONTROL_PUT] = payoff.centre[MC_APUT];
    return payoff;
}
