/* hub - see hub.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "hub.h"
#include "clock.h"
#include "engine.h"
#include "future.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

#define PLACE_SECONDS 1e-3 /* of placing (a source may be slow) before a look at what has come */

int nv_hub_new(nave *ctx, struct nv_hub **out)
{
    struct nv_hub *hub = calloc(1, sizeof *hub);
    size_t ranks = (size_t)ctx->size;
    if (hub == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the hub");
    *out = hub;
    hub->ctx = ctx;
    hub->sched = nv_sched_new(ctx->size);
    hub->engines = nv_set_new(ranks);
    hub->hosts = calloc(ranks, sizeof *hub->hosts);
    hub->frames = calloc(ranks, sizeof(struct nv_frame *));
    hub->filled = calloc(ranks, sizeof *hub->filled);
    if (hub->sched == NULL || hub->engines == NULL || hub->hosts == NULL || hub->frames == NULL ||
        hub->filled == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the hub");
    for (size_t r = ctx->size == 1 ? 0 : 1; r < ranks; r++) {
        nv_set_add(hub->engines, r);
        nv_sched_engine_add(hub->sched, (int)r);
    }
    return NAVE_OK;
}

void nv_hub_free(struct nv_hub *hub)
{
    if (hub == NULL)
        return;
    while (hub->futures != NULL)
        nv_future_discard(hub->futures);
    while (hub->views != NULL)
        nv_view_discard(hub->views);
    nv_sched_free(hub->sched);
    free(hub->engines);
    free(hub->hosts);
    free(hub->frames);
    free(hub->filled);
    free(hub);
}

double nv_hub_time(const struct nv_hub *hub)
{
    return nv_clock() - hub->ctx->origin;
}

int nv_hub_check(nave *ctx)
{
    if (ctx->rank != 0)
        return nv_error_set(&ctx->error, NAVE_EROLE,
                            "rank %d is an engine; only the hub, rank 0, "
                            "may do this",
                            ctx->rank);
    if (!ctx->usable)
        return nv_error_set(&ctx->error, NAVE_ESTATE, "the context is not open");
    return NAVE_OK;
}

/* -------------------------------------------------------------------------------------- sending */

static int post(struct nv_hub *hub, int engine)
{
    struct nv_frame *frame = hub->frames[engine];
    if (frame == NULL)
        return NAVE_OK;
    hub->frames[engine] = NULL;
    return nv_comm_post(hub->ctx->comm, engine, NV_TO_ENGINE, frame);
}

/* A frame for this engine with room for `size` bytes. */
static int frame_for(struct nv_hub *hub, int engine, size_t size)
{
    struct nv_frame *frame = hub->frames[engine];
    int rc = NAVE_OK;
    if (frame != NULL && NV_FRAME_ROOM - frame->size >= size)
        return NAVE_OK;
    if (frame == NULL)
        hub->filled[hub->filled_count++] = engine;
    else
        rc = post(hub, engine);
    if (rc == NAVE_OK) {
        hub->frames[engine] = nv_comm_frame(hub->ctx->comm);
        if (hub->frames[engine] == NULL)
            rc = nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory for a frame");
    }
    return rc;
}

int nv_hub_run(struct nv_hub *hub, int engine, struct nv_run *run, const void *extra,
               const void *data, size_t size, nv_comm_done *done, void *arg, bool *bulk)
{
    int rc;
    *bulk = size > NV_RUN_INLINE_MAX;
    if (*bulk)
        run->flags |= NV_BULK;
    rc = frame_for(hub, engine, nv_frame_run_size(run));
    if (rc != NAVE_OK)
        return rc;
    nv_frame_add_run(hub->frames[engine], run, extra, data);
    if (*bulk)
        rc = nv_comm_send(hub->ctx->comm, engine, NV_TO_ENGINE, data, size, done, arg);
    return rc;
}

int nv_hub_flush(struct nv_hub *hub)
{
    int rc = NAVE_OK;
    for (int i = 0; i < hub->filled_count && rc == NAVE_OK; i++)
        rc = post(hub, hub->filled[i]);
    hub->filled_count = 0;
    return rc;
}

int nv_hub_control(struct nv_hub *hub, int engine, enum nv_item_kind kind,
                   const struct nv_control *control, const int32_t *list)
{
    int rc = frame_for(hub, engine, nv_frame_control_size(control));
    if (rc != NAVE_OK)
        return rc;
    if (!nv_frame_add_control(hub->frames[engine], kind, control, list))
        return nv_error_set(&hub->ctx->error, NAVE_ESIZE, "a list of %u ranks is too long",
                            control->list_size);
    return nv_hub_flush(hub);
}

/* ------------------------------------------------------------------------------------ receiving */

static int take_item(struct nv_hub *hub, int source, const struct nv_item *item)
{
    nave_future *future;
    uint64_t job = 0;
    switch (item->kind) {
    case NV_READY:
        hub->ready++;
        return NAVE_OK;
    case NV_RESULTS:
        job = item->results.job;
        break;
    case NV_RESULT:
        job = item->result.job;
        break;
    case NV_DROPPED:
        job = item->control.job;
        break;
    default:
        break;
    }
    future = nv_sched_owner(hub->sched, job);
    if (future == NULL)
        return nv_error_set(&hub->ctx->error, NAVE_EWIRE,
                            "rank %d answered what it was not asked (item %d)", source,
                            (int)item->kind);
    return nv_future_take(future, source, item);
}

static int take_frame(struct nv_hub *hub, int source, const struct nv_frame *frame)
{
    struct nv_reader reader = {frame->data, frame->size, 0};
    struct nv_item item;
    int more;
    while ((more = nv_frame_next(&reader, &item)) == 1) {
        int rc = take_item(hub, source, &item);
        if (rc != NAVE_OK)
            return rc;
    }
    if (more < 0)
        return nv_error_set(&hub->ctx->error, NAVE_EWIRE, "a damaged frame from rank %d", source);
    return NAVE_OK;
}

/* A bounded number of frames, so that placing does not starve. */
static int receive(struct nv_hub *hub, bool *worked)
{
    const struct nv_frame *frame;
    int source;
    for (int i = 0; i < 64; i++) {
        int rc = nv_comm_next(hub->ctx->comm, NV_TO_HUB, &source, &frame);
        if (rc <= 0)
            return rc;
        *worked = true;
        rc = take_frame(hub, source, frame);
        if (rc != NAVE_OK)
            return rc;
    }
    return NAVE_OK;
}

static int complete(struct nv_hub *hub, bool *worked)
{
    int rc = nv_comm_progress(hub->ctx->comm);
    *worked = *worked || rc > 0;
    return rc < 0 ? rc : NAVE_OK;
}

static int place(struct nv_hub *hub, bool *worked)
{
    struct nv_send send;
    double until = nv_hub_time(hub) + PLACE_SECONDS;
    int rc = NAVE_OK;
    while (rc == NAVE_OK && nv_hub_time(hub) < until && nv_sched_next(hub->sched, &send)) {
        *worked = true;
        rc = nv_future_send(nv_sched_owner(hub->sched, send.job), &send);
    }
    return rc;
}

/* A hub that is alone runs a slice of its own tasks. */
static int work(struct nv_hub *hub, bool *worked)
{
    bool some = false;
    int rc = NAVE_OK;
    if (hub->ctx->engine != NULL)
        rc = nv_engine_turn(hub->ctx->engine, &some);
    *worked = *worked || some;
    return rc;
}

/* Futures that were freed before they were complete. */
static void bury(struct nv_hub *hub)
{
    nave_future *next;
    if (hub->orphans == 0)
        return;
    hub->orphans = 0;
    for (nave_future *future = hub->futures; future != NULL; future = next) {
        next = future->next;
        if (future->orphan && future->complete)
            nv_future_discard(future);
    }
}

int nv_hub_turn(struct nv_hub *hub, bool *worked)
{
    int rc;
    *worked = false;
    rc = receive(hub, worked);
    if (rc == NAVE_OK)
        rc = complete(hub, worked);
    if (rc == NAVE_OK)
        rc = place(hub, worked);
    if (rc == NAVE_OK)
        rc = nv_hub_flush(hub);
    if (rc == NAVE_OK)
        rc = work(hub, worked);
    bury(hub);
    return rc;
}

int nv_hub_wait(struct nv_hub *hub, bool (*ready)(void *arg), void *arg, double seconds)
{
    double until = seconds >= 0 ? nv_clock() + seconds : 0;
    hub->idle.probes = 0;
    while (!ready(arg)) {
        bool worked;
        int rc = nv_hub_turn(hub, &worked);
        if (rc != NAVE_OK)
            return rc;
        if (ready(arg))
            break;
        if (seconds >= 0 && nv_clock() >= until)
            return NAVE_ETIMEDOUT;
        nv_idle(&hub->idle, worked);
    }
    return NAVE_OK;
}
