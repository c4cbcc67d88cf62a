/* subhub - see subhub.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "subhub.h"
#include "clock.h"
#include "errand.h"

#include <stdlib.h>

#define FLUSH_SECONDS 200e-6 /* an answer waits for others at most about this long */
#define TELL_SECONDS 1e-3    /* between words about spawned tasks */
#define LATE_SECONDS 1e-3    /* between looks at who is late */
enum {
    FRAMES = 64,          /* taken in before a look at other things */
    BULK_MAX = 256 << 20, /* bytes on their way to the hub before more is taken from engines */
    CHUNKS_MAX = 256      /* placed before a look at what has come */
};

/* -------------------------------------------------------------------------------- set up and end */

static void find_members(struct nv_subhub *subhub)
{
    const nave *ctx = subhub->ctx;
    for (int r = 0; r < ctx->size; r++) {
        if (ctx->leaders[r] != ctx->rank)
            continue;
        subhub->members[subhub->count++] = r;
        nv_set_add(subhub->engines, (size_t)r);
        nv_sched_engine_add(subhub->sched, r, 1);
    }
    nv_sched_engine_last(subhub->sched, ctx->rank);
}

int nv_subhub_new(nave *ctx, int *everywhere, struct nv_subhub **out)
{
    struct nv_subhub *subhub = aligned_alloc(64, (sizeof *subhub + 63) / 64 * 64);
    size_t ranks = (size_t)ctx->size;
    int rc;
    if (subhub == NULL) {
        free(everywhere);
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the sub-hub");
    }
    *subhub = (struct nv_subhub){.ctx = ctx, .everywhere = everywhere};
    *out = subhub;
    nv_answers_init(&subhub->answers, ctx->comm, ctx->rank, &ctx->error);
    subhub->answers.lane = NV_FROM_SUBHUB;
    rc = nv_outbox_init(&subhub->outbox, ctx->comm, ctx->size, false, &ctx->error);
    subhub->sched = nv_sched_new(ctx->size);
    subhub->engines = nv_set_new(ranks);
    subhub->members = calloc(ranks, sizeof *subhub->members);
    subhub->bases = calloc(ranks, sizeof *subhub->bases);
    if (rc != NAVE_OK || subhub->sched == NULL || subhub->engines == NULL ||
        subhub->members == NULL || subhub->bases == NULL ||
        !nv_surplus_init(&subhub->surplus, ctx->size))
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the sub-hub");
    find_members(subhub);
    return NAVE_OK;
}

void nv_subhub_free(struct nv_subhub *subhub)
{
    if (subhub == NULL)
        return;
    nv_errands_release(subhub);
    nv_answers_release(&subhub->answers);
    nv_outbox_release(&subhub->outbox);
    nv_sched_free(subhub->sched);
    free(subhub->engines);
    free(subhub->members);
    free(subhub->everywhere);
    nv_surplus_release(&subhub->surplus);
    free(subhub->bases);
    free(subhub);
}

static double now(const struct nv_subhub *subhub)
{
    return nv_clock() - subhub->ctx->origin;
}

uint64_t nv_subhub_own_load(const struct nv_subhub *subhub)
{
    return nv_sched_load(subhub->sched, subhub->ctx->rank);
}

int nv_subhub_spread(struct nv_subhub *subhub, enum nv_item_kind kind,
                     const struct nv_control *control)
{
    int rc = NAVE_OK;
    for (int i = 0; i < subhub->count && rc == NAVE_OK; i++)
        if (nv_sched_load(subhub->sched, subhub->members[i]) > 0)
            rc = nv_outbox_control(&subhub->outbox, subhub->members[i], kind, control, NULL);
    return rc;
}

/* -------------------------------------------------------------------------------- spawned tasks */

bool nv_subhub_idle(const struct nv_subhub *subhub)
{
    for (int i = 0; i < subhub->count; i++)
        if (nv_sched_load(subhub->sched, subhub->members[i]) == 0)
            return true;
    return false;
}

uint64_t nv_subhub_surplus(const struct nv_subhub *subhub)
{
    return nv_subhub_idle(subhub) ? 0 : nv_surplus_sum(&subhub->surplus);
}

/* The engine that has most is asked for some.  *asked: there was one. */
static int ask_for_some(struct nv_subhub *subhub, bool *asked)
{
    int rich = nv_surplus_ask(&subhub->surplus);
    *asked = rich >= 0;
    if (!*asked)
        return NAVE_OK;
    return nv_outbox_control(&subhub->outbox, rich, NV_WANT, &(struct nv_control){0}, NULL);
}

