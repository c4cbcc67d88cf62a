/* harvest - what engines answer goes where the future wants it: results, failures, spawned tasks.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "future.h"
#include "journal.h"
#include "recollect.h"
#include "stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forget_inputs(nave_future *future, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; future->kept.count > 0 && i < count; i++)
        nv_kept_drop(&future->kept, first + i);
}

static void finish(nave_future *future, uint64_t index, enum nave_task_state state)
{
    nv_recollect_note(future, index, state);
    nv_ledger_finish(&future->ledger, index, state, nv_future_keeps(future));
    forget_inputs(future, index, 1);
}

static void fail(nave_future *future, uint64_t index, int engine, int code, const char *message)
{
    nv_ledger_blame(&future->ledger, index, engine, code, message, strlen(message));
    finish(future, index, NAVE_FAILED);
}

/* Whether a result fits into what its call may hold. */
static bool afford(nave_future *future, size_t size)
{
    struct nv_budget *budget = future->output.budget;
    size_t beyond = size > future->output.size ? size - future->output.size : 0;
    if (budget == NULL)
        return true;
    if (beyond > budget->most || budget->used > budget->most - beyond)
        return false;
    budget->used += beyond;
    future->beyond += beyond;
    return true;
}

/* Finds the place of a result, entry->data.  False, with the reason, when it has none. */
static bool place_for(nave_future *future, uint64_t index, size_t size, struct nv_entry *entry,
                      const char **why)
{
    struct nv_output *output = &future->output;
    size_t from, to;
    switch (output->kind) {
    case NV_OUT_ARRAY:
        *why = "the result is larger than out_size";
        entry->data = output->base + index * output->size;
        return size <= output->size;
    case NV_OUT_PARTS:
        from = nv_future_part(output->n, index, future->view->count);
        to = nv_future_part(output->n, index + 1, future->view->count);
        *why = "the object is not of the size of its block";
        entry->data = output->base + from * output->size;
        return size == (to - from) * output->size;
    default:
        *why = "results of calls from outside have no more room on the hub: let finished calls be "
               "forgotten (nave forget)";
        if (!afford(future, size))
            return false;
        *why = "there is no memory for the result on the hub";
        if (future->single && size <= sizeof future->small) {
            entry->data = size > 0 ? future->small : NULL;
            return true;
        }
        entry->data = size > 0 ? malloc(size) : NULL;
        entry->owned = entry->data != NULL;
        return size == 0 || entry->data != NULL;
    }
}

/* Whether what a succeeded task returned is wanted. */
static bool wanted(const nave_future *future)
{
    return !future->cancelled && !future->orphan &&
           !(future->input.kind == NV_IN_SOURCE && future->view->policy.discard);
}

/* Where the scheduler has the task. */
static uint64_t place_of(const nave_future *future, uint64_t index)
{
    return future->single ? future->root : future->order != NULL ? future->place[index] : index;
}

/* A result that is being received. */
struct nv_receiving {
    nave_future *future;
    int engine;
    uint64_t index;
    bool kept;
    void *sum; /* a part of a reduction, to be added up and freed */
    bool here;
    bool lost;                 /* the engine is gone that sent it */
    struct nv_receiving *next; /* of the parts */
};

static int add_up(nave_future *future, int engine, uint64_t index, const void *data);
static nv_comm_done block_received;

/* Of a result that was announced the bytes will not come: the task is as good as not run.  A single task,
 * whose input is gone, fails. */
static void receive_again(struct nv_receiving *receiving)
{
    nave_future *future = receiving->future;
    uint64_t index = receiving->index;
    struct nv_entry *entry = receiving->kept ? nv_ledger_look(&future->ledger, index) : NULL;
    if (entry == NULL)
        return;
    if (entry->owned)
        free(entry->data);
    entry->data = NULL;
    entry->owned = 0;
    if (future->single) /* its place in the stream is another's by now */
        fail(future, index, receiving->engine, NAVE_ELOST,
             "the engine is lost, and the result with it");
    else
        nv_future_lost(future, receiving->engine, place_of(future, index), 1, true);
}

