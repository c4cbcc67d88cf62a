#include "plot.h"
#include "cli.h"
#include "outfile.h"
#include "report.h"
#include "spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *ending(const char *name)
{
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');

    return dot != NULL && (slash == NULL || dot > slash + 1) && dot > name ? dot
                                                                           : name + strlen(name);
}

static const char *with_ending(const char *name, const char *other, char *text, size_t size)
{
    snprintf(text, size, "%.*s%s", (int)(ending(name) - name), name, other);
    return text;
}

const char *pi_plot_script_name(const char *name, char *text, size_t size)
{
    return with_ending(name, ".gp", text, size);
}

const char *pi_plot_data_name(const char *name, char *text, size_t size)
{
    return with_ending(name, ".dat", text, size);
}

/* Within single quotes gnuplot takes everything as it is but the quote, which is doubled. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

/* A column for the units, one for what is in front of them, the count, the sequence in quotes. */
static void print_data(FILE *out, const pi_result *result)
{
    char text[PI_MAX_K + 1];

    for (uint64_t i = 0; i < pi_power10(result->k); i++)
        fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " \"%s\"\n", i % 10, i / 10,
                result->counts[i], pi_report_sequence(result->k, i, text));
}

static void print_terminal(FILE *out, const char *name, int k)
{
    const char *size = k == 2 ? "960,880" : "960,600";

    if (strcmp(ending(name), ".svg") == 0)
        fprintf(out, "set terminal svg size %s font 'sans,14' background 'white'\n", size);
    else if (strcmp(ending(name), ".pdf") == 0)
        fprintf(out, "set terminal pdfcairo size %s font 'sans,14'\n",
                k == 2 ? "24cm,22cm" : "24cm,15cm");
    else
        fprintf(out,
                "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
                "    set terminal pngcairo size %s font 'sans,14'\n"
                "} else {\n"
                "    set terminal png size %s\n"
                "}\n",
                size, size);
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
            "plot counts using 1:2:3 with image, \\\n"
            "    counts using 1:2:($3 < middle ? strcol(4) : '') with labels tc 'white', \\\n"
            "    counts using 1:2:($3 < middle ? '' : strcol(4)) with labels tc 'black'\n",
            result->counts[least], result->counts[most]);
}

static void print_line_plot(FILE *out, const pi_result *result)
{
    double expected = (double)result->windows / (double)pi_power10(result->k);

    fprintf(out,
            "set xrange [-%s:%s]\nset xtics %s\nset offsets 0,0,graph 0.1,graph 0.1\n"
            "set format y '%%.0f'\nset grid ytics lc '#dddddd'\nset key below\n"
            "set xlabel '%s'\nset ylabel 'count'\n"
            "plot counts using ($1 + 10 * $2):3 with %s lw 2 lc '#3b528b' title 'counted', \\\n"
            "    %.1f with lines dt 2 lw 2 lc '#888888' title 'expected of random digits'\n",
            result->k == 1 ? "0.5" : "5", result->k == 1 ? "9.5" : "1004",
            result->k == 1 ? "0,1,9" : "0,100,1000", result->k == 1 ? "digit" : "sequence",
            result->k == 1 ? "linespoints pt 7 ps 1.3" : "lines", expected);
}

/* The variable `counts` is to be set before: to a file or, with a $, to data in the script. */
static void print_script(FILE *out, const char *name, const char *output, const pi_result *result)
{
    print_terminal(out, name, result->k);
    fputs("set output ", out);
    print_quoted(out, output);
    fputc('\n', out);
    print_title(out, result);
    if (result->k == 2)
        print_matrix_plot(out, result);
    else
        print_line_plot(out, result);
    fputs("unset output\n", out);
}

static pi_plotted leave_files(const char *name, const pi_result *result)
{
    char script_name[PATH_MAX], data_name[PATH_MAX];
    pi_outfile file;

    pi_plot_script_name(name, script_name, sizeof script_name);
    pi_plot_data_name(name, data_name, sizeof data_name);
    errno = pi_outfile_open(&file, data_name);
    if (errno != 0)
        return PI_PLOT_UNWRITABLE;
    print_data(file.stream, result);
    errno = pi_outfile_commit(&file);
    if (errno == 0)
        errno = pi_outfile_open(&file, script_name);
    if (errno != 0)
        return PI_PLOT_UNWRITABLE;
    fputs("counts = ", file.stream);
    print_quoted(file.stream, data_name);
    fputc('\n', file.stream);
    print_script(file.stream, name, name, result);
    errno = pi_outfile_commit(&file);
    return errno != 0 ? PI_PLOT_UNWRITABLE : PI_PLOT_NO_GNUPLOT;
}

/* Data and script in one on gnuplot's standard input: nothing to sweep up afterwards. */
static int run_gnuplot(const char *gnuplot, const char *name, const char *output,
                       const pi_result *result)
{
    const char *argv[] = {gnuplot, "-", NULL};
    FILE *input = tmpfile();
    int status;

    if (input == NULL)
        return -1;
    fputs("$counts << END\n", input);
    print_data(input, result);
    fputs("END\ncounts = '$counts'\n", input);
    print_script(input, name, output, result);
    rewind(input);
    status = pi_spawn_run(gnuplot, argv, fileno(input));
    fclose(input);
    return status;
}

pi_plotted pi_plot_draw(const char *name, const pi_result *result)
{
    char *gnuplot = pi_spawn_find("gnuplot", 0);
    pi_outfile file;
    int status;

    if (gnuplot == NULL)
        return leave_files(name, result);
    errno = pi_outfile_open(&file, name);
    if (errno != 0) {
        free(gnuplot);
        return PI_PLOT_UNWRITABLE;
    }
    status = run_gnuplot(gnuplot, name, file.path, result);
    free(gnuplot);
    if (status != 0) {
        pi_outfile_discard(&file);
        return PI_PLOT_FAILED;
    }
    errno = pi_outfile_commit(&file);
    return errno != 0 ? PI_PLOT_UNWRITABLE : PI_PLOT_DRAWN;
}
