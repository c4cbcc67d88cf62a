/* problem - what is priced: a grid of strikes and volatilities, and how. */
#ifndef MCPRICER_PROBLEM_H
#define MCPRICER_PROBLEM_H

#include "walk.h"

#include <stddef.h>
#include <stdint.h>

enum { MC_GRID_MAX = 10000, MC_CELLS_MAX = 100000, MC_DAYS_MAX = 1000000 };

typedef struct mc_problem {
    int strikes, sigmas;
    double min_strike, max_strike, min_sigma, max_sigma;
    double spot, rate; /* a year; continuous */
    int days;          /* steps of a year, at each of which the price is averaged */
    uint64_t seed;
    int common;     /* 1: the same random numbers in all cells */
    int control;    /* 1: the geometric Asian option and the last price as control variates */
    int antithetic; /* 1: a sample is the mean of a path and its mirror image */
} mc_problem;

/* The original's grid. */
extern const mc_problem mc_problem_default;

extern const char *const mc_price_names[MC_PRICES]; /* "ecall", ... */

double mc_problem_strike(const mc_problem *problem, int i);
double mc_problem_sigma(const mc_problem *problem, int i);

/* Cells are numbered along the strikes of the first volatility, then of the next. */
size_t mc_problem_cells(const mc_problem *problem);
static inline int mc_cell_strike(const mc_problem *problem, size_t cell)
{
    return (int)(cell % (size_t)problem->strikes);
}
static inline int mc_cell_sigma(const mc_problem *problem, size_t cell)
{
    return (int)(cell / (size_t)problem->strikes);
}
static inline size_t mc_cell_at(const mc_problem *problem, int strike, int sigma)
{
    return (size_t)sigma * (size_t)problem->strikes + (size_t)strike;
}

/* Paths to a sample: 1, or 2. */
static inline int mc_problem_rows(const mc_problem *problem)
{
    return problem->antithetic ? 2 : 1;
}

#endif
