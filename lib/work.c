/* work - see work.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "work.h"
#include "clock.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_SECONDS 100e-6 /* of running before a look at what has come */
/* Tasks that nobody asks about go by so long without a look at the clock. */
#define UNREAD_SECONDS 500e-9
#define LONG_SECONDS 500e-6 /* spawned tasks as long as this are shared out at once */

enum {
    BULK_MAX = 192 << 20, /* bytes of large results under way before running on */
    UNTIMED_PATIENCE = 5,
    STRIDE_MAX = 16, /* tasks between two looks at the clock */
};

void nv_work_lot_free(struct nv_engine *engine, struct lot *lot)
{
    nv_buffers_give(&engine->buffers, lot->large, lot->large_size);
    free(lot->skip);
    if (lot->small) {
        lot->next = engine->spare;
        engine->spare = lot;
    } else {
        free(lot);
    }
}

void nv_work_read_clock(struct nv_engine *engine)
{
    engine->now = nv_clock() - engine->spec.origin;
    engine->unread = 0;
}

/* ------------------------------------------------------------------------------------ answering */

/* The memory of a large result that is under way. */
struct large {
    struct nv_engine *engine;
    void *memory;
    size_t size;
    bool kept; /* it belongs to the buffers */
};

static void large_sent(void *arg, bool whole)
{
    struct large *large = arg;
    (void)whole; /* an engine without its hub ends */
    large->engine->bulk -= large->size;
    if (large->memory == NULL) /* it was an object's */
        large->engine->holding = false;
    if (large->kept)
        nv_buffers_give(&large->engine->buffers, large->memory, large->size);
    else
        free(large->memory);
    free(large);
}

/* Sends the bytes behind an item that says NV_BULK; takes over their memory (NULL: an object's),
 * which the buffers get if it is theirs. */
static int send_bytes(struct nv_engine *engine, const void *data, size_t size, void *memory,
                      bool kept)
{
    struct large *large = malloc(sizeof *large);
    if (large == NULL) {
        free(memory);
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for a result");
    }
    *large = (struct large){engine, memory, size, kept};
    engine->bulk += size;
    engine->holding = engine->holding || memory == NULL;
    return nv_comm_send(engine->spec.comm, engine->answers.to, NV_TO_HUB, data, size, large_sent,
                        large);
}

static int send_large(struct nv_engine *engine, nave_task *task)
{
    bool kept = !task->borrowed && task->data == task->room;
    void **owner = kept ? &task->room : &task->output;
    void *memory = task->borrowed ? NULL : *owner;
    if (!task->borrowed)
        *owner = NULL;
    return send_bytes(engine, task->data, task->size, memory, kept);
}

/* `text`: the message, and what the task wrote behind it. */
static int answer_with(struct nv_engine *engine, nave_task *task, uint32_t flags, double started,
                       const char *text, size_t output_size)
{
    bool large = task->size > NV_INLINE_MAX;
    struct nv_result result = {.job = task->job,
                               .index = task->index,
                               .code = task->code,
                               .message_size = (uint32_t)task->message_size,
                               .output_size = (uint32_t)output_size,
                               .size = task->size,
                               .started = started,
                               .ended = engine->now,
                               .engine = engine->spec.rank,
                               .flags = flags | (large ? NV_BULK : 0)};
    int rc = nv_answers_result(&engine->answers, &result, text, task->data);
    return rc == NAVE_OK && large ? send_large(engine, task) : rc;
}

int nv_work_answer(struct nv_engine *engine, nave_task *task, uint32_t flags, double started)
{
    return answer_with(engine, task, flags, started, task->message, 0);
}

/* -------------------------------------------------------------------------------------- running */

/* Tasks that were run since the clock was read share the time. */
void nv_work_settle(struct nv_engine *engine)
{
    double before = engine->now, each;
    unsigned tasks = engine->unread;
    if (tasks == 0)
        return;
    nv_work_read_clock(engine);
    nv_answers_time(&engine->answers, before, engine->now);
    each = (engine->now - before) / tasks;
    engine->stride = each * STRIDE_MAX < UNREAD_SECONDS ? STRIDE_MAX
                     : each < UNREAD_SECONDS            ? (unsigned)(UNREAD_SECONDS / each)
                                                        : 1;
}

