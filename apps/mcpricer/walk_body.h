/* walk_body - the loops of walk.h, for one kind of vector.
 *
 * Whoever includes this has included one of the kinds of vector.h before; plain C otherwise.
 * Coefficients are those of Chebyshev interpolation on the interval in question.
 */
#ifndef MCPRICER_WALK_BODY_H
#define MCPRICER_WALK_BODY_H

#include "vector.h"
#include "walk.h"

#include <math.h>

enum { VECTORS = MC_BUNDLE / LANES };

/* The vectors of a bundle stay in registers only where loops over them are unrolled. */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

#define LN2 0.69314718055994531
#define TWO52 4503599627370496.0
#define TWO52_BITS 0x4330000000000000U
#define ONE_BITS 0x3ff0000000000000U
#define ANGLE_BITS 0x000fffffffc00000U /* 30 of the mantissa */
#define SIGN_BIT 0x8000000000000000U

/* Middles c of sixteenths of 1 to 2: 1/c, and 32 ln 2 - ln c. */
_Alignas(64) static const double inverse[16] = {
    32 / 33.0, 32 / 35.0, 32 / 37.0, 32 / 39.0, 32 / 41.0, 32 / 43.0, 32 / 45.0, 32 / 47.0,
    32 / 49.0, 32 / 51.0, 32 / 53.0, 32 / 55.0, 32 / 57.0, 32 / 59.0, 32 / 61.0, 32 / 63.0};
_Alignas(64) static const double minus_log[16] = {
    22.149938119251495, 22.091097619228563, 22.035527768073752, 21.982884034588331,
    21.932873614013669, 21.885245565024412, 21.839783190947657, 21.796298079007919,
    21.754625382607351, 21.714620047993652, 21.676153767165854, 21.639112495485506,
    21.603394412883425, 21.568908236812256, 21.535571816544664, 21.503310954326444};

/* sqrt(-ln u), u = (w + 1/2) / 2^32, w the lower half of the lane */
static inline vector half_radius(bits lane)
{
    vector x =
        v_sub(v_of(b_and_or(lane, b_all(UINT32_MAX), b_all(TWO52_BITS))), v_all(TWO52 - 0.5));
    vector r = v_fma(v_mantissa(x), v_look(inverse, x), v_all(-1)), log;
    log = v_fma(r, v_all(-0.16684009090440499), v_all(0.20019819454758114));
    log = v_fma(r, log, v_all(-0.24999993988389776));
    log = v_fma(r, log, v_all(0.33333326463125523));
    log = v_fma(r, log, v_all(-0.50000000000308664));
    log = v_fma(r, log, v_all(1.0000000000035274));
    log = v_fnma(r, log, v_fnma(v_exponent(x), v_all(LN2), v_look(minus_log, x)));
    return v_sqrt(log);
}

/* The angle is pi/4 (1 + 2 t) in its quadrant, t from -1/2 to 1/2: its cosine and sine are
 * (c -+ s) / sqrt 2, s and c those of t pi/2. */
static inline void pair(bits lane, vector *first, vector *second)
{
    vector radius = half_radius(lane);
    vector t = v_sub(v_of(b_and_or(b_right(lane, 10), b_all(ANGLE_BITS), b_all(ONE_BITS))),
                     v_all(1.5 - 0x1p-31));
    vector q = v_mul(t, t), s, c;
    s = v_fma(q, v_all(0.00015820630355647733), v_all(-0.0046812662567262452));
    s = v_fma(q, s, v_all(0.079692582725630623));
    s = v_fma(q, s, v_all(-0.6459640961467954));
    s = v_fma(q, s, v_all(1.5707963267881));
    c = v_fma(q, v_all(-2.4850963357813638e-05), v_all(0.00091916173695395721));
    c = v_fma(q, c, v_all(-0.020863468002244645));
    c = v_fma(q, c, v_all(0.25366950715370434));
    c = v_fma(q, c, v_all(-1.2337005501201592));
    c = v_fma(q, c, v_all(0.99999999999994438));
    *first = v_mul(radius, v_flip(v_fnma(t, s, c), lane, b_all(SIGN_BIT)));
    *second = v_mul(radius, v_flip(v_fma(t, s, c), b_double(lane), b_all(SIGN_BIT)));
}

static inline void normals(const uint32_t *words, double *out, size_t n)
{
    for (; n > 0; n--, words += MC_BUNDLE, out += MC_BUNDLE) {
        UNROLL
        for (int i = 0; i < MC_BUNDLE / 2; i += LANES) {
            vector first, second;
            pair(b_pairs(words + 2 * i), &first, &second);
            v_store(out + i, first);
            v_store(out + MC_BUNDLE / 2 + i, second);
        }
    }
}

