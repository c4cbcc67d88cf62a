/* plot - a picture of the counts by gnuplot. */
#ifndef PARALLELPI_PLOT_H
#define PARALLELPI_PLOT_H

#include "job.h"

typedef enum pi_plotted {
    PI_PLOT_DRAWN,
    PI_PLOT_NO_GNUPLOT, /* script and data lie beside where the picture would be */
    PI_PLOT_FAILED,     /* gnuplot did, and has said why */
    PI_PLOT_UNWRITABLE  /* errno says why */
} pi_plotted;

/* The names of the files that are written instead of the picture: its own with another ending.
 * `text` has room for `size` bytes. */
const char *pi_plot_script_name(const char *name, char *text, size_t size);
const char *pi_plot_data_name(const char *name, char *text, size_t size);

/* Draws: two digits as a matrix, one digit and three as a line. The ending of the name chooses the
 * format: .svg, .pdf, otherwise PNG. */
pi_plotted pi_plot_draw(const char *name, const pi_result *result);

#endif
