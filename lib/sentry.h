/* sentry - while a farm is opened: a rank that goes then does not keep the others waiting for ever.
 *
 * Opening is a row of collective MPI calls, which wait for a rank that has died, and nothing can end
 * such a wait but the end of the process.  So a thread watches what the vigil watches; when somebody
 * has gone, and this rank has not come through a while later, it says so to the log and ends the process
 * with status 1.  The others see that one go, or the rank that they wait for, and end likewise.
 *
 * Invariant: only the sentry uses the vigil between nv_sentry_start() and nv_sentry_end().
 */
#ifndef NV_SENTRY_H
#define NV_SENTRY_H

#include "vigil.h"

struct nv_sentry;

/* All pointers are borrowed until the end.  NAVE_OK, NAVE_ENOMEM. */
int nv_sentry_start(struct nv_vigil *vigil, struct nv_error *error, struct nv_sentry **sentry);

/* This rank has come through, or failed.  NULL is fine. */
void nv_sentry_end(struct nv_sentry *sentry);

#endif
