/* context - what one rank holds of one farm. */
#ifndef NV_CONTEXT_H
#define NV_CONTEXT_H

#include "beside.h"
#include "bell.h"
#include "error.h"
#include "kernel.h"
#include "nave.h"

struct nave {
    MPI_Comm mpi; /* a duplicate of the caller's; MPI_COMM_NULL when opening failed */
    int rank, size;
    bool opened; /* on all ranks */
    bool usable; /* opened, and not closed by the hub */
    struct nv_error error;
    nave_op *ops; /* a copy, with copies of the names */
    size_t op_count;
    void *user;
    nave_progress_fn *progress;
    void *progress_arg;
    struct nv_kernels kernels;
    double origin;                /* nv_clock() at nave_open() */
    bool has_door, takes_plugins; /* known on all ranks */
    bool hub_works;               /* rank 0 is an engine as well; known on all ranks */
    int *leaders;       /* by rank: its sub-hub's rank, 0: the hub serves it; NULL: no sub-hubs */
    bool by_blocks;     /* on the hub: sums come home block by block, not by MPI_Reduce */
    bool recovers;      /* the farm goes on without engines that are lost; known on all ranks */
    bool broken;        /* ranks are gone: no collective calls any more */
    size_t min_engines; /* see nave_options */
    double stall_limit; /* see nave_options */
    bool drains;        /* see nave_options.drain */
    bool crowded;       /* more ranks on this host than cores */
    bool shares_core;   /* the hub's loop and the engine beside it may have one core for both */
    struct nv_places *places;
    struct nv_bells *bells;
    struct nv_comm *comm;
    struct nv_vigil *vigil;   /* NULL: nobody is watched */
    struct nv_sentry *sentry; /* beside the vigil, while the farm is opened */
    struct nv_engine *engine; /* on engines, and on a hub that is alone */
    struct nv_beside *beside; /* the engine of a rank that schedules for others */
    struct nv_hub *hub;       /* on rank 0 */
    struct nv_subhub *subhub; /* on a sub-hub */
    struct nv_door *door;     /* on rank 0; NULL: closed */
    struct nv_steer *steer;
};

#endif
