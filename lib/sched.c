/* sched - the events: see sched.h and plan.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------- set up and end */

struct nv_sched *nv_sched_new(int engines)
{
    struct nv_sched *sched = calloc(1, sizeof *sched);
    if (sched == NULL)
        return NULL;
    sched->engine_count = engines;
    sched->engines = calloc((size_t)engines, sizeof *sched->engines);
    if (sched->engines == NULL) {
        free(sched);
        return NULL;
    }
    for (int i = 0; i < engines; i++) {
        sched->engines[i].capacity = 1;
        sched->engines[i].pace = 1;
    }
    return sched;
}

static void free_queues(struct queue *queue)
{
    while (queue != NULL) {
        struct queue *next = queue->next;
        free(queue);
        queue = next;
    }
}

void nv_sched_free(struct nv_sched *sched)
{
    if (sched == NULL)
        return;
    for (int i = 0; i < sched->engine_count; i++) {
        free(sched->engines[i].chunks);
        free(sched->engines[i].spare);
        free_queues(sched->engines[i].own);
    }
    for (size_t i = 0; i < sched->job_count; i++)
        nv_job_free(sched->jobs[i]);
    for (size_t i = 0; i < sched->queue_count; i++)
        free(sched->queues[i]);
    free_queues(sched->spare_queues);
    nv_lot_free(sched->spare_lots);
    free(sched->engines);
    free(sched->queues);
    free(sched->jobs);
    free(sched->times);
    free(sched);
}

void nv_sched_engine_add(struct nv_sched *sched, int number, uint32_t capacity)
{
    struct engine *engine = &sched->engines[number];
    assert(number >= 0 && number < sched->engine_count && !engine->present && capacity > 0);
    engine->present = true;
    sched->present++;
    engine->capacity = capacity;
    sched->extra += capacity - 1;
    for (size_t i = 0; i < sched->queue_count; i++)
        if (nv_set_has(sched->queues[i]->engines, (size_t)number))
            sched->queues[i]->extra += capacity - 1;
    nv_engine_count_idle(sched, engine);
    nv_engine_ready(sched, engine);
}

void nv_sched_engine_last(struct nv_sched *sched, int number)
{
    struct engine *engine = &sched->engines[number];
    engine->last = true;
    if (engine->ring != NULL)
        nv_engine_ready(sched, engine);
}

void nv_sched_engine_behind(struct nv_sched *sched, int number)
{
    struct engine *engine = &sched->engines[number];
    assert(engine->present && !engine->behind && engine->capacity == 1);
    sched->present--;
    sched->idle -= engine->idle;
    engine->behind = true;
}

void nv_sched_pause(struct nv_sched *sched, bool pause)
{
    sched->paused = pause;
    if (!pause)
        nv_engine_all_fit(sched);
}

void nv_sched_worked(const struct nv_sched *sched, int number, uint64_t *tasks, double *seconds)
{
    *tasks = sched->engines[number].worked;
    *seconds = sched->engines[number].seconds;
}

void nv_sched_grew(struct nv_sched *sched, int number, uint64_t tasks)
{
    if (number >= 0 && number < sched->engine_count)
        sched->engines[number].worked += tasks;
}

bool nv_sched_engine_hold(struct nv_sched *sched, int number, bool hold)
{
    struct engine *engine = &sched->engines[number];
    if (engine->held == hold)
        return false;
    engine->held = hold;
    nv_engine_count_idle(sched, engine);
    if (hold)
        nv_engine_full(sched, engine);
    else
        nv_engine_ready(sched, engine);
    return true;
}

void nv_sched_time(struct nv_sched *sched, double now)
{
    sched->now = now;
}

bool nv_sched_placing(const char *name, enum nv_placing *placing)
{
    static const char *const names[] = {
        [NV_TUNED] = "auto",
        [NV_FIFO] = "fifo",
        [NV_GUIDED] = "guided",
        [NV_FACTORING] = "factoring",
        [NV_STATIC_BLOCK] = "static-block",
        [NV_STATIC_CYCLIC] = "static-cyclic",
        [NV_LOCALITY] = "locality",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *placing = (enum nv_placing)i;
            return true;
        }
    return false;
}

/* -------------------------------------------------------------------------------------- sending */

static bool chunks_grow(struct engine *engine)
{
    size_t room = engine->room == 0 ? 4 : 2 * engine->room;
    struct chunk *chunks;
    if (engine->count < engine->room)
        return true;
    chunks = realloc(engine->chunks, room * sizeof *chunks);
    if (chunks == NULL)
        return false;
    engine->chunks = chunks;
    engine->room = room;
    return true;
}

