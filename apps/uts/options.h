/* options - what the command line says. */
#ifndef UTS_OPTIONS_H
#define UTS_OPTIONS_H

#include "tree.h"

#define PROGRAM "uts"

typedef struct uts_options {
    uts_tree tree;
    uint64_t grain; /* nodes to a task, at most */
    int serial;
    int quiet;
    const char *json; /* NULL: not wanted */
} uts_options;

/* Returns 0; or -1 with an exit status in *status: --help and --version have been answered, or an
 * error line been printed. */
int uts_options_parse(uts_options *options, int argc, char **argv, int *status);

#endif
