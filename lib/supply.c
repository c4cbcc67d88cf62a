/* supply - a future's tasks go to engines: inputs from the caller's arrays, or from a source.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "future.h"
#include "recollect.h"
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#define SLOW_SOURCE_SECONDS 100e-6

static const char *input_at(const nave_future *future, uint64_t first, uint64_t count, size_t *size)
{
    const struct nv_input *input = &future->input;
    size_t from, to;
    switch (input->kind) {
    case NV_IN_ARRAY:
        *size = (size_t)count * input->size;
        return input->base + first * input->size;
    case NV_IN_PARTS:
        from = nv_future_part(input->n, first, future->view->count);
        to = nv_future_part(input->n, first + 1, future->view->count);
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

static void sent(void *arg, bool whole)
{
    struct sending *sending = arg;
    nave_future *future = sending->future;
    (void)whole; /* the scheduler knows which tasks are lost */
    free(sending->copy);
    free(sending);
    future->sending--;
    nv_future_check(future);
}

/* Hands one run to the hub.  A source's input is gone after the call: when large, it is copied. */
static int send_run(nave_future *future, int engine, struct nv_run *run, const void *data,
                    size_t size, bool copy)
{
    struct nv_hub *hub = future->hub;
    struct sending *sending;
    bool bulk;
    int rc;
    if (size <= NV_RUN_INLINE_MAX)
        return nv_outbox_run(&hub->outbox, engine, run, future->extra, data, size, NULL, NULL,
                             &bulk);
    sending = malloc(sizeof *sending);
    if (sending == NULL)
        return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory to send a task");
    *sending = (struct sending){future, NULL};
    if (copy) {
        sending->copy = malloc(size);
        if (sending->copy == NULL) {
            free(sending);
            return nv_error_set(&hub->ctx->error, NAVE_ENOMEM,
                                "no memory for an input of %zu bytes", size);
        }
        memcpy(sending->copy, data, size);
        data = sending->copy;
    }
    rc = nv_outbox_run(&hub->outbox, engine, run, future->extra, data, size, sent, sending, &bulk);
    if (bulk)
        future->sending++;
    else
        free(sending);
    return rc;
}

static struct nv_run run_of(const nave_future *future, uint64_t first, uint64_t count)
{
    const nave_policy *policy = &future->view->policy;
    return (struct nv_run){.job = future->job,
                           .first = first,
                           .count = (uint32_t)count,
                           .kernel = future->kernel,
                           .in_size = future->input.size,
                           .out_size =
                               future->output.kind == NV_OUT_PARTS ? 0 : future->output.size,
                           .flags = future->flags | (nv_future_keeps(future) ? 0 : NV_UNTIMED),
                           .extra_size = (uint32_t)future->extra_size,
                           .parent = future->parent != NULL ? future->parent->job : future->job,
                           .root = future->root,
                           .retries = future->retries,
                           .seconds = policy->time_limit,
                           .bytes = policy->memory_limit};
}

static void keep_unfolded(const nave_future *future, struct nv_run *run)
{
    run->flags = (run->flags & ~(uint32_t)NV_FOLD) | NV_CHILDLESS;
    run->out_size = nv_fold_size(future->fold);
    run->extra_size = 0;
}

static int no_ledger(const nave_future *future)
{
    return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM, "no memory for task records");
}

/* Neighbouring tasks. */
static int send_row(nave_future *future, const struct nv_send *send, uint64_t first, uint64_t count,
                    size_t *bytes)
{
    struct nv_run run = run_of(future, first, count);
    size_t size;
    const char *data = input_at(future, first, count, &size);
    if (future->input.kind == NV_IN_SHARED)
        run.flags |= NV_SHARED;
    if (future->input.kind == NV_IN_PARTS)
        run.in_size = size;
    if (nv_future_adds_up(future, send->engine))
        keep_unfolded(future, &run);
    if (!nv_ledger_send(&future->ledger, first, count))
        return no_ledger(future);
    *bytes += size;
    return send_run(future, send->engine, &run, data, size, false);
}

static uint64_t task_at(const nave_future *future, uint64_t place)
{
    return future->order != NULL ? future->order[place] : place;
}

/* The task at a place, or the block that begins there: not to be sent, because it was finished in an
 * earlier run, or the future was cancelled because of that.  How many tasks are done with; 0: none. */
