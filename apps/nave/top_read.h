/* top_read - polls a job for `nave top`. */
#ifndef NAVE_TOP_READ_H
#define NAVE_TOP_READ_H

#include "remote.h"
#include "top_model.h"

/* Asks the job how it is, and adds that to the model.  While the program is outside of Nave's calls nobody can
 * say; the model keeps what it has, and the question is not asked again before the program is back.
 * NAVE_OK, or the client's code; *there: whether the job's door answered at all. */
int top_read(remote *r, top_model *model, int *there);

#endif
