/*
 * Binary digits of pi at a distant position, without those before it.
 *
 * The method is that of D. Bailey, P. Borwein and S. Plouffe, "On the rapid computation of various
 * polylogarithmic constants", Mathematics of Computation 66 (1997); the series that of F. Bellard
 * (1997). It shares nothing with the series that FLINT sums, so that agreement near the end of a
 * long computation vouches for all of it.
 */
#ifndef PIDIGITS_BBP_H
#define PIDIGITS_BBP_H

#include "progress.h"

#include <stddef.h>

/* The farthest position that takes seconds and not hours on this processor. */
size_t bbp_reach(void);

/* The fractional part of 2^position * pi, wrong by at most *error, on FLINT's threads; all 1000
 * thousandths are added to p. */
double bbp_fraction(size_t position, double *error, progress *p);

#endif