void nv_work_begin(struct nv_engine *engine, struct lot *lot, nave_task *task)
{
    task->engine = engine;
    task->guarded = false;
    task->objects = &engine->objects;
    task->object = (const char *)lot->extra;
    task->input = &lot->large;
    task->user = engine->spec.user;
    task->job = lot->run.job;
    task->index = nv_work_index(lot);
    task->number = lot->run.flags & NV_SINGLES ? 0
                   : lot->run.flags & NV_CHILD ? lot->run.root
                                               : task->index;
    task->rank = engine->spec.rank;
    task->out = task->room = task->output = NULL;
    task->out_size = 0;
    task->data = NULL;
    task->size = 0;
    task->borrowed = false;
    task->code = 0;
    task->message_size = 0;
}

struct nv_partial *nv_work_partial(const struct nv_engine *engine, uint64_t job)
{
    struct nv_partial *partial = engine->partials;
    while (partial != NULL && partial->job != job)
        partial = partial->next;
    return partial;
}

/* The partial of a folding run, made at its first task. */
struct nv_partial *nv_work_partial_of(struct nv_engine *engine, const struct lot *lot,
                                      nave_task *task)
{
    struct nv_partial *partial = nv_work_partial(engine, lot->run.parent);
    bool accumulates = (engine->spec.kernels->flags[lot->run.kernel] & NAVE_ACCUMULATES) != 0;
    struct nv_fold fold;
    char why[256];
    if (partial != NULL)
        return partial;
    if (!nv_fold_decode(&fold, lot->extra, lot->run.extra_size, engine->spec.ops,
                        engine->spec.op_count, engine->spec.mpi != MPI_COMM_NULL, why,
                        sizeof why)) {
        nave_fail(task, "%s", why);
        task->code = NAVE_ETYPE;
        return NULL;
    }
    partial = nv_partial_new(lot->run.parent, &fold, accumulates);
    if (partial == NULL) {
        nv_fold_release(&fold);
        task->code = NAVE_ENOMEM;
        return NULL;
    }
    if (engine->spec.mpi == MPI_COMM_NULL &&
        !nv_partial_describe(partial, lot->extra, lot->run.extra_size)) {
        nv_partial_free(partial);
        task->code = NAVE_ENOMEM;
        return NULL;
    }
    partial->next = engine->partials;
    engine->partials = partial;
    return partial;
}

void nv_work_call(struct nv_engine *engine, nave_task *task, nave_kernel_fn *run, const void *in,
                  size_t in_size)
{
    engine->inside = true;
    nv_task_run(task, run, in, in_size);
    engine->inside = false;
}

/* As before the first attempt; `before`: what `out` held then, or NULL: zeros. */
static void begin_again(struct nv_engine *engine, nave_task *task, const void *before,
                        size_t spawned_before)
{
    struct nv_spawned spawned;
    free(task->output);
    task->output = NULL;
    task->code = 0;
    task->message_size = 0;
    task->borrowed = false;
    while (engine->pool.count > spawned_before)
        nv_pool_pop(&engine->pool, &spawned);
    if (task->out_size > 0 && before != NULL)
        memcpy(task->out, before, task->out_size);
    else if (task->out_size > 0)
        memset(task->out, 0, task->out_size);
}

static void insist(struct nv_engine *engine, struct lot *lot, nave_task *task, nave_kernel_fn *run,
                   const void *in, size_t in_size, const void *before)
{
    size_t spawned = engine->pool.count;
    uint32_t tries = lot->run.retries;
    nv_work_call(engine, task, run, in, in_size);
    while (task->code != 0 && tries-- > 0 && !nv_work_cancelled(lot)) {
        begin_again(engine, task, before, spawned);
        nv_work_call(engine, task, run, in, in_size);
    }
}

void nv_work_insist(struct nv_engine *engine, struct lot *lot, nave_task *task, nave_kernel_fn *run,
                    const void *in, size_t in_size)
{
    insist(engine, lot, task, run, in, in_size, NULL);
}

