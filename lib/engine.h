/* engine - takes runs of tasks from a hub, calls kernels, sends results back to it.
 *
 * Invariant: every task of a run is answered exactly once, in the order of the runs: by a result, a
 * failure, NV_DROPPED or NV_RETURNED; and only after all that it spawned was run here or given away.
 * Nothing here waits; nv_engine_turn() runs tasks for about a tenth of a
 * millisecond, or one task if that takes longer, and comes back.
 */
#ifndef NV_ENGINE_H
#define NV_ENGINE_H

#include "comm.h"
#include "fold.h"
#include "kernel.h"

struct nv_engine;

struct nv_engine_spec {
    MPI_Comm mpi; /* MPI_COMM_NULL: the engine is beside a loop and makes no MPI calls */
    int rank;
    struct nv_comm *comm;
    struct nv_kernels *kernels;
    const nave_op *ops;
    size_t op_count;
    void *user;
    const struct nv_snapshots *snapshots; /* of this rank, NULL: none */
    double patience;      /* seconds that a result waits for others at most, about */
    double origin;        /* of the context's clock, on nv_clock() */
    struct nv_bell *bell; /* of the engine, NULL: none */
    bool crowded;         /* more ranks here than cores */
    struct nv_error *error;
};

int nv_engine_new(const struct nv_engine_spec *spec, struct nv_engine **engine);
void nv_engine_free(struct nv_engine *engine);

/* One turn.  Stores whether anything was done.  NAVE_OK, NAVE_END after the hub's NV_CLOSE, or an
 * error that ends the engine. */
int nv_engine_turn(struct nv_engine *engine, bool *worked);

/* What the hub said when it closed. */
int nv_engine_status(const struct nv_engine *engine);

/* Whether the hub said that ranks are gone. */
bool nv_engine_broken(const struct nv_engine *engine);

/* For the kernel that runs: whether its task was cancelled (receives to find out); a further task
 * of its job, see nave_spawn(). */
int nv_engine_cancelled(struct nv_engine *engine);
int nv_engine_spawn(struct nv_engine *engine, const char *kernel, const void *in, size_t in_size);

/* Where the generator of the kernel that runs is kept, see rng.h; NULL inside: not made yet. */
void **nv_engine_rng(struct nv_engine *engine);

/* For the kernel that runs: an object of this name is there now, or is no more. */
int nv_engine_holds(struct nv_engine *engine, const char *name, bool holds);

/* This rank's snapshots; NULL: none. */
const struct nv_snapshots *nv_engine_snapshots(const struct nv_engine *engine);

/* For the kernel that runs: kernels of a plug-in are there, with these ids.  NAVE_OK, NAVE_ENOMEM. */
int nv_engine_adopt(struct nv_engine *engine, const nave_kernel *kernels, const uint64_t *ids,
                    size_t count);

/* When the next turn is due though nothing rings, by nv_clock(); 0: never. */
double nv_engine_due(const struct nv_engine *engine);

/* Whether something is to happen that rings no bell: a transfer moves, or frames go out before a
 * reduction. */
bool nv_engine_waits_for_sends(const struct nv_engine *engine);

/* Takes out what this engine holds of a job's fold (NULL: nothing); the caller frees it. */
struct nv_partial *nv_engine_take_partial(struct nv_engine *engine, uint64_t job);

#endif
