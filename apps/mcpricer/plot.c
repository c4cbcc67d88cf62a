#include "plot.h"
#include "cli.h"
#include "gnuplot.h"

#include <math.h>
#include <stdio.h>

enum { LEVELS = 20 };

typedef struct contours {
    const mc_problem *problem;
    const mc_result *result;
    int price;
} contours;

static double price_at(const contours *c, int k, int s)
{
    return c->result->cells[mc_cell_at(c->problem, k, s)].prices[c->price].price;
}

/* Volatility, strike, price; a blank line behind each row of the grid. */
static void print_data(FILE *out, const void *arg)
{
    const contours *c = arg;

    for (int k = 0; k < c->problem->strikes; k++) {
        for (int s = 0; s < c->problem->sigmas; s++)
            fprintf(out, "%.17g %.17g %.17g\n", mc_problem_sigma(c->problem, s),
                    mc_problem_strike(c->problem, k), price_at(c, k, s));
        fputc('\n', out);
    }
}

/* A round step between contours: 1, 2 or 5 times a power of ten. */
static double round_step(double range)
{
    double raw = range / LEVELS, power = pow(10, floor(log10(raw))), part = raw / power;

    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void find_range(const contours *c, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int k = 0; k < c->problem->strikes; k++) {
        for (int s = 0; s < c->problem->sigmas; s++) {
            *low = fmin(*low, price_at(c, k, s));
            *high = fmax(*high, price_at(c, k, s));
        }
    }
}

/* A surface seen from above, refined by gnuplot, with one colour between two levels and lines at
 * the levels. */
static void print_plot(FILE *out, const void *arg)
{
    static const char *const titles[MC_PRICES] = {"European call", "European put", "Asian call",
                                                  "Asian put"};
    const contours *c = arg;
    double low, high, step;
    int levels;

    find_range(c, &low, &high);
    step = high > low ? round_step(high - low) : 1;
    low = floor(low / step) * step;
    high = fmax(ceil(high / step) * step, low + step);
    levels = (int)lround((high - low) / step);
    fprintf(out,
            "set title '%s: price at spot %g, rate %g, one year of %d days'\n"
            "set xlabel 'volatility'\nset ylabel 'strike'\nset cblabel 'price' offset 1,0\n"
            "set xrange [%.10g:%.10g]\nset yrange [%.10g:%.10g]\n",
            titles[c->price], c->problem->spot, c->problem->rate, c->problem->days,
            c->problem->min_sigma, c->problem->max_sigma, c->problem->min_strike,
            c->problem->max_strike);
    fprintf(out,
            "set zrange [%.10g:%.10g]\nset cbrange [%.10g:%.10g]\nset cbtics %.10g\n"
            "set palette maxcolors %d defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', "
            "4 '#fde725')\n"
            "set view map\nset pm3d interpolate 12,12\nset contour base\n"
            "set cntrparam cubicspline levels incremental %.10g,%.10g,%.10g\n"
            "set cntrlabel onecolor\nunset key\nset border lw 0.5\nset tics out nomirror\n"
            "splot data using 1:2:3 with pm3d, \\\n"
            "    data using 1:2:3 with lines lc 'black' lw 0.6 nosurface\n",
            low, high, low, high, step, levels, low + step, step, high - step);
}

void mc_plot_name(const mc_options *options, int price, char name[PATH_MAX])
{
    snprintf(name, PATH_MAX, "%s_%s.png", options->plot, mc_price_names[price]);
}

int mc_plot_draw(const mc_options *options, const mc_result *result)
{
    int status = CLI_OK;

    if (!options->quiet)
        putchar('\n');
    for (int i = 0; i < MC_PRICES && status == CLI_OK; i++) {
        contours c = {&options->problem, result, i};
        char name[PATH_MAX];
        gnuplot_picture picture = {.name = name, .width = 960, .height = 760};
        picture.print_data = print_data;
        picture.print_plot = print_plot;
        picture.arg = &c;
        mc_plot_name(options, i, name);
        status = gnuplot_draw(PROGRAM, &picture, options->quiet);
    }
    return status;
}
