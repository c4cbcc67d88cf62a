/* engine - see engine.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"
#include "answer.h"
#include "clock.h"
#include "object.h"
#include "pool.h"
#include "task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_SECONDS 100e-6 /* of running before a look at what has come */
#define FLUSH_SECONDS 200e-6 /* a result waits for others at most about this long */
#define UNREAD_SECONDS                                                                             \
    500e-9                  /* of tasks that nobody asks about go by without a look at the clock */
#define TELL_SECONDS 500e-6 /* between words about spawned tasks that wait */
enum {
    BULK_MAX = 64 << 20, /* bytes of large results under way before running on */
    STRIDE_MAX = 16,     /* tasks between two looks at the clock */
    LOT_ROOM = 1024,     /* bytes of a small lot, which is used again */
    GIVE_TASKS = 4096    /* spawned tasks given away at once */
};

/* A run of tasks that has come. */
struct lot {
    struct lot *next;
    struct nv_run run;
    int source;                    /* whom to answer */
    uint64_t at;                   /* tasks that were answered */
    uint64_t skip_first, skip_end; /* cancelled indices */
    bool small;                    /* of LOT_ROOM bytes */
    bool lost;                     /* there was no memory for the input */
    bool arriving;                 /* the input is under way */
    void *large;                   /* the input's memory, when it is not behind this struct */
    const unsigned char *data;
    unsigned char *extra;
};

struct nv_engine {
    struct nv_engine_spec spec;
    struct nv_objects objects;
    struct lot *first, **end;
    struct lot *spare; /* small ones */
    struct nv_run last; /* from the hub, for NV_MORE; count 0: none */
    struct nv_partial *partials;
    double now;      /* when the clock was read last */
    double sent;     /* when a frame went last */
    unsigned unread; /* tasks since the clock was read */
    unsigned stride; /* tasks between looks at it, where nobody asks */
    size_t bulk;     /* bytes of large results under way */
    bool holding;    /* an object is being sent: nothing may change it */
    bool inside;     /* a kernel runs */
    bool open;       /* the first task of the first lot was run, its descendants were not */
    struct nv_pool pool;
    uint64_t grown; /* spawned tasks that were run and not told of */
    double told;    /* when their number was told last */
    void *room[2];  /* for the input and the result of a spawned task */
    size_t room_size[2];
    uint64_t preparing; /* a job to be reduced: until then no task is started; or 0 */
    bool ready;         /* NV_READY was said */
    bool closed;
    int status;
    nave_task task, child;
    struct nv_answers answers;
};

int nv_engine_new(const struct nv_engine_spec *spec, struct nv_engine **out)
{
    struct nv_engine *engine = aligned_alloc(64, (sizeof *engine + 63) / 64 * 64);
    if (engine == NULL)
        return nv_error_set(spec->error, NAVE_ENOMEM, "no memory for the engine");
    memset(engine, 0, sizeof *engine);
    engine->spec = *spec;
    engine->end = &engine->first;
    engine->stride = 1;
    nv_answers_init(&engine->answers, spec->comm, spec->rank, spec->error);
    *out = engine;
    return NAVE_OK;
}

static void lot_free(struct nv_engine *engine, struct lot *lot)
{
    free(lot->large);
    if (lot->small) {
        lot->next = engine->spare;
        engine->spare = lot;
    } else {
        free(lot);
    }
}

static void lots_free(struct nv_engine *engine)
{
    while (engine->first != NULL) {
        struct lot *lot = engine->first;
        engine->first = lot->next;
        lot_free(engine, lot);
    }
    while (engine->spare != NULL) {
        struct lot *lot = engine->spare;
        engine->spare = lot->next;
        free(lot);
    }
}

void nv_engine_free(struct nv_engine *engine)
{
    if (engine == NULL)
        return;
    lots_free(engine);
    while (engine->partials != NULL)
        nv_partial_free(nv_engine_take_partial(engine, engine->partials->job));
    nv_answers_release(&engine->answers);
    nv_objects_release(&engine->objects);
    nv_pool_release(&engine->pool);
    free(engine->room[0]);
    free(engine->room[1]);
    free(engine);
}