/* After `count` tasks of the job went to the engine, or (negative) left it. */
static void tasks_moved(struct nv_sched *sched, struct engine *engine, struct job *job,
                        int64_t count)
{
    engine->tasks += (uint64_t)count;
    job->running += (uint64_t)count;
    if (!job->stays)
        sched->movable += (uint64_t)count;
    nv_engine_count_idle(sched, engine);
}

static void chunk_push(struct nv_sched *sched, struct engine *engine, struct job *job,
                       uint64_t first, uint64_t count)
{
    double seconds = nv_portion_seconds(sched, engine, job, first, count);
    double each = seconds > 0 ? seconds / (double)count : 0;
    if (engine->tasks == 0)
        engine->since = engine->turn = sched->now;
    engine->chunks[engine->count++] = (struct chunk){
        .job = job->id, .first = first, .left = count, .serial = ++sched->serial, .each = each};
    engine->sends++;
    engine->ahead += (double)count * each;
    tasks_moved(sched, engine, job, (int64_t)count);
}

/* A lot that came back and has been sent again is not needed any more. */
static void forget_back(struct nv_sched *sched, struct lot *lot)
{
    struct lot **place = &lot->job->back;
    if (lot->first < lot->end)
        return;
    while (*place != NULL && *place != lot)
        place = &(*place)->sibling;
    if (*place == NULL)
        return;
    *place = lot->sibling;
    nv_lot_spare(sched, lot);
}

static bool send_from(struct nv_sched *sched, struct engine *engine, struct lot *lot,
                      struct nv_send *send)
{
    struct job *job = lot->job;
    uint64_t first = lot->first, count;
    if (!chunks_grow(engine))
        return false;
    count = nv_portion_cut(sched, engine, lot);
    *send = (struct nv_send){job->id, first, count, (int)(engine - sched->engines)};
    chunk_push(sched, engine, job, first, count);
    engine->alone = lot->alone;
    job->waiting -= count;
    if (job->spec.costs != NULL)
        job->cost -= nv_portion_cost(job, first, count);
    nv_lot_advance(lot, count);
    nv_lot_requeue(sched, lot);
    if (job->back != NULL)
        forget_back(sched, lot);
    nv_engine_ready(sched, engine);
    return true;
}

bool nv_sched_next(struct nv_sched *sched, struct nv_send *send)
{
    for (;;) {
        struct engine *engine = sched->ready.first;
        struct lot *lot;
        if (engine == NULL)
            engine = sched->behind.first;
        if (engine == NULL || (engine->own_lots == 0 && sched->shared == 0))
            return false; /* nor has any engine further on a lot of its own */
        lot = nv_lot_for(sched, engine);
        if (lot == NULL)
            nv_engine_unfit(sched, engine);
        else if (!nv_portion_room(sched, engine, lot))
            nv_engine_full(sched, engine);
        else
            return send_from(sched, engine, lot, send);
    }
}

/* -------------------------------------------------------------------------------------- answers */

/* The chunk that has this task; engine->count when none does. */
static size_t chunk_with(const struct engine *engine, uint64_t job, uint64_t task)
{
    size_t i = 0;
    while (i < engine->count && (engine->chunks[i].job != job || task < engine->chunks[i].first ||
                                 task - engine->chunks[i].first >= engine->chunks[i].left))
        i++;
    return i;
}

/* Whether the engine has these tasks, in neighbouring chunks perhaps.  They are the next ones of
 * each, unless the engine answers in any order. */
static bool has_row(const struct engine *engine, uint64_t job, uint64_t first, uint64_t count)
{
    while (count > 0) {
        size_t i = chunk_with(engine, job, first);
        uint64_t left;
        if (i == engine->count || (engine->capacity == 1 && engine->chunks[i].first != first))
            return false;
        left = engine->chunks[i].first + engine->chunks[i].left - first;
        if (count <= left)
            return true;
        first += left;
        count -= left;
    }
    return false;
}

