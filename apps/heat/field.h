/* field - this rank's block of the temperatures, with a halo one cell wide, and how a step is made.
 *
 * Invariant: between steps the halo at an edge of the field has the edge's temperature, in both
 * buffers; halos at other ranks' blocks are as old as the last exchange. */
#ifndef HEAT_FIELD_H
#define HEAT_FIELD_H

#include "grid.h"

#include <stdint.h>

/* What is simulated; the same on all ranks at each step. */
typedef struct heat_model {
    double kappa;
    double strength; /* of the source: temperature per time in the middle of its spot */
    int source;      /* 1: on */
    double spot[2];  /* y and x, 0 to 1 */
    double width;    /* of the spot: the standard deviation */
} heat_model;

typedef struct heat_field {
    const heat_grid *grid; /* stays the caller's */
    double edge;           /* temperature */
    int64_t step;
    double time;
    double *now;           /* rows of `stride` cells */
    double *next;          /* the other buffer */
    size_t stride;         /* span[1].count + 2 */
    double *weights[2];    /* of the spot, for rows and columns */
    double spot[2], width; /* for which they are */
    MPI_Datatype row, column;
} heat_field;

/* Collective.  Returns 0, or -1 on all ranks: there is not enough memory on one of them.  To be
 * released in either case. */
int heat_field_init(heat_field *field, const heat_grid *grid, double edge);
void heat_field_release(heat_field *field);

/* Everything at the temperature of the edge, at step 0. */
void heat_field_reset(heat_field *field);

/* One step.  Collective with the neighbours. */
void heat_field_step(heat_field *field, const heat_model *model);

/* Where the block's row i begins, without the halo. */
double *heat_field_row(const heat_field *field, size_t i);

/* The mean of this block. */
double heat_field_mean(const heat_field *field);

#endif
