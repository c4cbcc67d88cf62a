/* recollect - see recollect.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "recollect.h"
#include "digest.h"
#include "journal.h"
#include "stream.h"

#include <stdlib.h>
#include <string.h>

static bool is_journaled(const nave_future *future)
{
    return future->call > 0 && future->hub->journal != NULL;
}

static const char *kind_of(const nave_future *future)
{
    return future->fold != NULL                 ? "reduce"
           : future->input.kind == NV_IN_SOURCE ? "source"
           : future->input.kind == NV_IN_STREAM ? "apply"
           : future->input.kind == NV_IN_SHARED ? "apply"
                                                : "map";
}

void nv_recollect_begin(nave_future *future)
{
    struct nv_hub *hub = future->hub;
    const char *name = hub->ctx->kernels.names[future->kernel];
    uint64_t out_size = future->output.size;
    if (hub->journal == NULL || future->kernel < NV_KERNEL_OWN || future->view->direct ||
        future->view->outside || future->parent != NULL)
        return;
    future->base = nv_digest_then(hub->basis, name, strlen(name));
    future->base = nv_digest_then(future->base, &out_size, sizeof out_size);
    future->base = nv_digest_then(future->base, future->extra, future->extra_size);
    future->call = ++hub->calls;
    nv_journal_call(hub->journal, future->call, kind_of(future), name, future->count,
                    future->input.size, out_size);
}

void nv_recollect_object(struct nv_hub *hub, const char *name, const void *data, size_t size)
{
    if (hub->journal == NULL)
        return;
    hub->basis = nv_digest_then(hub->basis, name, strlen(name));
    hub->basis = nv_digest_then(hub->basis, data, size);
}

/* ------------------------------------------------------------------------------------- digests */

static struct nv_digest digest_of(const nave_future *future, uint64_t number, const void *in,
                                  size_t size)
{
    return nv_digest_then(nv_digest_then(future->base, &number, sizeof number), in, size);
}

/* Inputs of neighbouring tasks, of calls that keep them. */
static const void *inputs_at(const nave_future *future, uint64_t first, uint64_t count,
                             size_t *size)
{
    const struct nv_input *input = &future->input;
    *size = input->size * (input->kind == NV_IN_SHARED ? 1 : (size_t)count);
    if (input->kind == NV_IN_STREAM)
        return nv_stream_input(future);
    return input->kind == NV_IN_SHARED ? input->base : input->base + first * input->size;
}

bool nv_recollect_keep(nave_future *future, uint64_t index, const void *in, size_t size)
{
    struct nv_digest digest;
    if (!is_journaled(future))
        return true;
    digest = digest_of(future, index, in, size);
    return nv_kept_put(&future->digests, index, &digest, sizeof digest);
}

static struct nv_digest task_digest(const nave_future *future, uint64_t index)
{
    struct nv_digest digest = {0};
    size_t size;
    const void *in = future->input.kind == NV_IN_SOURCE
                         ? nv_kept_get(&future->digests, index, &size)
                         : inputs_at(future, index, 1, &size);
    if (future->input.kind != NV_IN_SOURCE)
        return digest_of(future, index, in, size);
    if (in != NULL)
        memcpy(&digest, in, sizeof digest);
    return digest;
}

static struct nv_digest block_digest(const nave_future *future, uint64_t first, uint64_t *count)
{
    const struct nv_fold *fold = future->fold;
    size_t size;
    const void *in;
    *count = fold->tasks - first < fold->block ? fold->tasks - first : fold->block;
    in = inputs_at(future, first, *count, &size);
    return digest_of(future, first, in, size);
}

/* ------------------------------------------------------------------------------------ answering */

bool nv_recollect_any(const nave_future *future)
{
    return is_journaled(future) && nv_journal_left(future->hub->journal) > 0;
}

bool nv_recollect_task(nave_future *future, uint64_t index, const void *in, size_t size)
{
    struct nv_journal_task task;
    bool known;
    if (!nv_recollect_any(future) ||
        !nv_journal_take(future->hub->journal, digest_of(future, index, in, size), &task))
        return false;
    future->recalling = true;
    known = nv_future_known(future, index, &task);
    future->recalling = false;
    return known;
}

/* Where tasks have places of their own in a large sum (by MPI_BOR, say), most of a block's is zero:
 * what is written is where the rest begins, and that.  The packed bytes are malloc's. */
static void *pack(const unsigned char *sum, size_t size, size_t *packed_size)
{
    uint64_t begin = 0;
    unsigned char *packed;
    while (begin < size && sum[begin] == 0)
        begin++;
    while (size > begin && sum[size - 1] == 0)
        size--;
    *packed_size = sizeof begin + (size - (size_t)begin);
    packed = malloc(*packed_size);
    if (packed == NULL)
        return NULL;
    memcpy(packed, &begin, sizeof begin);
    memcpy(packed + sizeof begin, sum + begin, size - (size_t)begin);
    return packed;
}

