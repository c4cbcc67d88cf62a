/* job - the counting as a farm: kernels, tasks, and what comes home. */
#ifndef PARALLELPI_JOB_H
#define PARALLELPI_JOB_H

#include "nave.h"
#include "options.h"
#include "scan.h"

enum { PI_KERNELS = 2 };

/* The kernels of every rank; nave_options.user is the rank's pi_scanner. */
extern const nave_kernel pi_kernels[PI_KERNELS];

typedef struct pi_result {
    int k;
    uint64_t digits, windows;
    uint64_t *counts; /* 10^k, by the sequence as a number; for free() */
    int ranks, engines;
    double seconds, rate; /* of counting on all engines; digits per second */
    uint64_t one_digits;  /* counted on one engine before, and how fast */
    double one_rate;
    uint8_t first[PI_MAX_K], last[PI_MAX_K]; /* the k - 1 digits at both ends */
} pi_result;

/* Counts, on the hub: the first `wanted` digits, so many must be there; 0: all there are. Moves
 * tape->end behind the last digit wanted. Returns 0, or -1 with a trouble. result->counts is to be
 * freed in either case. `once`: all digits are counted once, not again for a better time. */
int pi_job_run(nave *ctx, pi_scanner *scanner, pi_tape *tape, uint64_t wanted, int once,
               pi_result *result, pi_trouble *trouble);

#endif
