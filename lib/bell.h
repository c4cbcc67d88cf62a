/* bell - ranks of one node wake each other out of their sleep; no message, no MPI call.
 *
 * Each rank has two bells: one for its loop, one for a thread beside it.  A bell has one sleeper,
 * its owner, and any number of ringers, threads or processes.
 *
 * Invariant: what was posted before nv_bell_ring() is found by a look after nv_bell_arm(), or else
 * the ring ends the nv_bell_sleep() that follows this arm.  So a sleeper arms, looks once more, and
 * only then sleeps; a ring to a bell that is not armed does nothing and is not kept.
 *
 * Design notes.  Word and sleeper meet as in Dekker's algorithm: the sleeper writes its word and
 * reads its mail, the ringer writes the mail and reads the word, with a full fence in between on
 * both sides, so one of them sees the other.  The ringer's fence and load leave the word's cache
 * line shared, so to ring somebody who is awake costs a fence; an exchange instead would carry the
 * line of a busy hub from engine to engine.  Only the exchange that ends a real sleep is followed by
 * a system call, and of several ringers only one makes it.
 *
 * Bells are in memory that MPI shares between the ranks of a node.  Without such memory, each rank
 * has bells for its own threads only.  Futexes where there are any, otherwise a mutex and a
 * condition variable for each bell.
 */
#ifndef NV_BELL_H
#define NV_BELL_H

#include "error.h"

#include <mpi.h>

#include <stdbool.h>

struct nv_bell;
struct nv_bells;

enum nv_bell_owner { NV_BELL_LOOP, NV_BELL_THREAD, NV_BELL_OWNERS };

/* How a sleeper sleeps, the better ones last. */
enum nv_bell_kind { NV_BELL_NONE, NV_BELL_CONDITION, NV_BELL_FUTEX };

/* The bells of the ranks of `mpi`, of the best kind that all of a node have, `kind` at most; pass
 * NV_BELL_FUTEX.  Collective over `mpi`.  NAVE_OK, NAVE_ENOMEM, NAVE_EMPI; that there is no shared
 * memory is not an error. */
int nv_bells_open(MPI_Comm mpi, enum nv_bell_kind kind, struct nv_error *error,
                  struct nv_bells **bells);

/* Bells of `count` ranks without MPI, all near: for threads of one process, or for processes that
 * were forked after the call if `memory` (nv_bells_room() bytes, borrowed; NULL: the heap's) is
 * shared.  NULL when out of memory. */
struct nv_bells *nv_bells_local(void *memory, int count, enum nv_bell_kind kind);
size_t nv_bells_room(int count);

/* Collective over the ranks of a node if it was nv_bells_open().  Nobody may ring or sleep any more.
 * NULL is fine. */
void nv_bells_close(struct nv_bells *bells);

/* The same for bells in memory of the caller's whose sleeper was killed, and may have died in the
 * midst of anything: nothing in that memory is touched. */
void nv_bells_abandon(struct nv_bells *bells);

/* What there is: NV_BELL_NONE means that nv_bells_at() has nothing to give. */
enum nv_bell_kind nv_bells_kind(const struct nv_bells *bells);

/* How many ranks can ring each other here, this one included; whether these are all. */
int nv_bells_near(const struct nv_bells *bells);
bool nv_bells_all_near(const struct nv_bells *bells);

/* The bell of a rank; NULL if that rank is not near.  Valid until the bells are closed. */
struct nv_bell *nv_bells_at(const struct nv_bells *bells, int rank, enum nv_bell_owner owner);

/* After posting; NULL is fine.  From any thread. */
void nv_bell_ring(struct nv_bell *bell);

/* Before posting, so that a sleeper wakes up meanwhile: costs a load, promises nothing. */
void nv_bell_nudge(struct nv_bell *bell);

/* The owner's side.  Arm, look once more, then either disarm or sleep: until the ring, or for
 * `seconds` (negative: no limit).  The sleep returns whether it was the ring, and disarms. */
void nv_bell_arm(struct nv_bell *bell);
void nv_bell_disarm(struct nv_bell *bell);
bool nv_bell_sleep(struct nv_bell *bell, double seconds);

#endif
