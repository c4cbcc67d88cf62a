/* price - how fast are options priced?  ranks: 1
 *
 * One core, nanoseconds for a path-step of one cell, independent random numbers, no control: a loop
 * of GSL's ziggurat and libm's exponential beside each path of mcpricer's, in turns.  Then the whole
 * grid with random numbers of its own in each cell, and with common ones. */
#include "bench.h"
#include "mcpricer/exact.h"
#include "mcpricer/price.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

enum { WAYS = 8, CELLS = 225 };

/* What one would write first.  The sums are mcpricer's: four payoffs and their squares. */
static void price_by_gsl(const mc_problem *p, size_t paths, mc_sums *sums)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    double h = 1.0 / p->days, drift = (p->rate - p->min_sigma * p->min_sigma / 2) * h;
    double vol = p->min_sigma * sqrt(h), discount = exp(-p->rate), k = p->min_strike;

    gsl_rng_set(rng, p->seed);
    for (size_t i = 0; i < paths; i++) {
        double s = p->spot, sum = 0, y[MC_PRICES];
        for (int day = 0; day < p->days; day++) {
            s *= exp(drift + vol * gsl_ran_gaussian_ziggurat(rng, 1));
            sum += s;
        }
        y[MC_ECALL] = discount * fmax(s - k, 0);
        y[MC_EPUT] = discount * fmax(k - s, 0);
        y[MC_ACALL] = discount * fmax(sum / p->days - k, 0);
        y[MC_APUT] = discount * fmax(k - sum / p->days, 0);
        for (int q = 0; q < MC_PRICES; q++) {
            sums->y[q] += y[q];
            sums->yy[q] += y[q] * y[q];
        }
    }
    sums->n += (double)paths;
    gsl_rng_free(rng);
}

/* Whether a European call came out as it must; a bench of wrong prices would be none. */
static void check(const mc_problem *p, const mc_sums *sums, double centre)
{
    double n = sums->n, mean = sums->y[MC_ECALL] / n;
    double error = sqrt((sums->yy[MC_ECALL] / n - mean * mean) / n);
    if (fabs(mean + centre - mc_exact_payoff(p, 0).centre[MC_ECALL]) > 5 * error)
        bench_fail("price", "European call", "not the price of Black and Scholes");
}

static double time_gsl(const mc_problem *p, size_t paths)
{
    mc_sums sums = {0};
    double begun = bench_seconds();
    price_by_gsl(p, paths, &sums);
    begun = bench_seconds() - begun;
    check(p, &sums, 0);
    return 1e9 * begun / ((double)paths * p->days);
}

static double time_path(const mc_problem *p, const mc_path *path, size_t paths)
{
    static mc_sums sums[CELLS];
    mc_pricer *pricer = mc_pricer_new(p, path);
    size_t cells = mc_problem_cells(p);
    double begun;

    if (pricer == NULL)
        bench_fail("price", "buffers", "out of memory");
    memset(sums, 0, sizeof sums);
    begun = bench_seconds();
    if (p->common) {
        mc_part part = {0, p->strikes, 0, p->sigmas, 0, paths};
        mc_pricer_run(pricer, &part, sums);
    }
    for (size_t c = 0; c < cells && !p->common; c++) {
        mc_part part = {mc_cell_strike(p, c), 1, mc_cell_sigma(p, c), 1, c << 40, paths};
        mc_pricer_run(pricer, &part, &sums[c]);
    }
    begun = bench_seconds() - begun;
    check(p, sums, mc_exact_payoff(p, 0).centre[MC_ECALL]);
    mc_pricer_free(pricer);
    return 1e9 * begun / ((double)paths * p->days * (double)cells);
}

/* A line of text, one of JSON, and the median for --json. */
static void report(const struct bench *bench, const char *what, const char *unit,
                   const struct bench_series *series)
{
    bench_report("price", what, unit, series);
    if (bench->json != NULL)
        fprintf(bench->json, "%s\"%s\":%.6g", ftell(bench->json) > 0 ? "," : "{", what,
                bench_median(series));
}

static void one_cell(const struct bench *bench, const mc_problem *grid, size_t paths)
{
    struct bench_series ways[WAYS] = {0};
    mc_problem p = *grid;
    const mc_path *path;

    p.strikes = p.sigmas = 1;
    p.min_strike = 100;
    p.min_sigma = 0.25;
    for (size_t round = 0; round < bench->rounds; round++) {
        p.seed = round;
        bench_add(&ways[0], time_gsl(&p, paths / 4));
        for (size_t i = 0; (path = mc_path_at(i)) != NULL; i++)
            if (path->supported())
                bench_add(&ways[i + 1], time_path(&p, path, paths));
    }
    report(bench, "one cell, GSL and libm", "ns", &ways[0]);
    for (size_t i = 0; (path = mc_path_at(i)) != NULL; i++) {
        char what[40];
        snprintf(what, sizeof what, "one cell, %s", path->name);
        if (path->supported())
            report(bench, what, "ns", &ways[i + 1]);
    }
}

static void whole_grid(const struct bench *bench, const mc_problem *grid, size_t paths)
{
    struct bench_series independent = {.n = 0}, common = {.n = 0}, ratio = {.n = 0};
    mc_problem p = *grid;

    for (size_t round = 0; round < bench->rounds; round++) {
        double alone, together;
        p.seed = round;
        p.common = 0;
        alone = time_path(&p, mc_path_find("auto"), paths);
        p.common = 1;
        together = time_path(&p, mc_path_find("auto"), paths);
        bench_add(&independent, alone);
        bench_add(&common, together);
        bench_add(&ratio, alone / together);
    }
    report(bench, "grid, independent numbers", "ns", &independent);
    report(bench, "grid, common numbers", "ns", &common);
    report(bench, "grid, common is faster by", "times", &ratio);
}

int main(int argc, char **argv)
{
    size_t paths = 20000, grid_paths = 4096;
    const struct bench_option options[] = {
        {.name = "--paths",
         .value = "N",
         .help = "paths of one cell (20000)",
         .count = &paths,
         .least = 1000,
         .most = 1e9},
        {.name = "--grid-paths",
         .value = "N",
         .help = "paths of each cell of the grid (4096)",
         .count = &grid_paths,
         .least = 100,
         .most = 1e9},
    };
    struct bench bench = {.name = "price",
                          .about = "path-steps of a Monte Carlo pricing, one core",
                          .options = options,
                          .option_count = 2,
                          .rounds = 9};
    int status = bench_start(&bench, argc, argv);

    if (status >= 0)
        return status;
    one_cell(&bench, &mc_problem_default, paths);
    whole_grid(&bench, &mc_problem_default, grid_paths);
    if (bench.json != NULL)
        fputs("}\n", bench.json);
    return bench_end(&bench, 0);
}