/* The result goes into the partial; what is answered has no bytes. */
void nv_work_fold(struct nv_engine *engine, struct lot *lot, nave_task *task, nave_kernel_fn *run,
                  const void *in, size_t in_size)
{
    struct nv_partial *partial = nv_work_partial_of(engine, lot, task);
    const void *before = NULL;
    int code;
    if (partial == NULL)
        return;
    task->out = nv_partial_begin(partial, task->index);
    task->out_size = nv_fold_size(&partial->fold);
    if (task->out != NULL && partial->accumulates && lot->run.retries > 0)
        before = nv_partial_copy(partial, task->out);
    if (task->out == NULL || (before == NULL && partial->accumulates && lot->run.retries > 0)) {
        nave_fail(task, "no memory for a result of %zu bytes", task->out_size);
        task->code = NAVE_ENOMEM;
        return;
    }
    insist(engine, lot, task, run, in, in_size, before);
    if (task->code == 0 && task->data != task->out) {
        nave_fail(task, "nave_output() cannot be used in nave_map_reduce()");
        task->code = NAVE_ESIZE;
    }
    code = task->code == 0 ? nv_partial_end(partial, task->index) : NAVE_OK;
    if (code != NAVE_OK)
        task->code = code;
    task->data = NULL;
    task->size = 0;
}

int nv_work_send_block(struct nv_engine *engine, const struct lot *lot, const nave_task *task)
{
    struct nv_partial *partial = nv_work_partial(engine, lot->run.parent);
    struct nv_result result = {.job = task->job,
                               .started = task->started,
                               .ended = task->started,
                               .engine = engine->spec.rank,
                               .flags = NV_BLOCKS};
    uint64_t number;
    void *data;
    int rc;
    if (task->code != 0 || partial == NULL || !nv_fold_ends_block(&partial->fold, task->index))
        return NAVE_OK;
    data = nv_partial_take(partial, task->index, &number);
    result.index = number * partial->fold.block;
    result.size = nv_fold_size(&partial->fold);
    if (data != NULL && result.size > NV_INLINE_MAX)
        result.flags |= NV_BULK;
    rc = nv_answers_result(&engine->answers, &result, "", data);
    if (rc == NAVE_OK && result.flags & NV_BULK)
        return send_bytes(engine, data, (size_t)result.size, data, false);
    free(data);
    return rc;
}

/* Room for the result of the next task: in the row, or of its own. */
static int place_output(struct nv_engine *engine, const struct lot *lot, nave_task *task)
{
    int rc;
    task->out_size = (size_t)lot->run.out_size;
    if (task->out_size > NV_INLINE_MAX) {
        task->room = task->out = nv_buffers_take(&engine->buffers, task->out_size, true);
        if (task->out == NULL) {
            nave_fail(task, "no memory for a result of %zu bytes", task->out_size);
            task->code = NAVE_ENOMEM;
        }
        return NAVE_OK;
    }
    if (!nv_answers_fits(&engine->answers, task->job, task->index, task->out_size))
        nv_work_settle(engine);
    rc = nv_answers_room(&engine->answers, task->job, task->index, task->out_size, engine->now,
                         &task->out);
    if (rc == NAVE_OK && task->out_size > 0)
        memset(task->out, 0, task->out_size);
    return rc;
}

nave_kernel_fn *nv_work_kernel(const struct nv_engine *engine, const struct lot *lot,
                               nave_task *task)
{
    const struct nv_kernels *kernels = engine->spec.kernels;
    nave_kernel_fn *run = lot->run.kernel < kernels->room ? kernels->local[lot->run.kernel] : NULL;
    if (run != NULL && !lot->lost)
        return run;
    nave_fail(task,
              run == NULL ? "this engine has no such kernel"
                          : "no memory for the input of %zu bytes",
              (size_t)lot->run.in_size);
    task->code = run == NULL ? NAVE_EKERNEL : NAVE_ENOMEM;
    return NULL;
}

