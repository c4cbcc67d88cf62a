/* summary - a field in a few numbers, which are the same for any number of ranks. */
#ifndef HEAT_SUMMARY_H
#define HEAT_SUMMARY_H

#include "field.h"

#include <stdint.h>

/* A hash of numbers, bit by bit and in order: begins with HEAT_HASH, goes on with what it was. */
#define HEAT_HASH UINT64_C(0xcbf29ce484222325)
uint64_t heat_hash(uint64_t hash, const double *values, size_t count);

/* To be filled cell by cell, in order of rows. */
typedef struct heat_summary {
    size_t cells;
    double sum, least, most;
    uint64_t checksum;
} heat_summary;

void heat_summary_init(heat_summary *summary);
void heat_summary_add(heat_summary *summary, const double *cells, size_t count);

/* Of the whole field, on rank 0.  Collective.  Returns 0, or an errno value on all ranks. */
int heat_summary_take(heat_summary *summary, const heat_field *field);

#endif