/* malloc's; NULL: it does not fit, or out of memory. */
static void *unpack(const struct nv_journal_task *task, size_t size)
{
    uint64_t begin;
    size_t bytes = task->size - sizeof begin;
    unsigned char *sum;
    if (task->size < sizeof begin)
        return NULL;
    memcpy(&begin, task->data, sizeof begin);
    if (begin > size || bytes > size - begin)
        return NULL;
    sum = calloc(1, size + 1);
    if (sum != NULL && bytes > 0)
        memcpy(sum + begin, (const char *)task->data + sizeof begin, bytes);
    return sum;
}

bool nv_recollect_block(nave_future *future, uint64_t first)
{
    struct nv_journal_task task;
    struct nv_digest digest;
    uint64_t count;
    void *sum;
    bool known;
    if (!nv_recollect_any(future))
        return false;
    digest = block_digest(future, first, &count);
    if (!nv_journal_take(future->hub->journal, digest, &task) || task.count != count ||
        task.state != NAVE_SUCCEEDED)
        return false;
    sum = unpack(&task, nv_fold_size(future->fold));
    if (sum == NULL)
        return false;
    future->recalling = true;
    known = nv_future_known_block(future, first, count, sum);
    future->recalling = false;
    return known;
}

/* --------------------------------------------------------------------------------------- noting */

/* What is the same for all tasks of a row. */
static struct nv_journal_task begin_note(const nave_future *future, uint64_t index, int engine)
{
    return (struct nv_journal_task){.call = future->call,
                                    .index = future->single ? future->root : index,
                                    .count = 1,
                                    .digest = task_digest(future, index),
                                    .state = NAVE_SUCCEEDED,
                                    .attempts = 1,
                                    .engine = engine,
                                    .host = engine >= 0 ? nv_hub_host(future->hub, engine) : "",
                                    .submitted = future->hub->epoch + future->submitted,
                                    .message = ""};
}

void nv_recollect_note(nave_future *future, uint64_t index, enum nave_task_state state)
{
    struct nv_journal_task task;
    nave_record record;
    if (!is_journaled(future) || future->recalling || state == NAVE_CANCELLED ||
        (future->fold != NULL && state != NAVE_FAILED))
        return;
    nv_ledger_record_as(&future->ledger, index, state, &record);
    task = begin_note(future, index, record.engine);
    task.state = state;
    task.attempts = record.attempts;
    if (record.submitted > 0)
        task.submitted = future->hub->epoch + record.submitted;
    task.started = future->hub->epoch + record.started;
    task.ended = future->hub->epoch + record.ended;
    task.code = record.code;
    task.message = record.message;
    task.output = nv_kept_get(&future->outputs, index, &task.output_size);
    task.data = record.data;
    task.size = record.data != NULL ? record.size : 0;
    nv_journal_add(future->hub->journal, &task);
    nv_kept_drop(&future->digests, index);
}

void nv_recollect_note_row(nave_future *future, const struct nv_good *good)
{
    double started = future->hub->epoch + good->started;
    if (!is_journaled(future) || future->fold != NULL)
        return;
    for (uint32_t i = 0; i < good->count; i++) {
        uint64_t index = good->first + i;
        struct nv_journal_task task = begin_note(future, index, good->engine);
        task.attempts = 1 + (int)nv_ledger_retried(&future->ledger, index);
        task.started = started;
        task.ended = started += 1e-9 * good->nanoseconds[i];
        task.data = good->data != NULL ? good->data + i * good->stride : NULL;
        task.size = good->data != NULL ? good->size : 0;
        nv_journal_add(future->hub->journal, &task);
        nv_kept_drop(&future->digests, index);
    }
}

void nv_recollect_note_block(nave_future *future, uint64_t first, const void *data, int engine)
{
    struct nv_journal_task task = {.call = future->call,
                                   .index = first,
                                   .state = NAVE_SUCCEEDED,
                                   .attempts = 1,
                                   .engine = engine,
                                   .message = ""};
    void *packed;
    if (!is_journaled(future) || future->recalling)
        return;
    packed = pack(data, nv_fold_size(future->fold), &task.size);
    if (packed == NULL)
        return; /* it will be run again */
    task.data = packed;
    task.host = nv_hub_host(future->hub, engine);
    task.digest = block_digest(future, first, &task.count);
    task.submitted = future->hub->epoch + future->submitted;
    task.started = task.ended = future->hub->epoch + nv_hub_time(future->hub);
    nv_journal_add(future->hub->journal, &task);
    free(packed);
}
