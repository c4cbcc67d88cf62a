/* export - the counts as JSON and as CSV. */
#ifndef PARALLELPI_EXPORT_H
#define PARALLELPI_EXPORT_H

#include "job.h"
#include "stats.h"

/* Both return 0 or an errno value. */
int pi_export_json(const char *name, const pi_result *result, const pi_stats *stats,
                   const pi_tape *tape);
int pi_export_csv(const char *name, const pi_result *result);

#endif
