/* outfile - a file that appears complete or not at all.
 *
 * It is written under another name in the same folder and gets its own when all is well. What is
 * no regular file (/dev/null, a pipe) is written directly. */
#ifndef COMMON_OUTFILE_H
#define COMMON_OUTFILE_H

#include <stdio.h>

typedef struct outfile {
    char *name; /* symbolic links followed */
    char *path; /* where to write to */
    FILE *stream;
} outfile;

/* All return 0 or an errno value. */

/* Whether a file of this name could be written; leaves nothing behind. */
int outfile_check(const char *name);

int outfile_open(outfile *file, const char *name);

/* Closes the file and gives it its name; or, on failure, removes it. */
int outfile_commit(outfile *file);
void outfile_discard(outfile *file);

#endif
