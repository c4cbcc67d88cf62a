/* stream - see stream.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "stream.h"
#include "recollect.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM_MOST = 65536, /* tasks between the oldest and the newest; then a new stream begins */
    TURN_EACH = 32     /* tasks submitted between two turns of the loop, when all engines work */
};

/* A ring of `room` places, a power of two: task i is at i % room. */
struct nv_stream {
    struct nv_stream *next; /* of the view's */
    nave_future *carrier;
    size_t in_size;
    nave_future **owners;
    char *inputs;
    uint64_t base, end; /* the oldest that is not finished; one more than the newest */
    size_t room;
};

bool nv_stream_takes(const nave_view *view, size_t in_size, size_t out_size)
{
    return !view->direct && in_size <= NV_STREAM_BYTES && out_size <= NV_STREAM_BYTES &&
           (view->placing == NV_TUNED || view->placing == NV_FIFO) && view->policy.costs == NULL;
}

static size_t at(const struct nv_stream *stream, uint64_t task)
{
    return (size_t)(task & (stream->room - 1));
}

/* ------------------------------------------------------------------------------------- streams */

static bool grow(struct nv_stream *stream)
{
    size_t room = stream->room == 0 ? 64 : 2 * stream->room;
    nave_future **owners = malloc(room * sizeof *owners);
    char *inputs = malloc(room * stream->in_size + 1);
    if (owners == NULL || inputs == NULL) {
        free(owners);
        free(inputs);
        return false;
    }
    for (uint64_t i = stream->base; i < stream->end; i++) {
        owners[i & (room - 1)] = stream->owners[at(stream, i)];
        memcpy(inputs + (size_t)(i & (room - 1)) * stream->in_size,
               stream->inputs + at(stream, i) * stream->in_size, stream->in_size);
    }
    free(stream->owners);
    free(stream->inputs);
    stream->owners = owners;
    stream->inputs = inputs;
    stream->room = room;
    return true;
}

const void *nv_stream_input(const nave_future *future)
{
    const struct nv_stream *stream = future->input.stream;
    return stream->inputs + at(stream, future->root) * stream->in_size;
}

void nv_stream_release(struct nv_stream *stream)
{
    free(stream->owners);
    free(stream->inputs);
    free(stream);
}

static int stream_new(nave_view *view, const char *kernel, size_t in_size, size_t out_size,
                      struct nv_stream **out)
{
    struct nv_future_spec spec = {.view = view,
                                  .kernel = kernel,
                                  .input = {.kind = NV_IN_STREAM, .size = in_size},
                                  .output = {.kind = NV_OUT_KEEP, .size = out_size},
                                  .flags = NV_SINGLES};
    struct nv_stream *stream = calloc(1, sizeof *stream);
    int rc;
    if (stream == NULL)
        return nv_error_set(&view->hub->ctx->error, NAVE_ENOMEM, "no memory for a future");
    stream->in_size = in_size;
    spec.input.stream = stream;
    rc = nv_future_begin(&spec, &stream->carrier);
    if (rc != NAVE_OK) {
        nv_stream_release(stream);
        return rc;
    }
    stream->next = view->streams;
    view->streams = stream;
    *out = stream;
    return NAVE_OK;
}

/* The stream leaves its view; it ends with its last task. */
static void stream_end(nave_view *view, struct nv_stream *stream)
{
    struct nv_stream **link = &view->streams;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    stream->carrier->orphan = true;
    nv_future_close(stream->carrier);
}

void nv_streams_end(nave_view *view)
{
    while (view->streams != NULL)
        stream_end(view, view->streams);
}

static bool fits(const struct nv_stream *stream, const char *kernel, size_t in_size,
                 size_t out_size)
{
    const nave_future *carrier = stream->carrier;
    return stream->in_size == in_size && carrier->output.size == out_size &&
           strcmp(carrier->hub->ctx->kernels.names[carrier->kernel], kernel) == 0;
}

/* The stream for such tasks, with room for one more. */
static int stream_for(nave_view *view, const char *kernel, size_t in_size, size_t out_size,
                      struct nv_stream **out)
{
    struct nv_stream *stream = kernel != NULL ? view->streams : NULL;
    int rc = NAVE_OK;
    while (stream != NULL && !fits(stream, kernel, in_size, out_size))
        stream = stream->next;
    if (stream != NULL && stream->end - stream->base == ROOM_MOST) {
        stream_end(view, stream);
        stream = NULL;
    }
    if (stream == NULL)
        rc = stream_new(view, kernel, in_size, out_size, &stream);
    if (rc != NAVE_OK)
        return rc;
    assert(stream != NULL);
    if (stream->end - stream->base == stream->room && !grow(stream))
        return nv_error_set(&view->hub->ctx->error, NAVE_ENOMEM, "no memory for a future");
    *out = stream;
    return NAVE_OK;
}

/* -------------------------------------------------------------------------------- single tasks */

