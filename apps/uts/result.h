/* result - what a search has found, and how long that took. */
#ifndef UTS_RESULT_H
#define UTS_RESULT_H

#include "search.h"

#include <time.h>

/* What one engine has done of it. */
typedef struct uts_share {
    uts_count count;
    uint64_t tasks;
} uts_share;

typedef struct uts_result {
    uts_count count;
    uint64_t tasks;
    int ranks, engines;
    uts_share *shares; /* one for each engine, for free(); NULL: one process did all */
    double seconds;
} uts_result;

/* Seconds, on a clock that only goes forward. */
static inline double uts_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
