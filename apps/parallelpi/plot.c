#include "plot.h"
#include "cli.h"
#include "gnuplot.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

/* A column for the units, one for what is in front of them, the count, the sequence in quotes. */
static void print_data(FILE *out, const void *arg)
{
    const pi_result *result = arg;
    char text[PI_MAX_K + 1];

    for (uint64_t i = 0; i < pi_power10(result->k); i++)
        fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " \"%s\"\n", i % 10, i / 10,
                result->counts[i], pi_report_sequence(result->k, i, text));
}

static void print_title(FILE *out, const pi_result *result)
{
    static const char *const many[] = {"", "digits", "two-digit sequences",
                                       "three-digit sequences"};
    char commas[CLI_COMMAS];

    fprintf(out, "set title 'Counts of the %s in %s decimals of pi'\n", many[result->k],
            cli_commas(result->digits, commas));
}

/* The cells' text is white on the dark half of the colours, black on the bright one. */
static void print_matrix_plot(FILE *out, const pi_result *result)
{
    uint64_t most, least;

    pi_report_extremes(result, &most, &least);
    fprintf(out,
            "low = %" PRIu64 "\nhigh = %" PRIu64 "\n"
            "middle = low + 0.55 * (high - low)\n"
            "set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', 4 "
            "'#fde725')\n"
            "set cbrange [low : (high > low ? high : low + 1)]\n"
            "set format cb '%%.0f'\nset cblabel 'count' offset 1.5,0\n"
            "set xrange [-0.5:9.5]\nset yrange [9.5:-0.5]\nset size ratio 1\n"
            "set xtics 0,1,9 scale 0\nset ytics 0,1,9 scale 0\n"
            "set xlabel 'second digit'\nset ylabel 'first digit'\nunset key\nset border lw 0.5\n"
            "plot data using 1:2:3 with image, \\\n"
            "    data using 1:2:($3 < middle ? strcol(4) : '') with labels tc 'white', \\\n"
            "    data using 1:2:($3 < middle ? '' : strcol(4)) with labels tc 'black'\n",
            result->counts[least], result->counts[most]);
}

static void print_line_plot(FILE *out, const pi_result *result)
{
    double expected = (double)result->windows / (double)pi_power10(result->k);

    fprintf(out,
            "set xrange [-%s:%s]\nset xtics %s\nset offsets 0,0,graph 0.1,graph 0.1\n"
            "set format y '%%.0f'\nset grid ytics lc '#dddddd'\nset key below\n"
            "set xlabel '%s'\nset ylabel 'count'\n"
            "plot data using ($1 + 10 * $2):3 with %s lw 2 lc '#3b528b' title 'counted', \\\n"
            "    %.1f with lines dt 2 lw 2 lc '#888888' title 'expected of random digits'\n",
            result->k == 1 ? "0.5" : "5", result->k == 1 ? "9.5" : "1004",
            result->k == 1 ? "0,1,9" : "0,100,1000", result->k == 1 ? "digit" : "sequence",
            result->k == 1 ? "linespoints pt 7 ps 1.3" : "lines", expected);
}

static void print_plot(FILE *out, const void *arg)
{
    const pi_result *result = arg;

    print_title(out, result);
    if (result->k == 2)
        print_matrix_plot(out, result);
    else
        print_line_plot(out, result);
}

int pi_plot_draw(const pi_options *options, const pi_result *result)
{
    gnuplot_picture picture = {.name = options->plot, .width = 960, .height = 600};

    if (result->k == 2)
        picture.height = 880;
    picture.print_data = print_data;
    picture.print_plot = print_plot;
    picture.arg = result;
    if (!options->quiet)
        putchar('\n');
    return gnuplot_draw(PROGRAM, &picture, options->quiet);
}
