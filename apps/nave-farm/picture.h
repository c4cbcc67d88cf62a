/* picture - hosts as boxes of text: a box for each package, a row for each NUMA node, and in it the
 * cores with the ranks that are bound to them. */
#ifndef NAVE_PICTURE_H
#define NAVE_PICTURE_H

#include "hosts.h"

#include <stdio.h>

/* Hosts that look alike are drawn once.  0, or -1: out of memory. */
int picture_draw(FILE *out, const hosts *all);

#endif
