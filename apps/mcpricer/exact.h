/* exact - prices that are known in closed form: they centre sums and control variances. */
#ifndef MCPRICER_EXACT_H
#define MCPRICER_EXACT_H

#include "problem.h"

/* European: Black, Scholes (J. Political Economy 81, 1973). */
void mc_exact_european(const mc_problem *problem, double strike, double sigma, double *call,
                       double *put);

/* Asian, of the geometric mean of the prices after each of the steps: Kemna, Vorst (J. Banking and
 * Finance 14, 1990), discrete.  With h = 1 / n the logarithm of the mean is normal, of mean
 * ln S + (r - sigma^2 / 2) (n + 1) h / 2 and variance sigma^2 h (n + 1) (2 n + 1) / (6 n). */
void mc_exact_geometric(const mc_problem *problem, double strike, double sigma, double *call,
                        double *put);

/* The payoff of a cell with what is known of it. */
mc_payoff mc_exact_payoff(const mc_problem *problem, size_t cell);

#endif