/* A piece that is empty goes; what it had of its chunk's bytes stays with a neighbour. */
static void drop_piece(struct engine *engine, size_t i)
{
    struct chunk *piece = &engine->chunks[i];
    if (i > 0 && piece[-1].serial == piece->serial) {
        piece[-1].bytes += piece->bytes;
    } else if (i + 1 < engine->count && piece[1].serial == piece->serial) {
        piece[1].bytes += piece->bytes;
    } else {
        engine->bytes -= piece->bytes;
        engine->sends--;
    }
    memmove(piece, piece + 1, (engine->count - i - 1) * sizeof *piece);
    engine->count--;
}

/* Takes tasks out of a chunk.  Where some are left on both sides there must be room for another. */
static void take_tasks(struct nv_sched *sched, struct engine *engine, struct job *job, size_t i,
                       uint64_t first, uint64_t count)
{
    struct chunk *chunk = &engine->chunks[i];
    uint64_t before = first - chunk->first, after = chunk->left - before - count;
    engine->ahead -= (double)count * chunk->each;
    if (before > 0 && after > 0) {
        memmove(chunk + 2, chunk + 1, (engine->count - i - 1) * sizeof *chunk);
        engine->count++;
        chunk[1] = *chunk;
        chunk[1].first = first + count;
        chunk[1].left = after;
        chunk[1].bytes = 0;
        chunk->left = before;
    } else if (before > 0) {
        chunk->left = before;
    } else {
        chunk->first += count;
        chunk->left = after;
        if (after == 0)
            drop_piece(engine, i);
    }
    tasks_moved(sched, engine, job, -(int64_t)count);
    if (engine->tasks == 0) {
        engine->ahead = 0; /* no rounding stays behind */
        engine->alone = false;
    }
}

static void take_row(struct nv_sched *sched, struct engine *engine, struct job *job, uint64_t first,
                     uint64_t count)
{
    while (count > 0) {
        size_t i = chunk_with(engine, job->id, first);
        uint64_t left = engine->chunks[i].first + engine->chunks[i].left - first;
        uint64_t here = count < left ? count : left;
        take_tasks(sched, engine, job, i, first, here);
        first += here;
        count -= here;
    }
}

static struct chunk *last_chunk(struct engine *engine, const struct nv_send *send)
{
    assert(engine->count > 0 && engine->chunks[engine->count - 1].job == send->job);
    return &engine->chunks[engine->count - 1];
}

void nv_sched_return(struct nv_sched *sched, const struct nv_send *send, uint64_t got, bool end)
{
    struct engine *engine = &sched->engines[send->engine];
    struct job *job = nv_job_find(sched, send->job);
    struct lot *lot = &job->lots[0];
    uint64_t missing = send->count - got;
    assert(job->spec.open && last_chunk(engine, send)->left >= missing &&
           lot->first == send->first + send->count);
    if (missing > 0)
        take_tasks(sched, engine, job, engine->count - 1, send->first + got, missing);
    lot->first -= missing;
    job->waiting = end ? 0 : job->waiting + missing;
    if (end) {
        job->spec.open = false;
        job->ended = true;
        nv_lot_drop(sched, lot);
    } else if (!lot->linked) {
        nv_lot_requeue(sched, lot);
    }
    nv_engine_ready(sched, engine);
}

bool nv_sched_skip(struct nv_sched *sched, const struct nv_send *send, uint64_t first,
                   uint64_t count)
{
    struct engine *engine = &sched->engines[send->engine];
    struct job *job = nv_job_find(sched, send->job);
    size_t i = chunk_with(engine, send->job, first);
    assert(job != NULL && i < engine->count);
    if (!chunks_grow(engine))
        return false;
    take_tasks(sched, engine, job, i, first, count);
    nv_engine_ready(sched, engine);
    return true;
}

void nv_sched_weigh(struct nv_sched *sched, const struct nv_send *send, uint64_t bytes)
{
    struct engine *engine = &sched->engines[send->engine];
    if (engine->count == 0 || bytes == 0)
        return;
    last_chunk(engine, send)->bytes += bytes;
    engine->bytes += bytes;
}

bool nv_sched_done(struct nv_sched *sched, int number, uint64_t id, uint64_t first, uint64_t count,
                   double seconds)
{
    struct engine *engine;
    struct job *job = nv_job_find(sched, id);
    if (job == NULL || number < 0 || number >= sched->engine_count)
        return false;
    engine = &sched->engines[number];
    if (!has_row(engine, id, first, count) || !chunks_grow(engine))
        return false;
    engine->since = engine->turn = sched->now;
    if (seconds >= 0) {
        engine->worked += job->spec.urgent ? 0 : count;
        engine->seconds += seconds;
        nv_portion_learn(sched, engine, job, first, count, seconds);
    }
    take_row(sched, engine, job, first, count);
    if (engine->ring == NULL)
        nv_engine_ready(sched, engine);
    return true;
}