static void settle_received(struct nv_receiving *receiving)
{
    nave_future *future = receiving->future;
    future->receiving--;
    free(receiving->sum);
    if (receiving->lost) {
        receive_again(receiving);
    } else if (receiving->kept) {
        finish(future, receiving->index, NAVE_SUCCEEDED);
        nv_future_allow(future);
    }
    free(receiving);
    nv_future_check(future);
}

static void received(void *arg, bool whole)
{
    ((struct nv_receiving *)arg)->lost = !whole;
    settle_received(arg);
}

/* Parts are added up in the order in which they were sent, whatever arrives first. */
static void part_received(void *arg, bool whole)
{
    struct nv_receiving *part = arg;
    nave_future *future = part->future;
    size_t parts = future->receiving;
    (void)whole; /* such engines go with the hub */
    part->here = true;
    for (part = future->parts; parts > 0 && part != NULL && part->here; parts--) {
        struct nv_receiving *next = part->next;
        if (!future->cancelled)
            add_up(future, part->engine, part->index, part->sum);
        future->parts = next;
        settle_received(part);
        part = next;
    }
}

static void part_add(nave_future *future, struct nv_receiving *part)
{
    struct nv_receiving **end = &future->parts;
    while (*end != NULL)
        end = &(*end)->next;
    *end = part;
}

/* Receives a large result to its place, or lets it go by (to NULL). */
static int receive_to(nave_future *future, int engine, uint64_t index, void *to, size_t size,
                      nv_comm_done *done)
{
    bool sum = done != received;
    const nave *ctx = future->hub->ctx;
    struct nv_receiving *receiving = malloc(sizeof *receiving);
    if (receiving == NULL)
        return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for a result");
    *receiving = (struct nv_receiving){.future = future,
                                       .engine = engine,
                                       .index = index,
                                       .kept = to != NULL && done != block_received,
                                       .sum = sum ? to : NULL};
    future->receiving++;
    if (done == part_received)
        part_add(future, receiving);
    return nv_comm_receive(ctx->comm, engine % ctx->size,
                           engine < ctx->size ? NV_TO_HUB : NV_FROM_SUBHUB, to, size, done,
                           receiving);
}

static struct nv_entry *entry_of(nave_future *future, uint64_t index, int engine, double started,
                                 double ended)
{
    struct nv_entry *entry = nv_ledger_look(&future->ledger, index);
    assert(entry != NULL);
    if (future->input.kind != NV_IN_SOURCE)
        entry->submitted = future->submitted;
    entry->engine = engine;
    entry->started = started;
    entry->ended = ended;
    return entry;
}

/* One good result whose bytes are here (data), or come by a transfer (bulk). */
static int take_good(nave_future *future, int engine, uint64_t index, struct nv_entry *entry,
                     const void *data, size_t size, bool bulk)
{
    const char *why;
    bool placed = false;
    entry->size = size;
    if (!wanted(future)) {
        finish(future, index, future->cancelled ? NAVE_CANCELLED : NAVE_SUCCEEDED);
    } else {
        placed = place_for(future, index, size, entry, &why);
        if (!placed)
            fail(future, index, entry->engine, NAVE_ESIZE, why);
    }
    if (bulk)
        return receive_to(future, engine, index, placed ? entry->data : NULL, size, received);
    if (placed && size > 0)
        memcpy(entry->data, data, size);
    if (placed)
        finish(future, index, NAVE_SUCCEEDED);
    return NAVE_OK;
}

static bool answered(nave_future *future, int engine, uint64_t first, uint64_t count,
                     double seconds)
{
    struct nv_sched *sched = future->hub->sched;
    if (first + count > future->count)
        return false;
    if (future->order == NULL)
        return nv_sched_done(sched, engine, future->job, first, count, seconds);
    for (uint64_t i = first; i < first + count; i++)
        if (!nv_sched_done(sched, engine, future->job, future->place[i], 1,
                           seconds / (double)count))
            return false;
    return true;
}

static int not_asked(const nave_future *future, int engine)
{
    return nv_error_set(&future->hub->ctx->error, NAVE_EWIRE,
                        "rank %d answered tasks that it did not have",
                        engine % future->hub->ctx->size);
}

/* Whether a row of results needs no look at each: they go to the caller's array, or have no bytes.
 */
static bool row_is_plain(const nave_future *future, size_t size)
{
    if (!wanted(future) || future->output.kind == NV_OUT_PARTS)
        return false;
    return size == 0 || (future->output.kind == NV_OUT_ARRAY && size == future->output.size);
}

