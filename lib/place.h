/* place - where the ranks of a farm run: binds them if nobody has, and tells the hub.
 *
 * Invariant: a rank is bound by us only if all ranks of its host are, each to cores that no other
 * has; nv_places_close() gives back what it had.
 *
 * Design notes.  Only the first rank of each host asks the system for its cores (topo.h says what
 * that costs); it decides for all of them.  Each binds itself: a process number may mean something
 * else to another process in a container.  Hosts that tell nothing make no farm fail: nobody is
 * bound there, and the places say so.
 */
#ifndef NV_PLACE_H
#define NV_PLACE_H

#include "error.h"
#include "nave.h"

struct nv_places;

/* See nave_open() for who is bound.  Collective.  NAVE_OK, NAVE_ENOMEM, NAVE_EMPI; ranks may get
 * different codes and must agree.  *places is NULL on failure. */
int nv_places_open(MPI_Comm mpi, struct nv_error *error, struct nv_places **places);

/* Gives this rank back what it had, and frees.  Not collective.  NULL is fine. */
void nv_places_close(struct nv_places *places);

/* On rank 0: one entry for each rank, by rank.  All are engines with subhub 0 until somebody who
 * knows better changes that.  NULL on other ranks. */
nave_place *nv_places_list(struct nv_places *places);

/* On rank 0, at most one line: ranks that the launcher has put on one core while others are free,
 * or else more ranks than cores. */
void nv_places_warn(const struct nv_places *places, const struct nv_error *error);

#endif
