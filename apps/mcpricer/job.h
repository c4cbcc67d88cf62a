/* job - the pricing as a farm: parts of the grid, what comes home, and when it is enough. */
#ifndef MCPRICER_JOB_H
#define MCPRICER_JOB_H

#include "nave.h"
#include "options.h"
#include "price.h"

enum { MC_KERNELS = 1 };

/* The kernel of every rank; nave_options.user is the rank's mc_pricer. */
extern const nave_kernel mc_kernels[MC_KERNELS];

typedef struct mc_cell {
    mc_sums sums;
    mc_estimate prices[MC_PRICES];
} mc_cell;

typedef struct mc_result {
    mc_cell *cells; /* by number; for free() */
    size_t count;
    int ranks, engines, rounds;
    double seconds; /* of the pricing on all engines */
    double steps;   /* path-steps: paths of all cells times days */
    double ns;      /* seconds of an engine for a path-step, times 10^9 */
    double one_ns;  /* the same of one engine alone, measured before; 0: not measured */
} mc_result;

/* How far it is: of this round, parts that are done. */
typedef struct mc_progress {
    size_t done, all;
} mc_progress;

/* Prices on the hub.  NAVE_OK, or what went wrong, as nave_error() says; cells are to be freed in
 * either case. */
int mc_job_run(nave *ctx, const mc_options *options, mc_progress *progress, mc_result *result);

#endif
