/* guarded - see guarded.h.  SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  The room that the guard shares with its parent has, for a row of n tasks: a head
 * that says what they are, an outcome for each, the extra part of the run, inputs, results, and
 * messages, which are touched only by tasks that fail.  Inputs and results lie side by side as they
 * do in a frame, so each is one copy for the whole row.  A result of another size than asked for
 * goes by nv_guard_overflow() if it is too large for its place.
 *
 * Sums stay with the engine: the child computes a result, the parent folds it in.  A kernel that
 * accumulates gets the sum so far and gives it back, so its rows are of one task.
 */
#include "guarded.h"
#include "clock.h"
#include "guard.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_BYTES = 512 << 10, /* inputs and results of a row of several tasks, at most */
    /* Bytes that are shared at first: enough for any such row with its messages, so that no child is
     * made to be replaced at once.  Memory that nobody touches costs nothing. */
    ROOM_FIRST = 2 << 20
};

/* What became of a task of the row. */
struct outcome {
    int32_t code;
    uint32_t message_size;
    uint64_t size; /* of the result; more than its place has: it went by overflow */
};

/* Places are offsets in the room. */
struct head {
    struct nv_run run; /* `first`: of the row */
    uint64_t number;   /* for nave_task_index(), unless `own_numbers` */
    uint64_t out_size, out_stride;
    bool own_numbers, shared, accumulates;
    size_t outcomes, extra, in, out, messages, end;
};

static size_t after(size_t place, size_t bytes)
{
    return (place + bytes + 63) / 64 * 64;
}

static struct head layout(const struct lot *lot, size_t out_size, bool accumulates, uint32_t count)
{
    const struct nv_run *run = &lot->run;
    struct head head = {.run = *run, .out_size = out_size, .accumulates = accumulates};
    size_t each = (size_t)run->in_size;
    head.shared = (run->flags & NV_SHARED) != 0;
    head.own_numbers = !(run->flags & (NV_SINGLES | NV_CHILD));
    head.number = run->flags & NV_CHILD ? run->root : 0;
    head.run.first = nv_work_index(lot);
    head.run.count = count;
    head.outcomes = after(0, sizeof head);
    head.extra = after(head.outcomes, count * sizeof(struct outcome));
    head.in = after(head.extra, run->extra_size + 1);
    head.out = after(head.in, head.shared ? each : each * count);
    head.messages = after(head.out, out_size * count);
    head.end = after(head.messages, (size_t)count * NV_MESSAGE_MAX);
    return head;
}

struct nv_guarded {
    struct nv_guard *guard;
    uint64_t version; /* of the objects that the child knows */
    struct head head; /* of the row: the child may spoil the one in the room */
    uint32_t handed;  /* tasks of the row; 0: none runs */
    uint32_t collected;
    uint32_t attempts; /* that the next task has failed, where it is begun again here */
};

static bool busy(const struct nv_guarded *guarded)
{
    return guarded != NULL && guarded->handed > 0;
}

static unsigned char *room_of(const struct nv_guarded *guarded)
{
    return nv_guard_room(guarded->guard);
}

/* ------------------------------------------------------------------------------- in the child */

static void begin_task(struct nv_engine *engine, const struct head *head, unsigned char *room,
                       uint32_t at)
{
    nave_task *task = &engine->task;
    task->engine = engine;
    task->guarded = true;
    task->objects = &engine->objects;
    task->object = (const char *)room + head->extra;
    task->user = engine->spec.user;
    task->job = head->run.job;
    task->index = head->run.first + at;
    task->number = head->own_numbers ? task->index : head->number;
    task->rank = engine->spec.rank;
    task->room = task->output = NULL;
    task->out = room + head->out + at * head->out_size;
    task->out_size = (size_t)head->out_size;
    task->borrowed = false;
    task->code = 0;
    task->message_size = 0;
}

/* Small results of another size lie in the place that was made for one as asked for. */
static void keep_output(struct nv_guard *guard, nave_task *task, uint32_t at)
{
    if (task->size == 0)
        return;
    if (task->size <= task->out_size)
        memcpy(task->out, task->data, task->size);
    else if (nv_guard_overflow(guard, at, task->data, task->size) != NAVE_OK) {
        nave_fail(task, "no memory for a result of %zu bytes", task->size);
        task->code = NAVE_ENOMEM;
    }
}