static void take_plain(nave_future *future, int engine, const struct nv_item *item)
{
    const struct nv_results *row = &item->results;
    bool source = future->input.kind == NV_IN_SOURCE;
    struct nv_good good = {.first = row->first,
                           .count = row->count,
                           .engine = engine,
                           .submitted = source ? -1 : future->submitted,
                           .started = row->started,
                           .nanoseconds = item->nanoseconds,
                           .size = (size_t)row->size,
                           .stride = future->output.size,
                           .keep = nv_future_keeps(future)};
    if (row->size > 0 && future->output.kind == NV_OUT_ARRAY) {
        good.data = future->output.base + row->first * future->output.size;
        memcpy(good.data, item->data, item->data_size);
    }
    nv_recollect_note_row(future, &good);
    nv_ledger_finish_row(&future->ledger, &good);
    forget_inputs(future, row->first, row->count);
}

static int take_each(nave_future *future, int engine, const struct nv_item *item)
{
    const struct nv_results *row = &item->results;
    double started = row->started;
    int rc = NAVE_OK;
    for (uint32_t i = 0; i < row->count && rc == NAVE_OK; i++) {
        double ended = started + item->nanoseconds[i] * 1e-9;
        uint64_t index = row->first + i;
        struct nv_entry *entry = entry_of(future, index, engine, started, ended);
        rc = take_good(future, engine, index, entry, (const char *)item->data + i * row->size,
                       (size_t)row->size, false);
        started = ended;
    }
    return rc;
}

/* ---------------------------------------------------------------------------------- reductions */

static void ran_on(nave_future *future, int engine)
{
    nave_future *eldest = future->parent != NULL ? future->parent : future;
    if (eldest->used != NULL && engine >= 0 && engine < future->hub->ctx->size)
        nv_set_add(eldest->used, (size_t)engine);
}

/* The sum of a block has come home; takes over the bytes. */
static int put_block(nave_future *future, uint64_t number, void *data, int engine)
{
    struct nv_fold fold = *future->fold;
    fold.type_made = false; /* the caller of the reduction has the type */
    nv_recollect_note_block(future, number * fold.block, data, engine);
    if (future->blocks == NULL)
        future->blocks = nv_partial_new(future->job, &fold, false);
    if (future->blocks != NULL && nv_partial_put(future->blocks, number, data))
        return NAVE_OK;
    return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for a reduction");
}

/* The sum of a block, known by its first task, will not come.  Where its last task had been answered the scheduler knows nothing
 * of it any more; otherwise it is among those that the engine had. */
static void block_again(struct nv_receiving *receiving)
{
    nave_future *future = receiving->future;
    const struct nv_fold *fold = future->fold;
    uint64_t first = receiving->index, left = fold->tasks - first;
    uint64_t count = left < fold->block ? left : fold->block;
    if (receiving->sum != NULL && !future->cancelled &&
        nv_ledger_state(&future->ledger, first + count - 1) > NAVE_RUNNING &&
        nv_ledger_reopen(&future->ledger, first, count))
        nv_future_lost(future, receiving->engine, first, count, true);
}

static void block_received(void *arg, bool whole)
{
    struct nv_receiving *receiving = arg;
    nave_future *future = receiving->future;
    if (!whole)
        block_again(receiving);
    else if (!future->cancelled && receiving->sum != NULL &&
             put_block(future, receiving->index / future->fold->block, receiving->sum,
                       receiving->engine) == NAVE_OK)
        receiving->sum = NULL;
    settle_received(receiving);
}

/* Blocks come before the answer of their last task. */
static int take_block(nave_future *future, int source, const struct nv_item *item)
{
    const struct nv_result *result = &item->result;
    bool bulk = (result->flags & NV_BULK) != 0, dropped = future->cancelled;
    size_t size = (size_t)result->size;
    void *data;
    if (future->fold == NULL || future->fold->block == 0 || size != nv_fold_size(future->fold))
        return not_asked(future, source);
    ran_on(future, result->engine);
    if (dropped)
        return bulk ? receive_to(future, source, result->index, NULL, size, block_received)
                    : NAVE_OK;
    data = malloc(size + 1);
    if (data == NULL)
        return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for a reduction");
    if (bulk) /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the transfer has the memory */
        return receive_to(future, source, result->index, data, size, block_received);
    memcpy(data, item->data, size);
    return put_block(future, result->index / future->fold->block, data, result->engine);
}

