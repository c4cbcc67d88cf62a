/* jobscript - the script that a batch system runs. */
#ifndef NAVE_JOBSCRIPT_H
#define NAVE_JOBSCRIPT_H

#include "batch_options.h"

#include <stdio.h>

/* Errors are the stream's. */
void jobscript_write(FILE *out, const batch_options *o);

#endif