static nave_future *single_new(struct nv_stream *stream)
{
    struct nv_hub *hub = stream->carrier->hub;
    nave_future *future = hub->spare;
    if (future != NULL)
        hub->spare = future->next;
    else
        future = malloc(sizeof *future);
    if (future == NULL)
        return NULL;
    memset(future, 0, offsetof(nave_future, ledger)); /* the rest is for others to begin */
    future->hub = hub;
    future->view = stream->carrier->view;
    future->input = (struct nv_input){.kind = NV_IN_STREAM, .stream = stream};
    future->output = stream->carrier->output;
    future->job = stream->carrier->job;
    future->kernel = stream->carrier->kernel;
    future->count = 1;
    future->single = true;
    future->retries = stream->carrier->retries;
    future->call = stream->carrier->call;
    future->base = stream->carrier->base;
    future->root = stream->end;
    future->submitted = nv_hub_time(hub);
    nv_ledger_init_one(&future->ledger, &future->one);
    return future;
}

void nv_stream_free(nave_future *future)
{
    struct nv_hub *hub = future->hub;
    nv_future_unlink(future);
    nv_kept_release(&future->outputs);
    nv_ledger_release(&future->ledger);
    future->next = hub->spare;
    hub->spare = future;
}

int nv_stream_apply(nave_view *view, const char *kernel, const void *in, size_t in_size,
                    size_t out_size, nave_future **out)
{
    struct nv_hub *hub = view->hub;
    struct nv_stream *stream = NULL;
    nave_future *future;
    int rc = nv_hub_check(hub->ctx);
    if (rc == NAVE_OK)
        rc = stream_for(view, kernel, in_size, out_size, &stream);
    if (rc != NAVE_OK)
        return rc;
    assert(stream != NULL);
    if (!nv_hub_may_begin(hub, stream->carrier->kernel))
        return nv_hub_drained(hub);
    future = single_new(stream);
    if (future == NULL)
        return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory for a future");
    nv_future_link(future);
    if (nv_recollect_task(future, 0, in, in_size)) {
        nv_future_check(future);
        *out = future;
        return NAVE_OK;
    }
    stream->owners[at(stream, stream->end)] = future;
    if (in_size > 0)
        memcpy(stream->inputs + at(stream, stream->end) * in_size, in, in_size);
    stream->end++;
    stream->carrier->count = stream->end;
    nv_sched_extend(hub->sched, stream->carrier->job, stream->end);
    *out = future;
    return nv_hub_submitted(hub, TURN_EACH);
}

/* ------------------------------------------------------------------------------------- sending */

/* The owner of a task that is not finished. */
static nave_future *owner_of(const struct nv_stream *stream, uint64_t task)
{
    if (task < stream->base || task >= stream->end)
        return NULL;
    return stream->owners[at(stream, task)];
}

/* Tasks that were cancelled before they went: the engine drops them. */
static int cancel_row(struct nv_stream *stream, int engine, uint64_t first, uint64_t count)
{
    struct nv_control control = {.job = stream->carrier->job, .first = first, .count = count};
    return nv_hub_control(stream->carrier->hub, engine, NV_CANCEL, &control, NULL);
}

static int send_cancels(struct nv_stream *stream, int engine, uint64_t first, uint64_t count)
{
    uint64_t end = first + count;
    int rc = NAVE_OK;
    while (first < end && rc == NAVE_OK) {
        uint64_t from = first;
        while (first < end && owner_of(stream, first)->cancelled)
            first++;
        if (first > from)
            rc = cancel_row(stream, engine, from, first - from);
        first++;
    }
    return rc;
}

/* Up to where the ring turns round the inputs lie side by side. */
static int send_part(struct nv_stream *stream, int engine, uint64_t first, uint64_t count)
{
    bool cancels = false;
    int rc = nv_future_send_data(stream->carrier, engine, first, count,
                                 stream->inputs + at(stream, first) * stream->in_size);
    for (uint64_t i = first; i < first + count; i++) {
        nave_future *owner = stream->owners[at(stream, i)];
        nv_ledger_send(&owner->ledger, 0, 1);
        owner->engine = engine;
        cancels = cancels || owner->cancelled;
    }
    return rc == NAVE_OK && cancels ? send_cancels(stream, engine, first, count) : rc;
}

int nv_stream_send(struct nv_stream *stream, const struct nv_send *send)
{
    uint64_t first = send->first, end = first + send->count;
    int rc = NAVE_OK;
    while (first < end && rc == NAVE_OK) {
        uint64_t straight = stream->room - at(stream, first);
        uint64_t count = end - first < straight ? end - first : straight;
        rc = send_part(stream, send->engine, first, count);
        first += count;
    }
    nv_sched_weigh(stream->carrier->hub->sched, send, send->count * stream->in_size);
    return rc;
}

/* -------------------------------------------------------------------------------------- taking */