static int call(struct nv_engine *engine, struct lot *lot, nave_task *task)
{
    nave_kernel_fn *run = nv_work_kernel(engine, lot, task);
    size_t in_size = (size_t)lot->run.in_size;
    int rc = NAVE_OK;
    if (run == NULL)
        return NAVE_OK;
    if (lot->run.flags & NV_FOLD) {
        nv_work_fold(engine, lot, task, run, nv_work_input(lot), in_size);
        if (lot->run.flags & NV_BLOCKS)
            rc = nv_work_send_block(engine, lot, task);
    } else {
        rc = place_output(engine, lot, task);
        if (rc == NAVE_OK && task->code == 0 && lot->run.flags & (NV_CHILD | NV_CHILDLESS))
            nv_work_insist(engine, lot, task, run, nv_work_input(lot), in_size);
        else if (rc == NAVE_OK && task->code == 0)
            nv_work_call(engine, task, run, nv_work_input(lot), in_size);
    }
    return rc;
}

/* Whether the result can be in a row, where a time is a number of nanoseconds below 2^32. */
static bool goes_into_row(const nave_task *task, double seconds)
{
    return task->code == 0 && !task->borrowed && task->output == NULL && task->room == NULL &&
           seconds < 4;
}

static int answer_in_row(struct nv_engine *engine, const struct lot *lot)
{
    nave_task *task = &engine->task;
    void *nothing;
    if (lot->run.flags & NV_FOLD) {
        int rc;
        if (!nv_answers_fits(&engine->answers, task->job, task->index, 0))
            nv_work_settle(engine);
        rc = nv_answers_room(&engine->answers, task->job, task->index, 0, task->started, &nothing);
        if (rc != NAVE_OK)
            return rc;
    }
    nv_answers_good(&engine->answers);
    if (!(lot->run.flags & NV_UNTIMED))
        nv_answers_time(&engine->answers, task->started, engine->now);
    else if (++engine->unread >= engine->stride)
        nv_work_settle(engine);
    return NAVE_OK;
}

static void task_done(struct nv_engine *engine, struct lot *lot)
{
    nave_task *task = &engine->task;
    lot->at++;
    free(task->output);
    nv_buffers_give(&engine->buffers, task->room, task->out_size);
}

/* The first task of the lot and all that descends from it here are done: its answer. */
static int finish_task(struct nv_engine *engine, struct lot *lot)
{
    nave_task *task = &engine->task;
    bool timed = !(lot->run.flags & NV_UNTIMED);
    int rc = NAVE_OK;
    engine->open = false;
    if (timed || !goes_into_row(task, 0)) {
        nv_work_settle(engine);
        nv_work_read_clock(engine);
    }
    if (engine->grown > 0 && (lot->at + 1 == lot->run.count || lot->run.flags & NV_SINGLES))
        rc = nv_spawn_tell(engine, lot);
    if (rc == NAVE_OK && goes_into_row(task, timed ? engine->now - task->started : 0))
        rc = answer_in_row(engine, lot);
    else if (rc == NAVE_OK)
        rc = nv_work_answer(engine, task, 0, task->started);
    task_done(engine, lot);
    return rc;
}

static int answer_text(struct nv_engine *engine, const char *output, size_t output_size)
{
    nave_task *task = &engine->task;
    char text[NV_MESSAGE_MAX + NV_OUTPUT_MAX];
    memcpy(text, task->message, task->message_size);
    memcpy(text + task->message_size, output, output_size);
    return answer_with(engine, task, 0, task->started, text, output_size);
}

int nv_work_finish(struct nv_engine *engine, struct lot *lot, double ended, const char *output,
                   size_t output_size)
{
    nave_task *task = &engine->task;
    int rc = NAVE_OK;
    void *nothing;
    if (!goes_into_row(task, ended - task->started) || output_size > 0) {
        rc = answer_text(engine, output, output_size);
    } else {
        if (lot->run.flags & NV_FOLD)
            rc = nv_answers_room(&engine->answers, task->job, task->index, 0, task->started,
                                 &nothing);
        nv_answers_good(&engine->answers);
        nv_answers_time(&engine->answers, task->started, ended);
    }
    task_done(engine, lot);
    return rc;
}

