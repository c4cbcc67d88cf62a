/* reduce - nave_map_reduce: a map whose results stay on the engines, then one agreed MPI_Reduce.
 *
 * Design notes.  MPI_Reduce blocks, so nobody enters it before all can: when the tasks are done,
 * the hub asks those that take part (NV_PREPARE); each sends what it still has to send and says
 * NV_READY; with all ready the hub says NV_REDUCE, and all go in.  In between they start no tasks
 * of other calls: new results would keep them from getting ready, and one long task would keep all
 * the others inside.  Engines without tasks stay out.
 *
 * By blocks (nave.by_blocks) there is none of this: engines send the sum of each block as soon as
 * its last task is done, and the hub combines them, with the same bits.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"
#include "fold.h"
#include "future.h"

#include <stdlib.h>
#include <string.h>

/* One reduction on the hub's side. */
struct reduction {
    struct nv_hub *hub;
    nave_future *future;
    struct nv_fold fold;
    int32_t *engines; /* other ranks that take part, ascending */
    uint32_t count;
    bool beside; /* the engine beside the hub takes part */
};

static bool all_ready(void *arg)
{
    const struct reduction *reduction = arg;
    return reduction->hub->ready == reduction->count + reduction->beside;
}

static int say(struct reduction *reduction, enum nv_item_kind kind, uint32_t list_size)
{
    const nave *ctx = reduction->hub->ctx;
    struct nv_control control = {.job = reduction->future->job, .list_size = list_size};
    int rc = NAVE_OK;
    for (uint32_t i = 0; i < reduction->count && rc == NAVE_OK; i++) {
        int engine = reduction->engines[i];
        if (kind == NV_REDUCE && nv_future_beside(ctx, engine)) /* its loop enters for it */
            engine += ctx->size;
        rc = nv_hub_control(reduction->hub, engine, kind, &control, reduction->engines);
    }
    return rc;
}

/* The same to the engine beside the hub. */
static int say_beside(const struct reduction *reduction, enum nv_item_kind kind)
{
    struct nv_control control = {.job = reduction->future->job};
    return reduction->beside ? nv_hub_control(reduction->hub, 0, kind, &control, NULL) : NAVE_OK;
}

/* What rank 0 itself holds: its engine's, while that does nothing, or what the hub added up. */
static struct nv_partial *take_own(struct reduction *reduction, int *rc)
{
    nave *ctx = reduction->hub->ctx;
    struct nv_partial *own = reduction->future->partials, *rest;
    if (reduction->future->blocks != NULL) {
        reduction->future->blocks->next = own;
        own = reduction->future->blocks;
        reduction->future->blocks = NULL;
    }
    rest = own != NULL ? own->next : NULL;
    reduction->future->partials = NULL;
    while (rest != NULL) {
        struct nv_partial *next = rest->next;
        if (nv_partial_merge(own, rest) != NAVE_OK)
            *rc = nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for a reduction");
        rest = next;
    }
    if (own != NULL)
        nv_partial_sort(own);
    if (own == NULL && ctx->engine != NULL)
        own = nv_engine_take_partial(ctx->engine, reduction->future->job);
    if (own == NULL && reduction->beside)
        own = nv_engine_take_partial(nv_beside_engine(ctx->beside), reduction->future->job);
    return own;
}

static int list_engines(struct reduction *reduction)
{
    const struct nv_set *used = reduction->future->used;
    reduction->engines = calloc(used->count + 1, sizeof *reduction->engines);
    if (reduction->engines == NULL)
        return nv_error_set(&reduction->hub->ctx->error, NAVE_ENOMEM, "no memory for a reduction");
    for (size_t r = 1; r < used->limit; r++)
        if (nv_set_has(used, r) && !nv_future_adds_up(reduction->future, (int)r))
            reduction->engines[reduction->count++] = (int32_t)r;
    reduction->beside = reduction->hub->ctx->beside != NULL && nv_set_has(used, 0);
    return NAVE_OK;
}

/* All are ready: enter the MPI_Reduce calls with them. */
static int enter(struct reduction *reduction, void *acc)
{
    nave *ctx = reduction->hub->ctx;
    bool all = reduction->count + 1 == (uint32_t)ctx->size, alone = reduction->count == 0;
    struct nv_partial *own;
    int rc = NAVE_OK;
    own = take_own(reduction, &rc);
    if (rc == NAVE_OK)
        rc = say(reduction, NV_REDUCE, all ? 0 : reduction->count);
    if (rc == NAVE_OK)
        rc = say_beside(reduction, NV_DROP);
    if (rc == NAVE_OK)
        rc =
            nv_fold_enter(alone ? MPI_COMM_SELF : ctx->mpi, reduction->engines,
                          all ? 0 : (int)reduction->count, &reduction->fold, own, acc, &ctx->error);
    nv_partial_free(own);
    return rc;
}

