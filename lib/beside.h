/* beside - an engine in a thread beside the loop of its rank, for ranks that schedule as well.
 *
 * Invariant: the thread makes no MPI calls; what it sends and receives goes through the loop's comm
 * (see comm.h).  It runs from nv_beside_start() until the loop has posted NV_CLOSE to its own rank.
 */
#ifndef NV_BESIDE_H
#define NV_BESIDE_H

#include "engine.h"

struct nv_beside;

/* `spec` as for an engine of one's own; comm is the loop's, mpi and error are not used.  bells may
 * be NULL.  NAVE_OK, NAVE_ENOMEM. */
int nv_beside_start(const struct nv_engine_spec *spec, struct nv_bells *bells,
                    struct nv_error *error, struct nv_beside **beside);

/* Waits for the thread to end.  NULL is fine. */
void nv_beside_wait(struct nv_beside *beside);

/* The same, and frees all. */
void nv_beside_join(struct nv_beside *beside);

/* NAVE_OK while all is well; otherwise the error that ended the thread, and its words. */
int nv_beside_check(const struct nv_beside *beside, struct nv_error *error);

/* The engine, to be touched only while it is known to do nothing. */
struct nv_engine *nv_beside_engine(struct nv_beside *beside);

#endif