/* The task's place is free; so are those of older ones that were finished before. */
static void leave(struct nv_stream *stream, uint64_t task)
{
    stream->owners[at(stream, task)] = NULL;
    while (stream->base < stream->end && stream->owners[at(stream, stream->base)] == NULL)
        stream->base++;
    stream->carrier->ledger.succeeded++;
    nv_future_check(stream->carrier);
}

static int take_row(struct nv_stream *stream, const struct nv_item *item)
{
    const struct nv_results *row = &item->results;
    double started = row->started;
    int rc = NAVE_OK;
    for (uint32_t i = 0; i < row->count && rc == NAVE_OK; i++) {
        nave_future *owner = owner_of(stream, row->first + i);
        double ended = started + 1e-9 * item->nanoseconds[i];
        leave(stream, row->first + i);
        rc = nv_future_good(owner, row->engine, started, ended,
                            (const char *)item->data + i * row->size, (size_t)row->size);
        started = ended;
    }
    return rc;
}

/* One answer, as if its task were the only one of the owner's job. */
static int take_single(struct nv_stream *stream, int source, const struct nv_item *item)
{
    struct nv_item own = *item;
    nave_future *owner = owner_of(stream, item->result.index);
    if (owner ==
        NULL) /* a spawned task that nobody waits for has failed after its root was freed */
        return NAVE_OK;
    own.result.index = 0;
    if (nv_future_retry(owner, source, &own.result))
        return NAVE_OK;
    if (!(item->result.flags & NV_STRAY))
        leave(stream, item->result.index);
    return nv_future_single(owner, source, &own);
}

static int take_dropped(struct nv_stream *stream, const struct nv_item *item)
{
    uint64_t end = item->control.first + item->control.count;
    for (uint64_t i = item->control.first; i < end; i++) {
        nave_future *owner = owner_of(stream, i);
        leave(stream, i);
        nv_future_drop(owner, 0, 1);
        nv_future_check(owner);
    }
    return NAVE_OK;
}

static void not_begun(void *arg, uint64_t first, uint64_t count)
{
    struct nv_stream *stream = arg;
    for (uint64_t i = first; i < first + count; i++) {
        nave_future *owner = owner_of(stream, i);
        leave(stream, i);
        owner->drained = true;
        nv_future_drop(owner, 0, 1);
        nv_future_check(owner);
    }
}

int nv_stream_lost(struct nv_stream *stream, int engine, uint64_t first, uint64_t count, bool begun)
{
    struct nv_hub *hub = stream->carrier->hub;
    for (uint64_t i = first; i < first + count; i++) {
        nave_future *owner = owner_of(stream, i);
        if (owner == NULL)
            continue;
        if (nv_future_orphaned(owner, 0, engine, begun)) {
            if (!nv_sched_again(hub->sched, engine, stream->carrier->job, i, 1, begun))
                return nv_error_set(&hub->ctx->error, NAVE_ENOMEM,
                                    "no memory to give tasks of engine %d to others", engine);
            continue;
        }
        leave(stream, i);
        nv_future_check(owner);
    }
    hub->placing = true;
    return NAVE_OK;
}

void nv_stream_drain(struct nv_stream *stream)
{
    nave_future *carrier = stream->carrier;
    for (struct nv_stream *other = carrier->view->streams; other != NULL; other = other->next)
        if (other == stream) {
            stream_end(carrier->view, stream);
            break;
        }
    carrier->drained = true;
    nv_sched_cancel(carrier->hub->sched, carrier->job, not_begun, stream);
}

int nv_stream_take(struct nv_stream *stream, int source, const struct nv_item *item)
{
    nave_future *owner;
    int rc = NAVE_OK;
    switch (item->kind) {
    case NV_RESULTS:
        rc = nv_future_answered(stream->carrier, source, item);
        return rc == NAVE_OK ? take_row(stream, item) : rc;
    case NV_RESULT:
        rc = nv_future_answered(stream->carrier, source, item);
        return rc == NAVE_OK ? take_single(stream, source, item) : rc;
    case NV_DROPPED:
        rc = nv_future_answered(stream->carrier, source, item);
        return rc == NAVE_OK ? take_dropped(stream, item) : rc;
    case NV_SURPLUS:
        owner = owner_of(stream, item->run.root);
        return owner != NULL ? nv_future_surplus(owner, item) : NAVE_OK;
    case NV_GREW:
        owner = owner_of(stream, item->control.first);
        if (owner != NULL)
            owner->grown += item->control.count;
        return NAVE_OK;
    default:
        return NAVE_OK;
    }
}

int nv_stream_cancel(nave_future *future)
{
    struct nv_stream *stream = future->input.stream;
    future->cancelled = true;
    if (nv_ledger_state(&future->ledger, 0) == NAVE_RUNNING)
        return cancel_row(stream, future->engine, future->root, 1);
    return NAVE_OK;
}
