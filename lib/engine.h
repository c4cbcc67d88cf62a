/* engine - takes runs of tasks from the hub, calls kernels, sends results.
 *
 * Invariant: every task of a run is answered exactly once, in the order of the runs: by a result, a
 * failure, or NV_DROPPED.  Nothing here waits; nv_engine_turn() runs tasks for about a tenth of a
 * millisecond, or one task if that takes longer, and comes back.
 */
#ifndef NV_ENGINE_H
#define NV_ENGINE_H

#include "comm.h"
#include "fold.h"
#include "kernel.h"

struct nv_engine;

struct nv_engine_spec {
    MPI_Comm mpi;
    int rank;
    struct nv_comm *comm;
    const struct nv_kernels *kernels;
    const nave_op *ops;
    size_t op_count;
    void *user;
    double origin; /* of the context's clock, on nv_clock() */
    struct nv_error *error;
};

int nv_engine_new(const struct nv_engine_spec *spec, struct nv_engine **engine);
void nv_engine_free(struct nv_engine *engine);

/* One turn.  Stores whether anything was done.  NAVE_OK, NAVE_END after the hub's NV_CLOSE, or an
 * error that ends the engine. */
int nv_engine_turn(struct nv_engine *engine, bool *worked);

/* What the hub said when it closed. */
int nv_engine_status(const struct nv_engine *engine);

/* Whether a job was cancelled; receives to find out. */
int nv_engine_cancelled(struct nv_engine *engine, uint64_t job);

/* Takes out what this engine holds of a job's fold (NULL: nothing); the caller frees it. */
struct nv_partial *nv_engine_take_partial(struct nv_engine *engine, uint64_t job);

#endif
