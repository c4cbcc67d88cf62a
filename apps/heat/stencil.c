#include "stencil.h"

#include <math.h>

static const double SHARE = 0.2; /* of h^2 / kappa, for a step */

enum { LANES = 8 };

double heat_place(size_t n, size_t i)
{
    return (double)(i + 1) / (double)(n + 1);
}

heat_rule heat_rule_of(const size_t shape[2], double kappa, double strength)
{
    double dx = heat_place(shape[1], 0), dy = heat_place(shape[0], 0);
    double h = fmin(dx, dy);
    double dt = SHARE * h * h / kappa;

    /* kappa dt is SHARE h^2 whatever kappa is. */
    return (heat_rule){.dt = dt,
                       .along = SHARE * (h / dx) * (h / dx),
                       .across = SHARE * (h / dy) * (h / dy),
                       .gain = strength * dt};
}

void heat_spot(double *weights, size_t n, size_t start, size_t count, double centre, double width)
{
    for (size_t i = 0; i < count; i++) {
        double away = (heat_place(n, start + i) - centre) / width;
        weights[i] = exp(-0.5 * away * away);
    }
}

static inline double become(const heat_rule *rule, const heat_rows *rows, double gain, size_t j)
{
    const double *here = rows->here + j;
    double twice = 2 * *here;

    return *here + rule->along * ((here[-1] + here[1]) - twice) +
           rule->across * ((rows->above[j] + rows->below[j]) - twice) + gain * rows->spot[j];
}

/* In groups of a fixed number, of which compilers make vector instructions at -O2 too; they round
 * as scalar ones do. */
void heat_stencil(const heat_rule *rule, const heat_rows *rows, double *restrict out, size_t count)
{
    const heat_rule fixed = *rule;
    const heat_rows from = *rows;
    double gain = fixed.gain * from.weight;
    size_t j = 0;

    for (; j + LANES <= count; j += LANES)
        for (size_t k = 0; k < LANES; k++)
            out[j + k] = become(&fixed, &from, gain, j + k);
    for (; j < count; j++)
        out[j] = become(&fixed, &from, gain, j);
}
