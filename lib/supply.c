/* supply - a future's tasks go to engines: inputs from the caller's arrays, or from a source.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "future.h"
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

static void sent(void *arg)
{
    struct sending *sending = arg;
    nave_future *future = sending->future;
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

static int send_rows(nave_future *future, const struct nv_send *send)
{
    size_t bytes = 0;
    int rc = NAVE_OK;
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
    if (future->retries > 0 && !nv_kept_put(&future->kept, index, data, *size)) {
        *rc = nv_error_set(&future->hub->ctx->error, NAVE_ENOMEM,
                           "no memory to keep an input of %zu bytes", *size);
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
    nv_future_check(future);
}

/* Draws the tasks of a chunk.  A slow source, or large inputs, end the chunk early, and what there
 * is goes at once: nobody waits for the rest of it. */
static int send_drawn(nave_future *future, const struct nv_send *send)
{
    struct nv_hub *hub = future->hub;
    double began = nv_hub_time(hub), spent = 0;
    uint64_t drawn = 0, bytes = 0;
    int rc = NAVE_OK;
    while (drawn < send->count && bytes < NV_CHUNK_BYTES_LARGE && spent < SLOW_SOURCE_SECONDS) {
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
    return spent < SLOW_SOURCE_SECONDS ? NAVE_OK : nv_outbox_flush(&hub->outbox);
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