/* The hub adds up what engines beside loops have computed. */
static int add_up(nave_future *future, int engine, uint64_t index, const void *data)
{
    struct nv_partial *partial = future->partials;
    uint64_t number;
    void *room, *block;
    int rc;
    while (partial != NULL && partial->engine != engine)
        partial = partial->next;
    if (partial == NULL) {
        struct nv_fold fold = *future->fold;
        fold.type_made = false; /* the caller of the reduction has the type */
        partial = nv_partial_new(future->job, &fold, false);
    }
    if (partial != NULL && partial->engine != engine) {
        partial->engine = engine;
        partial->next = future->partials;
        future->partials = partial;
    }
    room = partial != NULL ? nv_partial_begin(partial, index) : NULL;
    if (room == NULL)
        return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for a reduction");
    memcpy(room, data, nv_fold_size(future->fold));
    rc = nv_partial_end(partial, index);
    if (rc != NAVE_OK || !(future->flags & NV_BLOCKS) || !nv_fold_ends_block(future->fold, index))
        return rc;
    block = nv_partial_take(partial, index, &number);
    return put_block(future, number, block, engine);
}

static int add_up_row(nave_future *future, int engine, const struct nv_item *item)
{
    const struct nv_results *row = &item->results;
    int rc = NAVE_OK;
    if (!nv_future_adds_up(future, engine) || future->cancelled)
        return NAVE_OK;
    if (row->size != nv_fold_size(future->fold))
        return not_asked(future, engine);
    for (uint32_t i = 0; i < row->count && rc == NAVE_OK; i++)
        rc = add_up(future, engine, row->first + i, (const char *)item->data + i * row->size);
    return rc;
}

/* The time of the last answer is near enough to now, and costs no look at the clock. */
static bool answered_by(nave_future *future, int source, uint64_t first, uint64_t count,
                        double started, double seconds)
{
    nv_hub_heard(future->hub, started + seconds);
    return answered(future, source, first, count, seconds);
}

int nv_future_answered(nave_future *future, int source, const struct nv_item *item)
{
    uint64_t total = 0;
    bool known;
    if (item->kind == NV_DROPPED) {
        known = answered(future, source, item->control.first, item->control.count, -1);
    } else if (item->kind == NV_RESULT) {
        const struct nv_result *result = &item->result;
        known = result->flags & NV_STRAY ||
                answered_by(future, source, result->index, 1, result->started,
                            result->ended - result->started);
    } else {
        const struct nv_results *row = &item->results;
        for (uint32_t i = 0; i < row->count; i++)
            total += item->nanoseconds[i];
        known = !(row->flags & NV_BULK) && answered_by(future, source, row->first, row->count,
                                                       row->started, (double)total * 1e-9);
    }
    return known ? NAVE_OK : not_asked(future, source);
}

static int take_row(nave_future *future, int source, const struct nv_item *item)
{
    const struct nv_results *row = &item->results;
    int rc = nv_future_answered(future, source, item);
    if (rc != NAVE_OK)
        return rc;
    ran_on(future, row->engine);
    rc = add_up_row(future, source, item);
    if (rc != NAVE_OK)
        return rc;
    if (!nv_future_adds_up(future, source) && !row_is_plain(future, (size_t)row->size))
        return take_each(future, row->engine, item);
    take_plain(future, row->engine, item);
    return NAVE_OK;
}

/* Of one result, large or not, of an engine beside a loop. */
static int add_up_single(nave_future *future, int engine, const struct nv_item *item)
{
    const struct nv_result *result = &item->result;
    static const char why[] = "nave_output() cannot be used in nave_map_reduce()";
    bool fits = result->size == nv_fold_size(future->fold);
    bool bulk = (result->flags & NV_BULK) != 0;
    void *data = fits && bulk ? malloc((size_t)result->size) : NULL;
    int rc = NAVE_OK;
    if (!fits)
        fail(future, result->index, engine, NAVE_ESIZE, why);
    else if (bulk && data == NULL)
        fail(future, result->index, engine, NAVE_ENOMEM, "no memory for a result on the hub");
    if (bulk) /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the transfer has the memory */
        return receive_to(future, engine, result->index, data, (size_t)result->size,
                          data != NULL ? part_received : received);
    if (fits && !future->cancelled)
        rc = add_up(future, engine, result->index, item->data);
    if (fits)
        finish(future, result->index, NAVE_SUCCEEDED);
    return rc;
}

