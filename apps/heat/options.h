/* options - what the command line says. */
#ifndef HEAT_OPTIONS_H
#define HEAT_OPTIONS_H

#include "field.h"

#define PROGRAM "heat"

/* Limits that hold from outside too, see steer.c. */
#define HEAT_KAPPA_MIN 1e-6
#define HEAT_KAPPA_MAX 10.0
#define HEAT_STRENGTH_MAX 1e6 /* of either sign */

typedef struct heat_options {
    size_t shape[2]; /* rows and columns; {0, 0}: those of the file to resume from */
    int64_t steps;   /* the number of the last one; 0: until stopped from outside */
    heat_model model;
    double edge; /* temperature */
    double pace; /* seconds to sleep after each step */
    const char *checkpoint, *resume;
    const char *connection, *listen; /* see nave_options */
    int quiet;
} heat_options;

/* Returns 0; or -1 with an exit status in *status: --help and --version have been answered, or an
 * error line been printed. */
int heat_options_parse(heat_options *options, int argc, char **argv, int *status);

#endif
