/* verb - what main.c knows of each verb. */
#ifndef NAVE_VERB_H
#define NAVE_VERB_H

#define PROGRAM "nave"

/* Called on all ranks, with the verb as argv[0]; all return the same exit status of cli.h.  Only
 * rank 0 reads the options and prints. */
typedef int verb_fn(int argc, char **argv);

typedef struct verb {
    const char *name;
    verb_fn *run;
    const char *what; /* a line of help */
} verb;

#endif