/* The caller may have said how many failures are enough. */
static int enough_failed(nave_future *future)
{
    size_t most = future->view->policy.max_failures;
    return most > 0 && future->ledger.failed >= most ? nave_cancel(future) : NAVE_OK;
}

/* A spawned task has failed: one that nobody waits for, or one that was given to another engine. */
static int take_stray(nave_future *future, const struct nv_item *item)
{
    nave_future *eldest = future->parent != NULL ? future->parent : future;
    uint64_t index = future->parent != NULL ? future->root : item->result.index;
    nv_ledger_stray(&eldest->ledger, index, item->result.engine, item->result.code, item->extra,
                    item->result.message_size);
    return enough_failed(eldest);
}

/* What came of one task; the scheduler has heard of it. */
static int settle_single(nave_future *future, int source, const struct nv_item *item)
{
    const struct nv_result *result = &item->result;
    struct nv_entry *entry;
    if (result->flags & NV_STRAY)
        return take_stray(future, item);
    ran_on(future, result->engine);
    if (result->output_size > 0)
        nv_kept_put(&future->outputs, result->index,
                    (const char *)item->extra + result->message_size, result->output_size);
    if (result->code != 0 && future->parent != NULL) {
        finish(future, result->index, NAVE_SUCCEEDED);
        return take_stray(future, item);
    }
    if (result->code == 0 && nv_future_adds_up(future, source))
        return add_up_single(future, source, item);
    entry = entry_of(future, result->index, result->engine, result->started, result->ended);
    if (result->code == 0)
        return take_good(future, source, result->index, entry, item->data, (size_t)result->size,
                         (result->flags & NV_BULK) != 0);
    nv_ledger_blame(&future->ledger, result->index, result->engine, result->code, item->extra,
                    result->message_size);
    finish(future, result->index, NAVE_FAILED);
    return enough_failed(future);
}

static int take_single(nave_future *future, int source, const struct nv_item *item)
{
    int rc;
    if (item->result.flags & NV_BLOCKS)
        return take_block(future, source, item);
    rc = nv_future_answered(future, source, item);
    if (rc == NAVE_OK && !nv_future_retry(future, source, &item->result))
        rc = settle_single(future, source, item);
    return rc;
}

/* Where tasks are folded engines see to it themselves, and where they have spawned as well. */
static bool may_retry(const nave_future *future, const struct nv_result *result)
{
    unsigned limit = (unsigned)future->view->policy.crash_limit;
    return result->code != 0 && !(result->flags & NV_STRAY) && !future->cancelled &&
           !future->orphan && future->fold == NULL && future->parent == NULL &&
           nv_ledger_retried(&future->ledger, result->index) < future->retries &&
           !(result->code == NAVE_ECRASH && limit > 0 &&
             nv_ledger_crashes(&future->ledger, result->index) + 1 >= limit);
}

/* A task that may not begin again has not failed: it was not run to its end. */
bool nv_future_retry(nave_future *future, int source, const struct nv_result *result)
{
    uint64_t at = place_of(future, result->index);
    if (!may_retry(future, result))
        return false;
    if (!nv_hub_may_begin(future->hub, future->kernel)) {
        if (future->single)
            return false;
        future->drained = true;
        finish(future, result->index, NAVE_CANCELLED);
        return true;
    }
    if (!nv_sched_again(future->hub->sched, source, future->job, at, 1, false))
        return false;
    nv_ledger_retry(&future->ledger, result->index, result->code == NAVE_ECRASH);
    future->hub->placing = true;
    return true;
}

/* ------------------------------------------------------------------------- engines that are gone */

enum { DEATHS_MOST = 3 /* of engines that ran a task, unless the caller said another number */ };

