/* options - the command line of mcpricer. */
#ifndef MCPRICER_OPTIONS_H
#define MCPRICER_OPTIONS_H

#include "problem.h"

#define PROGRAM "mcpricer"

typedef struct mc_options {
    mc_problem problem;
    const mc_path *path;
    uint64_t paths;      /* of each cell, to begin with */
    double target_error; /* 0: none */
    const char *json, *csv;
    const char *journal;             /* see nave_options */
    const char *connection, *listen; /* see nave_options */
    int retry_failed;                /* likewise */
    const char *plot;                /* prefix; NULL: no pictures */
    int plot_asked;                  /* 1: by --plot, -1: not by --no-plot, 0: by default */
    int quiet;
} mc_options;

/* Returns 0 when there is work to do, -1 with *status when not; an error line or the help has then
 * been printed. */
int mc_options_parse(mc_options *options, int argc, char **argv, int *status);

#endif
