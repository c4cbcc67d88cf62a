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
    subhub->pools = calloc(ranks, sizeof *subhub->pools);
    subhub->wanted = calloc(ranks, sizeof *subhub->wanted);
    subhub->bases = calloc(ranks, sizeof *subhub->bases);
    if (rc != NAVE_OK || subhub->sched == NULL || subhub->engines == NULL ||
        subhub->members == NULL || subhub->pools == NULL || subhub->wanted == NULL ||
        subhub->bases == NULL)
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
    free(subhub->pools);
    free(subhub->wanted);
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
    uint64_t sum = 0;
    if (!subhub->pools_known || nv_subhub_idle(subhub))
        return 0;
    for (int i = 0; i < subhub->count; i++)
        sum += subhub->pools[subhub->members[i]];
    return sum;
}

/* The engine that has most and was not asked; -1: none. */
static int richest(const struct nv_subhub *subhub)
{
    int best = -1;
    for (int i = 0; i < subhub->count; i++) {
        int r = subhub->members[i];
        if (!subhub->wanted[r] && subhub->pools[r] > 1 &&
            (best < 0 || subhub->pools[r] > subhub->pools[best]))
            best = r;
    }
    return best;
}

static int ask_for_some(struct nv_subhub *subhub, int engine)
{
    subhub->wanted[engine] = true;
    return nv_outbox_control(&subhub->outbox, engine, NV_WANT, &(struct nv_control){0}, NULL);
}

static bool some_asked(const struct nv_subhub *subhub)
{
    for (int i = 0; i < subhub->count; i++)
        if (subhub->wanted[subhub->members[i]])
            return true;
    return false;
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
    int best = richest(subhub);
    subhub->promised = true;
    if (best >= 0)
        return ask_for_some(subhub, best);
    return some_asked(subhub) ? NAVE_OK : answer_want(subhub);
}

/* Engines of the group have nothing to do while others have spawned tasks waiting. */
static int want_spawned(struct nv_subhub *subhub)
{
    int idle = 0, best, rc = NAVE_OK;
    if (!subhub->pools_known || subhub->placing)
        return NAVE_OK;
    for (int i = 0; i < subhub->count; i++)
        idle += nv_sched_load(subhub->sched, subhub->members[i]) == 0;
    while (rc == NAVE_OK && idle-- > 0 && (best = richest(subhub)) >= 0)
        rc = ask_for_some(subhub, best);
    return rc;
}

/* An engine speaks of the spawned tasks that it has. */
static int take_grew(struct nv_subhub *subhub, int source, const struct nv_control *control)
{
    bool asked = subhub->wanted[source];
    subhub->pools[source] = (uint64_t)control->value;
    subhub->wanted[source] = false;
    subhub->pools_known = false;
    for (int i = 0; i < subhub->count; i++)
        subhub->pools_known = subhub->pools_known || subhub->pools[subhub->members[i]] > 0;
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
    MPI_Comm mpi = MPI_COMM_NULL;
    char why[256];
    int rc;
    if (partial == NULL || !nv_fold_decode(&fold, partial->how, partial->how_size, ctx->ops,
                                           ctx->op_count, true, why, sizeof why)) {
        nv_partial_free(partial);
        return nv_error_set(&ctx->error, NAVE_EWIRE, "a reduction of nothing");
    }
    rc = nv_fold_comm(ctx->mpi, item->extra, (int)item->control.list_size, &mpi, &ctx->error);
    if (rc == NAVE_OK)
        rc = nv_fold_reduce(mpi, &fold, partial, NULL, &ctx->error);
    if (mpi != MPI_COMM_NULL && mpi != ctx->mpi)
        MPI_Comm_free(&mpi);
    nv_fold_release(&fold);
    nv_partial_free(partial);
    if (rc == NAVE_OK)
        rc = nv_outbox_control(&subhub->outbox, ctx->rank, NV_DROP, &control, NULL);
    return rc;
}

/* Some more of the tasks that the hub sent last. */
static int take_more(struct nv_subhub *subhub, const struct nv_item *item)
{
    struct nv_item whole = *item;
    bool shared = (subhub->last.flags & NV_SHARED) != 0;
    whole.kind = NV_RUN;
    whole.run = subhub->last;
    whole.run.first = item->run.first;
    whole.run.count = item->run.count;
    whole.extra = "";
    whole.data_size = (size_t)(shared ? 1 : item->run.count) * (size_t)subhub->last.in_size;
    if (subhub->last.count == 0 || whole.data_size > item->data_size)
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE, "a damaged run from the hub");
    return nv_errand_take(subhub, &whole);
}

static int close_group(struct nv_subhub *subhub, const struct nv_control *control)
{
    subhub->closed = true;
    subhub->status = (int)control->value;
    return nv_outbox_control(&subhub->outbox, subhub->ctx->rank, NV_CLOSE, control, NULL);
}

static int take_from_hub(struct nv_subhub *subhub, const struct nv_item *item)
{
    switch (item->kind) {
    case NV_RUN:
        subhub->last = item->run;
        return nv_errand_take(subhub, item);
    case NV_MORE:
        return take_more(subhub, item);
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
    if (subhub->own_held == worked)
        return;
    subhub->own_held = worked;
    nv_sched_engine_hold(subhub->sched, subhub->ctx->rank, worked);
    subhub->placing = subhub->placing || !worked;
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