/* The row becomes a lot of its own: the engine has kept one for it. */
static void wait_again(struct nv_sched *sched, struct engine *engine, struct job *job,
                       uint64_t first, uint64_t count)
{
    struct lot *lot = engine->spare;
    engine->spare = NULL;
    *lot = (struct lot){.job = job,
                        .queue = job->queue,
                        .first = first,
                        .end = first + count,
                        .sibling = job->back};
    job->back = lot;
    job->waiting += count;
    if (job->spec.costs != NULL)
        job->cost += nv_portion_cost(job, first, count);
    nv_lot_first(sched, lot);
}

bool nv_sched_returned(struct nv_sched *sched, int number, uint64_t id, uint64_t first,
                       uint64_t count, uint64_t asked_first, uint64_t asked_count)
{
    struct job *job = nv_job_find(sched, id);
    struct engine *engine;
    size_t i;
    if (number < 0 || number >= sched->engine_count)
        return false;
    engine = &sched->engines[number];
    if (!engine->asked || engine->asked_job != id || engine->asked_first != asked_first ||
        engine->asked_count != asked_count || count > asked_count ||
        (count > 0 && (job == NULL || first != asked_first + asked_count - count)))
        return false;
    i = count > 0 ? chunk_with(engine, id, first) : 0;
    if (count > 0 &&
        (i == engine->count || engine->chunks[i].first + engine->chunks[i].left != first + count))
        return false;
    engine->asked = false;
    engine->since = sched->now;
    if (count == 0)
        return true;
    take_tasks(sched, engine, job, i, first, count);
    if (!job->ended)
        wait_again(sched, engine, job, first, count);
    if (engine->ring == NULL)
        nv_engine_ready(sched, engine);
    return true;
}

/* Who gets tasks of a static job whose engine is gone: of those that may, one that has least to do;
 * NULL: nobody. */
static struct engine *heir(struct nv_sched *sched, const struct job *job)
{
    const struct nv_set *engines = job->spec.engines;
    struct engine *best = NULL;
    for (size_t e = 0; engines != NULL && e < engines->limit; e++) {
        struct engine *engine = &sched->engines[e];
        if (nv_set_has(engines, e) && engine->present &&
            (best == NULL || engine->own_lots + engine->sends < best->own_lots + best->sends))
            best = engine;
    }
    return best;
}

/* A lot for a row that is to be run again, empty; or the last one, which the row goes on. */
static struct lot *lot_again(struct nv_sched *sched, struct engine *engine, struct job *job,
                             uint64_t first, bool alone)
{
    uint32_t avoid = (uint32_t)(engine - sched->engines) + 1;
    struct lot *lot = job->back;
    struct queue *queue = job->queue;
    if (lot != NULL && lot->linked && lot->avoid == avoid && lot->end == first &&
        lot->alone == alone)
        return lot;
    if (queue == NULL && !engine->present)
        engine = heir(sched, job);
    if (queue == NULL && engine != NULL)
        queue = nv_queue_own(engine, job->spec.priority);
    lot = queue != NULL ? nv_lot_new(sched) : NULL;
    if (lot == NULL)
        return NULL;
    *lot = (struct lot){.job = job,
                        .queue = queue,
                        .first = first,
                        .end = first,
                        .avoid = avoid,
                        .alone = alone,
                        .sibling = job->back};
    job->back = lot;
    return lot;
}

bool nv_sched_again(struct nv_sched *sched, int number, uint64_t id, uint64_t first, uint64_t count,
                    bool alone)
{
    struct job *job = nv_job_find(sched, id);
    struct engine *engine = &sched->engines[number];
    struct lot *lot = job != NULL ? lot_again(sched, engine, job, first, alone) : NULL;
    if (lot == NULL)
        return false;
    lot->end += count;
    job->waiting += count;
    if (job->spec.costs != NULL)
        job->cost += nv_portion_cost(job, first, count);
    if (!lot->linked)
        nv_lot_requeue(sched, lot);
    if (lot->queue->owner != NULL && lot->queue->owner->ring != NULL)
        nv_engine_ready(sched, lot->queue->owner);
    return true;
}

/* ---------------------------------------------------------------------------- engines that go */

