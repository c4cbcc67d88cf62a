/* gnuplot - a picture drawn by gnuplot, or what it takes to draw it elsewhere. */
#ifndef COMMON_GNUPLOT_H
#define COMMON_GNUPLOT_H

#include <stddef.h>
#include <stdio.h>

typedef struct gnuplot_picture {
    const char *name;  /* the ending chooses the format: .svg, .pdf, otherwise PNG */
    int width, height; /* pixels */
    void (*print_data)(FILE *out, const void *arg);
    void (*print_plot)(FILE *out,
                       const void *arg); /* commands; the variable `data` names the data */
    const void *arg;
} gnuplot_picture;

/* Draws it and says where it is, or what is to be done where gnuplot is missing (then script and
 * data lie beside where the picture would be, under its name with the endings .gp and .dat); says
 * nothing if `quiet`.  Returns 0, or CLI_FAILURE after an error line. */
int gnuplot_draw(const char *program, const gnuplot_picture *picture, int quiet);

#endif
