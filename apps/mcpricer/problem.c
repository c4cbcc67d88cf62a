#include "problem.h"

const mc_problem mc_problem_default = {.strikes = 15,
                                       .sigmas = 15,
                                       .min_strike = 90,
                                       .max_strike = 110,
                                       .min_sigma = 0.1,
                                       .max_sigma = 0.4,
                                       .spot = 100,
                                       .rate = 0.05,
                                       .days = 260,
                                       .seed = 0};

const char *const mc_price_names[MC_PRICES] = {"ecall", "eput", "acall", "aput"};

/* n points from low to high, both of them included. */
static double point(double low, double high, int n, int i)
{
    if (i == 0)
        return low;
    return i == n - 1 ? high : low + i * ((high - low) / (n - 1));
}

double mc_problem_strike(const mc_problem *problem, int i)
{
    return point(problem->min_strike, problem->max_strike, problem->strikes, i);
}

double mc_problem_sigma(const mc_problem *problem, int i)
{
    return point(problem->min_sigma, problem->max_sigma, problem->sigmas, i);
}

size_t mc_problem_cells(const mc_problem *problem)
{
    return (size_t)problem->strikes * (size_t)problem->sigmas;
}
