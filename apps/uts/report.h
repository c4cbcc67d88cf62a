/* report - what is printed, and what is written as JSON. */
#ifndef UTS_REPORT_H
#define UTS_REPORT_H

#include "options.h"
#include "result.h"
#include "sample.h"

#include <stdio.h>

/* `sample` is what was published of the tree, NULL when nothing was. */
void uts_report_print(FILE *out, const uts_options *options, const uts_sample *sample,
                      const uts_result *result);
void uts_report_json(FILE *out, const uts_options *options, const uts_sample *sample,
                     const uts_result *result);

#endif
