#include "price.h"
#include "exact.h"
#include "nave_rng.h"

#include <math.h>
#include <stdlib.h>

/* Design notes
 *
 * Samples are worked on in stretches of up to MC_STRETCH, a bundle of paths at a time.  The words of
 * a few days and the normals made of them stay in the first-level cache while all volatilities of
 * the part walk along them; then all strikes look at the ends. */

enum { CHUNK = 64 }; /* days */

/* Of one volatility. */
typedef struct walker {
    mc_motion motion[MC_ROWS]; /* the second one mirrored */
    mc_bundle bundle[MC_ROWS];
    mc_ends ends;
} walker;

struct mc_pricer {
    _Alignas(64) uint32_t words[CHUNK * MC_BUNDLE];
    _Alignas(64) double normals[CHUNK * MC_BUNDLE];
    mc_problem problem;
    const mc_path *path;
    mc_payoff *payoffs; /* of each cell */
    walker *walkers;    /* MC_PART_SIGMAS, or as many as there are */
};

static void *aligned(size_t size)
{
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

mc_pricer *mc_pricer_new(const mc_problem *problem, const mc_path *path)
{
    size_t sigmas = problem->common ? (size_t)problem->sigmas : 1;
    size_t cells = mc_problem_cells(problem);
    mc_pricer *pricer = aligned(sizeof *pricer);

    if (pricer == NULL)
        return NULL;
    sigmas = sigmas < MC_PART_SIGMAS ? sigmas : MC_PART_SIGMAS;
    pricer->problem = *problem;
    pricer->path = path;
    pricer->payoffs = malloc(cells * sizeof *pricer->payoffs);
    pricer->walkers = aligned(sigmas * sizeof *pricer->walkers);
    if (pricer->payoffs == NULL || pricer->walkers == NULL) {
        mc_pricer_free(pricer);
        return NULL;
    }
    for (size_t cell = 0; cell < cells; cell++)
        pricer->payoffs[cell] = mc_exact_payoff(problem, cell);
    return pricer;
}

void mc_pricer_free(mc_pricer *pricer)
{
    if (pricer == NULL)
        return;
    free(pricer->payoffs);
    free(pricer->walkers);
    free(pricer);
}

static void begin(mc_pricer *pricer, const mc_part *part)
{
    const mc_problem *problem = &pricer->problem;

    for (int s = 0; s < part->sigmas; s++) {
        walker *w = &pricer->walkers[s];
        double sigma = mc_problem_sigma(problem, part->sigma + s);
        w->motion[0] = mc_motion_of(problem->rate, sigma, 1.0 / problem->days);
        w->motion[1] = w->motion[0];
        w->motion[1].vol = -w->motion[0].vol;
    }
}

/* The normals of `days` days from `day` on, of a bundle of the stream. */
static void draw(mc_pricer *pricer, uint64_t stream, uint64_t bundle, int day, int days)
{
    uint64_t group = bundle * (uint64_t)pricer->problem.days + (uint64_t)day;

    nave_rng_fill(pricer->problem.seed, stream, group * MC_BUNDLE, pricer->words,
                  (size_t)days * MC_BUNDLE);
    pricer->path->normals(pricer->words, pricer->normals, (size_t)days);
}

static void walk(const mc_pricer *pricer, walker *w, int days)
{
    for (int row = 0; row < mc_problem_rows(&pricer->problem); row++) {
        if (pricer->problem.control)
            pricer->path->walk_logs(&w->bundle[row], &w->motion[row], pricer->normals,
                                    (size_t)days);
        else
            pricer->path->walk(&w->bundle[row], &w->motion[row], pricer->normals, (size_t)days);
    }
}

/* The paths of a bundle have come to their end; they are those from `at` on of the stretch. */
static void finish(const mc_pricer *pricer, walker *w, size_t at)
{
    const mc_problem *problem = &pricer->problem;

    for (int row = 0; row < mc_problem_rows(problem); row++) {
        for (size_t p = 0; p < MC_BUNDLE; p++) {
            w->ends.last[row][at + p] = w->bundle[row].price[p];
            w->ends.mean[row][at + p] = w->bundle[row].sum[p] / problem->days;
        }
        for (size_t p = 0; problem->control && p < MC_BUNDLE; p++)
            w->ends.geometric[row][at + p] =
                problem->spot * exp(w->bundle[row].log_sum[p] / problem->days);
    }
}

static void run_bundle(mc_pricer *pricer, const mc_part *part, uint64_t bundle, size_t at)
{
    int all = pricer->problem.days;

    for (int s = 0; s < part->sigmas; s++)
        for (int row = 0; row < MC_ROWS; row++)
            mc_bundle_begin(&pricer->walkers[s].bundle[row], pricer->problem.spot);
    for (int day = 0; day < all; day += CHUNK) {
        int days = all - day < CHUNK ? all - day : CHUNK;
        draw(pricer, part->stream, bundle, day, days);
        for (int s = 0; s < part->sigmas; s++)
            walk(pricer, &pricer->walkers[s], days);
    }
    for (int s = 0; s < part->sigmas; s++)
        finish(pricer, &pricer->walkers[s], at);
}

static void tally(mc_pricer *pricer, const mc_part *part, size_t n, mc_sums *sums)
{
    const mc_problem *problem = &pricer->problem;

    for (int s = 0; s < part->sigmas; s++) {
        for (int k = 0; k < part->strikes; k++) {
            size_t cell = mc_cell_at(problem, part->strike + k, part->sigma + s);
            pricer->path->tally(&pricer->walkers[s].ends, n, mc_problem_rows(problem),
                                problem->control, &pricer->payoffs[cell], sums++);
        }
    }
}

void mc_pricer_run(mc_pricer *pricer, const mc_part *part, mc_sums *sums)
{
    begin(pricer, part);
    for (uint64_t done = 0; done < part->samples; done += MC_STRETCH) {
        uint64_t left = part->samples - done;
        size_t n = left < MC_STRETCH ? (size_t)left : MC_STRETCH;
        for (size_t at = 0; at < n; at += MC_BUNDLE)
            run_bundle(pricer, part, (done + at) / MC_BUNDLE, at);
        tally(pricer, part, n, sums);
    }
}

/* ---- estimates ---- */

void mc_sums_add(mc_sums *a, const mc_sums *b)
{
    a->n += b->n;
    for (int k = 0; k < MC_PRICES; k++) {
        a->y[k] += b->y[k];
        a->yy[k] += b->yy[k];
        a->yc[k] += b->yc[k];
    }
    for (int k = 0; k < MC_CONTROLS; k++) {
        a->c[k] += b->c[k];
        a->cc[k] += b->cc[k];
    }
}

/* Sums of products about the means, from such about 0. */
static double central(double xy, double x, double y, double n)
{
    return xy - x * y / n;
}

mc_estimate mc_sums_estimate(const mc_sums *sums, const mc_payoff *payoff, int price, int control)
{
    int c = mc_control_of[price];
    const double least = 1e-9 * payoff->strike;
    double n = sums->n, mean = sums->y[price] / n;
    double spread = central(sums->yy[price], sums->y[price], sums->y[price], n), freedom = n - 1;
    double control_spread = control ? central(sums->cc[c], sums->c[c], sums->c[c], n) : 0;

    if (control_spread > n * least * least) { /* else it is but rounding */
        double both = central(sums->yc[price], sums->y[price], sums->c[c], n);
        double beta = both / control_spread;
        mean -= beta * sums->c[c] / n;
        spread -= beta * both;
        freedom -= 1;
    }
    return (mc_estimate){payoff->centre[price] + mean,
                         freedom > 0 ? sqrt(fmax(spread, 0) / freedom / n) : INFINITY};
}