/* Runs the next task; what it has spawned comes before its answer. */
static int run_task(struct nv_engine *engine, struct lot *lot)
{
    nave_task *task = &engine->task;
    int rc;
    nv_work_begin(engine, lot, task);
    task->started = engine->now;
    rc = call(engine, lot, task);
    if (task->code != 0 && lot->run.retries > 0)
        nv_pool_clear(&engine->pool); /* the next attempt will spawn them */
    if (rc == NAVE_OK && engine->pool.count > 0) {
        engine->open = true;
        return NAVE_OK;
    }
    return rc == NAVE_OK ? finish_task(engine, lot) : rc;
}

/* ----------------------------------------------------------------------------------- the slices */

/* Answers what is left of a cancelled run, or the cancelled row at its head. */
static int drop(struct nv_engine *engine, struct lot *lot)
{
    struct nv_control control = {
        .job = lot->run.job, .first = nv_work_index(lot), .engine = engine->spec.rank};
    int rc = engine->grown > 0 ? nv_spawn_tell(engine, lot) : NAVE_OK;
    while (lot->at < lot->run.count && nv_work_cancelled(lot)) {
        lot->at++;
        control.count++;
    }
    nv_work_settle(engine);
    return rc == NAVE_OK ? nv_answers_control(&engine->answers, NV_DROPPED, &control) : rc;
}

static bool may_run(struct nv_engine *engine)
{
    struct lot *lot = engine->first;
    if (lot == NULL || lot->arriving || engine->holding || engine->bulk >= BULK_MAX ||
        (engine->preparing != 0 && !engine->open && nv_guarded_begun(engine) == 0))
        return false;
    return !(lot->run.flags & NV_GUARDED) || nv_guarded_news(engine, lot);
}

static void lot_finish(struct nv_engine *engine)
{
    struct lot *lot = engine->first;
    engine->first = lot->next;
    if (engine->first == NULL)
        engine->end = &engine->first;
    engine->low = engine->low || engine->first == NULL || engine->first->next == NULL;
    nv_work_lot_free(engine, lot);
}

static int step(struct nv_engine *engine)
{
    struct lot *lot = engine->first;
    int rc = nv_answers_to(&engine->answers, lot->source);
    if (rc != NAVE_OK)
        return rc;
    if (engine->open && nv_work_cancelled(lot))
        nv_pool_clear(&engine->pool);
    if (engine->open && engine->pool.count > 0)
        return nv_spawn_run(engine, lot);
    if (engine->open)
        rc = finish_task(engine, lot);
    else if (lot->run.flags & NV_GUARDED &&
             (nv_guarded_begun(engine) > 0 || !nv_work_cancelled(lot)))
        rc = nv_guarded_step(engine, lot);
    else
        rc = nv_work_cancelled(lot) ? drop(engine, lot) : run_task(engine, lot);
    if (lot->at == lot->run.count)
        lot_finish(engine);
    return rc;
}

/* Each frame may wake its receiver.  Where nobody looks at single results they can wait until this
 * engine needs more tasks. */
static bool is_due(const struct nv_engine *engine)
{
    double waited = engine->now - engine->sent;
    if (!(engine->first->run.flags & NV_UNTIMED))
        return waited > engine->spec.patience;
    return engine->low || waited > UNTIMED_PATIENCE * engine->spec.patience;
}

/* Runs tasks for a slice of time.  Results go when nothing is left to run, or after a while. */
int nv_work_slice(struct nv_engine *engine, bool *worked)
{
    double until;
    int rc = NAVE_OK;
    if (!may_run(engine)) {
        *worked = nv_buffers_clean(&engine->buffers) || *worked;
        return NAVE_OK;
    }
    *worked = true;
    nv_work_read_clock(engine);
    until = engine->now + SLICE_SECONDS;
    while (rc == NAVE_OK && may_run(engine) && engine->now < until) {
        double before = engine->now;
        rc = step(engine);
        if (rc == NAVE_OK && engine->now - before > LONG_SECONDS)
            rc = nv_spawn_share_all(engine);
    }
    nv_work_settle(engine);
    if (rc == NAVE_OK)
        rc = nv_spawn_mention(engine);
    if (rc == NAVE_OK && (!may_run(engine) || is_due(engine))) {
        rc = nv_answers_post(&engine->answers);
        engine->sent = engine->now;
        engine->low = false;
    }
    return rc;
}
