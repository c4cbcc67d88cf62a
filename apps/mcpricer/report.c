#include "report.h"
#include "cli.h"

#include <math.h>

enum { CELLS_PRINTED = 400 };

static void print_title(FILE *out, const mc_options *options, const mc_result *result)
{
    const mc_problem *p = &options->problem;
    char paths[CLI_COMMAS];

    fprintf(out, "%d strikes by %d volatilities, %s paths of %d days each%s\n", p->strikes,
            p->sigmas, cli_commas(options->paths, paths), p->days,
            options->target_error > 0 ? " to begin with" : "");
    fprintf(out, "Spot %g, rate %g, seed %llu, %s random numbers, %s%s\n\n", p->spot, p->rate,
            (unsigned long long)p->seed, p->common ? "common" : "independent",
            p->control ? "geometric control variate" : "no control variate",
            p->antithetic ? ", antithetic" : "");
    if (result->rounds > 1)
        fprintf(out, "%d rounds until all standard errors were below %g\n\n", result->rounds,
                options->target_error);
}

static void print_cells(FILE *out, const mc_problem *p, const mc_result *result)
{
    fprintf(out, "%8s %8s  %-20s%-20s%-20s%-20s\n", "strike", "sigma", "European call",
            "European put", "Asian call", "Asian put");
    for (int k = 0; k < p->strikes; k++) {
        for (int s = 0; s < p->sigmas; s++) {
            const mc_cell *cell = &result->cells[mc_cell_at(p, k, s)];
            fprintf(out, "%8.4g %8.4g ", mc_problem_strike(p, k), mc_problem_sigma(p, s));
            for (int i = 0; i < MC_PRICES; i++)
                fprintf(out, " %8.4f +- %-7.2g", cell->prices[i].price, cell->prices[i].error);
            fputc('\n', out);
        }
    }
    fputc('\n', out);
}

static void print_errors(FILE *out, const mc_result *result)
{
    static const char *const names[MC_PRICES] = {"European call", "European put", "Asian call",
                                                 "Asian put"};

    fprintf(out, "Standard errors:");
    for (int i = 0; i < MC_PRICES; i++) {
        double low = INFINITY, high = 0;
        for (size_t c = 0; c < result->count; c++) {
            low = fmin(low, result->cells[c].prices[i].error);
            high = fmax(high, result->cells[c].prices[i].error);
        }
        fprintf(out, "%s%s %.2g to %.2g", i > 0 ? ", " : " ", names[i], low, high);
    }
    fputs("\n", out);
}

static void print_speed(FILE *out, const mc_options *options, const mc_result *result)
{
    double rate = 1e9 / result->ns;

    fprintf(
        out,
        "Priced in %.3f s on %d engine%s, %s: %.3g path-steps, %.3g a second and core (%.3f ns)\n",
        result->seconds, result->engines, result->engines == 1 ? "" : "s", options->path->name,
        result->steps, rate, result->ns);
    fprintf(out, "Speed-up against one engine (%.3f ns a path-step): %.2f\n", result->one_ns,
            result->one_ns * result->engines / result->ns);
}

void mc_report_print(FILE *out, const mc_options *options, const mc_result *result)
{
    print_title(out, options, result);
    if (result->count <= CELLS_PRINTED)
        print_cells(out, &options->problem, result);
    else
        fprintf(out, "%zu cells: --csv or --json FILE has them all\n\n", result->count);
    print_errors(out, result);
    print_speed(out, options, result);
}
