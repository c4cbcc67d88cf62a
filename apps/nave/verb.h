/* verb - what main.c knows of each verb. */
#ifndef NAVE_VERB_H
#define NAVE_VERB_H

#include "program.h"

/* Called with the verb as argv[0]; returns an exit status of cli.h. */
typedef int verb_fn(int argc, char **argv);

typedef struct verb {
    const char *name;
    verb_fn *run;
    const char *what; /* a line of help */
} verb;

#endif