/* An engine that is gone needs no objects. */
static bool is_upkeep(uint32_t kernel)
{
    return kernel == NV_KERNEL_PUSH || kernel == NV_KERNEL_DROP || kernel == NV_KERNEL_SHARE ||
           kernel == NV_KERNEL_JOIN || kernel == NV_KERNEL_UNNAME || kernel == NV_KERNEL_LAY ||
           kernel == NV_KERNEL_PLUGIN;
}

static void fail_lost(nave_future *future, uint64_t index, int engine)
{
    char why[80];
    snprintf(why, sizeof why, "engine %d, which was to run it, is lost", engine);
    fail(future, index, engine, NAVE_ELOST, why);
}

static void fail_crashed(nave_future *future, uint64_t index, int engine, unsigned deaths)
{
    char why[80];
    snprintf(why, sizeof why, "each of %u engines that ran it has died", deaths);
    fail(future, index, engine, NAVE_ECRASH, why);
}

bool nv_future_orphaned(nave_future *future, uint64_t index, int engine, bool begun)
{
    unsigned most = (unsigned)future->view->policy.crash_limit,
             deaths = nv_ledger_crashes(&future->ledger, index) + 1;
    most = most > 0 ? most : DEATHS_MOST;
    if (nv_ledger_entry(&future->ledger, index) == NULL)
        return false;
    if (!future->cancelled && future->parent == NULL &&
        !nv_hub_may_begin(future->hub, future->kernel))
        future->drained = true;
    if (future->cancelled || future->drained)
        finish(future, index, NAVE_CANCELLED);
    else if (future->named && is_upkeep(future->kernel))
        finish(future, index, NAVE_SUCCEEDED);
    else if (future->named || !nv_sched_can_run(future->hub->sched, future->job))
        fail_lost(future, index, engine);
    else if (begun && deaths >= most)
        fail_crashed(future, index, engine, deaths);
    else if (begun)
        nv_ledger_retry(&future->ledger, index, true);
    return nv_ledger_state(&future->ledger, index) <= NAVE_RUNNING;
}

/* Neighbouring places, as rows of those that wait again. */
static int lose_row(nave_future *future, int engine, uint64_t first, uint64_t count, bool begun)
{
    uint64_t end = first + count, from = first;
    for (uint64_t at = first; at <= end; at++) {
        uint64_t index = future->order != NULL && at < end ? future->order[at] : at;
        if (at < end && nv_future_orphaned(future, index, engine, begun))
            continue;
        if (at > from &&
            !nv_sched_again(future->hub->sched, engine, future->job, from, at - from, begun))
            return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM,
                                "no memory to give tasks of engine %d to others", engine);
        from = at + 1;
    }
    return enough_failed(future);
}

/* By blocks, those are to be run again of which the sum has not come: from the first task on. */
int nv_future_lost(nave_future *future, int engine, uint64_t first, uint64_t count, bool begun)
{
    uint64_t before = future->flags & NV_BLOCKS ? first % future->fold->block : 0;
    int rc = NAVE_OK;
    if (future->input.kind == NV_IN_STREAM)
        return nv_stream_lost(future->input.stream, engine, first, count, begun);
    if (before > 0 && !nv_ledger_reopen(&future->ledger, first - before, before))
        rc = nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for task records");
    if (rc == NAVE_OK)
        rc = lose_row(future, engine, first - before, count + before, begun);
    future->hub->placing = true;
    nv_future_allow(future);
    nv_future_check(future);
    return rc;
}

int nv_future_single(nave_future *future, int source, const struct nv_item *item)
{
    int rc = settle_single(future, source, item);
    nv_future_check(future);
    return rc;
}

int nv_future_good(nave_future *future, int engine, double started, double ended, const void *data,
                   size_t size)
{
    struct nv_entry *entry = entry_of(future, 0, engine, started, ended);
    int rc = take_good(future, engine, 0, entry, data, size, false);
    nv_future_check(future);
    return rc;
}

/* ------------------------------------------------------------------------------- from the journal */

