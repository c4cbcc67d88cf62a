/* walk - the inner loops: normals out of random words, prices that walk along them, payoffs.
 *
 * A bundle is MC_BUNDLE paths that walk side by side.  A step of a bundle takes a group of
 * MC_BUNDLE normals, normal p for path p; a group of normals is made of a group of as many words of
 * nave_rng_fill().  Plain C and faster ways chosen at run time (mc_path) do the same operations in
 * the same order; they differ by fused multiply-adds only, so prices agree to MC_AGREEMENT.
 *
 * Normals (Box and Muller: A note on the generation of random normal deviates, Ann. Math. Stat. 29,
 * 1958): words 2 i and 2 i + 1 of a group give normals i and 16 + i.  The first gives the radius,
 * sqrt(-2 ln u) of u = (w + 1/2) / 2^32, the second the angle, 30 bits within a quadrant and a bit
 * for each sign.  They are good to 1e-11, relative, and lie within MC_NORMAL_MAX; there would be 1.3
 * others in 10^11.
 */
#ifndef MCPRICER_WALK_H
#define MCPRICER_WALK_H

#include <stddef.h>
#include <stdint.h>

enum { MC_BUNDLE = 32 };

#define MC_NORMAL_MAX 6.7638
#define MC_AGREEMENT 1e-12 /* relative, after a thousand steps */

/* Steps multiply the price by exp(drift + vol z).  The exponential is a polynomial on a short
 * interval, of 2^-halvings of its argument, then squared as often. */
typedef struct mc_motion {
    double drift, vol;
    int halvings;
} mc_motion;

/* Of one step of length h at this rate and volatility. */
mc_motion mc_motion_of(double rate, double sigma, double h);

/* Where the paths of a bundle are. */
typedef struct mc_bundle {
    _Alignas(64) double price[MC_BUNDLE]; /* begins as the spot price */
    double sum[MC_BUNDLE];                /* of the prices after each step */
    double log[MC_BUNDLE];                /* of the price over the spot price */
    double log_sum[MC_BUNDLE];            /* of these after each step */
} mc_bundle;

void mc_bundle_begin(mc_bundle *bundle, double spot);

enum { MC_ECALL, MC_EPUT, MC_ACALL, MC_APUT, MC_PRICES }; /* European and Asian, call and put */
enum { MC_CONTROL_LAST, MC_CONTROL_CALL, MC_CONTROL_PUT, MC_CONTROLS };
enum { MC_STRETCH = 1024, MC_ROWS = 2 };

/* The ends of up to MC_STRETCH paths: the last price, the arithmetic and the geometric mean.  The
 * second row, if any, is of the mirrored paths; a sample is then the mean of the two. */
typedef struct mc_ends {
    _Alignas(64) double last[MC_ROWS][MC_STRETCH];
    double mean[MC_ROWS][MC_STRETCH];
    double geometric[MC_ROWS][MC_STRETCH];
} mc_ends;

/* What is paid at a strike.  Control variates: the last price and what a geometric Asian option
 * pays; `expected` of both, and `centre` of the prices, a guess that keeps the sums small. */
typedef struct mc_payoff {
    double strike, discount;
    double centre[MC_PRICES], expected[MC_CONTROLS];
} mc_payoff;

/* Sums over samples, each less its centre or expectation: y of a price, c of its control. */
typedef struct mc_sums {
    double n;
    double y[MC_PRICES], yy[MC_PRICES], yc[MC_PRICES];
    double c[MC_CONTROLS], cc[MC_CONTROLS];
} mc_sums;

/* The control of a price. */
extern const int mc_control_of[MC_PRICES];

typedef struct mc_path {
    const char *name;
    int (*supported)(void); /* 1 when this machine can */

    /* n groups of normals out of n groups of words.  Both arrays are aligned to 64 bytes. */
    void (*normals)(const uint32_t *words, double *normals, size_t n);

    /* Walks n steps; `walk` leaves the logarithms alone. */
    void (*walk)(mc_bundle *bundle, const mc_motion *motion, const double *normals, size_t n);
    void (*walk_logs)(mc_bundle *bundle, const mc_motion *motion, const double *normals, size_t n);

    /* Adds n samples of `rows` rows (1 or 2) to the sums; control: to those of the controls too. */
    void (*tally)(const mc_ends *ends, size_t n, int rows, int control, const mc_payoff *payoff,
                  mc_sums *sums);
} mc_path;

/* Every path of this build from the fastest to the plain one; NULL beyond the last. */
const mc_path *mc_path_at(size_t i);

/* The path of this name; NULL when there is none or the machine lacks it.  NULL and "auto" mean the
 * fastest that the machine has. */
const mc_path *mc_path_find(const char *name);

#endif
