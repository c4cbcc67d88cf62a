/* calls - what submit needs of the verbs for what becomes of calls. */
#ifndef NAVE_CALLS_H
#define NAVE_CALLS_H

#include "remote.h"

/* Prints the results of all tasks of a call that is complete.  An exit status, that of the first that is not well. */
int calls_print(remote *r, uint64_t call);

#endif
