/* export - the result as JSON and CSV. */
#ifndef MCPRICER_EXPORT_H
#define MCPRICER_EXPORT_H

#include "job.h"

/* Both return 0 or an errno value; a file appears complete or not at all. */
int mc_export_json(const char *name, const mc_options *options, const mc_result *result);
int mc_export_csv(const char *name, const mc_options *options, const mc_result *result);

#endif
