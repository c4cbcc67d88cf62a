/* batch_options - what `nave batch` is asked for. */
#ifndef NAVE_BATCH_OPTIONS_H
#define NAVE_BATCH_OPTIONS_H

#include "words.h"

#include <stdint.h>

typedef struct batch_options {
    const struct batch_system *system;
    uint64_t slots, seconds, margin;
    const char *name, *queue, *pe;
    const char *journal;           /* NULL: the command's own, or none */
    char *output;                  /* absolute; NULL: standard output */
    const char *const *directives; /* further ones, as they are given */
    int directive_count;
    int requeue, submit;
    char *const *command; /* ends with NULL */

    /* Storage of the above. */
    char name_text[WORDS_NAME], journal_text[WORDS_NAME + 4];
    const char *directive_list[32];
} batch_options;

#define BATCH_VERB "nave batch"

/* 0: go on; 1: all is said; -1: wrong, an error line is out.  Release it in any case. */
int batch_options_read(batch_options *o, int argc, char **argv);
void batch_options_release(batch_options *o);

#endif