/* exp(x), |x| up to 0.17, good to 3e-13 there and better near 0: 1 + x times a polynomial */
static inline vector short_exp(vector x)
{
    vector y = v_fma(x, v_all(0.00019855211533475233), v_all(0.0013901437327661914));
    y = v_fma(x, y, v_all(0.0083333313185603355));
    y = v_fma(x, y, v_all(0.041666648531989307));
    y = v_fma(x, y, v_all(0.16666666667394528));
    y = v_fma(x, y, v_all(0.50000000006551415));
    y = v_fma(x, y, v_all(1));
    return v_fma(x, y, v_all(1));
}

/* Compiled for each value of `logs` and for no halvings apart. */
static inline void steps(mc_bundle *b, const mc_motion *motion, const double *z, size_t n, int logs,
                         int halvings)
{
    const double part = ldexp(1, -halvings);
    const vector drift = v_all(motion->drift * part), vol = v_all(motion->vol * part);
    vector price[VECTORS], sum[VECTORS], log[VECTORS], log_sum[VECTORS];

    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        price[v] = v_load(b->price + v * LANES);
        sum[v] = v_load(b->sum + v * LANES);
        log[v] = v_mul(v_load(b->log + v * LANES), v_all(part));
        log_sum[v] = v_mul(v_load(b->log_sum + v * LANES), v_all(part));
    }
    for (; n > 0; n--, z += MC_BUNDLE) {
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            vector x = v_fma(vol, v_load(z + v * LANES), drift), growth = short_exp(x);
            for (int i = 0; i < halvings; i++)
                growth = v_mul(growth, growth);
            price[v] = v_mul(price[v], growth);
            sum[v] = v_add(sum[v], price[v]);
            if (logs) {
                log[v] = v_add(log[v], x);
                log_sum[v] = v_add(log_sum[v], log[v]);
            }
        }
    }
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        v_store(b->price + v * LANES, price[v]);
        v_store(b->sum + v * LANES, sum[v]);
        v_store(b->log + v * LANES, v_mul(log[v], v_all(1 / part)));
        v_store(b->log_sum + v * LANES, v_mul(log_sum[v], v_all(1 / part)));
    }
}

static inline void walk(mc_bundle *b, const mc_motion *motion, const double *z, size_t n)
{
    if (motion->halvings == 0)
        steps(b, motion, z, n, 0, 0);
    else
        steps(b, motion, z, n, 0, motion->halvings);
}

static inline void walk_logs(mc_bundle *b, const mc_motion *motion, const double *z, size_t n)
{
    if (motion->halvings == 0)
        steps(b, motion, z, n, 1, 0);
    else
        steps(b, motion, z, n, 1, motion->halvings);
}

/* ---- payoffs ---- */

/* Samples are added up in eight lanes, whatever the vector. */
enum { SUM_LANES = 8, PARTS = SUM_LANES / LANES };

typedef struct lanes {
    vector y[MC_PRICES][PARTS], yy[MC_PRICES][PARTS], yc[MC_PRICES][PARTS];
    vector c[MC_CONTROLS][PARTS], cc[MC_CONTROLS][PARTS];
} lanes;

static inline vector gain(vector x)
{
    return v_max(x, v_all(0));
}

/* What LANES samples pay in a row is added to `paid`. */
static inline void pay(const mc_ends *e, size_t at, int row, vector strike, vector paid[MC_PRICES])
{
    vector european = v_sub(v_load(e->last[row] + at), strike);
    vector asian = v_sub(v_load(e->mean[row] + at), strike);
    paid[MC_ECALL] = v_add(paid[MC_ECALL], gain(european));
    paid[MC_EPUT] = v_add(paid[MC_EPUT], gain(v_sub(v_all(0), european)));
    paid[MC_ACALL] = v_add(paid[MC_ACALL], gain(asian));
    paid[MC_APUT] = v_add(paid[MC_APUT], gain(v_sub(v_all(0), asian)));
}

static inline void pay_controls(const mc_ends *e, size_t at, int row, vector strike,
                                vector paid[MC_CONTROLS])
{
    vector geometric = v_sub(v_load(e->geometric[row] + at), strike);
    paid[MC_CONTROL_LAST] = v_add(paid[MC_CONTROL_LAST], v_load(e->last[row] + at));
    paid[MC_CONTROL_CALL] = v_add(paid[MC_CONTROL_CALL], gain(geometric));
    paid[MC_CONTROL_PUT] = v_add(paid[MC_CONTROL_PUT], gain(v_sub(v_all(0), geometric)));
}

