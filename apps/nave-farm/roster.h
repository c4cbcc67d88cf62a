/* roster - all ranks with what is known of each, as a table and as JSON. */
#ifndef NAVE_ROSTER_H
#define NAVE_ROSTER_H

#include "hosts.h"

#include <stdio.h>

void roster_table(FILE *out, const hosts *all);

/* One object, see nave(1).  0, or -1: out of memory. */
int roster_json(FILE *out, const hosts *all);

#endif