/* The next row that waits in a queue of the engine's own leaves it. */
static uint64_t take_own(struct nv_sched *sched, struct lot *lot, uint64_t *first)
{
    struct job *job = lot->job;
    uint64_t count = nv_lot_row(lot);
    *first = lot->first;
    nv_lot_advance(lot, count);
    job->waiting -= count;
    if (job->spec.costs != NULL)
        job->cost -= nv_portion_cost(job, *first, count);
    if (lot->first < lot->end)
        return count;
    nv_lot_drop(sched, lot);
    forget_back(sched, lot);
    return count;
}

void nv_sched_engine_gone(struct nv_sched *sched, int number, nv_sched_orphan *orphan, void *arg)
{
    struct engine *engine = &sched->engines[number];
    uint64_t first, count;
    assert(engine->capacity == 1 && !engine->behind);
    sched->present -= engine->present;
    engine->present = engine->asked = false;
    nv_engine_count_idle(sched, engine);
    nv_engine_full(sched, engine);
    nv_engine_all_fit(sched); /* what was to avoid others may not be any more */
    while (engine->count > 0) {
        struct chunk chunk = engine->chunks[0];
        take_tasks(sched, engine, nv_job_find(sched, chunk.job), 0, chunk.first, chunk.left);
        orphan(arg, chunk.job, chunk.first, chunk.left, true);
    }
    for (struct queue *queue = engine->own; queue != NULL; queue = queue->next)
        while (queue->first != NULL) {
            uint64_t job = queue->first->job->id;
            count = take_own(sched, queue->first, &first);
            orphan(arg, job, first, count, false);
        }
}

bool nv_sched_can_run(const struct nv_sched *sched, uint64_t id)
{
    const struct job *job = nv_job_find(sched, id);
    const struct nv_set *engines = job != NULL ? job->spec.engines : NULL;
    for (size_t i = 0; job != NULL && engines == NULL && i < job->lot_count; i++)
        if (job->lots[i].queue->owner->present)
            return true;
    for (size_t e = 0; engines != NULL && e < engines->limit; e++)
        if (nv_set_has(engines, e) && sched->engines[e].present)
            return true;
    return false;
}

/* A row in the main lot, or one that came back: the tasks that wait are its end. */
uint64_t nv_sched_withdraw(struct nv_sched *sched, uint64_t id, uint64_t first, uint64_t count)
{
    struct job *job = nv_job_find(sched, id);
    struct lot *lot = job != NULL && nv_job_has_shares(job) ? &job->lots[0] : NULL;
    struct lot *next = lot != NULL ? job->back : NULL;
    uint64_t left, got;
    while (lot != NULL && (lot->end != first + count || !lot->linked)) {
        lot = next;
        next = lot != NULL ? lot->sibling : NULL;
    }
    if (lot == NULL)
        return 0;
    left = lot->end - lot->first;
    got = count < left ? count : left;
    job->waiting -= got;
    if (job->spec.costs != NULL)
        job->cost -= nv_portion_cost(job, lot->end - got, got);
    if (got < left) {
        lot->end -= got;
    } else {
        nv_lot_drop(sched, lot);
        forget_back(sched, lot);
    }
    return got;
}

uint64_t nv_sched_running(const struct nv_sched *sched, uint64_t id)
{
    struct job *job = nv_job_find(sched, id);
    return job != NULL ? job->running : 0;
}

uint64_t nv_sched_load(const struct nv_sched *sched, int engine)
{
    return sched->engines[engine].tasks;
}

int nv_sched_whose(const struct nv_sched *sched, uint64_t job, uint64_t task)
{
    for (int e = 0; e < sched->engine_count; e++)
        if (chunk_with(&sched->engines[e], job, task) < sched->engines[e].count)
            return e;
    return -1;
}

bool nv_sched_turn(const struct nv_sched *sched, int number, uint64_t job, uint64_t task,
                   double *since)
{
    const struct engine *engine = &sched->engines[number];
    if (engine->capacity > 1 || engine->count == 0 || engine->chunks[0].job != job ||
        engine->chunks[0].first != task)
        return false;
    *since = engine->turn;
    return true;
}

uint64_t nv_sched_spare(const struct nv_sched *sched, int number)
{
    const struct engine *engine = &sched->engines[number];
    bool spare = engine->present && !engine->behind && engine->tasks < engine->capacity;
    return spare ? engine->capacity - engine->tasks : 0;
}

bool nv_sched_idle(const struct nv_sched *sched)
{
    return sched->idle > 0;
}
