/* digits - the files of the original job, made by pidigits when they are not there. */
#ifndef PARALLELPI_DIGITS_H
#define PARALLELPI_DIGITS_H

#include "options.h"
#include "tape.h"

/* The files' names. */
typedef struct pi_digits {
    char **names;
    size_t count;
} pi_digits;

/* Names the files that hold the digits wanted, and makes them if one is missing. Sets
 * options->digits to how many they are to hold. Returns 0, or -1 with a trouble. Free by
 * pi_digits_release() in either case. */
int pi_digits_get(pi_digits *digits, pi_options *options, pi_trouble *trouble);
void pi_digits_release(pi_digits *digits);

#endif