static void run_in_child(struct nv_guard *guard, void *arg, uint32_t at)
{
    struct nv_engine *engine = arg;
    unsigned char *room = nv_guard_room(guard);
    const struct head *head = (const struct head *)(void *)room;
    struct outcome *outcome = (struct outcome *)(void *)(room + head->outcomes) + at;
    const unsigned char *in = room + head->in;
    nave_task *task = &engine->task;
    if (!head->shared)
        in += at * head->run.in_size;
    begin_task(engine, head, room, at);
    if (!head->accumulates && task->out_size > 0)
        memset(task->out, 0, task->out_size);
    nv_task_run(task, engine->spec.kernels->local[head->run.kernel], in, (size_t)head->run.in_size);
    if (task->code == 0 && task->data != task->out)
        keep_output(guard, task, at);
    if (task->code != 0)
        memcpy(room + head->messages + (size_t)at * NV_MESSAGE_MAX, task->message,
               task->message_size);
    *outcome = (struct outcome){.code = task->code,
                                .message_size = (uint32_t)task->message_size,
                                .size = task->code == 0 ? task->size : 0};
    free(task->output);
    task->output = NULL;
}

/* ------------------------------------------------------------------------------ handing over */

/* The guard, with so much room at least, and a child that sees the objects as they are. */
static int prepare(struct nv_engine *engine, size_t room)
{
    struct nv_guard_spec spec = {.run = run_in_child,
                                 .arg = engine,
                                 .room = room > ROOM_FIRST ? room : ROOM_FIRST,
                                 .bell = engine->spec.bell,
                                 .crowded = engine->spec.crowded,
                                 .error = engine->spec.error};
    struct nv_guarded *guarded = engine->guarded;
    int rc = NAVE_OK;
    if (guarded == NULL)
        guarded = engine->guarded = calloc(1, sizeof *guarded);
    if (guarded == NULL)
        return NAVE_ENOMEM;
    if (guarded->guard == NULL)
        rc = nv_guard_new(&spec, &guarded->guard);
    else if (nv_guard_size(guarded->guard) < room)
        rc = nv_guard_grow(guarded->guard, 2 * room);
    else if (guarded->version != engine->objects.version)
        rc = nv_guard_renew(guarded->guard);
    if (rc == NAVE_OK)
        guarded->version = engine->objects.version;
    return rc;
}

/* Whether a task that fails is begun again here: where the hub cannot send it elsewhere. */
static bool insists_on(const struct lot *lot)
{
    return (lot->run.flags & (NV_FOLD | NV_CHILD | NV_CHILDLESS)) != 0;
}

/* Tasks of the lot that can go in one row: not those that are cancelled. */
static uint32_t row_length(const struct lot *lot, size_t out_size, bool accumulates)
{
    size_t each = (size_t)lot->run.in_size + out_size;
    uint64_t left = lot->run.count - lot->at, most = NV_GUARD_ROW;
    uint32_t count = 1;
    if (accumulates || (insists_on(lot) && lot->run.retries > 0))
        return 1;
    if (each > 0 && ROW_BYTES / each < most)
        most = ROW_BYTES / each;
    while (count < left && count < most && (lot->skip == NULL || !lot->skip[lot->at + count]))
        count++;
    return count;
}

/* Copies the row into the room.  `sum`: what a kernel that accumulates goes on from; NULL: none. */
static void fill_room(const struct nv_guarded *guarded, const struct lot *lot, const void *sum)
{
    const struct head *head = &guarded->head;
    unsigned char *room = room_of(guarded);
    size_t in = (size_t)lot->run.in_size * (head->shared ? 1 : head->run.count);
    memcpy(room, head, sizeof *head);
    memcpy(room + head->extra, lot->extra, lot->run.extra_size + 1);
    if (in > 0)
        memcpy(room + head->in, nv_work_input(lot), in);
    if (sum != NULL)
        memcpy(room + head->out, sum, (size_t)head->out_size);
}

/* Of a reduction: the partial sums, and the sum so far if the kernel goes on from it.  False: the
 * task has failed. */
static bool look_at_fold(struct nv_engine *engine, struct lot *lot, size_t *out_size,
                         const void **sum)
{
    nave_task *task = &engine->task;
    struct nv_partial *partial;
    nv_work_begin(engine, lot, task);
    partial = nv_work_partial_of(engine, lot, task);
    if (partial == NULL)
        return false;
    *out_size = nv_fold_size(&partial->fold);
    if (!partial->accumulates)
        return true;
    *sum = nv_partial_begin(partial, task->index);
    return *sum != NULL || (nave_fail(task, "no memory for a reduction"), false);
}

static int fail_now(struct nv_engine *engine, struct lot *lot, int code)
{
    nave_task *task = &engine->task;
    task->code = code;
    nv_work_read_clock(engine);
    task->started = engine->now;
    return nv_work_finish(engine, lot, engine->now, "", 0);
}

