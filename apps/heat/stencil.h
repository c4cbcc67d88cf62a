/* stencil - the arithmetic of one step of u_t = kappa (u_xx + u_yy) + source: explicit finite
 * differences, forward in time and central in space.
 *
 * Invariant: what a cell becomes is one expression of numbers that depend on the cell and the step
 * alone, so the bits of a field do not depend on how it is cut. */
#ifndef HEAT_STENCIL_H
#define HEAT_STENCIL_H

#include <stddef.h>

/* n cells lie at 1/(n+1), 2/(n+1), ... n/(n+1): the edges, at 0 and 1, are no cells. */
double heat_place(size_t n, size_t i);

/* What a step does, the same for all cells. */
typedef struct heat_rule {
    double dt;
    double along;  /* kappa dt / dx^2, between columns */
    double across; /* kappa dt / dy^2, between rows */
    double gain;   /* what the middle of the spot gains in a step: strength dt */
} heat_rule;

/* dt is 0.2 h^2 / kappa, h being the lesser of dx and dy: stable, since along + across is at most
 * 0.4 and must not exceed 0.5. */
heat_rule heat_rule_of(const size_t shape[2], double kappa, double strength);

/* One direction of the Gaussian spot, exp(-(s - centre)^2 / (2 width^2)), at the cells from `start`
 * on of n.  The spot is the product of both directions. */
void heat_spot(double *weights, size_t n, size_t start, size_t count, double centre, double width);

/* A row of cells and its neighbours; here[-1] and here[count] are read too. */
typedef struct heat_rows {
    const double *above, *here, *below;
    const double *spot; /* weights of the columns */
    double weight;      /* of this row */
} heat_rows;

void heat_stencil(const heat_rule *rule, const heat_rows *rows, double *out, size_t count);

#endif
