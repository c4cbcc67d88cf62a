/* price - a part of the grid on one core.
 *
 * A part is a rectangle of neighbouring cells and a row of samples of one random stream.  With
 * random numbers of their own parts have one cell; otherwise all cells of a part walk along the same
 * normals, which are made once.  What a part gives depends on it and the problem alone. */
#ifndef MCPRICER_PRICE_H
#define MCPRICER_PRICE_H

#include "problem.h"

typedef struct mc_part {
    int strike, strikes, sigma, sigmas; /* the rectangle; at most MC_PART_SIGMAS volatilities */
    uint64_t stream;
    uint64_t samples;
} mc_part;

enum { MC_PART_STRIKES = 128, MC_PART_SIGMAS = 32 };

/* How one rank prices. */
typedef struct mc_pricer mc_pricer;

/* NULL: out of memory. */
mc_pricer *mc_pricer_new(const mc_problem *problem, const mc_path *path);
void mc_pricer_free(mc_pricer *pricer);

/* Adds to the sums of the part's cells, along its strikes first. */
void mc_pricer_run(mc_pricer *pricer, const mc_part *part, mc_sums *sums);

/* b is added to a. */
void mc_sums_add(mc_sums *a, const mc_sums *b);

typedef struct mc_estimate {
    double price, error; /* standard error */
} mc_estimate;

/* Of one of the prices of a cell.  With control variates the coefficient is that of the regression
 * on the samples themselves. */
mc_estimate mc_sums_estimate(const mc_sums *sums, const mc_payoff *payoff, int price, int control);

#endif
