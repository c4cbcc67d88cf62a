/* loss - see loss.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "loss.h"
#include "future.h"
#include "stream.h"
#include "vigil.h"

#include <stdlib.h>

/* What the scheduler tells of one engine. */
struct orphans {
    struct nv_hub *hub;
    int engine;
    int rc;
};

static void orphaned(void *arg, uint64_t job, uint64_t first, uint64_t count, bool begun)
{
    struct orphans *orphans = arg;
    nave_future *future = nv_sched_owner(orphans->hub->sched, job);
    int rc = nv_future_lost(future, orphans->engine, first, count, begun);
    orphans->rc = orphans->rc != NAVE_OK ? orphans->rc : rc;
}

static void leave_set(struct nv_set *set, int rank)
{
    if (set != NULL && nv_set_has(set, (size_t)rank))
        nv_set_remove(set, (size_t)rank);
}

/* Nobody counts on it any more. */
static void leave_sets(struct nv_hub *hub, int rank)
{
    const struct nv_kernels *kernels = &hub->ctx->kernels;
    leave_set(hub->engines, rank);
    nv_holders_lose(&hub->holders, (size_t)rank);
    for (size_t k = 0; k < kernels->count; k++) {
        leave_set(kernels->engines[k], rank);
        for (nave_view *view = hub->views; view != NULL; view = view->next)
            leave_set(view->sets[k], rank);
    }
}

/* A task that waits, and that nobody is left to run. */
struct barred {
    nave_future *future;
    int engine;
};

static void bar(void *arg, uint64_t first, uint64_t count)
{
    struct barred *barred = arg;
    nv_future_lost(barred->future, barred->engine, first, count, false);
}

static void bar_future(nave_future *future, int engine)
{
    struct barred barred = {future, engine};
    future->barred = true;
    if (future->input.kind == NV_IN_STREAM)
        nv_streams_end(future->view);
    if (future->input.kind == NV_IN_SOURCE && future->open)
        future->source_code = NAVE_ELOST;
    future->open = false;
    nv_sched_cancel(future->hub->sched, future->job, bar, &barred);
    nv_future_check(future);
}

/* Calls of which no task can be run any more.  The list may change with each. */
static void bar_futures(struct nv_hub *hub, int engine)
{
    for (nave_future *future = hub->futures; future != NULL;) {
        bool barred = !future->complete && !future->single && !future->barred && !future->named &&
                      !nv_sched_can_run(hub->sched, future->job);
        if (barred)
            bar_future(future, engine);
        future = barred ? hub->futures : future->next;
    }
}

int nv_loss_sweep(struct nv_hub *hub)
{
    struct orphans orphans = {.hub = hub};
    for (int rank = 1; rank < hub->ctx->size && orphans.rc == NAVE_OK; rank++) {
        orphans.engine = rank;
        if (nv_set_has(hub->lost, (size_t)rank))
            nv_sched_engine_gone(hub->sched, rank, orphaned, &orphans);
    }
    return orphans.rc;
}

/* Whether what is left is enough. */
static int go_on(struct nv_hub *hub)
{
    const nave *ctx = hub->ctx;
    size_t left = hub->engines->count, least = ctx->min_engines;
    hub->given_up = !ctx->recovers || left < (least > 0 ? least : 1);
    if (!hub->given_up)
        return NAVE_OK;
    if (!ctx->recovers)
        return nv_error_set(&hub->ctx->error, NAVE_ELOST,
                            "an engine is lost, and this farm cannot "
                            "go on without one");
    return nv_error_set(&hub->ctx->error, NAVE_ELOST,
                        "%zu engines are left, which is too few to go on", left);
}

/* What it had sent was taken in before. */
static int lose(struct nv_hub *hub, int rank, const char *how)
{
    struct orphans orphans = {.hub = hub, .engine = rank};
    unsigned long long tasks = nv_sched_load(hub->sched, rank);
    int rc = nv_comm_forget(hub->ctx->comm, rank);
    nv_set_add(hub->lost, (size_t)rank);
    nv_error_warn(&hub->ctx->error, "engine %d on %s %s; of its tasks %llu were not finished", rank,
                  nv_hub_host(hub, rank), how, tasks);
    leave_sets(hub, rank);
    nv_surplus_heard(&hub->surplus, rank, 0);
    nv_sched_engine_gone(hub->sched, rank, orphaned, &orphans);
    bar_futures(hub, rank);
    hub->placing = true;
    rc = rc != NAVE_OK ? rc : orphans.rc;
    return rc != NAVE_OK ? rc : go_on(hub);
}

int nv_loss_look(struct nv_hub *hub)
{
    struct nv_vigil *vigil = hub->ctx->vigil;
    double now = nv_hub_time(hub);
    const char *how;
    int rank, rc = NAVE_OK;
    if (now < hub->look_next)
        return NAVE_OK;
    hub->look_next = now + NV_VIGIL_SECONDS;
    while (rc == NAVE_OK && (rank = nv_vigil_look(vigil, &how)) >= 0) {
        bool some = true;
        if (hub->lost == NULL)
            hub->lost = nv_set_new((size_t)hub->ctx->size);
        if (hub->lost == NULL)
            return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory to go on without rank %d",
                                rank);
        while (rc == NAVE_OK && some) {
            some = false;
            rc = nv_hub_receive(hub, &some);
        }
        if (rc == NAVE_OK)
            rc = lose(hub, rank, how);
    }
    return rc;
}
