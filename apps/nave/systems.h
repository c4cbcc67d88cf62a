/* systems - what the batch systems have in common, each in its own words. */
#ifndef NAVE_SYSTEMS_H
#define NAVE_SYSTEMS_H

#include "batch_options.h"

#include <stdio.h>

typedef struct batch_system {
    const char *name, *title;
    const char *submit[4]; /* the command, up to the script's name */
    const char *mark;      /* what its lines in a script begin with */
    void (*directives)(FILE *out, const batch_options *o); /* these lines */
    const char *enter;                                     /* goes to the folder of the job */
    const char *slots, *slots_here;                        /* how many, and how many on this host */
    const char *end;                                       /* when the job ends; NULL: the clock */
    const char *mpirun;                                    /* how it begins */
    void (*again)(FILE *out, const batch_options *o);      /* asks for another run */
} batch_system;

/* NULL: there is none of this name. */
const batch_system *systems_find(const char *name);

#endif
