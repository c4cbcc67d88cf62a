/* beside - see beside.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "beside.h"
#include "clock.h"
#include "idle.h"
#include "thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct nv_beside {
    pthread_t thread;
    bool started;
    struct nv_error error; /* the thread's, until it has failed */
    struct nv_comm *comm;
    struct nv_engine *engine;
    struct nv_idle idle;
    _Atomic int failed;
};

static void *serve(void *arg)
{
    struct nv_beside *beside = arg;
    int rc = NAVE_OK;
    nv_clock_sharpen();
    while (rc == NAVE_OK) {
        bool worked;
        rc = nv_engine_turn(beside->engine, &worked);
        beside->idle.until = nv_engine_due(beside->engine);
        if (rc == NAVE_OK)
            nv_idle(&beside->idle, worked);
    }
    if (rc != NAVE_END)
        atomic_store(&beside->failed, rc);
    return NULL;
}

int nv_beside_start(const struct nv_engine_spec *spec, struct nv_bells *bells,
                    struct nv_error *error, struct nv_beside **out)
{
    struct nv_beside *beside = calloc(1, sizeof *beside);
    struct nv_engine_spec own = *spec;
    int rc;
    if (beside == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the engine");
    atomic_init(&beside->failed, NAVE_OK);
    rc = nv_comm_beside(spec->comm, &beside->error, &beside->comm);
    own.mpi = MPI_COMM_NULL;
    own.comm = beside->comm;
    own.error = &beside->error;
    own.bell = NULL;
    if (bells != NULL && nv_bells_kind(bells) != NV_BELL_NONE) {
        own.bell = beside->idle.bell = nv_bells_at(bells, spec->rank, NV_BELL_THREAD);
        beside->idle.all_ring = true;
    }
    if (rc == NAVE_OK)
        rc = nv_engine_new(&own, &beside->engine);
    if (rc == NAVE_OK && nv_thread_start(&beside->thread, serve, beside) != 0)
        rc = NAVE_ENOMEM;
    beside->started = rc == NAVE_OK;
    if (rc != NAVE_OK) {
        nv_beside_join(beside);
        return nv_error_set(error, rc, "the thread that runs kernels on rank %d cannot be started",
                            spec->rank);
    }
    *out = beside;
    return NAVE_OK;
}

void nv_beside_wait(struct nv_beside *beside)
{
    if (beside == NULL || !beside->started)
        return;
    pthread_join(beside->thread, NULL);
    beside->started = false;
}

void nv_beside_join(struct nv_beside *beside)
{
    if (beside == NULL)
        return;
    nv_beside_wait(beside);
    nv_engine_free(beside->engine);
    nv_comm_close(beside->comm);
    free(beside);
}

int nv_beside_check(const struct nv_beside *beside, struct nv_error *error)
{
    int rc = beside != NULL ? atomic_load_explicit(&beside->failed, memory_order_acquire) : NAVE_OK;
    return rc == NAVE_OK ? rc : nv_error_set(error, rc, "%s", beside->error.text);
}

struct nv_engine *nv_beside_engine(struct nv_beside *beside)
{
    return beside->engine;
}
