/* report - what is printed. */
#ifndef PARALLELPI_REPORT_H
#define PARALLELPI_REPORT_H

#include "job.h"
#include "stats.h"

#include <stdio.h>

/* The sequence with this number as k digits; `text` has room for PI_MAX_K + 1 bytes. */
const char *pi_report_sequence(int k, uint64_t number, char *text);

/* The numbers of the most and the least frequent sequence; of equals the smallest. */
void pi_report_extremes(const pi_result *result, uint64_t *most, uint64_t *least);

void pi_report_print(FILE *out, const pi_result *result, const pi_stats *stats);

#endif