/* What the hub asked for is given, or there is none. */
static int answer_want(struct nv_subhub *subhub)
{
    int rc;
    subhub->promised = false;
    subhub->told = now(subhub);
    subhub->news = false;
    rc = nv_errands_tell(subhub);
    return rc == NAVE_OK ? nv_answers_post(&subhub->answers) : rc;
}

/* The hub has engines without work. */
static int take_want(struct nv_subhub *subhub)
{
    bool asked;
    int rc = ask_for_some(subhub, &asked);
    subhub->promised = true;
    return asked || nv_surplus_any_asked(&subhub->surplus) ? rc : answer_want(subhub);
}

/* Engines of the group have nothing to do while others have spawned tasks waiting. */
static int want_spawned(struct nv_subhub *subhub)
{
    bool asked = subhub->surplus.rich > 0 && !subhub->placing;
    int rc = NAVE_OK;
    for (int i = 0; asked && rc == NAVE_OK && i < subhub->count; i++)
        if (nv_sched_load(subhub->sched, subhub->members[i]) == 0)
            rc = ask_for_some(subhub, &asked);
    return rc;
}

/* An engine speaks of the spawned tasks that it has. */
static int take_grew(struct nv_subhub *subhub, int source, const struct nv_control *control)
{
    bool asked = nv_surplus_heard(&subhub->surplus, source, (uint64_t)control->value);
    nv_errand_grew(subhub, control);
    return asked && subhub->promised ? answer_want(subhub) : NAVE_OK;
}

/* ------------------------------------------------------------------------------------- the hub's */

/* All that take part are ready, so the engine beside this loop does nothing: the loop enters the
 * reduction with what it holds. */
static int reduce(struct nv_subhub *subhub, const struct nv_item *item)
{
    nave *ctx = subhub->ctx;
    struct nv_control control = {.job = item->control.job};
    struct nv_partial *partial = nv_engine_take_partial(nv_beside_engine(ctx->beside), control.job);
    struct nv_fold fold;
    char why[256];
    int rc;
    if (partial == NULL || !nv_fold_decode(&fold, partial->how, partial->how_size, ctx->ops,
                                           ctx->op_count, true, why, sizeof why)) {
        nv_partial_free(partial);
        return nv_error_set(&ctx->error, NAVE_EWIRE, "a reduction of nothing");
    }
    rc = nv_fold_enter(ctx->mpi, item->extra, (int)item->control.list_size, &fold, partial, NULL,
                       &ctx->error);
    nv_fold_release(&fold);
    nv_partial_free(partial);
    if (rc == NAVE_OK)
        rc = nv_outbox_control(&subhub->outbox, ctx->rank, NV_DROP, &control, NULL);
    return rc;
}

static int close_group(struct nv_subhub *subhub, const struct nv_control *control)
{
    subhub->closed = true;
    subhub->status = (int)control->value;
    return nv_outbox_control(&subhub->outbox, subhub->ctx->rank, NV_CLOSE, control, NULL);
}

static int take_from_hub(struct nv_subhub *subhub, struct nv_item *item)
{
    if (!nv_frame_complete_run(item, &subhub->last))
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE, "a damaged run from the hub");
    switch (item->kind) {
    case NV_RUN:
        subhub->last = item->run;
        return nv_errand_take(subhub, item);
    case NV_CANCEL:
        nv_errands_cancel(subhub, &item->control);
        return NAVE_OK;
    case NV_RECALL:
        return nv_errand_recall(subhub, &item->control);
    case NV_WANT:
        return take_want(subhub);
    case NV_REDUCE:
        return reduce(subhub, item);
    case NV_CLOSE:
        return close_group(subhub, &item->control);
    default:
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE, "an item of kind %d for a sub-hub",
                            (int)item->kind);
    }
}

static int take_from_engine(struct nv_subhub *subhub, int source, const struct nv_item *item)
{
    switch (item->kind) {
    case NV_RESULTS:
    case NV_RESULT:
    case NV_DROPPED:
        return nv_errand_answer(subhub, source, item);
    case NV_RETURNED:
        return nv_errand_returned(subhub, source, &item->control);
    case NV_SURPLUS:
        return nv_errand_surplus(subhub, item);
    case NV_GREW:
        return take_grew(subhub, source, &item->control);
    default:
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE,
                            "an item of kind %d from an engine of the group", (int)item->kind);
    }
}

/* -------------------------------------------------------------------------------------- the loop */