static inline void add(lanes *l, int part, const vector *y, const vector *c, int control)
{
    UNROLL
    for (int k = 0; k < MC_PRICES; k++) {
        l->y[k][part] = v_add(l->y[k][part], y[k]);
        l->yy[k][part] = v_fma(y[k], y[k], l->yy[k][part]);
        if (control)
            l->yc[k][part] = v_fma(y[k], c[mc_control_of[k]], l->yc[k][part]);
    }
    UNROLL
    for (int k = 0; control && k < MC_CONTROLS; k++) {
        l->c[k][part] = v_add(l->c[k][part], c[k]);
        l->cc[k][part] = v_fma(c[k], c[k], l->cc[k][part]);
    }
}

static inline void take(lanes *l, const mc_ends *e, size_t at, int part, const mc_payoff *payoff,
                        int rows, int control, const double *wanted)
{
    const vector strike = v_all(payoff->strike), weight = v_all(payoff->discount / rows);
    const vector mask = wanted != NULL ? v_load(wanted) : v_all(1);
    vector y[MC_PRICES], c[MC_CONTROLS];
    UNROLL
    for (int k = 0; k < MC_PRICES; k++)
        y[k] = v_all(0);
    UNROLL
    for (int k = 0; k < MC_CONTROLS; k++)
        c[k] = v_all(0);
    UNROLL
    for (int row = 0; row < rows; row++) {
        pay(e, at, row, strike, y);
        if (control)
            pay_controls(e, at, row, strike, c);
    }
    UNROLL
    for (int k = 0; k < MC_PRICES; k++) {
        y[k] = v_fma(weight, y[k], v_all(-payoff->centre[k]));
        y[k] = wanted != NULL ? v_mul(y[k], mask) : y[k];
    }
    UNROLL
    for (int k = 0; control && k < MC_CONTROLS; k++) {
        c[k] = v_fma(weight, c[k], v_all(-payoff->expected[k]));
        c[k] = wanted != NULL ? v_mul(c[k], mask) : c[k];
    }
    add(l, part, y, c, control);
}

static inline double across(const vector *parts)
{
    _Alignas(64) double x[SUM_LANES];
    for (int part = 0; part < PARTS; part++)
        v_store(x + part * LANES, parts[part]);
    return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

static inline void sum_up(const lanes *l, int control, mc_sums *sums)
{
    for (int k = 0; k < MC_PRICES; k++) {
        sums->y[k] += across(l->y[k]);
        sums->yy[k] += across(l->yy[k]);
        sums->yc[k] += control ? across(l->yc[k]) : 0;
    }
    for (int k = 0; control && k < MC_CONTROLS; k++) {
        sums->c[k] += across(l->c[k]);
        sums->cc[k] += across(l->cc[k]);
    }
}

/* Compiled for each kind apart. */
static inline void tally_kind(const mc_ends *ends, size_t n, int rows, int control,
                              const mc_payoff *payoff, mc_sums *sums)
{
    _Alignas(64) double wanted[SUM_LANES];
    size_t whole = n / SUM_LANES * SUM_LANES;
    lanes l;
    for (int part = 0; part < PARTS; part++) {
        for (int k = 0; k < MC_PRICES; k++)
            l.y[k][part] = l.yy[k][part] = l.yc[k][part] = v_all(0);
        for (int k = 0; k < MC_CONTROLS; k++)
            l.c[k][part] = l.cc[k][part] = v_all(0);
    }
    for (size_t at = 0; at < whole; at += SUM_LANES) {
        UNROLL
        for (int part = 0; part < PARTS; part++)
            take(&l, ends, at + (size_t)(part * LANES), part, payoff, rows, control, NULL);
    }
    for (size_t i = 0; i < SUM_LANES; i++)
        wanted[i] = whole + i < n;
    for (int part = 0; whole < n && part < PARTS; part++)
        take(&l, ends, whole + (size_t)(part * LANES), part, payoff, rows, control,
             wanted + part * LANES);
    sums->n += (double)n;
    sum_up(&l, control, sums);
}

static inline void tally(const mc_ends *ends, size_t n, int rows, int control,
                         const mc_payoff *payoff, mc_sums *sums)
{
    if (rows == 1 && !control)
        tally_kind(ends, n, 1, 0, payoff, sums);
    else if (rows == 1)
        tally_kind(ends, n, 1, 1, payoff, sums);
    else
        tally_kind(ends, n, 2, control != 0, payoff, sums);
}

#endif
