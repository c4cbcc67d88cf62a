/* engine - see engine.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"
#include "clock.h"
#include "object.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_SECONDS 100e-6 /* of running before a look at what has come */
#define FLUSH_SECONDS 200e-6 /* a result waits for others at most about this long */
enum {
    ROW_TASKS = 4096, /* results in a row */
    ROW_BYTES = 32 * 1024,
    BULK_MAX = 64 << 20 /* bytes of large results under way before running on */
};

/* A run of tasks that has come. */
struct lot {
    struct lot *next;
    struct nv_run run;
    uint64_t at; /* tasks that were answered */
    bool cancelled;
    bool lost;     /* there was no memory for the input */
    bool arriving; /* the input is under way */
    void *large;   /* the input's memory, when it is not behind this struct */
    const unsigned char *data;
    unsigned char *extra;
};

/* A row of results of one size that waits to be put into a frame. */
struct row {
    struct nv_results head;
    size_t base; /* where in `data` the first result of the row is */
    uint32_t nanoseconds[ROW_TASKS];
    _Alignas(64) unsigned char data[ROW_BYTES];
};

struct nv_engine {
    struct nv_engine_spec spec;
    struct nv_objects objects;
    struct lot *first, **end;
    struct nv_partial *partials;
    struct nv_frame *frame; /* results that wait to be sent; NULL: none yet */
    double sent;            /* when a frame went last */
    size_t bulk;            /* bytes of large results under way */
    bool holding;           /* an object is being sent: nothing may change it */
    uint64_t preparing;     /* a job to be reduced: until then no task is started; or 0 */
    bool ready;             /* NV_READY was said */
    bool closed;
    int status;
    nave_task task;
    struct row row;
};

int nv_engine_new(const struct nv_engine_spec *spec, struct nv_engine **out)
{
    struct nv_engine *engine = aligned_alloc(64, (sizeof *engine + 63) / 64 * 64);
    if (engine == NULL)
        return nv_error_set(spec->error, NAVE_ENOMEM, "no memory for the engine");
    memset(engine, 0, sizeof *engine);
    engine->spec = *spec;
    engine->end = &engine->first;
    *out = engine;
    return NAVE_OK;
}

static void lot_free(struct lot *lot)
{
    free(lot->large);
    free(lot);
}

void nv_engine_free(struct nv_engine *engine)
{
    if (engine == NULL)
        return;
    while (engine->first != NULL) {
        struct lot *lot = engine->first;
        engine->first = lot->next;
        lot_free(lot);
    }
    while (engine->partials != NULL)
        nv_partial_free(nv_engine_take_partial(engine, engine->partials->job));
    if (engine->frame != NULL)
        nv_comm_frame_free(engine->spec.comm, engine->frame);
    nv_objects_release(&engine->objects);
    free(engine);
}

int nv_engine_status(const struct nv_engine *engine)
{
    return engine->status;
}

/* ------------------------------------------------------------------------------------ answering */

static int post(struct nv_engine *engine)
{
    struct nv_frame *frame = engine->frame;
    if (frame == NULL)
        return NAVE_OK;
    engine->frame = NULL;
    return nv_comm_post(engine->spec.comm, 0, NV_TO_HUB, frame);
}

/* A frame with room for an item of `size` bytes; a full one goes first. */
static int frame_for(struct nv_engine *engine, size_t size)
{
    if (engine->frame != NULL && NV_FRAME_ROOM - engine->frame->size < size) {
        int rc = post(engine);
        if (rc != NAVE_OK)
            return rc;
    }
    if (engine->frame == NULL)
        engine->frame = nv_comm_frame(engine->spec.comm);
    if (engine->frame == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for results");
    return NAVE_OK;
}

static int row_flush(struct nv_engine *engine)
{
    struct row *row = &engine->row;
    int rc;
    if (row->head.count == 0)
        return NAVE_OK;
    rc = frame_for(engine, nv_frame_results_size(&row->head));
    if (rc != NAVE_OK)
        return rc;
    nv_frame_add_results(engine->frame, &row->head, row->nanoseconds, row->data + row->base);
    row->base += row->head.count * row->head.size;
    row->head.first += row->head.count;
    row->head.count = 0;
    return NAVE_OK;
}

static int answer_control(struct nv_engine *engine, enum nv_item_kind kind,
                          const struct nv_control *control)
{
    int rc = row_flush(engine);
    if (rc == NAVE_OK)
        rc = frame_for(engine, nv_frame_control_size(control));
    if (rc == NAVE_OK)
        nv_frame_add_control(engine->frame, kind, control, NULL);
    return rc;
}

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
    return nv_comm_send(engine->spec.comm, 0, NV_TO_HUB, task->data, task->size, large_sent, large);
}