static int take_frame(struct nv_subhub *subhub, enum nv_lane lane, int source,
                      const struct nv_frame *frame)
{
    struct nv_reader reader = {frame->data, frame->size, 0};
    struct nv_item item;
    int more, rc = NAVE_OK;
    while (rc == NAVE_OK && (more = nv_frame_next(&reader, &item)) == 1)
        rc = lane == NV_TO_SUBHUB ? take_from_hub(subhub, &item)
                                  : take_from_engine(subhub, source, &item);
    if (rc == NAVE_OK && more < 0)
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE, "a damaged frame from rank %d",
                            source);
    return rc;
}

/* A bounded number of frames from one side. */
static int receive(struct nv_subhub *subhub, enum nv_lane lane, bool *worked)
{
    const struct nv_frame *frame;
    int source, rc = NAVE_OK;
    for (int i = 0; i < FRAMES && rc == NAVE_OK; i++) {
        if (lane == NV_TO_HUB && subhub->bulk > BULK_MAX)
            return NAVE_OK;
        rc = nv_comm_next(subhub->ctx->comm, lane, &source, &frame);
        if (rc <= 0)
            return rc;
        if (!*worked)
            nv_sched_time(subhub->sched, now(subhub));
        *worked = subhub->placing = true;
        rc = take_frame(subhub, lane, source, frame);
    }
    return rc;
}

static int complete(struct nv_subhub *subhub, bool *worked)
{
    int rc = nv_comm_progress(subhub->ctx->comm);
    *worked = *worked || rc > 0;
    return rc < 0 ? rc : NAVE_OK;
}

static int place(struct nv_subhub *subhub, bool *worked)
{
    struct nv_send send;
    int rc = NAVE_OK;
    for (int i = 0; i < CHUNKS_MAX && subhub->placing && rc == NAVE_OK; i++) {
        subhub->placing = nv_sched_next(subhub->sched, &send);
        if (!subhub->placing)
            break;
        *worked = true;
        rc = nv_errand_send(subhub, &send);
    }
    return rc;
}

/* Tasks wait at engines of the group while others stand idle? */
static int level(struct nv_subhub *subhub)
{
    struct nv_send row;
    int rc = NAVE_OK;
    subhub->until = 0;
    if (!nv_sched_recall_possible(subhub->sched))
        return NAVE_OK;
    nv_sched_time(subhub->sched, now(subhub));
    subhub->until = nv_clock() + LATE_SECONDS;
    while (rc == NAVE_OK && nv_sched_recall(subhub->sched, &row))
        rc = nv_errand_ask_back(subhub, &row);
    return rc;
}

static int tell(struct nv_subhub *subhub)
{
    double time;
    if (!subhub->news)
        return NAVE_OK;
    time = now(subhub);
    if (time - subhub->told < TELL_SECONDS)
        return NAVE_OK;
    subhub->told = time;
    subhub->news = false;
    return nv_errands_tell(subhub);
}

/* Answers go when there is nothing else to do, or after a while. */
static int post(struct nv_subhub *subhub, bool worked)
{
    double time;
    if (subhub->answers.frame == NULL)
        return NAVE_OK;
    time = now(subhub);
    if (worked && time - subhub->sent < FLUSH_SECONDS)
        return NAVE_OK;
    subhub->sent = time;
    return nv_answers_post(&subhub->answers);
}

/* The engine beside this loop may have the loop's core: see hub.c. */
static void spare_core(struct nv_subhub *subhub, bool worked)
{
    if (nv_sched_engine_hold(subhub->sched, subhub->ctx->rank, worked) && !worked)
        subhub->placing = true;
}

/* What follows from what has come. */
static int act(struct nv_subhub *subhub, bool *worked)
{
    int rc = place(subhub, worked);
    if (rc == NAVE_OK)
        rc = want_spawned(subhub);
    if (rc == NAVE_OK && !*worked)
        rc = level(subhub);
    if (rc == NAVE_OK)
        rc = nv_outbox_flush(&subhub->outbox);
    if (rc == NAVE_OK)
        rc = tell(subhub);
    return rc == NAVE_OK ? post(subhub, *worked) : rc;
}

int nv_subhub_turn(struct nv_subhub *subhub, bool *worked)
{
    int rc;
    *worked = false;
    rc = receive(subhub, NV_TO_SUBHUB, worked);
    if (rc == NAVE_OK)
        rc = receive(subhub, NV_TO_HUB, worked);
    if (rc == NAVE_OK)
        rc = complete(subhub, worked);
    if (rc == NAVE_OK)
        rc = act(subhub, worked);
    if (rc == NAVE_OK)
        rc = nv_beside_check(subhub->ctx->beside, &subhub->ctx->error);
    nv_errands_bury(subhub);
    spare_core(subhub, *worked);
    if (rc == NAVE_OK)
        rc = subhub->rc;
    return rc == NAVE_OK && subhub->closed ? NAVE_END : rc;
}
