/* plot - a picture of the counts by gnuplot. */
#ifndef PARALLELPI_PLOT_H
#define PARALLELPI_PLOT_H

#include "job.h"

/* Draws options->plot: two digits as a matrix, one digit and three as a line. Says what it has done
 * as gnuplot_draw() does; returns the exit status. */
int pi_plot_draw(const pi_options *options, const pi_result *result);

#endif
