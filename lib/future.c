/* future - see future.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "future.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_SOURCE_SECONDS 100e-6

enum {
    CHUNK_BYTES = 32 * 1024,     /* of inputs in a frame */
    CHUNK_BYTES_LARGE = 4 << 20, /* of inputs in a transfer */
    CHUNK_TASKS = 16 * 1024,
    SOURCE_CHUNK = 256,
    BACKLOG = 65536,
    BACKLOG_BYTES = 64 << 20 /* of results, where the caller left it to us */
};

/* ----------------------------------------------------------------------------------- start, end */

/* As many tasks as fit a frame, or a transfer of moderate size. */
static uint64_t max_chunk(const struct nv_future_spec *spec)
{
    size_t size = spec->input.size;
    uint64_t chunk = CHUNK_TASKS;
    if (spec->input.kind == NV_IN_SOURCE)
        return SOURCE_CHUNK;
    if (spec->input.kind == NV_IN_ARRAY && size > 0)
        chunk = (size <= NV_INLINE_MAX ? CHUNK_BYTES : CHUNK_BYTES_LARGE) / size;
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

static void sched_add(nave_future *future, const struct nv_future_spec *spec,
                      const struct nv_set *engines)
{
    const nave_view *view = spec->view;
    bool named = (view->direct || spec->each) && spec->input.kind != NV_IN_SOURCE;
    uint64_t most = max_chunk(spec);
    if (future->open && most > future->limit)
        most = future->limit;
    struct nv_job_spec job = {.owner = future,
                              .kernel = future->kernel,
                              .count = future->open ? future->limit : spec->count,
                              .open = future->open,
                              .max_chunk = most,
                              .chunk = view->policy.chunk,
                              .window = view->policy.window,
                              .block = spec->block,
                              .engines = named ? NULL : engines,
                              .named = named ? view->engines : NULL,
                              .named_count = named ? view->count : 0};
    future->job = nv_sched_add(future->hub->sched, &job);
}

static void link_in(nave_future *future)
{
    struct nv_hub *hub = future->hub;
    future->next = hub->futures;
    if (future->next != NULL)
        future->next->prev = future;
    hub->futures = future;
    future->view->users++;
}

void nv_future_discard(nave_future *future)
{
    struct nv_hub *hub = future->hub;
    *(future->prev != NULL ? &future->prev->next : &hub->futures) = future->next;
    if (future->next != NULL)
        future->next->prev = future->prev;
    nv_view_leave(future->view);
    nv_ledger_release(&future->ledger);
    free(future->input.owned);
    free(future->extra);
    free(future->used);
    free(future);
}

static void check_complete(nave_future *future)
{
    if (future->complete || future->open || nv_ledger_finished(&future->ledger) < future->count ||
        future->receiving > 0 || future->sending > 0)
        return;
    future->complete = true;
    nv_sched_remove(future->hub->sched, future->job);
    future->hub->orphans += future->orphan;
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
    future->blocking = spec->blocking;
    future->count = spec->count;
    future->open = spec->input.kind == NV_IN_SOURCE;
    future->limit = backlog_of(future);
    future->submitted = nv_hub_time(hub);
    future->extra_size = spec->extra_size;
    future->extra = malloc(spec->extra_size + 1);
    future->used = spec->flags & NV_FOLD ? nv_set_new((size_t)hub->ctx->size) : NULL;
    nv_ledger_init(&future->ledger);
    if (future->extra == NULL || (spec->flags & NV_FOLD && future->used == NULL)) {
        free(future->extra);
        free(future);
        return NULL;
    }
    if (spec->extra_size > 0)
        memcpy(future->extra, spec->extra, spec->extra_size);
    return future;
}

int nv_future_start(const struct nv_future_spec *spec, nave_future **out)
{
    struct nv_hub *hub = spec->view->hub;
    const struct nv_set *engines;
    nave_future *future = NULL;
    uint32_t kernel;
    bool worked;
    int rc = nv_hub_check(hub->ctx);
    if (rc == NAVE_OK)
        rc = nv_view_kernel(spec->view, spec->kernel, &kernel, &engines);
    if (rc == NAVE_OK) {
        future = future_new(spec, kernel);
        if (future != NULL)
            sched_add(future, spec, engines);
        if (future == NULL || future->job == 0)
            rc = nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory for a future");
    }
    if (rc != NAVE_OK) {
        if (future != NULL) {
            free(future->extra);
            free(future->used);
        }
        free(future);
        free(spec->input.owned);
        return rc;
    }
    link_in(future);
    check_complete(future);
    *out = future;
    return nv_hub_turn(hub, &worked);
}

/* -------------------------------------------------------------------------------------- sending */

/* Part j of m of n elements: where it begins. */
static size_t part_begin(size_t n, uint64_t j, size_t m)
{
    return (size_t)(n / m * j + n % m * j / m);
}

static const char *input_at(const nave_future *future, uint64_t first, uint64_t count, size_t *size)
{
    const struct nv_input *input = &future->input;
    size_t from, to;
    switch (input->kind) {
    case NV_IN_ARRAY:
        *size = (size_t)count * input->size;
        return input->base + first * input->size;
    case NV_IN_PARTS:
        from = part_begin(input->n, first, future->view->count);
        to = part_begin(input->n, first + 1, future->view->count);
        *size = (to - from) * input->size;
        return input->base + from * input->size;
    default:
        *size = input->size;
        return input->base;
    }
}

/* The memory of one input that is under way; `copy` is the library's own. */
struct sending {
    nave_future *future;
    void *copy;
};

static void sent(void *arg)
{
    struct sending *sending = arg;
    nave_future *future = sending->future;
    free(sending->copy);
    free(sending);
    future->sending--;
    check_complete(future);
}

/* Hands one run to the hub.  A source's input is gone after the call: when large, it is copied. */
static int send_run(nave_future *future, int engine, struct nv_run *run, const void *data,
                    size_t size, bool copy)
{
    struct nv_hub *hub = future->hub;
    struct sending *sending = malloc(sizeof *sending);
    bool bulk;
    int rc;
    if (sending == NULL)
        return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory to send a task");
    *sending = (struct sending){future, NULL};
    if (copy && size > NV_RUN_INLINE_MAX) {
        sending->copy = malloc(size);
        if (sending->copy == NULL) {
            free(sending);
            return nv_error_set(&hub->ctx->error, NAVE_ENOMEM,
                                "no memory for an input of %zu bytes", size);
        }
        memcpy(sending->copy, data, size);
        data = sending->copy;
    }
    rc = nv_hub_run(hub, engine, run, future->extra, data, size, sent, sending, &bulk);
    if (bulk)
        future->sending++;
    else
        free(sending);
    return rc;
}

static struct nv_run run_of(const nave_future *future, uint64_t first, uint64_t count)
{
    return (struct nv_run){.job = future->job,
                           .first = first,
                           .count = (uint32_t)count,
                           .kernel = future->kernel,
                           .in_size = future->input.size,
                           .out_size =
                               future->output.kind == NV_OUT_PARTS ? 0 : future->output.size,
                           .flags = future->flags,
                           .extra_size = (uint32_t)future->extra_size};
}

static int no_ledger(const nave_future *future)
{
    return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for task records");
}

static int send_rows(nave_future *future, const struct nv_send *send)
{
    struct nv_run run = run_of(future, send->first, send->count);
    size_t size;
    const char *data = input_at(future, send->first, send->count, &size);
    if (future->input.kind == NV_IN_SHARED)
        run.flags |= NV_SHARED;
    if (future->input.kind == NV_IN_PARTS)
        run.in_size = size;
    if (!nv_ledger_send(&future->ledger, send->first, send->count))
        return no_ledger(future);
    nv_sched_weigh(future->hub->sched, send, size);
    return send_run(future, send->engine, &run, data, size, false);
}

/* Draws one task and sends it: 1 sent, 0 or the source's code at its end, or our error in *rc. */
static int draw(nave_future *future, int engine, uint64_t index, size_t *size, int *rc)
{
    const void *data = NULL;
    int got = future->input.next(future->input.arg, (size_t)index, &data, size);
    struct nv_run run = run_of(future, index, 1);
    struct nv_entry *entry;
    if (got <= 0)
        return got;
    entry =
        nv_ledger_send(&future->ledger, index, 1) ? nv_ledger_look(&future->ledger, index) : NULL;
    if (entry == NULL) {
        *rc = no_ledger(future);
        return 0;
    }
    entry->submitted = nv_hub_time(future->hub);
    run.in_size = *size;
    future->count = index + 1;
    *rc = send_run(future, engine, &run, data, *size, true);
    return 1;
}

static void source_ended(nave_future *future, const struct nv_send *send, uint64_t drawn, int code)
{
    future->source_code = code;
    future->open = false;
    nv_sched_return(future->hub->sched, send, drawn, true);
    check_complete(future);
}

/* Draws the tasks of a chunk.  A slow source, or large inputs, end the chunk early, and what there
 * is goes at once: nobody waits for the rest of it. */
static int send_drawn(nave_future *future, const struct nv_send *send)
{
    struct nv_hub *hub = future->hub;
    double began = nv_hub_time(hub), spent = 0;
    uint64_t drawn = 0, bytes = 0;
    int rc = NAVE_OK;
    while (drawn < send->count && bytes < CHUNK_BYTES_LARGE && spent < SLOW_SOURCE_SECONDS) {
        size_t size = 0;
        int got = draw(future, send->engine, send->first + drawn, &size, &rc);
        if (rc != NAVE_OK)
            return rc;
        if (got <= 0) {
            source_ended(future, send, drawn, got);
            return NAVE_OK;
        }
        drawn++;
        bytes += size;
        spent = nv_ledger_look(&future->ledger, send->first + drawn - 1)->submitted - began;
    }
    nv_sched_weigh(hub->sched, send, bytes);
    if (drawn < send->count)
        nv_sched_return(hub->sched, send, drawn, false);
    return spent < SLOW_SOURCE_SECONDS ? NAVE_OK : nv_hub_flush(hub);
}

int nv_future_send(nave_future *future, const struct nv_send *send)
{
    if (future->used != NULL)
        nv_set_add(future->used, (size_t)send->engine);
    if (future->input.kind == NV_IN_SOURCE)
        return send_drawn(future, send);
    return send_rows(future, send);
}

/* ------------------------------------------------------------------------------- taking answers */

void nv_future_allow(nave_future *future)
{
    const struct nv_ledger *ledger = &future->ledger;
    if (!future->open)
        return;
    future->limit = nv_ledger_finished(ledger) - ledger->unread + backlog_of(future);
    nv_sched_extend(future->hub->sched, future->job, future->limit);
}

/* Whether anybody can ask for a task after it is finished. */
static bool keeps_records(const nave_future *future)
{
    return !future->blocking &&
           !(future->input.kind == NV_IN_SOURCE && future->view->policy.discard);
}

static void finish(nave_future *future, uint64_t index, enum nave_task_state state)
{
    nv_ledger_finish(&future->ledger, index, state, keeps_records(future));
}

static void fail(nave_future *future, uint64_t index, int engine, int code, const char *message)
{
    nv_ledger_blame(&future->ledger, index, engine, code, message, strlen(message));
    finish(future, index, NAVE_FAILED);
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
        from = part_begin(output->n, index, future->view->count);
        to = part_begin(output->n, index + 1, future->view->count);
        *why = "the object is not of the size of its block";
        entry->data = output->base + from * output->size;
        return size == (to - from) * output->size;
    default:
        *why = "there is no memory for the result on the hub";
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

/* A result that is being received. */
struct receiving {
    nave_future *future;
    uint64_t index;
    bool kept;
};

static void received(void *arg)
{
    struct receiving *receiving = arg;
    nave_future *future = receiving->future;
    future->receiving--;
    if (receiving->kept) {
        finish(future, receiving->index, NAVE_SUCCEEDED);
        nv_future_allow(future);
    }
    free(receiving);
    check_complete(future);
}

/* Receives a large result to its place, or lets it go by (to NULL). */
static int receive_to(nave_future *future, int engine, uint64_t index, void *to, size_t size)
{
    struct receiving *receiving = malloc(sizeof *receiving);
    if (receiving == NULL)
        return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for a result");
    *receiving = (struct receiving){future, index, to != NULL};
    future->receiving++;
    return nv_comm_receive(future->hub->ctx->comm, engine, NV_TO_HUB, to, size, received,
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
            fail(future, index, engine, NAVE_ESIZE, why);
    }
    if (bulk)
        return receive_to(future, engine, index, placed ? entry->data : NULL, size);
    if (placed && size > 0)
        memcpy(entry->data, data, size);
    if (placed)
        finish(future, index, NAVE_SUCCEEDED);
    return NAVE_OK;
}

static bool answered(nave_future *future, int engine, uint64_t first, uint64_t count,
                     double seconds)
{
    return first + count <= future->count &&
           nv_sched_done(future->hub->sched, engine, future->job, first, count, seconds);
}

static int not_asked(const nave_future *future, int engine)
{
    return nv_error_set(&future->hub->ctx->error, NAVE_EWIRE,
                        "rank %d answered tasks that it did not have", engine);
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
                           .keep = keeps_records(future)};
    if (row->size > 0) {
        good.data = future->output.base + row->first * future->output.size;
        memcpy(good.data, item->data, item->data_size);
    }
    nv_ledger_finish_row(&future->ledger, &good);
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

static int take_row(nave_future *future, int engine, const struct nv_item *item)
{
    const struct nv_results *row = &item->results;
    uint64_t total = 0;
    for (uint32_t i = 0; i < row->count; i++)
        total += item->nanoseconds[i];
    if (row->flags & NV_BULK ||
        !answered(future, engine, row->first, row->count, (double)total * 1e-9))
        return not_asked(future, engine);
    if (!row_is_plain(future, (size_t)row->size))
        return take_each(future, engine, item);
    take_plain(future, engine, item);
    return NAVE_OK;
}

static int take_single(nave_future *future, int engine, const struct nv_item *item)
{
    const struct nv_result *result = &item->result;
    struct nv_entry *entry;
    if (!answered(future, engine, result->index, 1, result->ended - result->started))
        return not_asked(future, engine);
    entry = entry_of(future, result->index, engine, result->started, result->ended);
    if (result->code == 0)
        return take_good(future, engine, result->index, entry, item->data, (size_t)result->size,
                         (result->flags & NV_BULK) != 0);
    nv_ledger_blame(&future->ledger, result->index, engine, result->code, item->extra,
                    result->message_size);
    finish(future, result->index, NAVE_FAILED);
    return NAVE_OK;
}

/* The scheduler and engines alike drop tasks in rows. */
static void drop_row(void *arg, uint64_t first, uint64_t count)
{
    nave_future *future = arg;
    for (uint64_t i = 0; i < count; i++)
        if (nv_ledger_entry(&future->ledger, first + i) != NULL)
            finish(future, first + i, NAVE_CANCELLED);
}

static int take_dropped(nave_future *future, int engine, const struct nv_item *item)
{
    const struct nv_control *control = &item->control;
    if (!answered(future, engine, control->first, control->count, -1))
        return not_asked(future, engine);
    drop_row(future, control->first, control->count);
    return NAVE_OK;
}

int nv_future_take(nave_future *future, int engine, const struct nv_item *item)
{
    int rc;
    if (item->kind == NV_RESULTS)
        rc = take_row(future, engine, item);
    else if (item->kind == NV_RESULT)
        rc = take_single(future, engine, item);
    else
        rc = take_dropped(future, engine, item);
    if (rc == NAVE_OK) {
        nv_future_allow(future);
        check_complete(future);
    }
    return rc;
}

/* ----------------------------------------------------------------------------------- cancelling */

int nave_cancel(nave_future *future)
{
    struct nv_hub *hub = future->hub;
    struct nv_control control = {.job = future->job};
    bool running = nv_sched_running(hub->sched, future->job) > 0;
    int rc = NAVE_OK;
    if (future->complete || future->cancelled)
        return NAVE_OK;
    future->cancelled = true;
    future->open = false;
    nv_sched_cancel(hub->sched, future->job, drop_row, future);
    for (int engine = 0; running && engine < hub->ctx->size && rc == NAVE_OK; engine++)
        if (nv_sched_load(hub->sched, engine) > 0)
            rc = nv_hub_control(hub, engine, NV_CANCEL, &control, NULL);
    check_complete(future);
    return rc;
}

static bool buffers_free(void *arg)
{
    const nave_future *future = arg;
    return future->complete || future->sending + future->receiving == 0;
}

/* The caller's buffers are done with; what engines still answer goes to nobody. */
void nave_future_free(nave_future *future)
{
    if (future == NULL)
        return;
    if (!future->complete)
        nave_cancel(future);
    if (!future->complete)
        nv_hub_wait(future->hub, buffers_free, future, -1);
    if (future->complete)
        nv_future_discard(future);
    else
        future->orphan = true;
}
