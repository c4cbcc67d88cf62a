/* steer - what of the simulation can be seen and changed from outside: the part of the program that
 * knows Nave.
 *
 *     values     strength, kappa, source, spot_x, spot_y, steps
 *     arrays     temperature; mean and step, one for each rank
 *     commands   checkpoint [FILE], reset */
#ifndef HEAT_STEER_H
#define HEAT_STEER_H

#include "field.h"
#include "nave.h"
#include "options.h"

typedef struct heat_steer {
    nave *ctx;              /* NULL: nobody wants to look */
    heat_model model;       /* as it is now */
    int64_t steps;          /* likewise */
    const char *checkpoint; /* the file of a command that names none; NULL: none */
    heat_field *field;      /* stays the caller's */
    nave_array temperature;
    double mean;   /* of this rank's block */
    double looked; /* when that was: seconds, monotonic */
} heat_steer;

/* Both collective.  Return an exit status, the same on all ranks; rank 0 has said why it is not
 * CLI_OK. */
int heat_steer_open(heat_steer *steer, const heat_options *options, const heat_grid *grid);
int heat_steer_declare(heat_steer *steer, heat_field *field);

/* Between steps; as nave_poll(). */
int heat_steer_poll(heat_steer *steer);

void heat_steer_close(heat_steer *steer);

/* Seconds, monotonic. */
double heat_clock(void);

#endif