static uint64_t settled(nave_future *future, uint64_t place)
{
    uint64_t task = task_at(future, place), count = 1;
    size_t size;
    const void *in = input_at(future, task, 1, &size);
    bool known;
    if (future->flags & NV_BLOCKS) {
        count = future->fold->tasks - task;
        count = count < future->fold->block ? count : future->fold->block;
        if (!future->cancelled)
            return nv_recollect_block(future, task) ? count : 0;
    }
    known = !future->cancelled && nv_recollect_task(future, task, in, size);
    if (!known && future->cancelled)
        nv_future_drop(future, task, count);
    return known || future->cancelled ? count : 0;
}

/* What is not known goes, row by row. */
static int send_unknown(nave_future *future, const struct nv_send *send, size_t *bytes)
{
    uint64_t end = send->first + send->count,
             block = future->flags & NV_BLOCKS ? future->fold->block : 1;
    uint64_t first = send->first, at = first;
    int rc = NAVE_OK;
    while (at < end && rc == NAVE_OK) {
        uint64_t known = settled(future, at), next = at + (known > 0 ? known : block);
        if (known > 0 && !nv_sched_skip(future->hub->sched, send, at, known))
            return no_ledger(future);
        next = next < end ? next : end;
        if (at > first && (known > 0 || future->order != NULL)) {
            rc = send_row(future, send, task_at(future, first), at - first, bytes);
            first = at;
        }
        if (known > 0)
            first = next;
        at = next;
    }
    if (rc == NAVE_OK && at > first)
        rc = send_row(future, send, task_at(future, first), at - first, bytes);
    nv_future_check(future);
    return rc;
}

static int send_rows(nave_future *future, const struct nv_send *send)
{
    size_t bytes = 0;
    int rc = NAVE_OK;
    if (nv_recollect_any(future)) {
        rc = send_unknown(future, send, &bytes);
        if (rc == NAVE_OK && bytes > 0)
            nv_sched_weigh(future->hub->sched, send, bytes);
        return rc;
    }
    if (future->order == NULL)
        rc = send_row(future, send, send->first, send->count, &bytes);
    for (uint64_t i = 0; future->order != NULL && i < send->count && rc == NAVE_OK;) {
        const uint32_t *tasks = future->order + send->first;
        uint64_t end = i + 1;
        while (end < send->count && tasks[end] == tasks[end - 1] + 1)
            end++;
        rc = send_row(future, send, tasks[i], end - i, &bytes);
        i = end;
    }
    nv_sched_weigh(future->hub->sched, send, bytes);
    return rc;
}

/* A chunk of a source's. */
struct drawing {
    nave_future *future;
    const struct nv_send *send;
    uint64_t drawn, bytes;
    double now;
    bool some_known,
        known[NV_SOURCE_CHUNK]; /* by place: finished in an earlier run, and not sent */
};

static int keep_input(nave_future *future, uint64_t index, const void *data, size_t size)
{
    if (nv_recollect_keep(future, index, data, size) &&
        (!nv_future_may_repeat(future) || nv_kept_put(&future->kept, index, data, size)))
        return NAVE_OK;
    return nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM,
                        "no memory to keep an input of %zu bytes", size);
}

static int send_task(struct drawing *drawing, uint64_t index, const void *data, size_t size)
{
    nave_future *future = drawing->future;
    struct nv_run run = run_of(future, index, 1);
    struct nv_entry *entry;
    int rc = keep_input(future, index, data, size);
    if (rc != NAVE_OK)
        return rc;
    if (!nv_ledger_send(&future->ledger, index, 1))
        return no_ledger(future);
    entry = nv_ledger_look(&future->ledger, index);
    entry->submitted = drawing->now;
    run.in_size = size;
    return send_run(future, drawing->send->engine, &run, data, size, true);
}

/* Draws one task and sends it: 1 drawn, 0 or the source's code at its end, or our error in *rc. */
static int draw(struct drawing *drawing, int *rc)
{
    nave_future *future = drawing->future;
    uint64_t index = drawing->send->first + drawing->drawn;
    const void *data = NULL;
    size_t size = 0;
    int got = future->input.next(future->input.arg, (size_t)index, &data, &size);
    if (got <= 0)
        return got;
    drawing->now = nv_hub_time(future->hub);
    future->count = index + 1;
    drawing->known[drawing->drawn] = nv_recollect_task(future, index, data, size);
    if (drawing->known[drawing->drawn])
        drawing->some_known = true;
    else
        *rc = send_task(drawing, index, data, size);
    drawing->drawn++;
    drawing->bytes += size;
    return 1;
}

