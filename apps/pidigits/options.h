/* The command line of pidigits. */
#ifndef PIDIGITS_OPTIONS_H
#define PIDIGITS_OPTIONS_H

#include "sheet.h"

#include <stdint.h>

#define PROGRAM "pidigits"

typedef struct options {
    uint64_t files, per_file;
    const char *dir; /* NULL: the default */
    sheet_layout layout;
    int threads; /* 0: as many as cores allowed */
    int verify, quiet, force;
    int files_given, per_file_given, layout_given;
} options;

/* 0: go on; 1: all is said (--help, --version), end well; -1: wrong, an error line is out. */
int options_read(options *o, int argc, char **argv);

#endif