bool nv_future_known(nave_future *future, uint64_t index, const struct nv_journal_task *task)
{
    double now = nv_hub_time(future->hub);
    struct nv_entry *entry;
    if (!nv_ledger_send(&future->ledger, index, 1))
        return false;
    entry = entry_of(future, index, -1, now, now);
    entry->submitted = future->input.kind == NV_IN_SOURCE ? now : future->submitted;
    entry->retried = task->attempts > 1 ? (uint32_t)(task->attempts - 1) & NV_RETRIES_MAX : 0;
    if (task->output_size > 0)
        nv_kept_put(&future->outputs, index, task->output, task->output_size);
    if (task->state == NAVE_FAILED) {
        nv_ledger_blame(&future->ledger, index, -1, task->code, task->message,
                        strlen(task->message));
        finish(future, index, NAVE_FAILED);
        enough_failed(future);
    } else {
        take_good(future, -1, index, entry, task->data, task->size, false);
    }
    return true;
}

bool nv_future_known_block(nave_future *future, uint64_t first, uint64_t count, void *sum)
{
    if (!nv_ledger_send(&future->ledger, first, count)) {
        free(sum);
        return false;
    }
    if (put_block(future, first / future->fold->block, sum, -1) != NAVE_OK)
        return false;
    for (uint64_t i = first; i < first + count; i++)
        finish(future, i, NAVE_SUCCEEDED);
    return true;
}

void nv_future_drop(nave_future *future, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (nv_ledger_entry(&future->ledger, first + i) != NULL)
            finish(future, first + i, NAVE_CANCELLED);
}

static int take_dropped(nave_future *future, int source, const struct nv_item *item)
{
    const struct nv_control *control = &item->control;
    int rc = nv_future_answered(future, source, item);
    if (rc == NAVE_OK)
        nv_future_drop(future, control->first, control->count);
    return rc;
}

/* Spawned tasks that an engine gives away become a future of their own, which nobody sees. */
int nv_future_surplus(nave_future *future, const struct nv_item *item)
{
    nave_future *eldest = future->parent != NULL ? future->parent : future;
    struct nv_hub *hub = future->hub;
    nave_future *child;
    struct nv_future_spec spec = {.view = future->view,
                                  .input = {.kind = NV_IN_ARRAY, .size = (size_t)item->run.in_size},
                                  .output = {.kind = NV_OUT_KEEP, .size = future->output.size},
                                  .count = item->run.count,
                                  .flags = NV_CHILD | (future->flags & NV_FOLD),
                                  .blocking = true,
                                  .extra = eldest->extra,
                                  .extra_size = eldest->extra_size,
                                  .fold = future->fold,
                                  .parent = eldest,
                                  .root = future->parent != NULL ? future->root
                                          : future->single       ? 0
                                                                 : item->run.root};
    const struct nv_set *engines = item->run.kernel < hub->ctx->kernels.room
                                       ? nv_view_engines(future->view, item->run.kernel)
                                       : NULL;
    int rc;
    if (eldest->cancelled)
        return NAVE_OK;
    spec.input.owned = malloc(item->data_size + 1);
    if (spec.input.owned == NULL || engines == NULL || engines->count == 0) {
        free(spec.input.owned);
        return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory for spawned tasks");
    }
    spec.input.base = spec.input.owned;
    if (item->data_size > 0)
        memcpy(spec.input.owned, item->data, item->data_size);
    rc = nv_future_begin_with(&spec, item->run.kernel, engines, &child);
    if (rc == NAVE_OK) {
        eldest->children++;
        child->orphan = true;
    }
    return rc;
}

/* Spawned tasks were run, by that engine alone unless it is negative. */
static void take_grew(nave_future *future, const struct nv_control *control)
{
    (future->parent != NULL ? future->parent : future)->grown += control->count;
    if (control->count == 0)
        return;
    ran_on(future, control->engine);
    nv_sched_grew(future->hub->sched, control->engine, control->count);
}

int nv_future_take(nave_future *future, int source, const struct nv_item *item)
{
    int rc = NAVE_OK;
    if (future->input.kind == NV_IN_STREAM)
        return nv_stream_take(future->input.stream, source, item);
    if (item->kind == NV_RESULTS)
        rc = take_row(future, source, item);
    else if (item->kind == NV_RESULT)
        rc = take_single(future, source, item);
    else if (item->kind == NV_SURPLUS)
        rc = nv_future_surplus(future, item);
    else if (item->kind == NV_GREW)
        take_grew(future, &item->control);
    else
        rc = take_dropped(future, source, item);
    if (rc == NAVE_OK) {
        nv_future_allow(future);
        nv_future_check(future);
    }
    return rc;
}
