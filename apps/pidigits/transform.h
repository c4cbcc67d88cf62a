/*
 * Number-theoretic transforms over one prime field: vectors of four doubles, length a power of two.
 *
 * The data are the coefficients of a polynomial of degree below 4 n, in order.  transform_forward
 * leaves n polynomials of degree below 4, the residues modulo x^4 - c for the n-th roots of unity
 * c; transform_times multiplies two such sets; transform_back returns n times the product modulo
 * x^(4n) - 1.  Stopping at degree 4 keeps every pass free of shuffles within a vector.
 */
#ifndef PIDIGITS_TRANSFORM_H
#define PIDIGITS_TRANSFORM_H

#include "field.h"

#ifdef NTT_HAVE_VECTORS
int transform_roots(field *f, size_t n); /* make roots for n vectors; 0, or -1 when out of memory */
void transform_forward(const field *f, double *x, size_t n);
void transform_times(const field *f, double *x, const double *y, size_t n, uint64_t scale);
void transform_back(const field *f, double *x, size_t n);
#endif

#endif
