/* plot - filled contours of the prices over volatility and strike, by gnuplot. */
#ifndef MCPRICER_PLOT_H
#define MCPRICER_PLOT_H

#include "job.h"

#include <limits.h>

/* The name of a price's picture: PREFIX_ecall.png, .... */
void mc_plot_name(const mc_options *options, int price, char name[PATH_MAX]);

/* Draws all four.  Returns the exit status; an error line has then been printed. */
int mc_plot_draw(const mc_options *options, const mc_result *result);

#endif
