/* bands - the whole field passes rank 0 in order of rows, a few rows at a time, so that it needs no
 * memory for more than those (a megabyte, or one row). */
#ifndef HEAT_BANDS_H
#define HEAT_BANDS_H

#include "field.h"

/* Called on rank 0 with the next `count` cells, whole rows of the field: to take them, or to fill
 * them in.  Returns 0, or an errno value; then it is not called again. */
typedef int heat_band_fn(void *arg, double *cells, size_t count);

/* Collective.  Return 0, or on all ranks what the function did, or ENOMEM.  After an error of
 * heat_bands_scatter() the field is undefined. */
int heat_bands_gather(const heat_field *field, heat_band_fn *take, void *arg);
int heat_bands_scatter(heat_field *field, heat_band_fn *fill, void *arg);

#endif
