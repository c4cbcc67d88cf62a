/* report - what mcpricer prints. */
#ifndef MCPRICER_REPORT_H
#define MCPRICER_REPORT_H

#include "job.h"

#include <stdio.h>

void mc_report_print(FILE *out, const mc_options *options, const mc_result *result);

#endif