static int hand_over(struct nv_engine *engine, struct lot *lot)
{
    size_t out_size = (size_t)lot->run.out_size;
    const void *sum = NULL;
    struct nv_guarded *guarded;
    struct head head;
    uint32_t count;
    struct nv_guard_limits limits = {.seconds = lot->run.seconds,
                                     .bytes = lot->run.bytes,
                                     .capture = (lot->run.flags & NV_CAPTURE) != 0};
    nv_work_settle(engine);
    nv_work_begin(engine, lot, &engine->task);
    if (nv_work_kernel(engine, lot, &engine->task) == NULL)
        return fail_now(engine, lot, engine->task.code);
    if (lot->run.flags & NV_FOLD && !look_at_fold(engine, lot, &out_size, &sum))
        return fail_now(engine, lot, engine->task.code != 0 ? engine->task.code : NAVE_ENOMEM);
    count = row_length(lot, out_size, sum != NULL);
    head = layout(lot, out_size, sum != NULL, count);
    if (prepare(engine, head.end) != NAVE_OK) {
        nave_fail(&engine->task, "no memory for a guard");
        return fail_now(engine, lot, NAVE_ENOMEM);
    }
    guarded = engine->guarded;
    guarded->head = head;
    fill_room(guarded, lot, sum);
    if (nv_guard_start(guarded->guard, count, &limits) != NAVE_OK) {
        nave_fail(&engine->task, "the guard cannot be started");
        return fail_now(engine, lot, NAVE_ENOMEM);
    }
    guarded->handed = count;
    guarded->collected = 0;
    return NAVE_OK;
}

/* ---------------------------------------------------------------------------------- answering */

/* The result comes out of the room: it goes where a kernel of this process would have put it. */
static int take_result(struct nv_engine *engine, struct lot *lot, const struct outcome *outcome)
{
    nave_task *task = &engine->task;
    const struct nv_guarded *guarded = engine->guarded;
    const struct head *head = &guarded->head;
    const void *from = room_of(guarded) + head->out + guarded->collected * head->out_size;
    int rc;
    task->out_size = (size_t)head->out_size;
    if (outcome->size > head->out_size) {
        void *data = NULL;
        if (nv_guard_take(guarded->guard, guarded->collected, &data, &task->size) != NAVE_OK)
            return NAVE_ENOMEM;
        task->output = data;
        task->data = data;
        return task->size == outcome->size ? NAVE_OK : NAVE_ENOMEM;
    }
    if (outcome->size != head->out_size || lot->run.flags & NV_CAPTURE) {
        task->output = malloc((size_t)outcome->size + 1);
        task->data = task->output;
    } else if (outcome->size > NV_INLINE_MAX) {
        task->room = nv_buffers_take(&engine->buffers, task->out_size, false);
        task->data = task->room;
    } else {
        rc = nv_answers_room(&engine->answers, task->job, task->index, task->out_size,
                             task->started, &task->out);
        if (rc != NAVE_OK)
            return rc;
        task->data = task->out;
    }
    task->size = (size_t)outcome->size;
    if (task->data == NULL)
        return NAVE_ENOMEM;
    if (outcome->size > 0)
        memcpy((void *)(uintptr_t)task->data, from, (size_t)outcome->size);
    return NAVE_OK;
}

static int fold_result(struct nv_engine *engine, struct lot *lot, const struct outcome *outcome)
{
    nave_task *task = &engine->task;
    const struct nv_guarded *guarded = engine->guarded;
    const struct head *head = &guarded->head;
    struct nv_partial *partial = nv_work_partial(engine, lot->run.parent);
    void *sum = partial != NULL ? nv_partial_begin(partial, task->index) : NULL;
    if (outcome->size != head->out_size) {
        nave_fail(task, "nave_output() cannot be used in nave_map_reduce()");
        return NAVE_ESIZE;
    }
    if (sum == NULL)
        return NAVE_ENOMEM;
    memcpy(sum, room_of(guarded) + head->out + guarded->collected * head->out_size,
           (size_t)head->out_size);
    return nv_partial_end(partial, task->index);
}

/* What the task of the row wrote, as much of it as is sent. */
static void captured(const struct nv_guarded *guarded, const struct lot *lot, const char **text,
                     size_t *size)
{
    *text = "";
    *size = 0;
    if (!(lot->run.flags & NV_CAPTURE) ||
        nv_guard_output(guarded->guard, guarded->collected, text, size) != NAVE_OK)
        return;
    if (*size > NV_OUTPUT_MAX)
        *size = NV_OUTPUT_MAX;
}

/* Whether the task, which has failed, is begun again here. */
static bool begins_again(struct nv_guarded *guarded, const struct lot *lot)
{
    if (!insists_on(lot) || guarded->attempts >= lot->run.retries)
        return false;
    guarded->attempts++;
    guarded->handed = 0; /* the row was this task alone */
    return true;
}

