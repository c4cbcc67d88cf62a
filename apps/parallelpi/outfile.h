/* outfile - a file that appears complete or not at all.
 *
 * It is written under another name in the same folder and gets its own when all is well. What is
 * no regular file (/dev/null, a pipe) is written directly. */
#ifndef PARALLELPI_OUTFILE_H
#define PARALLELPI_OUTFILE_H

#include <stdio.h>

typedef struct pi_outfile {
    char *name; /* symbolic links followed */
    char *path; /* where to write to */
    FILE *stream;
} pi_outfile;

/* All return 0 or an errno value. */

/* Whether a file of this name could be written; leaves nothing behind. */
int pi_outfile_check(const char *name);

int pi_outfile_open(pi_outfile *file, const char *name);

/* Closes the file and gives it its name; or, on failure, removes it. */
int pi_outfile_commit(pi_outfile *file);
void pi_outfile_discard(pi_outfile *file);

#endif
