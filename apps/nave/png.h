/* png - a field of numbers as a picture, low ones dark and high ones bright.
 *
 * Each number is a square of whole pixels, or, where there are more of them than PNG_LARGEST on a side,
 * each pixel is the mean of a square of whole numbers; so the picture is never distorted.
 */
#ifndef NAVE_PNG_H
#define NAVE_PNG_H

#include <stddef.h>
#include <stdio.h>

/* Pixels: no side is longer, the longer one is never shorter. */
enum { PNG_LARGEST = 2048, PNG_SMALLEST = 256 };

/* Writes height * width numbers, row by row from the top, as an RGB picture.  `low` gets the first colour,
 * `high` the last, and what lies beyond them too (with low > high, the colours run backwards).  If the two
 * are equal or one is not finite, they are the least and the greatest finite value; where these are equal
 * too, the middle colour is for all.  NaN is grey, and does not count in means.  0, or -1: out of memory,
 * not written, or a side is 0. */
int png_write_field(FILE *out, const double *values, size_t height, size_t width, double low,
                    double high);

#endif
