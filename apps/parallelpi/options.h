/* options - what the command line says. */
#ifndef PARALLELPI_OPTIONS_H
#define PARALLELPI_OPTIONS_H

#include "count.h"

#include <stddef.h>
#include <stdint.h>

#define PROGRAM "parallelpi"

enum {
    PI_DIGITS_PER_FILE = 10000000, /* of the files that are made */
    PI_DEFAULT_FILES = 15,
    PI_MOST_FILES = 20
};

typedef struct pi_options {
    int k;
    uint64_t digits;    /* only the first so many; 0: all */
    char *const *files; /* as given; none: the made ones */
    size_t file_count;
    const char *dir;                 /* of the made files; NULL: the default */
    const char *json, *csv, *plot;   /* NULL: not wanted */
    const char *journal;             /* see nave_options */
    const char *connection, *listen; /* see nave_options */
    int retry_failed;                /* likewise */
    int plot_asked;                  /* --plot was given */
    int quiet;
    const pi_path *path;
} pi_options;

/* Returns 0; or -1 with an exit status in *status: --help and --version have been answered, or an
 * error line been printed. */
int pi_options_parse(pi_options *options, int argc, char **argv, int *status);

#endif