static void forget(struct reduction *reduction)
{
    nave *ctx = reduction->hub->ctx;
    say(reduction, NV_DROP, 0);
    say_beside(reduction, NV_DROP);
    if (ctx->engine != NULL)
        nv_partial_free(nv_engine_take_partial(ctx->engine, reduction->future->job));
}

/* All blocks are here. */
static int combine(struct reduction *reduction, void *acc)
{
    int rc = NAVE_OK;
    struct nv_partial *own = take_own(reduction, &rc);
    forget(reduction);
    if (rc == NAVE_OK)
        rc = nv_fold_reduce(MPI_COMM_SELF, &reduction->fold, own, acc, &reduction->hub->ctx->error);
    nv_partial_free(own);
    return rc;
}

static int bring_home(struct reduction *reduction, void *acc)
{
    int rc = nave_wait(reduction->future, -1);
    int listed = list_engines(reduction);
    rc = rc == NAVE_OK ? listed : rc;
    if (rc != NAVE_OK) {
        forget(reduction);
        return rc;
    }
    if (reduction->future->flags & NV_BLOCKS)
        return combine(reduction, acc);
    reduction->hub->ready = 0;
    rc = say(reduction, NV_PREPARE, 0);
    if (rc == NAVE_OK)
        rc = say_beside(reduction, NV_PREPARE);
    if (rc == NAVE_OK)
        rc = nv_hub_wait(reduction->hub, all_ready, reduction, -1);
    return rc == NAVE_OK ? enter(reduction, acc) : rc;
}

static int start(struct reduction *reduction, nave_view *view, const char *kernel, const void *in,
                 size_t in_size, size_t n)
{
    unsigned char extra[NV_EXTRA_MAX];
    size_t size = nv_fold_encode(&reduction->fold, extra, sizeof extra);
    struct nv_future_spec spec = {.view = view,
                                  .kernel = kernel,
                                  .input = {.kind = NV_IN_ARRAY, .base = in, .size = in_size},
                                  .output = {.kind = NV_OUT_KEEP},
                                  .count = n,
                                  .block = reduction->fold.block,
                                  .flags = NV_FOLD | (view->hub->ctx->by_blocks ? NV_BLOCKS : 0),
                                  .blocking = true,
                                  .extra = extra,
                                  .extra_size = size,
                                  .fold = &reduction->fold};
    if (size == 0)
        return nv_error_set(&view->hub->ctx->error, NAVE_ETYPE,
                            "the datatype cannot be described to the engines within 16 KiB");
    return nv_future_start(&spec, &reduction->future);
}

static int check(nave_view *view, const void *in, size_t in_size, size_t n, const void *acc,
                 int count)
{
    struct nv_error *error = &view->hub->ctx->error;
    if (count < 0 || (acc == NULL && count > 0 && n > 0) || (in == NULL && in_size > 0 && n > 0))
        return nv_error_set(error, NAVE_EINVAL, "count is negative, or a buffer is NULL");
    if (in_size > 0 && n > SIZE_MAX / 2 / in_size)
        return nv_error_set(error, NAVE_ESIZE, "%zu inputs of %zu bytes are more than memory", n,
                            in_size);
    return nv_hub_check(view->hub->ctx);
}

int nave_map_reduce(nave_view *view, const char *kernel, const void *in, size_t in_size, size_t n,
                    void *acc, int count, MPI_Datatype type, MPI_Op op)
{
    struct reduction reduction = {.hub = view->hub};
    nave *ctx = view->hub->ctx;
    uint32_t id;
    const struct nv_set *engines;
    int rc = check(view, in, in_size, n, acc, count);
    if (rc == NAVE_OK)
        rc = nv_view_kernel(view, kernel, &id, &engines);
    if (rc == NAVE_OK)
        rc = nv_fold_init(&reduction.fold, ctx->ops, ctx->op_count, n, view->policy.chunk, count,
                          type, op, &ctx->error);
    if (rc != NAVE_OK || n == 0)
        return rc;
    if (ctx->by_blocks)
        nv_fold_by_blocks(&reduction.fold, view->policy.chunk);
    rc = start(&reduction, view, kernel, in, in_size, n);
    if (rc != NAVE_OK)
        return rc;
    rc = bring_home(&reduction, acc);
    free(reduction.engines);
    nave_future_free(reduction.future);
    return rc;
}