/* A result that is alone in its item: failed, large, or not of the size asked for. */
static int answer_single(struct nv_engine *engine, nave_task *task, double started, double ended)
{
    bool large = task->size > NV_INLINE_MAX;
    struct nv_result result = {.job = task->job,
                               .index = task->index,
                               .code = task->code,
                               .message_size = (uint32_t)task->message_size,
                               .size = task->size,
                               .started = started,
                               .ended = ended,
                               .flags = large ? NV_BULK : 0};
    int rc = row_flush(engine);
    if (rc == NAVE_OK)
        rc = frame_for(engine, nv_frame_result_size(&result));
    if (rc == NAVE_OK)
        nv_frame_add_result(engine->frame, &result, task->message, task->data);
    return rc == NAVE_OK && large ? send_large(engine, task) : rc;
}

/* -------------------------------------------------------------------------------------- running */

static uint32_t nanoseconds(double seconds)
{
    double ns = seconds * 1e9 + 0.5;
    return ns < 0 ? 0 : ns > (double)UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static bool row_fits(const struct row *row, const struct lot *lot, uint64_t index)
{
    const struct nv_results *head = &row->head;
    return head->count > 0 && head->job == lot->run.job && head->first + head->count == index &&
           head->size == lot->run.out_size && head->count < ROW_TASKS &&
           row->base + (head->count + 1) * head->size <= ROW_BYTES;
}

/* Room for the result of the next task: in the row, in a slot, or of its own. */
static int place_output(struct nv_engine *engine, const struct lot *lot, nave_task *task)
{
    struct row *row = &engine->row;
    task->out_size = (size_t)lot->run.out_size;
    if (task->out_size > NV_INLINE_MAX) {
        task->room = task->out = calloc(1, task->out_size);
        return task->out != NULL ? NAVE_OK : NAVE_ENOMEM;
    }
    if (!row_fits(row, lot, task->index)) {
        int rc = row_flush(engine);
        if (rc != NAVE_OK)
            return rc;
        row->head =
            (struct nv_results){.job = task->job, .first = task->index, .size = lot->run.out_size};
        row->base = 0;
    }
    task->out = row->data + row->base + row->head.count * row->head.size;
    if (task->out_size > 0)
        memset(task->out, 0, task->out_size);
    return NAVE_OK;
}

static void task_init(struct nv_engine *engine, struct lot *lot, nave_task *task)
{
    task->engine = engine;
    task->objects = &engine->objects;
    task->object = (const char *)lot->extra;
    task->input = &lot->large;
    task->user = engine->spec.user;
    task->job = lot->run.job;
    task->index = lot->run.first + lot->at;
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
    struct nv_partial *partial = partial_find(engine, lot->run.job);
    bool accumulates = (engine->spec.kernels->flags[lot->run.kernel] & NAVE_ACCUMULATES) != 0;
    struct nv_fold fold;
    char why[256];
    if (partial != NULL)
        return partial;
    if (!nv_fold_decode(&fold, lot->extra, lot->run.extra_size, engine->spec.ops,
                        engine->spec.op_count, why, sizeof why)) {
        nave_fail(task, "%s", why);
        task->code = NAVE_ETYPE;
        return NULL;
    }
    partial = nv_partial_new(lot->run.job, &fold, accumulates);
    if (partial == NULL) {
        nv_fold_release(&fold);
        task->code = NAVE_ENOMEM;
        return NULL;
    }
    partial->next = engine->partials;
    engine->partials = partial;
    return partial;
}

/* The result goes into the partial; what is answered has no bytes. */
static void run_folding(struct nv_engine *engine, struct lot *lot, nave_task *task,
                        nave_kernel_fn *run)
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
    nv_task_run(task, run, input_of(lot), (size_t)lot->run.in_size);
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

static int call(struct nv_engine *engine, struct lot *lot, nave_task *task)
{
    const struct nv_kernels *kernels = engine->spec.kernels;
    nave_kernel_fn *run = lot->run.kernel < kernels->count ? kernels->local[lot->run.kernel] : NULL;
    int rc = NAVE_OK;
    if (run == NULL || lot->lost) {
        nave_fail(task,
                  run == NULL ? "this engine has no such kernel"
                              : "no memory for the input of %zu bytes",
                  (size_t)lot->run.in_size);
        task->code = run == NULL ? NAVE_EKERNEL : NAVE_ENOMEM;
    } else if (lot->run.flags & NV_FOLD) {
        run_folding(engine, lot, task, run);
    } else {
        rc = place_output(engine, lot, task);
        if (rc == NAVE_OK)
            nv_task_run(task, run, input_of(lot), (size_t)lot->run.in_size);
        else
            nave_fail(task, "no memory for a result of %zu bytes", (size_t)lot->run.out_size);
        if (rc == NAVE_ENOMEM)
            task->code = NAVE_ENOMEM;
    }
    return rc == NAVE_ENOMEM ? NAVE_OK : rc;
}

/* Whether the result is in the row, where a time is a number of nanoseconds below 2^32. */
static bool goes_into_row(const nave_task *task, double seconds)
{
    return task->code == 0 && !task->borrowed && task->output == NULL && task->room == NULL &&
           seconds < 4;
}

/* Runs one task that started at *now; stores when it ended. */
static int run_task(struct nv_engine *engine, struct lot *lot, double *now)
{
    nave_task *task = &engine->task;
    struct row *row = &engine->row;
    double started = *now;
    int rc;
    task_init(engine, lot, task);
    rc = call(engine, lot, task);
    lot->at++;
    *now = nv_clock() - engine->spec.origin;
    if (rc != NAVE_OK)
        return rc;
    if (task->code == 0 && lot->run.flags & NV_FOLD && !row_fits(row, lot, task->index)) {
        rc = row_flush(engine);
        row->head = (struct nv_results){.job = task->job, .first = task->index};
        row->base = 0;
    }
    if (goes_into_row(task, *now - started)) {
        if (row->head.count == 0)
            row->head.started = started;
        row->nanoseconds[row->head.count++] = nanoseconds(*now - started);
    } else if (rc == NAVE_OK) {
        rc = answer_single(engine, task, started, *now);
    }
    free(task->output);
    free(task->room);
    return rc;
}

/* Answers what is left of a cancelled run. */
static int drop_rest(struct nv_engine *engine, struct lot *lot)
{
    struct nv_control control = {
        .job = lot->run.job, .first = lot->run.first + lot->at, .count = lot->run.count - lot->at};
    lot->at = lot->run.count;
    return answer_control(engine, NV_DROPPED, &control);
}

static bool may_run(const struct nv_engine *engine)
{
    return engine->first != NULL && !engine->first->arriving && !engine->holding &&
           engine->preparing == 0 && engine->bulk < BULK_MAX;
}

static void lot_finish(struct nv_engine *engine)
{
    struct lot *lot = engine->first;
    engine->first = lot->next;
    if (engine->first == NULL)
        engine->end = &engine->first;
    lot_free(lot);
}

/* Runs tasks for a slice of time.  Results go when nothing is left to run, or after a while. */
static int run_slice(struct nv_engine *engine, bool *worked)
{
    double now, until;
    int rc = NAVE_OK;
    if (!may_run(engine))
        return NAVE_OK;
    *worked = true;
    now = nv_clock() - engine->spec.origin;
    until = now + SLICE_SECONDS;
    while (rc == NAVE_OK && may_run(engine) && now < until) {
        struct lot *lot = engine->first;
        rc = lot->cancelled ? drop_rest(engine, lot) : run_task(engine, lot, &now);
        if (lot->at == lot->run.count)
            lot_finish(engine);
    }
    if (rc == NAVE_OK && (!may_run(engine) || now - engine->sent > FLUSH_SECONDS)) {
        rc = row_flush(engine);
        if (rc == NAVE_OK)
            rc = post(engine);
        engine->sent = now;
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
    return nv_comm_receive(engine->spec.comm, 0, NV_TO_ENGINE, lot->large, size, lot_arrived, lot);
}

static int receive_run(struct nv_engine *engine, const struct nv_item *item)
{
    bool bulk = (item->run.flags & NV_BULK) != 0;
    size_t head = (sizeof(struct lot) + item->run.extra_size + 1 + 63) / 64 * 64;
    size_t size = head + (bulk ? 0 : item->data_size);
    struct lot *lot = aligned_alloc(64, (size + 63) / 64 * 64);
    if (lot == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for tasks");
    memset(lot, 0, sizeof *lot);
    lot->run = item->run;
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

static void cancel(struct nv_engine *engine, uint64_t job)
{
    for (struct lot *lot = engine->first; lot != NULL; lot = lot->next)
        if (lot->run.job == job)
            lot->cancelled = true;
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

static int receive_item(struct nv_engine *engine, const struct nv_item *item)
{
    switch (item->kind) {
    case NV_RUN:
        return receive_run(engine, item);
    case NV_CANCEL:
        cancel(engine, item->control.job);
        return NAVE_OK;
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

static int receive(struct nv_engine *engine, bool *worked)
{
    const struct nv_frame *frame;
    int source;
    int rc = nv_comm_next(engine->spec.comm, NV_TO_ENGINE, &source, &frame);
    while (rc == 1) {
        struct nv_reader reader = {frame->data, frame->size, 0};
        struct nv_item item;
        int more;
        *worked = true;
        while ((more = nv_frame_next(&reader, &item)) == 1) {
            rc = receive_item(engine, &item);
            if (rc != NAVE_OK)
                return rc;
        }
        if (more < 0)
            return nv_error_set(engine->spec.error, NAVE_EWIRE, "a damaged frame from the hub");
        rc = nv_comm_next(engine->spec.comm, NV_TO_ENGINE, &source, &frame);
    }
    return rc;
}

/* The kernel that asks may run for long: what was finished before it does not wait for it.  (Its
 * own place in the row stays where it is.) */
static int send_finished(struct nv_engine *engine)
{
    double now = nv_clock() - engine->spec.origin;
    int rc;
    if (now - engine->sent <= FLUSH_SECONDS)
        return NAVE_OK;
    engine->sent = now;
    rc = row_flush(engine);
    return rc == NAVE_OK ? post(engine) : rc;
}

int nv_engine_cancelled(struct nv_engine *engine, uint64_t job)
{
    bool worked;
    if (send_finished(engine) != NAVE_OK || receive(engine, &worked) != NAVE_OK)
        return 1;
    return engine->first != NULL && engine->first->run.job == job && engine->first->cancelled;
}

/* When all that this engine had to send is gone it may enter the reduction.  What waits for company
 * goes now: the hub does not receive what it has not been told of. */
static int say_ready(struct nv_engine *engine)
{
    struct nv_control control = {.job = engine->preparing};
    int rc;
    if (engine->preparing == 0 || engine->ready)
        return NAVE_OK;
    rc = row_flush(engine);
    if (rc == NAVE_OK)
        rc = post(engine);
    if (rc != NAVE_OK || nv_comm_pending(engine->spec.comm) > 0)
        return rc;
    engine->ready = true;
    rc = answer_control(engine, NV_READY, &control);
    return rc == NAVE_OK ? post(engine) : rc;
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
