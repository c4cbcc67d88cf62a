/* future - see future.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "future.h"
#include "door.h"
#include "loss.h"
#include "recollect.h"
#include "stream.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 32 * 1024, /* of inputs in a frame */
    CHUNK_TASKS = 16 * 1024,
    BACKLOG = 65536,
    BACKLOG_BYTES = 64 << 20 /* of results, where the caller left it to us */
};

/* ----------------------------------------------------------------------------------- start, end */

/* Whether sub-hubs may have tasks of the call.  Large inputs and results go straight to and from the
 * engines; so do calls of which the caller says how they are to be placed. */
static bool goes_to_groups(const struct nv_future_spec *spec)
{
    const nave_view *view = spec->view;
    return view->hub->ctx->leaders != NULL && !view->direct && !view->policy.capture &&
           !spec->each && spec->block == 0 &&
           (view->placing == NV_TUNED || view->placing == NV_FIFO) && view->policy.chunk == 0 &&
           view->policy.window == 0 && spec->input.size <= NV_INLINE_MAX &&
           spec->output.size <= NV_INLINE_MAX;
}

/* As many tasks as fit a frame, or a transfer of moderate size. */
static uint64_t max_chunk(const struct nv_future_spec *spec)
{
    size_t size = spec->input.size;
    uint64_t chunk = CHUNK_TASKS;
    bool transfer = size > NV_INLINE_MAX || (goes_to_groups(spec) && spec->count > 0);
    if (spec->input.kind == NV_IN_SOURCE)
        return NV_SOURCE_CHUNK;
    if ((spec->input.kind == NV_IN_ARRAY || spec->input.kind == NV_IN_STREAM) && size > 0)
        chunk = (transfer ? NV_CHUNK_BYTES_LARGE : CHUNK_BYTES) / size;
    return chunk < 1 ? 1 : chunk > CHUNK_TASKS ? CHUNK_TASKS : chunk;
}

/* See nave_policy.  Large results must not fill the hub's memory; engines must not run dry. */
static uint64_t backlog_of(const nave_future *future)
{
    size_t backlog = future->view->policy.backlog, size = future->output.size;
    size_t least = 2 * future->view->count;
    if (backlog > 0)
        return backlog;
    backlog = size > BACKLOG_BYTES / BACKLOG ? BACKLOG_BYTES / size : BACKLOG;
    return backlog > least ? backlog : least;
}

void nv_future_allow(nave_future *future)
{
    const struct nv_ledger *ledger = &future->ledger;
    if (!future->open)
        return;
    future->limit = nv_ledger_finished(ledger) - ledger->unread + backlog_of(future);
    future->hub->placing = true;
    nv_sched_extend(future->hub->sched, future->job, future->limit);
}

static void sched_add(nave_future *future, const struct nv_future_spec *spec,
                      const struct nv_set *engines)
{
    const nave_view *view = spec->view;
    bool named = (view->direct || spec->each) && spec->input.kind != NV_IN_SOURCE;
    bool source = spec->input.kind == NV_IN_SOURCE;
    uint64_t most = max_chunk(spec);
    const struct nv_set *grouped =
        goes_to_groups(spec) ? nv_view_grouped(spec->view, future->kernel) : NULL;
    if (source && most > future->limit)
        most = future->limit;
    if (grouped != NULL)
        engines = grouped;
    struct nv_job_spec job = {.owner = future,
                              .kernel = future->kernel,
                              .count = source ? future->limit : spec->count,
                              .open = source,
                              .max_chunk = most,
                              .chunk = view->policy.chunk,
                              .window = view->policy.window,
                              .block = spec->block,
                              .engines = named ? NULL : engines,
                              .named = named ? view->engines : NULL,
                              .named_count = named ? view->count : 0,
                              .placing = view->placing,
                              .priority = view->policy.priority,
                              .urgent = named && future->kernel < NV_KERNEL_OWN,
                              .costs = future->costs};
    if (view->placing == NV_LOCALITY)
        job.near = nv_hub_holders(future->hub, view->near);
    future->named = named;
    future->job = nv_sched_add(future->hub->sched, &job);
}