static int answer(struct nv_engine *engine, struct lot *lot)
{
    struct nv_guarded *guarded = engine->guarded;
    const char *text;
    size_t size;
    captured(guarded, lot, &text, &size);
    guarded->collected++;
    guarded->attempts = 0;
    return nv_work_finish(engine, lot, engine->now, text, size);
}

/* The next task of the row, as one of this process that has just ended. */
static void begin_answer(struct nv_engine *engine, struct lot *lot)
{
    double started, ended;
    nv_guard_times(engine->guarded->guard, engine->guarded->collected, &started, &ended);
    nv_work_begin(engine, lot, &engine->task);
    engine->task.started = started - engine->spec.origin;
    engine->now = ended - engine->spec.origin;
}

/* Of a task that has come to its end in the guard. */
static int collect(struct nv_engine *engine, struct lot *lot)
{
    struct nv_guarded *guarded = engine->guarded;
    const unsigned char *room = room_of(guarded);
    uint32_t at = guarded->collected;
    nave_task *task = &engine->task;
    struct outcome outcome;
    int rc = NAVE_OK;
    memcpy(&outcome, room + guarded->head.outcomes + at * sizeof outcome, sizeof outcome);
    begin_answer(engine, lot);
    task->code = outcome.code;
    if (outcome.code == 0) {
        task->code = lot->run.flags & NV_FOLD ? fold_result(engine, lot, &outcome)
                                              : take_result(engine, lot, &outcome);
    } else if (outcome.message_size <= NV_MESSAGE_MAX) {
        task->message_size = outcome.message_size;
        memcpy(task->message, room + guarded->head.messages + (size_t)at * NV_MESSAGE_MAX,
               task->message_size);
    }
    if (task->code != 0) { /* what was made of its result, if anything, is not sent */
        task->data = NULL;
        task->size = 0;
    }
    if (task->code != 0 && begins_again(guarded, lot))
        return NAVE_OK;
    if (task->code == 0 && lot->run.flags & NV_BLOCKS)
        rc = nv_work_send_block(engine, lot, task);
    return rc == NAVE_OK ? answer(engine, lot) : rc;
}

/* The child has ended in this task. */
static int blame(struct nv_engine *engine, struct lot *lot, const struct nv_guard_state *state)
{
    nave_task *task = &engine->task;
    begin_answer(engine, lot);
    if (state->cause == NV_GUARD_CANCELLED) /* the lot knows that it is */
        return NAVE_OK;
    nave_fail(task, "%s%s%s", state->text, state->tail[0] != '\0' ? "; stderr: " : "", state->tail);
    task->code = state->cause == NV_GUARD_TIME ? NAVE_ETIMEDOUT : NAVE_ECRASH;
    if (begins_again(engine->guarded, lot))
        return NAVE_OK;
    return answer(engine, lot);
}

/* ----------------------------------------------------------------------------------- the surface */

uint32_t nv_guarded_begun(const struct nv_engine *engine)
{
    const struct nv_guarded *guarded = engine->guarded;
    return busy(guarded) ? guarded->handed - guarded->collected : 0;
}

bool nv_guarded_news(struct nv_engine *engine, struct lot *lot)
{
    struct nv_guarded *guarded = engine->guarded;
    struct nv_guard_state state;
    if (!busy(guarded))
        return true;
    nv_guard_look(guarded->guard, &state);
    if (state.what == NV_GUARD_RUNNING && state.done == guarded->collected &&
        nv_work_cancelled(lot)) {
        nv_guard_end(guarded->guard, NV_GUARD_CANCELLED);
        nv_guard_look(guarded->guard, &state);
    }
    return state.done > guarded->collected || state.what != NV_GUARD_RUNNING;
}

int nv_guarded_step(struct nv_engine *engine, struct lot *lot)
{
    struct nv_guarded *guarded = engine->guarded;
    struct nv_guard_state state;
    int rc = NAVE_OK;
    if (!busy(guarded))
        return hand_over(engine, lot);
    nv_guard_look(guarded->guard, &state);
    while (rc == NAVE_OK && busy(guarded) && guarded->collected < state.done)
        rc = collect(engine, lot);
    if (rc == NAVE_OK && busy(guarded) && state.what == NV_GUARD_ENDED)
        rc = blame(engine, lot, &state);
    if (state.what != NV_GUARD_RUNNING)
        guarded->handed = 0;
    return rc;
}

double nv_guarded_due(const struct nv_engine *engine)
{
    return busy(engine->guarded) ? nv_guard_due(engine->guarded->guard) : 0;
}

void nv_guarded_free(struct nv_guarded *guarded)
{
    if (guarded == NULL)
        return;
    nv_guard_free(guarded->guard);
    free(guarded);
}