/* After the scheduler knows how many were drawn. */
static int skip_known(const struct drawing *drawing)
{
    struct nv_sched *sched = drawing->future->hub->sched;
    for (uint64_t i = 0; drawing->some_known && i < drawing->drawn; i++)
        if (drawing->known[i] && !nv_sched_skip(sched, drawing->send, drawing->send->first + i, 1))
            return no_ledger(drawing->future);
    return NAVE_OK;
}

static int source_ended(struct drawing *drawing, int code)
{
    nave_future *future = drawing->future;
    int rc;
    future->source_code = code;
    future->open = false;
    nv_sched_return(future->hub->sched, drawing->send, drawing->drawn, true);
    rc = skip_known(drawing);
    nv_future_check(future);
    return rc;
}

/* What was known has cancelled the future: the rest of the chunk is no task. */
static int cut_short(struct drawing *drawing)
{
    struct nv_sched *sched = drawing->future->hub->sched;
    const struct nv_send *send = drawing->send;
    uint64_t rest = send->count - drawing->drawn;
    int rc = skip_known(drawing);
    if (rc == NAVE_OK && rest > 0 &&
        !nv_sched_skip(sched, send, send->first + drawing->drawn, rest))
        return no_ledger(drawing->future);
    nv_future_check(drawing->future);
    return rc;
}

/* Draws the tasks of a chunk.  A slow source, or large inputs, end the chunk early, and what there
 * is goes at once: nobody waits for the rest of it. */
static int send_drawn(nave_future *future, const struct nv_send *send)
{
    struct nv_hub *hub = future->hub;
    struct drawing drawing = {.future = future, .send = send};
    double began = nv_hub_time(hub);
    bool slow = false;
    int rc = NAVE_OK;
    while (drawing.drawn < send->count && drawing.bytes < NV_CHUNK_BYTES_LARGE && !slow) {
        int got = draw(&drawing, &rc);
        if (rc != NAVE_OK)
            return rc;
        if (got <= 0)
            return source_ended(&drawing, got);
        if (future->cancelled)
            return cut_short(&drawing);
        slow = drawing.now - began >= SLOW_SOURCE_SECONDS;
    }
    if (!drawing.some_known)
        nv_sched_weigh(hub->sched, send, drawing.bytes);
    if (drawing.drawn < send->count)
        nv_sched_return(hub->sched, send, drawing.drawn, false);
    rc = skip_known(&drawing);
    return rc == NAVE_OK && slow ? nv_outbox_flush(&hub->outbox) : rc;
}

/* Tasks that were drawn before, one by one: their inputs have sizes of their own. */
static int send_kept(nave_future *future, const struct nv_send *send)
{
    size_t bytes = 0;
    int rc = NAVE_OK;
    for (uint64_t i = send->first; i < send->first + send->count && rc == NAVE_OK; i++) {
        struct nv_run run = run_of(future, i, 1);
        size_t size = 0;
        const void *data = nv_kept_get(&future->kept, i, &size);
        run.in_size = size;
        bytes += size;
        rc = nv_ledger_send(&future->ledger, i, 1)
                 ? send_run(future, send->engine, &run, data, size, true)
                 : no_ledger(future);
    }
    nv_sched_weigh(future->hub->sched, send, bytes);
    return rc;
}

int nv_future_send_data(nave_future *future, int engine, uint64_t first, uint64_t count,
                        const void *data)
{
    struct nv_run run = run_of(future, first, count);
    return send_run(future, engine, &run, data, (size_t)count * future->input.size, false);
}

int nv_future_send(nave_future *future, const struct nv_send *send)
{
    if (future->input.kind == NV_IN_STREAM)
        return nv_stream_send(future->input.stream, send);
    if (future->input.kind == NV_IN_SOURCE)
        return send->first < future->count ? send_kept(future, send) : send_drawn(future, send);
    return send_rows(future, send);
}