static void future_release(nave_future *future)
{
    free(future->input.owned);
    free(future->extra);
    free(future->used);
    free(future->order);
    free(future->costs);
    nv_kept_release(&future->kept);
    nv_kept_release(&future->digests);
    nv_kept_release(&future->outputs);
    free(future);
}

/* Of the carrier of a stream each task has a future of its own. */
bool nv_future_counts(const nave_future *future)
{
    return future->kernel >= NV_KERNEL_OWN &&
           (future->single || future->input.kind != NV_IN_STREAM);
}

void nv_future_link(nave_future *future)
{
    struct nv_hub *hub = future->hub;
    future->next = hub->futures;
    if (future->next != NULL)
        future->next->prev = future;
    hub->futures = future;
    if (nv_future_counts(future))
        future->number = ++hub->numbered;
    hub->open += nv_future_counts(future);
    future->view->users++;
}

void nv_future_unlink(nave_future *future)
{
    struct nv_past *past = &future->hub->past;
    if (nv_future_counts(future)) {
        nave_counts counts;
        nave_count(future, &counts);
        past->succeeded += counts.succeeded;
        past->failed += counts.failed;
        past->cancelled += counts.cancelled;
    }
    *(future->prev != NULL ? &future->prev->next : &future->hub->futures) = future->next;
    if (future->next != NULL)
        future->next->prev = future->prev;
    nv_view_leave(future->view);
}

void nv_future_discard(nave_future *future)
{
    if (future->single) {
        nv_stream_free(future);
        return;
    }
    if (future->input.kind == NV_IN_STREAM)
        nv_stream_release(future->input.stream);
    nv_future_unlink(future);
    nv_ledger_release(&future->ledger);
    while (future->partials != NULL) {
        struct nv_partial *partial = future->partials;
        future->partials = partial->next;
        nv_partial_free(partial);
    }
    nv_partial_free(future->blocks);
    future_release(future);
}

void nv_future_check(nave_future *future)
{
    if (future->complete || future->open || nv_ledger_finished(&future->ledger) < future->count ||
        future->receiving > 0 || future->sending > 0 || future->children > 0)
        return;
    future->complete = true;
    future->hub->open -= nv_future_counts(future);
    if (future->single) {
        if (future->orphan)
            nv_stream_free(future);
        return;
    }
    nv_sched_remove(future->hub->sched, future->job);
    future->hub->orphans += future->orphan;
    if (future->parent != NULL) {
        future->parent->children--;
        future->parent->grown += future->count;
        nv_future_check(future->parent);
    }
}

/* The longest tasks first, by the hints of the policy; equal ones in their own order. */
struct hint {
    double cost;
    uint32_t task;
};

static int by_cost(const void *a, const void *b)
{
    const struct hint *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? 1 : -1;
    return x->task < y->task ? -1 : 1;
}

static bool put_in_order(nave_future *future)
{
    const nave_policy *policy = &future->view->policy;
    size_t n = (size_t)future->count;
    struct hint *hints;
    if (policy->costs == NULL || future->open || future->parent != NULL || future->fold != NULL ||
        future->view->direct || n < 2)
        return true;
    hints = malloc(n * sizeof *hints);
    future->order = malloc(2 * n * sizeof *future->order);
    future->costs = malloc(n * sizeof *future->costs);
    if (hints != NULL && future->order != NULL && future->costs != NULL) {
        future->place = future->order + n;
        for (size_t i = 0; i < n; i++)
            hints[i] = (struct hint){policy->costs[i], (uint32_t)i};
        qsort(hints, n, sizeof *hints, by_cost);
        for (size_t i = 0; i < n; i++) {
            future->order[i] = hints[i].task;
            future->place[hints[i].task] = (uint32_t)i;
            future->costs[i] = hints[i].cost;
        }
    }
    free(hints);
    return hints != NULL && future->order != NULL && future->costs != NULL;
}

