/* loss - see loss.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "loss.h"
#include "future.h"
#include "stream.h"
#include "vigil.h"

#include <stdlib.h>

#define PAUSE_SECONDS 0.5 /* without a look: the caller was busy with other things */

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
    if (set != NULL)
        nv_set_remove(set, (size_t)rank);
}

/* Nobody counts on it any more. */
static void leave_sets(struct nv_hub *hub, int rank)
{
    const struct nv_kernels *kernels = &hub->ctx->kernels;
    leave_set(hub->engines, rank);
    nv_holders_lose(&hub->holders, (size_t)rank);
    for (size_t k = 0; k < kernels->room; k++) {
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
    if (hub->silence != NULL)
        hub->silence[rank].late = 0;
    leave_sets(hub, rank);
    nv_surplus_heard(&hub->surplus, rank, 0);
    nv_sched_engine_gone(hub->sched, rank, orphaned, &orphans);
    bar_futures(hub, rank);
    hub->placing = true;
    rc = rc != NAVE_OK ? rc : orphans.rc;
    return rc != NAVE_OK ? rc : go_on(hub);
}

/* ------------------------------------------------------------------------------ those that stall */

/* A row of a stalled engine goes to others; should it wake up it need not begin it. */
static void copied(void *arg, uint64_t job, uint64_t first, uint64_t count, bool begun)
{
    struct orphans *orphans = arg;
    nave_future *future = nv_sched_owner(orphans->hub->sched, job);
    struct nv_control control = {.job = job, .first = first, .count = count};
    if (orphans->rc == NAVE_OK && begun && future->order == NULL && !future->cancelled)
        orphans->rc = nv_hub_control(orphans->hub, orphans->engine, NV_CANCEL, &control, NULL);
    orphaned(arg, job, first, count, false);
}

static int stall(struct nv_hub *hub, int rank, double silent)
{
    struct orphans orphans = {.hub = hub, .engine = rank};
    uint64_t tasks = nv_sched_load(hub->sched, rank);
    hub->silence[rank].late = tasks;
    nv_error_warn(&hub->ctx->error,
                  "engine %d on %s has been silent for %.1f s; its %llu tasks go to others", rank,
                  nv_hub_host(hub, rank), silent, (unsigned long long)tasks);
    nv_sched_engine_gone(hub->sched, rank, copied, &orphans);
    nv_surplus_heard(&hub->surplus, rank, 0);
    hub->placing = true;
    return orphans.rc;
}

/* Somebody must be left to have its tasks. */
static bool has_others(const struct nv_hub *hub, int rank)
{
    for (int r = 0; r < hub->ctx->size; r++)
        if (r != rank && nv_set_has(hub->engines, (size_t)r) && hub->silence[r].late == 0)
            return true;
    return false;
}

/* A look after a pause says nothing of what was said in between. */
static int look_for_silent(struct nv_hub *hub, double now, bool paused)
{
    int rc = NAVE_OK;
    for (int rank = 1; rank < hub->ctx->size && rc == NAVE_OK; rank++) {
        struct nv_silence *silence = &hub->silence[rank];
        if (!nv_set_has(hub->engines, (size_t)rank) || silence->late > 0)
            continue;
        if (paused || silence->heard || nv_sched_load(hub->sched, rank) == 0)
            silence->since = now;
        silence->heard = false;
        if (now - silence->since > hub->ctx->stall_limit && has_others(hub, rank))
            rc = stall(hub, rank, now - silence->since);
    }
    return rc;
}

bool nv_loss_heard(struct nv_hub *hub, int source)
{
    if (hub->silence == NULL)
        return false;
    hub->silence[source].heard = true;
    return hub->silence[source].late > 0;
}

/* How many tasks an item answers that is not wanted any more. */
static uint64_t drop_item(struct nv_hub *hub, int source, const struct nv_item *item, int *rc)
{
    switch (item->kind) {
    case NV_RESULTS:
        return item->results.count;
    case NV_RESULT:
        if (item->result.flags & NV_BULK)
            *rc = nv_comm_receive(hub->ctx->comm, source, NV_TO_HUB, NULL,
                                  (size_t)item->result.size, NULL, NULL);
        return item->result.flags & (NV_STRAY | NV_BLOCKS) ? 0 : 1;
    case NV_DROPPED:
    case NV_RETURNED:
        return item->control.count;
    case NV_HOLDS:
        *rc = nv_hub_holds(hub, source, item);
        return 0;
    default:
        return 0;
    }
}

int nv_loss_late(struct nv_hub *hub, int source, const struct nv_item *item)
{
    struct nv_silence *silence = &hub->silence[source];
    int rc = NAVE_OK;
    uint64_t dropped = drop_item(hub, source, item, &rc);
    if (dropped == 0 || silence->late == 0)
        return rc;
    silence->late -= dropped < silence->late ? dropped : silence->late;
    if (silence->late > 0)
        return rc;
    nv_error_warn(&hub->ctx->error, "engine %d is there again", source);
    nv_sched_engine_add(hub->sched, source, 1);
    return rc;
}

uint64_t nv_loss_end_stalled(struct nv_hub *hub)
{
    uint64_t stalled = 0;
    for (int rank = 1; hub->silence != NULL && rank < hub->ctx->size; rank++) {
        if (hub->silence[rank].late == 0)
            continue;
        nv_error_warn(&hub->ctx->error, "engine %d on %s is still silent", rank,
                      nv_hub_host(hub, rank));
        nv_vigil_end(hub->ctx->vigil, rank);
        nv_comm_forget(hub->ctx->comm, rank);
        stalled++;
    }
    return stalled;
}

/* ---------------------------------------------------------------------------------------- looking */

/* What has come is taken in before anything is given up. */
static int take_in(struct nv_hub *hub)
{
    bool some = true;
    int rc = NAVE_OK;
    while (rc == NAVE_OK && some) {
        some = false;
        rc = nv_hub_receive(hub, &some);
    }
    return rc;
}

static int look_for_gone(struct nv_hub *hub)
{
    const char *how;
    int rank, rc = NAVE_OK;
    while (rc == NAVE_OK && (rank = nv_vigil_look(hub->ctx->vigil, &how)) >= 0) {
        if (hub->lost == NULL)
            hub->lost = nv_set_new((size_t)hub->ctx->size);
        if (hub->lost == NULL)
            return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory to go on without rank %d",
                                rank);
        rc = take_in(hub);
        if (rc == NAVE_OK)
            rc = lose(hub, rank, how);
    }
    return rc;
}

int nv_loss_look(struct nv_hub *hub)
{
    double now = nv_hub_time(hub);
    bool paused = now > hub->look_next + PAUSE_SECONDS;
    int rc;
    if (now < hub->look_next)
        return NAVE_OK;
    hub->look_next = now + NV_VIGIL_SECONDS;
    if (hub->ctx->stall_limit > 0 && hub->silence == NULL)
        hub->silence = calloc((size_t)hub->ctx->size, sizeof *hub->silence);
    rc = look_for_gone(hub);
    if (rc == NAVE_OK && hub->silence != NULL)
        rc = look_for_silent(hub, now, paused);
    return rc;
}
