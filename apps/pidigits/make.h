/* The two things that pidigits does; each returns an exit status of cli.h. */
#ifndef PIDIGITS_MAKE_H
#define PIDIGITS_MAKE_H

#include "options.h"
#include "store.h"
#include "watch.h"

int make_files(const options *o, store *s, watch *w, progress *p); /* make what is missing */
int verify_files(const options *o, store *s); /* read everything, change nothing */

#endif