/* Hints must be enough, and numbers. */
static int check_hints(const struct nv_future_spec *spec)
{
    const nave_policy *policy = &spec->view->policy;
    struct nv_error *error = &spec->view->hub->ctx->error;
    if (policy->costs == NULL || spec->each || spec->input.kind == NV_IN_SOURCE)
        return NAVE_OK;
    if (spec->count > policy->cost_count || spec->count > UINT32_MAX)
        return nv_error_set(error, NAVE_EINVAL, "%llu tasks, but cost hints for %zu",
                            (unsigned long long)spec->count, policy->cost_count);
    for (uint64_t i = 0; i < spec->count; i++)
        if (!(policy->costs[i] >= 0 && policy->costs[i] < HUGE_VAL))
            return nv_error_set(error, NAVE_EINVAL, "the cost hint of task %llu is %g",
                                (unsigned long long)i, policy->costs[i]);
    return NAVE_OK;
}

static nave_future *future_new(const struct nv_future_spec *spec, uint32_t kernel)
{
    struct nv_hub *hub = spec->view->hub;
    nave_future *future = calloc(1, sizeof *future);
    if (future == NULL)
        return NULL;
    future->hub = hub;
    future->view = spec->view;
    future->input = spec->input;
    future->output = spec->output;
    future->kernel = kernel;
    future->flags = spec->flags;
    if (kernel >= NV_KERNEL_OWN && spec->view->policy.guard)
        future->flags |= NV_GUARDED | (spec->view->policy.capture ? NV_CAPTURE : 0);
    future->blocking = spec->blocking;
    future->count = spec->count;
    future->open = spec->input.kind == NV_IN_SOURCE || spec->input.kind == NV_IN_STREAM;
    future->limit = backlog_of(future);
    future->retries = kernel < NV_KERNEL_OWN ? 0 : (uint32_t)spec->view->policy.retries;
    future->submitted = nv_hub_time(hub);
    future->extra_size = spec->extra_size;
    future->extra = malloc(spec->extra_size + 1);
    future->used = spec->flags & NV_FOLD ? nv_set_new((size_t)hub->ctx->size) : NULL;
    future->fold = spec->fold;
    future->parent = spec->parent;
    future->root = spec->root;
    nv_ledger_init(&future->ledger);
    if (future->extra == NULL || (spec->flags & NV_FOLD && future->used == NULL) ||
        (!spec->each && !put_in_order(future))) {
        future->input.owned = NULL; /* the caller's still */
        future_release(future);
        return NULL;
    }
    if (spec->extra_size > 0)
        memcpy(future->extra, spec->extra, spec->extra_size);
    return future;
}

int nv_future_begin_with(const struct nv_future_spec *spec, uint32_t kernel,
                         const struct nv_set *engines, nave_future **out)
{
    struct nv_hub *hub = spec->view->hub;
    nave_future *future = future_new(spec, kernel);
    if (future != NULL)
        sched_add(future, spec, engines);
    if (future == NULL || future->job == 0) {
        if (future != NULL)
            future_release(future);
        else
            free(spec->input.owned);
        return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory for a future");
    }
    nv_future_link(future);
    nv_recollect_begin(future);
    hub->placing = true;
    nv_future_check(future);
    *out = future;
    return hub->lost != NULL ? nv_loss_sweep(hub) : NAVE_OK;
}

int nv_future_begin(const struct nv_future_spec *spec, nave_future **out)
{
    struct nv_hub *hub = spec->view->hub;
    const struct nv_set *engines;
    uint32_t kernel;
    int rc = nv_hub_check(hub->ctx);
    if (rc == NAVE_OK)
        rc = nv_view_kernel(spec->view, spec->kernel, &kernel, &engines);
    if (rc == NAVE_OK && !nv_hub_may_begin(hub, kernel))
        rc = nv_hub_drained(hub);
    if (rc == NAVE_OK)
        rc = check_hints(spec);
    if (rc == NAVE_OK)
        return nv_future_begin_with(spec, kernel, engines, out);
    free(spec->input.owned);
    return rc;
}

