#include "gnuplot.h"
#include "cli.h"
#include "outfile.h"
#include "spawn.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *ending(const char *name)
{
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');

    return dot != NULL && (slash == NULL || dot > slash + 1) && dot > name ? dot
                                                                           : name + strlen(name);
}

static void with_ending(const char *name, const char *other, char text[PATH_MAX])
{
    snprintf(text, PATH_MAX, "%.*s%s", (int)(ending(name) - name), name, other);
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

static void print_terminal(FILE *out, const gnuplot_picture *picture)
{
    const char *format = ending(picture->name);
    int width = picture->width, height = picture->height;

    if (strcmp(format, ".svg") == 0)
        fprintf(out, "set terminal svg size %d,%d font 'sans,14' background 'white'\n", width,
                height);
    else if (strcmp(format, ".pdf") == 0)
        fprintf(out, "set terminal pdfcairo size %dcm,%dcm font 'sans,14'\n", width / 40,
                height / 40);
    else
        fprintf(out,
                "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
                "    set terminal pngcairo size %d,%d font 'sans,14'\n"
                "} else {\n"
                "    set terminal png size %d,%d\n"
                "}\n",
                width, height, width, height);
}

/* The variable `data` is to be set before: to a file or, with a $, to data in the script. */
static void print_script(FILE *out, const gnuplot_picture *picture, const char *output)
{
    print_terminal(out, picture);
    fputs("set output ", out);
    print_quoted(out, output);
    fputc('\n', out);
    picture->print_plot(out, picture->arg);
    fputs("unset output\n", out);
}

/* Returns 0 or an errno value. */
static int leave_files(const gnuplot_picture *picture, const char *script, const char *data)
{
    outfile file;
    int error = outfile_open(&file, data);

    if (error != 0)
        return error;
    picture->print_data(file.stream, picture->arg);
    error = outfile_commit(&file);
    if (error == 0)
        error = outfile_open(&file, script);
    if (error != 0)
        return error;
    fputs("data = ", file.stream);
    print_quoted(file.stream, data);
    fputc('\n', file.stream);
    print_script(file.stream, picture, picture->name);
    return outfile_commit(&file);
}

static int draw_elsewhere(const char *program, const gnuplot_picture *picture, int quiet)
{
    char script[PATH_MAX], data[PATH_MAX];
    int error;

    with_ending(picture->name, ".gp", script);
    with_ending(picture->name, ".dat", data);
    error = leave_files(picture, script, data);
    if (error != 0) {
        cli_file_error(program, picture->name, error);
        return CLI_FAILURE;
    }
    if (!quiet)
        printf("gnuplot is not here, so no %s; to draw it elsewhere: gnuplot %s (its data: %s)\n",
               picture->name, script, data);
    return CLI_OK;
}

/* Data and script in one on gnuplot's standard input: nothing to sweep up afterwards. */
static int run_gnuplot(const char *gnuplot, const gnuplot_picture *picture, const char *output)
{
    const char *argv[] = {gnuplot, "-", NULL};
    FILE *input = tmpfile();
    int status;

    if (input == NULL)
        return -1;
    fputs("$data << END\n", input);
    picture->print_data(input, picture->arg);
    fputs("END\ndata = '$data'\n", input);
    print_script(input, picture, output);
    rewind(input);
    status = spawn_run(gnuplot, argv, fileno(input));
    fclose(input);
    return status;
}

static int draw_by(const char *gnuplot, const char *program, const gnuplot_picture *picture)
{
    outfile file;
    int error = outfile_open(&file, picture->name);

    if (error == 0 && run_gnuplot(gnuplot, picture, file.path) != 0) {
        outfile_discard(&file);
        cli_error(program, "%s: gnuplot has failed", picture->name);
        return CLI_FAILURE;
    }
    if (error == 0)
        error = outfile_commit(&file);
    if (error == 0)
        return CLI_OK;
    cli_file_error(program, picture->name, error);
    return CLI_FAILURE;
}

int gnuplot_draw(const char *program, const gnuplot_picture *picture, int quiet)
{
    char *gnuplot = spawn_find("gnuplot", 0);
    int status;

    if (gnuplot == NULL)
        return draw_elsewhere(program, picture, quiet);
    status = draw_by(gnuplot, program, picture);
    free(gnuplot);
    if (status == CLI_OK && !quiet)
        printf("Picture: %s\n", picture->name);
    return status;
}