int nv_engine_status(const struct nv_engine *engine)
{
    return engine->status;
}

static void read_clock(struct nv_engine *engine)
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
};

static void large_sent(void *arg)
{
    struct large *large = arg;
    large->engine->bulk -= large->size;
    if (large->memory == NULL) /* it was an object's */
        large->engine->holding = false;
    free(large->memory);
    free(large);
}

/* Sends the bytes behind an item that says NV_BULK; takes over the task's memory. */
static int send_large(struct nv_engine *engine, nave_task *task)
{
    struct large *large = malloc(sizeof *large);
    void **owner = task->data == task->room ? &task->room : &task->output;
    if (large == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for a result");
    *large = (struct large){engine, task->borrowed ? NULL : *owner, task->size};
    engine->bulk += task->size;
    engine->holding = engine->holding || task->borrowed;
    if (!task->borrowed)
        *owner = NULL;
    return nv_comm_send(engine->spec.comm, engine->answers.to, NV_TO_HUB, task->data, task->size,
                        large_sent, large);
}

/* A result that is alone in its item: failed, large, or not of the size asked for. */
static int answer_single(struct nv_engine *engine, nave_task *task, uint32_t flags, double started)
{
    bool large = task->size > NV_INLINE_MAX;
    struct nv_result result = {.job = task->job,
                               .index = task->index,
                               .code = task->code,
                               .message_size = (uint32_t)task->message_size,
                               .size = task->size,
                               .started = started,
                               .ended = engine->now,
                               .engine = engine->spec.rank,
                               .flags = flags | (large ? NV_BULK : 0)};
    int rc = nv_answers_result(&engine->answers, &result, task->message, task->data);
    return rc == NAVE_OK && large ? send_large(engine, task) : rc;
}

/* -------------------------------------------------------------------------------------- running */

/* Tasks that were run since the clock was read share the time. */
static void settle_time(struct nv_engine *engine)
{
    double before = engine->now, each;
    unsigned tasks = engine->unread;
    if (tasks == 0)
        return;
    read_clock(engine);
    nv_answers_time(&engine->answers, before, engine->now);
    each = (engine->now - before) / tasks;
    engine->stride = each * STRIDE_MAX < UNREAD_SECONDS ? STRIDE_MAX
                     : each < UNREAD_SECONDS            ? (unsigned)(UNREAD_SECONDS / each)
                                                        : 1;
}

static uint64_t index_of(const struct lot *lot)
{
    return lot->run.first + lot->at;
}

static void task_init(struct nv_engine *engine, struct lot *lot, nave_task *task)
{
    task->engine = engine;
    task->objects = &engine->objects;
    task->object = (const char *)lot->extra;
    task->input = &lot->large;
    task->user = engine->spec.user;
    task->job = lot->run.job;
    task->index = index_of(lot);
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

static const void *input_of(const struct lot *lot)
{
    if (lot->run.flags & NV_SHARED)
        return lot->data;
    return lot->data + lot->at * lot->run.in_size;
}

static struct nv_partial *partial_find(const struct nv_engine *engine, uint64_t job)
{
    struct nv_partial *partial = engine->partials;
    while (partial != NULL && partial->job != job)
        partial = partial->next;
    return partial;
}

/* The partial of a folding run, made at its first task. */
static struct nv_partial *partial_of(struct nv_engine *engine, const struct lot *lot,
                                     nave_task *task)
{
    struct nv_partial *partial = partial_find(engine, lot->run.parent);
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
    partial->next = engine->partials;
    engine->partials = partial;
    return partial;
}

static void run_kernel(struct nv_engine *engine, nave_task *task, nave_kernel_fn *run,
                       const void *in, size_t in_size)
{
    engine->inside = true;
    nv_task_run(task, run, in, in_size);
    engine->inside = false;
}

/* The result goes into the partial; what is answered has no bytes. */
static void run_folding(struct nv_engine *engine, struct lot *lot, nave_task *task,
                        nave_kernel_fn *run, const void *in, size_t in_size)
{
    struct nv_partial *partial = partial_of(engine, lot, task);
    int code;
    if (partial == NULL)
        return;
    task->out = nv_partial_begin(partial, task->index);
    task->out_size = nv_fold_size(&partial->fold);
    if (task->out == NULL) {
        nave_fail(task, "no memory for a result of %zu bytes", task->out_size);
        task->code = NAVE_ENOMEM;
        return;
    }
    run_kernel(engine, task, run, in, in_size);
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

/* Room for the result of the next task: in the row, or of its own. */
static int place_output(struct nv_engine *engine, const struct lot *lot, nave_task *task)
{
    int rc;
    task->out_size = (size_t)lot->run.out_size;
    if (task->out_size > NV_INLINE_MAX) {
        task->room = task->out = calloc(1, task->out_size);
        if (task->out == NULL) {
            nave_fail(task, "no memory for a result of %zu bytes", task->out_size);
            task->code = NAVE_ENOMEM;
        }
        return NAVE_OK;
    }
    if (!nv_answers_fits(&engine->answers, task->job, task->index, task->out_size))
        settle_time(engine);
    rc = nv_answers_room(&engine->answers, task->job, task->index, task->out_size, engine->now,
                         &task->out);
    if (rc == NAVE_OK && task->out_size > 0)
        memset(task->out, 0, task->out_size);
    return rc;
}

static int call(struct nv_engine *engine, struct lot *lot, nave_task *task)
{
    const struct nv_kernels *kernels = engine->spec.kernels;
    nave_kernel_fn *run = lot->run.kernel < kernels->count ? kernels->local[lot->run.kernel] : NULL;
    size_t in_size = (size_t)lot->run.in_size;
    int rc = NAVE_OK;
    if (run == NULL || lot->lost) {
        nave_fail(task,
                  run == NULL ? "this engine has no such kernel"
                              : "no memory for the input of %zu bytes",
                  in_size);
        task->code = run == NULL ? NAVE_EKERNEL : NAVE_ENOMEM;
    } else if (lot->run.flags & NV_FOLD) {
        run_folding(engine, lot, task, run, input_of(lot), in_size);
    } else {
        rc = place_output(engine, lot, task);
        if (rc == NAVE_OK && task->code == 0)
            run_kernel(engine, task, run, input_of(lot), in_size);
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
            settle_time(engine);
        rc = nv_answers_room(&engine->answers, task->job, task->index, 0, task->started, &nothing);
        if (rc != NAVE_OK)
            return rc;
    }
    nv_answers_good(&engine->answers);
    if (!(lot->run.flags & NV_UNTIMED))
        nv_answers_time(&engine->answers, task->started, engine->now);
    else if (++engine->unread >= engine->stride)
        settle_time(engine);
    return NAVE_OK;
}

static int tell_grown(struct nv_engine *engine, const struct lot *lot);

/* The first task of the lot and all that descends from it here are done: its answer. */
static int finish_task(struct nv_engine *engine, struct lot *lot)
{
    nave_task *task = &engine->task;
    bool timed = !(lot->run.flags & NV_UNTIMED);
    int rc = NAVE_OK;
    engine->open = false;
    if (timed || !goes_into_row(task, 0)) {
        settle_time(engine);
        read_clock(engine);
    }
    if (engine->grown > 0 && lot->at + 1 == lot->run.count)
        rc = tell_grown(engine, lot);
    if (rc == NAVE_OK && goes_into_row(task, timed ? engine->now - task->started : 0))
        rc = answer_in_row(engine, lot);
    else if (rc == NAVE_OK)
        rc = answer_single(engine, task, 0, task->started);
    lot->at++;
    free(task->output);
    free(task->room);
    return rc;
}

/* Runs the next task; what it has spawned comes before its answer. */
static int run_task(struct nv_engine *engine, struct lot *lot)
{
    nave_task *task = &engine->task;
    int rc;
    task_init(engine, lot, task);
    task->started = engine->now;
    rc = call(engine, lot, task);
    if (rc == NAVE_OK && engine->pool.count > 0) {
        engine->open = true;
        return NAVE_OK;
    }
    return rc == NAVE_OK ? finish_task(engine, lot) : rc;
}

/* -------------------------------------------------------------------------------- spawned tasks */

/* Memory that is kept from one spawned task to the next. */
static void *keep_room(struct nv_engine *engine, int which, size_t size)
{
    size_t whole = size < 64 ? 64 : (size + 63) / 64 * 64;
    if (whole > engine->room_size[which]) {
        free(engine->room[which]);
        engine->room[which] = aligned_alloc(64, whole);
        engine->room_size[which] = engine->room[which] != NULL ? whole : 0;
    }
    return engine->room[which];
}

static int tell_grown(struct nv_engine *engine, const struct lot *lot)
{
    struct nv_control control = {.job = lot->run.job,
                                 .count = engine->grown,
                                 .value = (int64_t)engine->pool.count,
                                 .engine = engine->spec.rank};
    engine->grown = 0;
    engine->told = engine->now;
    return nv_answers_control(&engine->answers, NV_GREW, &control);
}

static void call_child(struct nv_engine *engine, struct lot *lot, nave_task *task,
                       const struct nv_spawned *spawned, void *in)
{
    nave_kernel_fn *run = engine->spec.kernels->local[spawned->kernel];
    if (lot->run.flags & NV_FOLD) {
        run_folding(engine, lot, task, run, in, spawned->in_size);
        return;
    }
    task->out_size = (size_t)lot->run.out_size;
    task->out = keep_room(engine, 1, task->out_size);
    if (task->out != NULL) {
        memset(task->out, 0, task->out_size);
        run_kernel(engine, task, run, in, spawned->in_size);
        return;
    }
    nave_fail(task, "no memory for a result of %zu bytes", task->out_size);
    task->code = NAVE_ENOMEM;
}

/* Runs the newest spawned task.  It has no answer; that it failed is said at once. */
static int run_child(struct nv_engine *engine, struct lot *lot)
{
    nave_task *task = &engine->child;
    struct nv_spawned spawned;
    double started = engine->now;
    int rc = NAVE_OK;
    void *in;
    nv_pool_pop(&engine->pool, &spawned);
    in = keep_room(engine, 0, spawned.in_size);
    if (in == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for a spawned task");
    if (spawned.in_size > 0)
        memcpy(in, spawned.in, spawned.in_size);
    task_init(engine, lot, task);
    call_child(engine, lot, task, &spawned, in);
    engine->grown++;
    if (++engine->unread >= STRIDE_MAX || task->code != 0)
        read_clock(engine);
    if (task->code != 0)
        rc = answer_single(engine, task, NV_STRAY, started);
    free(task->output);
    return rc;
}

static bool may_spawn(const struct nv_engine *engine, const struct lot *lot)
{
    const struct nv_partial *partial;
    if (lot->run.flags & NV_CHILDLESS)
        return false;
    partial = lot->run.flags & NV_FOLD ? partial_find(engine, lot->run.parent) : NULL;
    return partial == NULL || partial->fold.block == 0;
}

int nv_engine_spawn(struct nv_engine *engine, const char *kernel, const void *in, size_t in_size)
{
    const struct nv_kernels *kernels = engine->spec.kernels;
    int id = kernel != NULL ? nv_kernels_find(kernels, kernel) : -1;
    if (id < NV_KERNEL_OWN || kernels->local[id] == NULL)
        return NAVE_EKERNEL;
    if (in_size > NV_INLINE_MAX)
        return NAVE_ESIZE;
    if (in == NULL && in_size > 0)
        return NAVE_EINVAL;
    if (!may_spawn(engine, engine->first))
        return NAVE_ETYPE;
    return nv_pool_push(&engine->pool, (uint32_t)id, in, (uint32_t)in_size) ? NAVE_OK : NAVE_ENOMEM;
}

/* The oldest spawned tasks, half of all at most, as long as they are of one kernel and size. */
static uint64_t gather(struct nv_engine *engine, struct nv_spawned *like, unsigned char *data)
{
    struct nv_spawned spawned;
    uint64_t most = engine->pool.count / 2, count = 0;
    size_t used = 0;
    nv_pool_oldest(&engine->pool, like);
    if (most > GIVE_TASKS)
        most = GIVE_TASKS;
    while (count < most && nv_pool_oldest(&engine->pool, &spawned) &&
           spawned.kernel == like->kernel && spawned.in_size == like->in_size &&
           used + spawned.in_size <= NV_RUN_INLINE_MAX) {
        if (spawned.in_size > 0)
            memcpy(data + used, spawned.in, spawned.in_size);
        used += spawned.in_size;
        nv_pool_shift(&engine->pool, &spawned);
        count++;
    }
    return count;
}

static int have_none(struct nv_engine *engine)
{
    int rc = nv_answers_control(&engine->answers, NV_GREW,
                                &(struct nv_control){.engine = engine->spec.rank});
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* Somebody has nothing to do. */
static int give_away(struct nv_engine *engine, int source)
{
    static const unsigned char nothing[1];
    unsigned char data[NV_RUN_INLINE_MAX];
    struct lot *lot = engine->first;
    struct nv_spawned like;
    struct nv_run run;
    int rc = nv_answers_to(&engine->answers, source);
    if (rc == NAVE_OK && (lot == NULL || !engine->open || lot->source != source))
        return have_none(engine);
    if (rc == NAVE_OK && engine->pool.count >= 2) {
        run = lot->run;
        run.first = 0;
        run.root = lot->run.flags & NV_CHILD ? lot->run.root : index_of(lot);
        run.flags = NV_CHILD;
        run.extra_size = 0;
        run.count = (uint32_t)gather(engine, &like, data);
        run.kernel = like.kernel;
        run.in_size = like.in_size;
        rc = nv_answers_surplus(&engine->answers, &run, nothing, data);
    }
    if (rc == NAVE_OK)
        rc = tell_grown(engine, lot);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* ----------------------------------------------------------------------------------- the slices */

/* Answers what is left of a cancelled run, or the cancelled row at its head. */
static int drop(struct nv_engine *engine, struct lot *lot)
{
    uint64_t end = lot->run.first + lot->run.count;
    struct nv_control control = {
        .job = lot->run.job, .first = index_of(lot), .engine = engine->spec.rank};
    end = lot->skip_end < end ? lot->skip_end : end;
    control.count = end - control.first;
    lot->at += control.count;
    settle_time(engine);
    return nv_answers_control(&engine->answers, NV_DROPPED, &control);
}

static bool is_cancelled(const struct lot *lot)
{
    return index_of(lot) >= lot->skip_first && index_of(lot) < lot->skip_end;
}

static bool may_run(const struct nv_engine *engine)
{
    return engine->first != NULL && !engine->first->arriving && !engine->holding &&
           (engine->preparing == 0 || engine->open) && engine->bulk < BULK_MAX;
}

static void lot_finish(struct nv_engine *engine)
{
    struct lot *lot = engine->first;
    engine->first = lot->next;
    if (engine->first == NULL)
        engine->end = &engine->first;
    lot_free(engine, lot);
}

static int step(struct nv_engine *engine)
{
    struct lot *lot = engine->first;
    int rc = nv_answers_to(&engine->answers, lot->source);
    if (rc != NAVE_OK)
        return rc;
    if (engine->open && is_cancelled(lot))
        nv_pool_clear(&engine->pool);
    if (engine->open && engine->pool.count > 0)
        return run_child(engine, lot);
    if (engine->open)
        rc = finish_task(engine, lot);
    else
        rc = is_cancelled(lot) ? drop(engine, lot) : run_task(engine, lot);
    if (lot->at == lot->run.count)
        lot_finish(engine);
    return rc;
}

/* Spawned tasks wait: others may want some. */
static int mention_pool(struct nv_engine *engine)
{
    if (!engine->open || engine->pool.count < 2 || engine->now - engine->told < TELL_SECONDS)
        return NAVE_OK;
    int rc = tell_grown(engine, engine->first);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* Runs tasks for a slice of time.  Results go when nothing is left to run, or after a while. */
static int run_slice(struct nv_engine *engine, bool *worked)
{
    double until;
    int rc = NAVE_OK;
    if (!may_run(engine))
        return NAVE_OK;
    *worked = true;
    read_clock(engine);
    until = engine->now + SLICE_SECONDS;
    while (rc == NAVE_OK && may_run(engine) && engine->now < until)
        rc = step(engine);
    settle_time(engine);
    if (rc == NAVE_OK)
        rc = mention_pool(engine);
    if (rc == NAVE_OK && (!may_run(engine) || engine->now - engine->sent > FLUSH_SECONDS)) {
        rc = nv_answers_post(&engine->answers);
        engine->sent = engine->now;
    }
    return rc;
}

/* ------------------------------------------------------------------------------------ receiving */

static void lot_arrived(void *arg)
{
    ((struct lot *)arg)->arriving = false;
}

/* A large input gets memory of its own and comes in a transfer. */
static int receive_large(struct nv_engine *engine, struct lot *lot, size_t size)
{
    lot->large = size > 0 ? aligned_alloc(64, (size + 63) / 64 * 64) : NULL;
    lot->lost = lot->large == NULL;
    lot->data = lot->large;
    lot->arriving = true;
    return nv_comm_receive(engine->spec.comm, lot->source, NV_TO_ENGINE, lot->large, size,
                           lot_arrived, lot);
}

static struct lot *lot_new(struct nv_engine *engine, size_t size)
{
    struct lot *lot = engine->spare;
    if (size > LOT_ROOM) {
        lot = aligned_alloc(64, (size + 63) / 64 * 64);
    } else if (lot != NULL) {
        engine->spare = lot->next;
    } else {
        lot = aligned_alloc(64, LOT_ROOM);
    }
    if (lot == NULL)
        return NULL;
    memset(lot, 0, sizeof *lot);
    lot->small = size <= LOT_ROOM;
    return lot;
}

static int receive_run(struct nv_engine *engine, int source, const struct nv_item *item)
{
    bool bulk = (item->run.flags & NV_BULK) != 0;
    size_t head = (sizeof(struct lot) + item->run.extra_size + 1 + 63) / 64 * 64;
    struct lot *lot = lot_new(engine, head + (bulk ? 0 : item->data_size));
    if (lot == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for tasks");
    lot->run = item->run;
    lot->source = source;
    lot->extra = (unsigned char *)(lot + 1);
    memcpy(lot->extra, item->extra, item->run.extra_size);
    lot->extra[item->run.extra_size] = '\0';
    lot->data = (unsigned char *)lot + head;
    if (!bulk && item->data_size > 0)
        memcpy((unsigned char *)lot + head, item->data, item->data_size);
    *engine->end = lot;
    engine->end = &lot->next;
    return bulk ? receive_large(engine, lot, item->data_size) : NAVE_OK;
}

/* The hub sends some more of the tasks it sent last. */
static int receive_more(struct nv_engine *engine, int source, const struct nv_item *item)
{
    struct nv_item whole = *item;
    whole.kind = NV_RUN;
    whole.run = engine->last;
    whole.run.first = item->run.first;
    whole.run.count = item->run.count;
    whole.extra = "";
    whole.data_size = (size_t)(engine->last.flags & NV_SHARED ? 1 : item->run.count) *
                      (size_t)engine->last.in_size;
    if (source != 0 || engine->last.count == 0 || whole.data_size > item->data_size)
        return nv_error_set(engine->spec.error, NAVE_EWIRE, "a damaged run from rank %d", source);
    return receive_run(engine, source, &whole);
}

/* The tasks of a job, or (count) a row of them.  Of several rows in one lot only those that meet are
 * dropped; the others run, and their results are not wanted. */
static void cancel(struct nv_engine *engine, int source, const struct nv_control *control)
{
    uint64_t first = control->first;
    uint64_t end = control->count > 0 ? first + control->count : UINT64_MAX;
    for (struct lot *lot = engine->first; lot != NULL; lot = lot->next) {
        if (lot->run.job != control->job || lot->source != source)
            continue;
        if (first > lot->skip_end || end < lot->skip_first || lot->skip_end == 0) {
            lot->skip_first = first;
            lot->skip_end = end;
        } else {
            lot->skip_first = first < lot->skip_first ? first : lot->skip_first;
            lot->skip_end = end > lot->skip_end ? end : lot->skip_end;
        }
    }
}

/* Where the part of a lot begins that can still be given back. */
static uint64_t not_started(const struct nv_engine *engine, const struct lot *lot)
{
    bool begun = lot == engine->first && (engine->inside || engine->open);
    return index_of(lot) + begun;
}

/* The link to the lot of which the row is the end. */
static struct lot **lot_with(struct nv_engine *engine, int source, const struct nv_control *row)
{
    struct lot **link = &engine->first;
    while (*link != NULL && ((*link)->run.job != row->job || (*link)->source != source ||
                             (*link)->run.first + (*link)->run.count != row->first + row->count ||
                             (*link)->arriving))
        link = &(*link)->next;
    return link;
}

/* Gives back the end of a row, as much of it as has not started. */
static int recall(struct nv_engine *engine, int source, const struct nv_control *row)
{
    uint64_t end = row->first + row->count, from = end;
    struct nv_control control = *row;
    struct lot **link = lot_with(engine, source, row);
    struct lot *lot = *link;
    int rc = nv_answers_to(&engine->answers, source);
    if (lot != NULL) {
        from = not_started(engine, lot);
        from = from > row->first ? from : row->first;
        lot->run.count = (uint32_t)(from - lot->run.first);
        if (lot->run.count == lot->at) {
            *link = lot->next;
            if (*link == NULL)
                engine->end = link;
            lot_free(engine, lot);
        }
    }
    control.first = from;
    control.count = end - from;
    control.value = (int64_t)row->count;
    control.engine = engine->spec.rank;
    if (rc == NAVE_OK)
        rc = nv_answers_control(&engine->answers, NV_RETURNED, &control);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

struct nv_partial *nv_engine_take_partial(struct nv_engine *engine, uint64_t job)
{
    struct nv_partial **link = &engine->partials;
    struct nv_partial *partial;
    while (*link != NULL && (*link)->job != job)
        link = &(*link)->next;
    partial = *link;
    if (partial != NULL)
        *link = partial->next;
    return partial;
}

/* Everybody who takes part is in here at about the same time: the hub has asked (NV_PREPARE). */
static int reduce(struct nv_engine *engine, const struct nv_item *item)
{
    struct nv_partial *partial = nv_engine_take_partial(engine, item->control.job);
    MPI_Comm mpi = MPI_COMM_NULL;
    int rc;
    engine->preparing = 0;
    if (partial == NULL)
        return nv_error_set(engine->spec.error, NAVE_EWIRE, "a reduction of nothing");
    rc = nv_fold_comm(engine->spec.mpi, item->extra, (int)item->control.list_size, &mpi,
                      engine->spec.error);
    if (rc == NAVE_OK)
        rc = nv_fold_reduce(mpi, &partial->fold, partial, NULL, engine->spec.error);
    if (mpi != MPI_COMM_NULL && mpi != engine->spec.mpi)
        MPI_Comm_free(&mpi);
    nv_partial_free(partial);
    return rc;
}

static int receive_item(struct nv_engine *engine, int source, const struct nv_item *item)
{
    switch (item->kind) {
    case NV_RUN:
        if (source == 0)
            engine->last = item->run;
        return receive_run(engine, source, item);
    case NV_MORE:
        return receive_more(engine, source, item);
    case NV_CANCEL:
        cancel(engine, source, &item->control);
        return NAVE_OK;
    case NV_RECALL:
        return recall(engine, source, &item->control);
    case NV_WANT:
        return give_away(engine, source);
    case NV_PREPARE:
        engine->preparing = item->control.job;
        engine->ready = false;
        return NAVE_OK;
    case NV_REDUCE:
        return reduce(engine, item);
    case NV_DROP:
        if (engine->preparing == item->control.job)
            engine->preparing = 0;
        nv_partial_free(nv_engine_take_partial(engine, item->control.job));
        return NAVE_OK;
    case NV_CLOSE:
        engine->closed = true;
        engine->status = (int)item->control.value;
        return NAVE_OK;
    default:
        return nv_error_set(engine->spec.error, NAVE_EWIRE, "an item of kind %d for an engine",
                            (int)item->kind);
    }
}

static int take_frame(struct nv_engine *engine, int source, const struct nv_frame *frame)
{
    struct nv_reader reader = {frame->data, frame->size, 0};
    struct nv_item item;
    int more;
    while ((more = nv_frame_next(&reader, &item)) == 1) {
        int rc = receive_item(engine, source, &item);
        if (rc != NAVE_OK)
            return rc;
    }
    if (more < 0)
        return nv_error_set(engine->spec.error, NAVE_EWIRE, "a damaged frame from rank %d", source);
    return NAVE_OK;
}

/* All that has come; an engine that had nothing to do starts on the first there is. */
static int receive(struct nv_engine *engine, bool *worked)
{
    const struct nv_frame *frame;
    bool idle = engine->first == NULL;
    int source;
    int rc = nv_comm_next(engine->spec.comm, NV_TO_ENGINE, &source, &frame);
    while (rc == 1) {
        *worked = true;
        rc = take_frame(engine, source, frame);
        if (rc != NAVE_OK || (idle && engine->first != NULL && !engine->inside))
            return rc;
        rc = nv_comm_next(engine->spec.comm, NV_TO_ENGINE, &source, &frame);
    }
    return rc;
}

/* The kernel that asks may run for long: what was finished before it does not wait for it.  (Its
 * own place in the row stays where it is.) */
static int send_finished(struct nv_engine *engine)
{
    double now = nv_clock() - engine->spec.origin;
    if (now - engine->sent <= FLUSH_SECONDS)
        return NAVE_OK;
    engine->sent = now;
    return nv_answers_post(&engine->answers);
}

int nv_engine_cancelled(struct nv_engine *engine)
{
    bool worked;
    if (send_finished(engine) != NAVE_OK || receive(engine, &worked) != NAVE_OK)
        return 1;
    return is_cancelled(engine->first);
}

/* When all that this engine had to send is gone it may enter the reduction.  What waits for company
 * goes now: the hub does not receive what it has not been told of. */
static int say_ready(struct nv_engine *engine)
{
    struct nv_control control = {.job = engine->preparing, .engine = engine->spec.rank};
    int rc;
    if (engine->preparing == 0 || engine->ready || engine->open)
        return NAVE_OK;
    rc = nv_answers_post(&engine->answers);
    if (rc != NAVE_OK || nv_comm_pending(engine->spec.comm) > 0)
        return rc;
    engine->ready = true;
    rc = nv_answers_to(&engine->answers, 0);
    if (rc == NAVE_OK)
        rc = nv_answers_control(&engine->answers, NV_READY, &control);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* The hub hears of objects that come and go, since it places tasks near them. */
int nv_engine_holds(struct nv_engine *engine, const char *name, bool holds)
{
    int32_t list[NV_NAME_MAX / 4 + 2] = {0};
    struct nv_control control = {.value = holds, .engine = engine->spec.rank};
    int to = engine->answers.to;
    int rc = nv_answers_to(&engine->answers, 0);
    strcpy((char *)list, name);
    control.list_size = (uint32_t)(strlen(name) / 4 + 1);
    if (rc == NAVE_OK)
        rc = nv_answers_list(&engine->answers, NV_HOLDS, &control, list);
    return rc == NAVE_OK ? nv_answers_to(&engine->answers, to) : rc;
}

bool nv_engine_waits_for_transfers(const struct nv_engine *engine)
{
    return nv_comm_pending(engine->spec.comm) > 0;
}

int nv_engine_turn(struct nv_engine *engine, bool *worked)
{
    int rc;
    *worked = false;
    rc = receive(engine, worked);
    if (rc == NAVE_OK)
        rc = nv_comm_progress(engine->spec.comm);
    if (rc < 0)
        return rc;
    *worked = *worked || rc > 0;
    rc = run_slice(engine, worked);
    if (rc == NAVE_OK)
        rc = say_ready(engine);
    if (rc != NAVE_OK)
        return rc;
    return engine->closed ? NAVE_END : NAVE_OK;
}