int nv_future_start(const struct nv_future_spec *spec, nave_future **out)
{
    bool worked;
    int rc = nv_future_begin(spec, out);
    return rc == NAVE_OK ? nv_hub_turn(spec->view->hub, &worked) : rc;
}

void nv_future_close(nave_future *future)
{
    future->open = false;
    nv_future_check(future);
}

/* ----------------------------------------------------------------------------------- cancelling */

/* What its tasks have spawned for others. */
static int cancel_children(nave_future *future)
{
    int rc = NAVE_OK;
    for (nave_future *other = future->hub->futures;
         other != NULL && future->children > 0 && rc == NAVE_OK; other = other->next)
        if (other->parent == future)
            rc = nave_cancel(other);
    return rc;
}

/* What the scheduler had not sent. */
static void drop_places(void *arg, uint64_t first, uint64_t count)
{
    nave_future *future = arg;
    if (future->order == NULL)
        nv_future_drop(future, first, count);
    for (uint64_t i = 0; future->order != NULL && i < count; i++)
        nv_future_drop(future, future->order[first + i], 1);
}

int nave_cancel(nave_future *future)
{
    struct nv_hub *hub = future->hub;
    struct nv_control control = {.job = future->job};
    bool running = nv_sched_running(hub->sched, future->job) > 0;
    int rc = NAVE_OK;
    if (future->complete || future->cancelled)
        return NAVE_OK;
    if (future->single) {
        rc = nv_stream_cancel(future);
        return rc == NAVE_OK ? cancel_children(future) : rc;
    }
    if (future->input.kind == NV_IN_STREAM) { /* its tasks are cancelled one by one */
        nv_future_close(future);
        return NAVE_OK;
    }
    future->cancelled = true;
    future->open = false;
    nv_sched_cancel(hub->sched, future->job, drop_places, future);
    for (int engine = 0; running && engine < hub->numbers && rc == NAVE_OK; engine++)
        if (nv_sched_load(hub->sched, engine) > 0)
            rc = nv_hub_control(hub, engine, NV_CANCEL, &control, NULL);
    if (rc == NAVE_OK)
        rc = cancel_children(future);
    nv_future_check(future);
    return rc;
}

/* Spawned tasks are part of what has begun. */
bool nv_future_drain(nave_future *future)
{
    uint64_t cancelled = future->ledger.cancelled;
    bool open = future->open;
    if (future->complete || future->cancelled || future->drained || future->single ||
        future->parent != NULL)
        return false;
    if (future->input.kind == NV_IN_STREAM) {
        nv_stream_drain(future->input.stream);
        return true;
    }
    future->open = false;
    nv_sched_cancel(future->hub->sched, future->job, drop_places, future);
    future->drained = open || future->ledger.cancelled > cancelled;
    nv_future_check(future);
    return false;
}

/* A fold is borrowed as buffers are, and every answer asks it. */
static bool buffers_free(void *arg)
{
    const nave_future *future = arg;
    return future->complete || (future->fold == NULL && future->sending + future->receiving == 0);
}

/* The caller's buffers are done with; what engines still answer goes to nobody. */
void nave_future_free(nave_future *future)
{
    if (future == NULL)
        return;
    if (!future->complete)
        nave_cancel(future);
    future->hub->heedless = true;
    if (!future->complete)
        nv_hub_wait(future->hub, buffers_free, future, -1);
    future->hub->heedless = false;
    if (!future->complete) {
        future->orphan = true;
        return;
    }
    if (nv_future_counts(future))
        nv_door_farewell(future->hub->ctx->door, future->number);
    nv_future_discard(future);
}
